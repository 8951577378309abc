"""Train, evaluate, use and explain one convolutional network on the MNIST digits.

    from mnistcnn import TrainConfig, evaluate, predict, train

    result = train(TrainConfig(epochs=2))
    print(result.test.accuracy, evaluate(result.checkpoint).accuracy)
    print(predict("photo.jpg", result.checkpoint)[0].digit)

Public names are loaded when they are first used: `import mnistcnn` alone imports nothing heavy.
"""

from importlib import import_module

TYPE_CHECKING = False  # type checkers take it as true; importing it from `typing` would cost most of this import
if TYPE_CHECKING:
    from mnistcnn.checkpoints.checkpoint import Checkpoint as Checkpoint
    from mnistcnn.checkpoints.checkpoint import load_checkpoint as load_checkpoint
    from mnistcnn.cli.progress import progress_bar as progress_bar
    from mnistcnn.config import TrainConfig as TrainConfig
    from mnistcnn.data.dataset import load_dataset as load_dataset
    from mnistcnn.errors import MnistCnnError as MnistCnnError
    from mnistcnn.evaluation import evaluate as evaluate
    from mnistcnn.exporting import export as export
    from mnistcnn.network.model import MnistCNN as MnistCNN
    from mnistcnn.picture_evaluation import evaluate_pictures as evaluate_pictures
    from mnistcnn.reading.prediction import predict as predict
    from mnistcnn.summary import summarise as summarise
    from mnistcnn.system.storage import Files as Files
    from mnistcnn.training.run import train as train

    __version__: str

_HOMES = {
    "Checkpoint": "checkpoints.checkpoint",
    "Files": "system.storage",
    "MnistCNN": "network.model",
    "MnistCnnError": "errors",
    "TrainConfig": "config",
    "evaluate": "evaluation",
    "evaluate_pictures": "picture_evaluation",
    "export": "exporting",
    "load_checkpoint": "checkpoints.checkpoint",
    "load_dataset": "data.dataset",
    "predict": "reading.prediction",
    "progress_bar": "cli.progress",
    "summarise": "summary",
    "train": "training.run",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    """Load a public name from its module when it is first used."""
    if name == "__version__":
        from importlib import metadata  # noqa: PLC0415 - it would cost every start ten milliseconds

        return metadata.version("mnistcnn")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return [*_HOMES, "__version__"]

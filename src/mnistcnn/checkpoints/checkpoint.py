"""Checkpoints: a trained network and the record of its training, checked when they are read. No torch.

A checkpoint file is a `torch.save` archive of one dict:

    format        1
    kind          "mnistcnn checkpoint"
    weights       state_dict of `MnistCNN`, float32
    temperature   float; probabilities are softmax(logits / temperature)
    config        the settings of its training, from `TrainConfig.to_dict`
    data          the data of its training, from `DataSplits.describe`
    metrics       {"train" | "validation" | "test": {accuracy, loss, count}}, "best_epoch"
    environment   device, threads, versions
    created       ISO 8601 time, UTC
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistcnn.accuracy import may_be_chance
from mnistcnn.checkpoints.archive import load_archive
from mnistcnn.checkpoints.calibration import MAX_TEMPERATURE, MIN_TEMPERATURE
from mnistcnn.checkpoints.fields import (
    MOST_EPOCHS,
    check_config,
    check_data,
    check_dict,
    check_environment,
    check_integer,
    check_metrics,
    check_number,
    check_text,
    check_weights,
)
from mnistcnn.config import DEFAULT_CHECKPOINT, Split, TrainConfig
from mnistcnn.errors import CheckpointError
from mnistcnn.events import Note, Observer, ignore
from mnistcnn.results import Environment, Result
from mnistcnn.system.storage import exists

FORMAT = 1
KIND = "mnistcnn checkpoint"
PACKAGED = Path(__file__).parent.parent / "weights" / "mnist_cnn.pth"  # written by `python -m recipes.network`
PACKAGED_NAME = "packaged"  # the path that stands for it wherever a checkpoint is read
_MOST_CREATED = 40  # characters of a time
_WRAPPERS = ("state_dict", "model_state_dict", "model")  # other programs' names for the weights in a checkpoint
_PREFIXES = ("module.", "_orig_mod.")  # DataParallel and torch.compile put them before the names of weights


@dataclass(frozen=True, slots=True)
class Checkpoint(Result):
    """A trained network; one read from a bare `state_dict` has no `config` and no other record of its training.

    The weights are read-only float32 arrays, named and laid out as in a PyTorch state_dict.
    """

    path: Path
    weights: dict[str, NDArray[np.float32]]
    temperature: float = 1.0
    config: TrainConfig | None = None
    data: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    environment: Environment = Environment()  # noqa: RUF009 - the shared default is frozen
    created: str = ""

    @property
    def may_be_chance(self) -> bool:
        """Whether the accuracy on the validation images may be chance; false if it isn't known."""
        validation = self.metrics.get("validation")
        if not isinstance(validation, dict) or not {"accuracy", "count"} <= set(validation):
            return False
        return may_be_chance(float(validation["accuracy"]), int(validation["count"]))

    @property
    def trained_on(self) -> str | None:
        """The name of the data set of its training; None if it isn't known."""
        return str(self.config.dataset) if self.config else None

    def describe(self) -> dict[str, Any]:
        """Return all fields except the weights, in plain types."""
        about = replace(self, weights={}).to_dict()
        del about["weights"]
        return about


def find_checkpoint(given: Path | str | None, observer: Observer = ignore) -> Path:
    """Choose a checkpoint: `given`, else `models/mnist_cnn.pth` if it exists, else the one in the package.

    A note tells the observer which one it is, unless it is given. A network that reads no better than chance is used
    only if it is given.
    """
    if given is not None:
        return Path(given)
    if exists(DEFAULT_CHECKPOINT):
        if not _is_chance(DEFAULT_CHECKPOINT):
            observer(Note(f"Network: {DEFAULT_CHECKPOINT}"))
            return DEFAULT_CHECKPOINT
        message = f"{DEFAULT_CHECKPOINT} reads no better than chance; it is used only if you name it with --checkpoint."
        observer(Note(message, warning=True))
    observer(Note("Network: the one in the package; `mnistcnn train` makes your own."))
    return PACKAGED


def _is_chance(path: Path) -> bool:
    try:
        return load_checkpoint(path).may_be_chance
    except CheckpointError:
        return False  # loading it again raises the error where it is reported


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Load a checkpoint of `train`, or a `state_dict` of this network that another program has saved.

    The path `packaged` stands for the network in the package. The names in a `state_dict` may begin with `module.` or
    `_orig_mod.`, it may lie in a dict under `state_dict`, `model_state_dict` or `model`, and its tensors may have 16 or
    64 bits. Raises `CheckpointError`, which names file and reason.
    """
    path = PACKAGED if str(path) == PACKAGED_NAME else Path(path)
    content = load_archive(path)
    try:
        if "format" in content or "weights" in content:
            return _read_ours(path, content)
        return Checkpoint(path, check_weights(_find_weights(content)))
    except ValueError as error:
        raise CheckpointError(f"{path} is not a checkpoint of this network: {error}.") from error


def _read_ours(path: Path, content: dict[str | int, Any]) -> Checkpoint:
    number = content.get("format")
    if content.get("kind") != KIND:
        raise ValueError(f"it is not a {KIND}")
    if type(number) is not int or number < 1:
        raise ValueError("its format number is invalid")
    if number > FORMAT:
        raise ValueError(f"it has format {number}, but this mnistcnn reads formats up to {FORMAT}; upgrade it")
    return Checkpoint(
        path=path,
        weights=check_weights(content.get("weights")),
        temperature=check_number(content.get("temperature"), "temperature", MIN_TEMPERATURE, MAX_TEMPERATURE),
        config=check_config(content.get("config")),
        data=check_data(content.get("data")),
        metrics=_check_all_metrics(content.get("metrics")),
        environment=check_environment(content.get("environment")),
        created=check_text(content.get("created"), "time of creation", _MOST_CREATED),
    )


def _check_all_metrics(value: object) -> dict[str, Any]:
    """Check the metrics of each split, and the number of the kept epoch."""
    metrics = check_dict(value, "metrics", [*Split, "best_epoch"])
    for name, found in metrics.items():
        if name == "best_epoch":
            check_integer(found, "best epoch", 1, MOST_EPOCHS)
        else:
            check_metrics(found, name)
    return metrics


def _find_weights(content: dict[str | int, Any]) -> dict[str | int, Any]:
    """Find the tensors in a checkpoint of another program; remove the prefixes of their names."""
    for wrapper in _WRAPPERS:
        if isinstance(content.get(wrapper), dict):
            content = content[wrapper]
            break
    while content:
        for prefix in _PREFIXES:
            if all(isinstance(name, str) and name.startswith(prefix) for name in content):
                content = {str(name).removeprefix(prefix): array for name, array in content.items()}
                break
        else:
            break
    return content

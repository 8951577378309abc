from pathlib import Path

import pytest

from mnistcnn import errors
from mnistcnn.events import EpochResult, TrainStart
from mnistcnn.results import Environment, Metrics
from mnistcnn.training.tensorboard import FOLDER, TensorBoard
from tests.conftest import invoke

HALF, MORE = Metrics(accuracy=0.5, loss=1.25, count=100), Metrics(accuracy=0.75, loss=0.5, count=50)


def start(epoch: int) -> TrainStart:
    return TrainStart(
        epochs=3,
        steps=30,
        done_steps=10 * (epoch - 1),
        first_epoch=epoch,
        first_step=0,
        environment=Environment(),
        data={},
    )


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(folder))
    events.Reload()
    return {tag: [(e.step, round(e.value, 4)) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def test_each_epoch_is_written_and_a_resumed_run_replaces_what_comes_after() -> None:
    pytest.importorskip("tensorboard")
    board = TensorBoard(Path("board"))
    board(start(1))
    for epoch in (1, 2):
        board(
            EpochResult(
                epoch=epoch, learning_rate=0.1, train=HALF, validation=MORE, seconds=1.0, pictures_per_second=9.0
            )
        )
    resumed = TensorBoard(Path("board"))
    resumed(start(2))
    resumed(EpochResult(epoch=2, learning_rate=0.1, train=MORE, validation=MORE, seconds=1.0, pictures_per_second=9.0))
    found = scalars(Path("board"))
    assert set(found) == {"loss/train", "loss/validation", "accuracy/train", "accuracy/validation", "learning rate"}
    assert found["loss/train"] == [(1, 1.25), (2, 0.5)]
    assert found["accuracy/validation"] == [(1, 0.75), (2, 0.75)]


def test_the_option_writes_into_the_output_folder(tiny: Path) -> None:
    pytest.importorskip("tensorboard")
    options = ["--dataset", "synthetic", "--data-dir", tiny, "--validation-size", 100, "--batch-size", 10]
    result = invoke("train", *options, "--epochs", 1, "-q", "--tensorboard", "-o", "out")
    assert result.exit_code == 0
    assert len(scalars(Path("out") / FOLDER)["accuracy/validation"]) == 1


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors, "find_spec", lambda name: None)
    result = invoke("train", "--tensorboard")
    assert result.exit_code == 1
    assert result.stderr == "Error: `--tensorboard` needs the extra [tensorboard]: pip install tensorboard\n"

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from mnistcnn.checkpoints.checkpoint import load_checkpoint
from mnistcnn.config import Split, TrainConfig
from mnistcnn.errors import Interrupted, OutputError, TrainingError, UsageError
from mnistcnn.evaluation import evaluate
from mnistcnn.events import EpochResult, Event, Note, Stage, StepResult, TrainStart
from mnistcnn.plots import CONFUSION, CURVES, MISTAKES
from mnistcnn.system.signals import Stop
from mnistcnn.system.storage import Files
from mnistcnn.training import run as run_module
from mnistcnn.training.finish import TrainResult
from mnistcnn.training.history import HISTORY
from mnistcnn.training.resume import load_unfinished, merge_settings
from mnistcnn.training.run import train
from tests.conftest import TINY_CONFIG, write_tiny


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny: Path, config: TrainConfig) -> Path:
    """A checkpoint trained on `tiny` in the precision of `config`; its outputs lie in `output` in the same folder."""
    folder = tmp_path_factory.getbasetemp() / f"trained-{config.precision}"
    if not folder.exists():  # when the precision changes from test to test
        train(config, Files(folder / "net.pth", folder / "output", data_dir=tiny))
    return folder / "net.pth"


@pytest.fixture
def files(tiny: Path) -> Files:
    return Files(Path("models/net.pth"), Path("out"), data_dir=tiny)


class StopAfter:
    """An observer that asks for a stop, as a signal would, after so many events of training."""

    def __init__(self, stop: Stop, events: int) -> None:
        self._stop, self._left = stop, events

    def __call__(self, event: Event) -> None:
        if isinstance(event, StepResult | EpochResult):
            self._left -= 1
            if self._left == 0:
                self._stop.receive(2)


def interrupt(files: Files, events: int, config: TrainConfig) -> Interrupted:
    stop = Stop()
    with pytest.raises(Interrupted) as caught:
        train(config, files, observer=StopAfter(stop, events), stop=stop)
    return caught.value


def test_a_signal_after_the_last_epoch_says_how_to_continue(
    files: Files, config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = Stop()
    monkeypatch.setattr(run_module, "finish", lambda *arguments: stop.receive(2))
    with pytest.raises(Interrupted) as caught:
        train(config, files, stop=stop)
    assert (caught.value.message, caught.value.hint) == ("Interrupted.", "Continue with `mnistcnn train --resume`.")


def fingerprint(checkpoint: Path, output: Path) -> dict[str, object]:
    """Return everything that must be the same bit for bit, without the times."""
    loaded = load_checkpoint(checkpoint)
    history = json.loads((output / HISTORY).read_text(encoding="utf-8"))
    for record in history["epochs"]:
        del record["seconds"], record["pictures_per_second"]
    return {
        "weights": {name: array.tobytes() for name, array in loaded.weights.items()},
        "temperature": loaded.temperature,
        "metrics": loaded.metrics,
        "history": history["epochs"],
        "plots": [(output / name).read_bytes() for name in (CURVES, CONFUSION, MISTAKES)],
    }


def test_a_run_leaves_what_it_says(trained: Path, config: TrainConfig) -> None:
    output = trained.parent / "output"
    assert sorted(p.name for p in output.iterdir()) == sorted([HISTORY, CURVES, CONFUSION, MISTAKES])
    assert sorted(p.name for p in trained.parent.iterdir()) == ["net.pth", "output"]
    for name in (CURVES, CONFUSION, MISTAKES):
        assert (output / name).read_bytes().startswith(b"\x89PNG")
    history = json.loads((output / HISTORY).read_text(encoding="utf-8"))
    assert history["schema"] == 1
    assert history["config"] == {**config.to_dict(), "threads": torch.get_num_threads()}
    assert [record["epoch"] for record in history["epochs"]] == [1, 2]
    assert history["test"] == load_checkpoint(trained).metrics["test"]
    assert history["environment"]["threads"] == torch.get_num_threads()


def test_evaluate_gives_exactly_what_train_reported(trained: Path, tiny: Path) -> None:
    reported = load_checkpoint(trained).metrics
    for split in ("test", "validation"):
        measured = evaluate(trained, split=Split(split), data_dir=tiny)
        assert (measured.accuracy, measured.loss) == (reported[split]["accuracy"], reported[split]["loss"])


def test_too_little_memory_is_found_before_anything_is_done(
    files: Files, config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mnistcnn.system.container.memory_limit", lambda: 100 << 20)
    with pytest.raises(TrainingError, match="this container has 100 MB"):
        train(config, files)
    assert not files.checkpoint.parent.exists()


def test_the_observer_is_told_the_course(files: Files, config: TrainConfig) -> None:
    told: list[Event] = []
    result = train(config, files, observer=told.append)
    assert isinstance(told[0], TrainStart)
    assert (told[0].epochs, told[0].steps, told[0].first_step) == (2, 20 + 15, 0)
    assert [e for e in told if isinstance(e, EpochResult)] == result.epochs
    assert told[told.index(result.epochs[-1]) + 1 :] == [Stage("Testing"), Stage("Drawing plots")]
    assert isinstance(result, TrainResult)
    assert result.seconds > 0
    assert result.pictures_per_second > 0


@pytest.mark.parametrize("events", [1, 2, 3, 4])
def test_a_resumed_run_ends_as_an_uninterrupted_one(
    events: int, files: Files, trained: Path, config: TrainConfig
) -> None:
    error = interrupt(files, events, config)
    assert "the state is saved in" in error.message
    assert "--resume" in (error.hint or "")
    assert not files.checkpoint.exists()
    result = train(files=files, resume=True)
    assert len(result.epochs) == 2
    assert fingerprint(files.checkpoint, files.output_dir) == fingerprint(trained, trained.parent / "output")
    assert not files.unfinished.exists()


def test_an_unfinished_run_is_never_destroyed_unasked(files: Files, config: TrainConfig) -> None:
    interrupt(files, 1, config)
    before = files.unfinished.read_bytes()
    with pytest.raises(TrainingError, match="There is an unfinished run") as caught:
        train(config, files)
    assert "--resume" in (caught.value.hint or "")
    assert "--restart" in (caught.value.hint or "")
    assert files.unfinished.read_bytes() == before
    result = train(replace(config, epochs=1), files, restart=True)
    assert len(result.epochs) == 1
    assert not files.unfinished.exists()


def test_a_restart_that_fails_keeps_the_unfinished_run(files: Files, tmp_path: Path, config: TrainConfig) -> None:
    interrupt(files, 1, config)
    before = files.unfinished.read_bytes()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x").write_bytes(b"")
    with pytest.raises(Exception, match="has SHA256SUMS"):
        train(config, replace(files, data_dir=tmp_path / "other"), restart=True)
    assert files.unfinished.read_bytes() == before


def test_nothing_to_resume(files: Files, config: TrainConfig) -> None:
    with pytest.raises(TrainingError, match="There is no unfinished run"):
        train(config, files, resume=True)
    with pytest.raises(UsageError, match="cannot be used together"):
        train(config, files, resume=True, restart=True)


def test_other_settings_are_refused_by_both_names(files: Files, config: TrainConfig) -> None:
    interrupt(files, 1, config)
    before = files.unfinished.read_bytes()
    with pytest.raises(UsageError, match=r"was started with --batch-size 10, not 50"):
        train(replace(config, batch_size=50), files, resume=True, given=["batch_size"])
    assert files.unfinished.read_bytes() == before
    result = train(replace(config, batch_size=50), files, resume=True)  # not insisted on: the stored ones hold
    assert result.config["batch_size"] == 10


def test_more_epochs_are_trained_and_the_new_plan_is_told(files: Files, config: TrainConfig) -> None:
    interrupt(files, 1, config)
    told: list[Event] = []
    wanted = replace(config, epochs=3)
    result = train(wanted, files, resume=True, given=["epochs"], observer=told.append)
    assert len(result.epochs) == 3
    notes = [event for event in told if isinstance(event, Note) and event.warning]
    assert any("now planned for 3" in note.message for note in notes)


def test_fewer_epochs_than_are_done_are_refused(files: Files, config: TrainConfig) -> None:
    interrupt(files, 3, config)  # in the second epoch
    with pytest.raises(UsageError, match="--epochs 1 is too few"):
        train(replace(config, epochs=1), files, resume=True, given=["epochs"])


def test_other_data_is_refused(files: Files, tmp_path: Path, config: TrainConfig) -> None:
    interrupt(files, 1, config)
    other = write_tiny(tmp_path / "other", train_count=400)
    with pytest.raises(UsageError, match="does not hold the pictures that the unfinished run"):
        train(config, replace(files, data_dir=other), resume=True)


def test_the_same_settings_may_be_given_again() -> None:
    assert merge_settings(TINY_CONFIG, TINY_CONFIG, ["epochs", "lr"], print) == TINY_CONFIG


def test_the_state_is_saved_as_often_as_asked(
    files: Files, monkeypatch: pytest.MonkeyPatch, config: TrainConfig
) -> None:
    saved = []
    monkeypatch.setattr(run_module, "save_unfinished", lambda path, run: saved.append(run.state.step))
    train(replace(config, batch_size=5), files, save_every=0.0)  # 40 steps, then 30, all in one chunk
    assert saved == [40, 0, 30, 0]
    saved.clear()
    train(replace(config, batch_size=10), files, save_every=1000.0)
    assert saved == [0, 0]


@pytest.mark.parametrize("where", ["models", "models/net.pth", "out", "out/history.json", "out/mistakes.png"])
def test_what_is_in_the_way_is_found_before_the_training(
    where: str, files: Files, monkeypatch: pytest.MonkeyPatch, config: TrainConfig
) -> None:
    path = Path(where)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"") if path.suffix == "" else path.mkdir()
    monkeypatch.setattr(run_module, "load_dataset", None)
    with pytest.raises(OutputError, match=path.name):
        train(config, files)


def fail(*args: object) -> None:
    raise OutputError("x can't be written: No space left on device.")


def test_a_picture_that_can_not_be_drawn_costs_nothing(
    files: Files, trained: Path, monkeypatch: pytest.MonkeyPatch, config: TrainConfig
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("mnistcnn.training.finish.plot_training", fail)
        with pytest.raises(OutputError, match=r"No space left on device. The weights are safe in") as caught:
            train(config, files)
    assert "--resume" in (caught.value.hint or "")
    assert load_checkpoint(files.checkpoint).metrics
    train(files=files, resume=True)
    assert fingerprint(files.checkpoint, files.output_dir) == fingerprint(trained, trained.parent / "output")


def test_a_checkpoint_that_can_not_be_written_keeps_the_state(
    files: Files, trained: Path, monkeypatch: pytest.MonkeyPatch, config: TrainConfig
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("mnistcnn.training.finish.save_checkpoint", fail)
        with pytest.raises(OutputError, match=r"The weights are safe in models/net\.pth\.unfinished"):
            train(config, files)
    train(files=files, resume=True)
    assert fingerprint(files.checkpoint, files.output_dir) == fingerprint(trained, trained.parent / "output")


def test_a_folder_that_vanishes_is_told_and_the_next_run_works(files: Files, config: TrainConfig) -> None:
    def vanish(event: Event) -> None:
        if isinstance(event, EpochResult) and event.epoch == 1:
            shutil.rmtree("models")

    train(config, files, observer=vanish)  # it is made again
    assert (files.output_dir / HISTORY).exists()


def test_divergence_keeps_the_last_good_state(
    files: Files, monkeypatch: pytest.MonkeyPatch, config: TrainConfig
) -> None:
    with pytest.raises(TrainingError, match="stopped being finite at step") as caught:
        train(replace(config, lr=1000.0, epochs=3), files, save_every=0.0)
    assert "--lr" in (caught.value.hint or "")
    assert not files.checkpoint.exists()
    if files.unfinished.exists():
        load_unfinished(files.unfinished)  # which checks that all of it is finite


def test_an_old_checkpoint_stays_until_the_new_one_is_there_and_is_kept_then(
    files: Files, config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(replace(config, epochs=1), files)
    before = files.checkpoint.read_bytes()
    interrupt(files, 3, config)
    assert files.checkpoint.read_bytes() == before
    with monkeypatch.context() as patch:
        patch.setattr("mnistcnn.training.finish.plot_training", fail)
        with pytest.raises(OutputError):
            train(files=files, resume=True)  # the new checkpoint is written, a plot isn't
    told: list[Event] = []
    train(files=files, resume=True, observer=told.append)
    assert files.previous == Path("models/net.previous.pth")
    assert files.previous.read_bytes() == before
    assert load_checkpoint(files.checkpoint).config == replace(config, threads=torch.get_num_threads())
    train(replace(config, epochs=1, seed=9), files, observer=told.append)
    assert [event.message for event in told if isinstance(event, Note)] == [
        "The previous network is kept in models/net.previous.pth."
    ]
    assert load_checkpoint(files.previous).config == replace(config, threads=torch.get_num_threads())


@pytest.mark.parametrize("threads", [1, 2])
def test_a_run_is_resumed_with_the_threads_that_it_began_with(threads: int, files: Files, config: TrainConfig) -> None:
    interrupt(files, 1, replace(config, threads=threads))
    before = torch.get_num_threads()
    result = train(files=files, resume=True)
    assert result.environment.threads == result.config["threads"] == threads
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("threads", [1, 2])
def test_a_busy_machine_is_told_where_fewer_threads_help(
    threads: int, files: Files, config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = Note("The machine is busy.", warning=True)
    monkeypatch.setattr(run_module, "ContentionWatch", lambda: SimpleNamespace(notice=lambda event: note))
    told: list[Event] = []
    train(replace(config, epochs=1, threads=threads), files, observer=told.append)
    assert (note in told) is (threads > 1)


@pytest.fixture(autouse=True)
def _no_leftovers() -> Iterator[None]:
    yield
    left = [p for p in Path.cwd().rglob("*") if p.name.startswith(".") or p.name.endswith(".lock")]
    assert not left


@pytest.mark.parametrize(
    ("temperature", "lr", "said"),
    [
        (20.0, 0.006, "The temperature is at a bound of its search, 20"),
        (1.0, 1e-9, "no better than chance. It is saved, but"),
    ],
)
def test_a_network_of_no_use_is_saved_with_a_warning(
    temperature: float, lr: float, said: str, files: Files, config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mnistcnn.training.finish.fit_temperature", lambda logits, labels: temperature)
    told: list[Event] = []
    train(replace(config, lr=lr), files, observer=told.append)
    assert files.checkpoint.exists()
    warnings = [event.message for event in told if isinstance(event, Note) and event.warning]
    assert [warning for warning in warnings if said in warning]

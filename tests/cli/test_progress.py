import io
import re

import pytest
from rich.console import Console

from mnistcnn.cli import progress
from mnistcnn.cli.progress import Bars, Lines, progress_bar
from mnistcnn.events import EpochResult, Event, Note, Stage, StepResult, TrainStart, Transfer
from mnistcnn.results import Environment, Metrics

ENVIRONMENT = Environment(device="cpu", device_name="X", precision="float32", threads=2, device_reason="auto")
DATA = {"dataset": "mnist", "train": 55000, "validation": 5000}
HALF = Metrics(accuracy=0.5, loss=1.25, count=100)
EVENTS: list[Event] = [
    Note("Fetching MNIST"),
    Transfer("train-images.gz", 10, 100),
    Transfer("train-images.gz", 100, 100),
    Note("a mirror failed", warning=True),
    TrainStart(epochs=2, steps=17, done_steps=0, first_epoch=1, first_step=0, environment=ENVIRONMENT, data=DATA),
    StepResult(epoch=1, step=5, steps=10, done_steps=5, all_steps=17, train=HALF, pictures_per_second=3210.0),
    StepResult(epoch=1, step=10, steps=10, done_steps=10, all_steps=17, train=HALF, pictures_per_second=3210.0),
    EpochResult(
        epoch=1,
        learning_rate=0.001,
        train=HALF,
        validation=Metrics(accuracy=0.75, loss=0.5, count=50),
        seconds=12.34,
        pictures_per_second=3210.0,
    ),
]
EPOCH = "epoch 1/2  train loss 1.2500 accuracy 50.00 %  validation loss 0.5000 accuracy 75.00 %  12.3 s"


def test_elsewhere_it_is_plain_lines() -> None:
    stream = io.StringIO()
    lines = Lines(Console(file=stream, width=80, highlight=False, markup=False))
    for event in (Stage("Loading PyTorch"), *EVENTS, Stage("Testing")):
        lines(event)
    written = stream.getvalue().splitlines()
    assert written[0] == "Fetching MNIST"
    assert written[1] == "Warning: a mirror failed"
    assert written[2].startswith("Training on mnist: 55,000 pictures, 5,000 held out; 2 epochs, 17 steps, on cpu (X)")
    assert written[3:] == [EPOCH]
    assert "\x1b" not in stream.getvalue()


def test_on_a_terminal_there_are_bars_with_live_figures_and_the_lines_stay() -> None:
    stream = io.StringIO()
    console = Console(
        file=stream, width=120, force_terminal=True, highlight=False, markup=False, _environ={"TERM": "xterm"}
    )
    bars = Bars(console)
    with bars.progress:
        for event in EVENTS[:-1]:
            bars(event)
        bars.progress.refresh()
        live = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())
        bars(EVENTS[-1])
    assert "training" in live
    assert "epoch 1/2" in live
    assert "loss 1.250  50.00 %  3,210/s" in live
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())
    assert EPOCH in plain
    assert stream.getvalue().count("\x1b[?25l") == stream.getvalue().count("\x1b[?25h")  # the cursor is back


def test_on_a_narrow_terminal_lines_fit_and_break_between_words() -> None:
    for width in (60, 80):
        stream = io.StringIO()
        lines = Lines(
            Console(file=stream, width=width, force_terminal=True, highlight=False, color_system=None, _environ={})
        )
        for event in EVENTS:
            lines(event)
        start, epoch = stream.getvalue().split("a mirror failed\n")[1].split("epoch 1/2")
        assert max(map(len, stream.getvalue().splitlines())) <= width
        assert " ".join(start.split("\n")).startswith("Training on mnist: 55,000 pictures, 5,000 held out; 2 epochs")
        short = "  train loss 1.2500 50.00 %  validation loss 0.5000 75.00 %  12.3 s"
        assert epoch.splitlines() == [short] if width == 80 else " ".join(epoch.split()) == " ".join(short.split())


def test_bars_leave_room_for_the_keys_that_interrupt_them() -> None:
    bars = Bars(Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None, _environ={}))
    for event in EVENTS[4:6]:
        bars(event)
    lines = bars.progress.console.render_lines(bars.progress.get_renderable(), pad=False)
    assert [sum(segment.cell_length for segment in line) for line in lines] == [76, 76]


def test_a_resumed_run_begins_where_it_stood() -> None:
    stream = io.StringIO()
    bars = Bars(Console(file=stream, width=100, force_terminal=True))
    bars(TrainStart(epochs=2, steps=20, done_steps=14, first_epoch=2, first_step=4, environment=ENVIRONMENT, data=DATA))
    assert bars.progress.tasks[0].completed == 14
    assert bars.progress.tasks[0].total == 20
    assert "Resuming in epoch 2 at step 4" in stream.getvalue().replace("\n", " ")
    bars(
        EpochResult(epoch=1, learning_rate=0.001, train=HALF, validation=HALF, seconds=1.0, pictures_per_second=1.0)
    )  # stopped after its last step: no step comes before this


def test_the_clock_of_the_epoch_starts_anew_with_each_epoch() -> None:
    bars = Bars(Console(file=io.StringIO(), force_terminal=True))
    now = 0.0
    bars.progress.get_time = lambda: now
    bars(TrainStart(epochs=3, steps=30, done_steps=0, first_epoch=1, first_step=0, environment=ENVIRONMENT, data=DATA))
    for epoch in (1, 2, 3):
        for step in range(1, 11):
            bars(
                StepResult(
                    epoch=epoch,
                    step=step,
                    steps=10,
                    done_steps=10 * (epoch - 1) + step,
                    all_steps=30,
                    train=HALF,
                    pictures_per_second=1.0,
                )
            )
            run, one = bars.progress.tasks
            assert (run.elapsed, one.elapsed, one.completed) == (now, now - 11 * (epoch - 1), step)
            assert one.time_remaining is None or one.finished or one.time_remaining > 0
            now += 1
        now += 1  # on the validation pictures
        bars(
            EpochResult(
                epoch=epoch, learning_rate=0.001, train=HALF, validation=HALF, seconds=1.0, pictures_per_second=1.0
            )
        )


def test_what_has_come_is_taken_off_the_screen() -> None:
    bars = Bars(Console(file=io.StringIO(), force_terminal=True))
    bars(Transfer("f", 1, 2))
    assert len(bars.progress.tasks) == 1
    bars(Transfer("f", 2, 2))
    assert len(bars.progress.tasks) == 0
    bars(Transfer("unknown length", 5, 0))
    assert bars.progress.tasks[0].total is None


def test_a_stage_takes_the_place_of_all_bars_and_they_its() -> None:
    bars = Bars(Console(file=io.StringIO(), force_terminal=True))

    def shown() -> list[str]:
        return [task.description for task in bars.progress.tasks]

    bars(Stage("Loading PyTorch"))
    assert shown() == ["Loading PyTorch"]
    assert bars.progress.tasks[0].total is None
    for event in EVENTS[4:6]:
        bars(event)
    assert shown() == ["training", "epoch"]
    bars(Stage("Testing"))
    assert shown() == ["Testing"]
    bars(Stage("Drawing plots"))
    assert shown() == ["Drawing plots"]


def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar(quiet=True) as observer:
        for event in EVENTS:
            observer(event)
    assert capsys.readouterr() == ("", "")


def test_every_event_has_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "stderr", lambda: Console(file=io.StringIO(), force_terminal=True))
    with progress_bar(quiet=False) as observer:
        assert isinstance(observer, Bars)
        for event in EVENTS:
            observer(event)

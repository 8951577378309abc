"""Shows the progress of a command: bars on a terminal, plain lines elsewhere, nothing if quiet."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.constrain import Constrain
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from mnistcnn.cli.output import percent, print_line, show_note, stderr
from mnistcnn.events import EpochResult, Event, Note, Observer, Stage, StepResult, TrainStart, Transfer, ignore


@contextmanager
def progress_bar(*, quiet: bool = False) -> Iterator[Observer]:
    """Yield an observer that shows the events it receives, on stderr or in a notebook, while the context lasts."""
    console = stderr()
    if quiet:
        yield ignore
    elif not (console.is_terminal or console.is_jupyter):
        yield Lines(console)
    else:
        bars = Bars(console)
        with bars.progress:
            yield bars


class Lines:
    """An observer that prints a plain line for each note and epoch."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._epochs = 0

    def __call__(self, event: Event) -> None:
        """Print a line for a note, the beginning of training or an epoch."""
        match event:
            case Note():
                show_note(event.message, warning=event.warning, console=self._console)
            case TrainStart():
                self._epochs = event.epochs
                print_line(self._console, _start_line(event))
            case EpochResult():
                line = f"epoch {event.epoch}/{self._epochs}  "
                wide = not self._console.is_terminal or self._console.width >= 100
                for name, metrics in (("train", event.train), ("validation", event.validation)):
                    line += f"{name} loss {metrics.loss:.4f} {'accuracy ' * wide}{percent(metrics.accuracy)}  "
                print_line(self._console, f"{line}{event.seconds:.1f} s")


class _Progress(Progress):
    """Bars that leave room for `^C`, which would otherwise move the cursor a line down when the user presses it."""

    def get_renderable(self) -> RenderableType:
        """Return all bars, four columns narrower than the terminal; Rich calls it once before `live` exists."""
        return Constrain(super().get_renderable(), self.console.width - 4 if hasattr(self, "live") else None)


class Bars(Lines):
    """An observer that prints the same lines above bars for the run and the epoch, a stage or a transfer."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self.progress = _Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[live]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
            refresh_per_second=4,  # a refresh costs about a millisecond
        )
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, event: Event) -> None:
        """Move the bars, and print the lines of `Lines`."""
        super().__call__(event)
        if isinstance(event, Stage | TrainStart):
            for name in list(self._tasks):
                self._remove(name)
        match event:
            case Stage():
                self._update(event.what, 0, None, "")
            case TrainStart():
                self._update("training", event.done_steps, event.steps, "")
            case StepResult():
                self._update("training", event.done_steps, event.all_steps, f"epoch {event.epoch}/{self._epochs}")
                live = f"loss {event.train.loss:.3f}  {percent(event.train.accuracy)}  "
                self._update("epoch", event.step, event.steps, f"{live}{event.pictures_per_second:,.0f}/s")
            case Transfer():
                amount = f"{event.done:,}" + (f" of {event.total:,}" if event.total else "")
                self._update(event.what, event.done, event.total or None, amount)
                if event.total and event.done >= event.total:
                    self._remove(event.what)
            case EpochResult() if "epoch" in self._tasks and event.epoch < self._epochs:
                self.progress.reset(self._tasks["epoch"])

    def _update(self, name: str, done: int, total: int | None, live: str) -> None:
        if name not in self._tasks:
            self._tasks[name] = self.progress.add_task(name, total=total, live=live)
        self.progress.update(self._tasks[name], completed=done, total=total, live=live)

    def _remove(self, name: str) -> None:
        if name in self._tasks:
            self.progress.remove_task(self._tasks.pop(name))


def _start_line(event: TrainStart) -> str:
    data = event.data
    environment = event.environment
    line = f"Training on {data['dataset']}: {data['train']:,} pictures, {data['validation']:,} held out; "
    line += f"{event.epochs} epoch{'s' * (event.epochs > 1)}, {event.steps:,} steps, "
    line += f"on {environment} ({environment.device_reason})."
    if event.done_steps:
        line += f" Resuming in epoch {event.first_epoch} at step {event.first_step:,}."
    return line

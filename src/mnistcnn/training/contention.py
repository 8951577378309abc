"""Notices that other programs slow down a training on the CPU."""

import math
import os
from collections.abc import Callable
from contextlib import suppress

from mnistcnn.events import Note, StepResult

SLOWER = 3.0  # times as long as the best steps so far
CHUNKS = 3  # in a row
_CORES = os.cpu_count() or 1


def system_load() -> float:
    """The system's load average over the last minute; 0 where there is none."""
    with suppress(AttributeError, OSError):
        return os.getloadavg()[0]
    return 0.0


class ContentionWatch:
    """Looks at the `StepResult`s of a run, and at `load` when they become slow; it knows no clock."""

    def __init__(self, load: Callable[[], float] = system_load, cores: int = _CORES) -> None:
        self._load, self._cores = load, cores
        self._epoch, self._count, self._seconds = 0, 0, 0.0
        self._best, self._slow, self._told = math.inf, 0, False

    def notice(self, event: StepResult) -> Note | None:
        """A warning, once, when steps stay slow and more is running than there are cores."""
        if not event.pictures_per_second:
            return None
        if event.epoch != self._epoch:
            self._epoch, self._count, self._seconds = event.epoch, 0, 0.0
        count, seconds = event.train.count, event.train.count / event.pictures_per_second
        each = (seconds - self._seconds) / max(1, count - self._count)  # seconds an image
        self._count, self._seconds, self._best = count, seconds, min(self._best, each)
        self._slow = self._slow + 1 if each >= SLOWER * self._best else 0
        if self._told or self._slow < CHUNKS or self._load() <= self._cores:
            return None
        self._told = True
        slower = f"Steps take {each / self._best:.0f} times as long as the fastest of this run"
        way_out = "a new run with `--threads 1` suffers less; a resumed run keeps its number of threads."
        return Note(f"{slower}: other programs keep the {self._cores} cores busy; {way_out}", warning=True)

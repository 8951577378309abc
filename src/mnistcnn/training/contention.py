"""Notices when other programs slow down a training on the CPU."""

import math
import os
from collections.abc import Callable
from contextlib import suppress

from mnistcnn.events import Note, StepResult

SLOWER = 3.0  # steps are slow if they take so many times as long as the fastest so far
CHUNKS = 3  # so many slow chunks in a row cause the warning
_CORES = os.cpu_count() or 1


def system_load() -> float:
    """Return the system's load average over the last minute; 0 if the system has none."""
    with suppress(AttributeError, OSError):
        return os.getloadavg()[0]
    return 0.0


class ContentionWatch:
    """Watches the `StepResult`s of a run and, when they become slow, the system's `load`; it uses no clock."""

    def __init__(self, load: Callable[[], float] = system_load, cores: int = _CORES) -> None:
        self._load = load
        self._cores = cores
        self._epoch = 0
        self._count = 0
        self._seconds = 0.0
        self._best = math.inf
        self._slow = 0
        self._warned = False

    def notice(self, event: StepResult) -> Note | None:
        """Return a warning, once in a run, if steps stay slow and the load exceeds the number of cores."""
        if not event.pictures_per_second:
            return None
        if event.epoch != self._epoch:
            self._epoch = event.epoch
            self._count = 0
            self._seconds = 0.0
        count = event.train.count
        seconds = count / event.pictures_per_second
        each = (seconds - self._seconds) / max(1, count - self._count)  # seconds per image
        self._count = count
        self._seconds = seconds
        self._best = min(self._best, each)
        self._slow = self._slow + 1 if each >= SLOWER * self._best else 0
        if self._warned or self._slow < CHUNKS or self._load() <= self._cores:
            return None
        self._warned = True
        slower = f"Steps take {each / self._best:.0f} times as long as the fastest of this run"
        way_out = "a new run with `--threads 1` suffers less; a resumed run keeps its number of threads."
        return Note(f"{slower}: other programs keep the {self._cores} cores busy; {way_out}", warning=True)

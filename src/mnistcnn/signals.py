"""Ctrl-C and SIGTERM: at once where nothing is lost, at the next step where a training run is. No imports."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from mnistcnn.errors import ExitCode, Interrupted


class Stop:
    """Asks a training run to stop: true once a signal has come; see `listening` and `deferred`."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self._deferred = False

    def __call__(self) -> bool:
        """Whether it is time to stop."""
        return self.signal is not None

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Inside, the first signal only makes this object true; a second one ends everything at once."""
        self._deferred = True
        try:
            yield
        finally:
            self._deferred = False

    def interrupted(self, message: str, hint: str | None = None) -> Interrupted:
        """The error to raise for the signal that came."""
        error = Interrupted(message, hint)
        if self.signal == signal.SIGTERM:
            error.exit_code = ExitCode.TERMINATED
        return error

    def receive(self, number: int, frame: FrameType | None = None) -> None:
        """The signal handler."""
        first, self.signal = self.signal is None, number
        if not (self._deferred and first):
            raise self.interrupted("Interrupted.")


@contextmanager
def listening() -> Iterator[Stop]:
    """A `Stop` that SIGINT and SIGTERM reach while the context lasts; main thread only."""
    stop = Stop()
    before = {number: signal.signal(number, stop.receive) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

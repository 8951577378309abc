"""Ctrl-C, SIGTERM and SIGHUP end a command at once, and a training at its next step. Imports nothing heavy."""

import _thread
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from mnistcnn.errors import ExitCode, Interrupted

# SIGHUP comes when the terminal is closed; on Windows, SIGBREAK comes from Ctrl-Break and from a closed window.
_CODES = {
    "SIGINT": ExitCode.INTERRUPTED,
    "SIGTERM": ExitCode.TERMINATED,
    "SIGHUP": ExitCode.HANGUP,
    "SIGBREAK": ExitCode.INTERRUPTED,
}
SIGNALS = {getattr(signal, name): code for name, code in _CODES.items() if hasattr(signal, name)}
_AGAIN_SECONDS = 0.5  # longer than it takes to leave all that is going on; a guess


class Stop:
    """Asks a training run to stop: true once a signal has come; see `listening` and `deferred`."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self.raised = False  # by `receive`
        self.installed = False  # as the signals' handler
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

    def interrupted(self, message: str = "Interrupted.", hint: str | None = None) -> Interrupted:
        """The exception to raise for the signal that came."""
        code = SIGNALS.get(self.signal) if self.signal is not None else None
        return Interrupted(message, hint, code or ExitCode.INTERRUPTED)

    def receive(self, number: int, frame: FrameType | None = None) -> None:
        """The signal handler: raises `Interrupted`, and again until that has left `listening`."""
        first = self.signal is None
        if first:
            self.signal = number
        if not (self._deferred and first):
            self.raised = True
            # `threading` takes locks that may be held right now.
            _thread.start_new_thread(self._repeat, (number, _thread.get_ident()))
            raise self.interrupted()

    def _repeat(self, number: int, main_thread: int) -> None:
        """C code, destructors and the import system drop exceptions; then the signal comes once more."""
        time.sleep(_AGAIN_SECONDS)
        if not self.installed:
            return
        if sys.platform == "win32":
            signal.raise_signal(number)
        else:
            signal.pthread_kill(main_thread, number)  # also ends what the thread waits for


@contextmanager
def listening() -> Iterator[Stop]:
    """A `Stop` that receives the signals while the context lasts; main thread only.

    A signal that is ignored, as SIGHUP is under nohup, stays ignored.
    """
    stop, report = Stop(), sys.unraisablehook
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def report_others(unraisable: "sys.UnraisableHookArgs") -> None:
        if not isinstance(unraisable.exc_value, Interrupted):
            report(unraisable)

    try:
        sys.unraisablehook = report_others
        stop.installed = True
        for number, handler in before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, stop.receive)
        yield stop
    except Exception as error:
        if stop.raised:  # a module that was half imported, say
            raise stop.interrupted() from error
        raise
    finally:
        stop.installed = False
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)  # None: it was not set by Python
        sys.unraisablehook = report
    if stop.raised:
        raise stop.interrupted()

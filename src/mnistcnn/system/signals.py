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
_AGAIN_SECONDS = 0.5  # longer than an exception takes to leave all calls; a guess


class Stop:
    """Tells a training run to stop: calling it returns true after a signal; see `listening` and `deferred`."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self.raised = False  # `receive` has raised `Interrupted`
        self.installed = False  # `receive` is the signals' handler
        self._deferred = False

    def __call__(self) -> bool:
        """Whether a signal has come."""
        return self.signal is not None

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Let the first signal raise nothing while the context lasts; a second one ends the command at once."""
        self._deferred = True
        try:
            yield
        finally:
            self._deferred = False

    def interrupted(self, message: str = "Interrupted.", hint: str | None = None) -> Interrupted:
        """Make the exception for the signal that came."""
        code = SIGNALS.get(self.signal) if self.signal is not None else None
        return Interrupted(message, hint, code or ExitCode.INTERRUPTED)

    def receive(self, number: int, frame: FrameType | None = None) -> None:
        """Handle a signal: raise `Interrupted`, and repeat the signal until the exception has left `listening`."""
        first = self.signal is None
        if first:
            self.signal = number
        if not (self._deferred and first):
            self.raised = True
            # `threading` would take locks, which the interrupted code may hold.
            _thread.start_new_thread(self._repeat, (number, _thread.get_ident()))
            raise self.interrupted()

    def _repeat(self, number: int, main_thread: int) -> None:
        """Repeat the signal if `Interrupted` was lost: C code, destructors and the import system drop exceptions."""
        time.sleep(_AGAIN_SECONDS)
        if not self.installed:
            return
        if sys.platform == "win32":
            signal.raise_signal(number)
        else:
            signal.pthread_kill(main_thread, number)  # this also interrupts a system call that the thread waits for


@contextmanager
def listening() -> Iterator[Stop]:
    """Yield a `Stop` that receives the signals while the context lasts; for the main thread only.

    Signals that are ignored, as SIGHUP is under nohup, stay ignored. Raises `Interrupted`.
    """
    stop = Stop()
    report = sys.unraisablehook
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
        if stop.raised:  # the lost exception has caused this error, as in a half imported module
            raise stop.interrupted() from error
        raise
    finally:
        stop.installed = False
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)  # the handler is None if Python did not set it
        sys.unraisablehook = report
    if stop.raised:
        raise stop.interrupted()

import gc
import os
import signal
import subprocess
import sys
import time

import pytest

from mnistcnn.errors import ExitCode, Interrupted
from mnistcnn.system.signals import SIGNALS, Stop, listening
from tests.conftest import invoke, posix

pytestmark = posix  # elsewhere a signal that is sent ends a process without asking it


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_a_command_at_once(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(Interrupted) as caught, listening():
        os.kill(os.getpid(), number)
        time.sleep(20)
    assert caught.value.exit_code == SIGNALS[number] == 128 + number
    assert signal.getsignal(number) is before


def test_where_it_is_deferred_the_first_only_asks_and_the_second_ends() -> None:
    with pytest.raises(Interrupted) as caught, listening() as stop:
        with stop.deferred():
            assert not stop()
            os.kill(os.getpid(), signal.SIGTERM)
            assert stop()
            with pytest.raises(Interrupted):
                os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
    assert caught.value.exit_code == ExitCode.TERMINATED  # the first one says why


def test_code_that_survives_any_exception_does_not_survive_this_one() -> None:
    with pytest.raises(Interrupted), listening():
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except Exception:
            time.sleep(20)


def test_a_signal_whose_exception_is_dropped_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """C code drops exceptions; here a destructor does."""
    monkeypatch.setattr("mnistcnn.system.signals._AGAIN_SECONDS", 0.05)

    class Swallows:
        def __del__(self) -> None:
            os.kill(os.getpid(), signal.SIGINT)

    reported: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", reported.append)
    with pytest.raises(Interrupted), listening() as stop:
        Swallows()
        gc.collect()
        assert stop.raised
        time.sleep(20)
    assert reported == []


def test_what_fails_after_a_signal_was_dropped_is_the_interrupt() -> None:
    with pytest.raises(Interrupted), listening() as stop:
        with pytest.raises(Interrupted):
            stop.receive(signal.SIGINT)
        raise AttributeError("a module that was half imported")
    with pytest.raises(Interrupted), listening() as stop, pytest.raises(Interrupted):
        stop.receive(signal.SIGINT)


def test_only_an_installed_handler_sends_the_signal_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mnistcnn.system.signals._AGAIN_SECONDS", 0.02)
    stop = Stop()
    with pytest.raises(Interrupted):
        stop.receive(signal.SIGINT)
    time.sleep(0.2)


def test_a_bug_is_not_taken_for_an_interrupt() -> None:
    with pytest.raises(ZeroDivisionError), listening():
        raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError), listening() as stop, stop.deferred():
        stop.receive(signal.SIGINT)
        raise ZeroDivisionError


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    """nohup ignores SIGHUP, and a shell ignores SIGINT for its background commands."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with listening() as stop:
            os.kill(os.getpid(), signal.SIGINT)
            assert not stop()
    finally:
        signal.signal(signal.SIGINT, before)


def test_nobody_asks_a_stop_of_its_own() -> None:
    assert not Stop()()


def test_an_interrupt_is_a_line_and_a_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*args: object, **kwargs: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr("mnistcnn.summary.summarise", interrupt)
    result = invoke("summary")
    assert (result.exit_code, result.stdout, result.stderr) == (ExitCode.TERMINATED, "", "Interrupted.\n")


# The module whose import is interrupted. The last one is where PyTorch's C code imports NumPy and drops any exception.
MOMENTS = {
    "before the command line is there": "mnistcnn.cli",
    "while the command line is imported": "typer",
    "while PyTorch is imported": "torch.nn",
    "in PyTorch's C code": "numpy",
}


@pytest.mark.parametrize("module", MOMENTS.values(), ids=MOMENTS)
def test_ctrl_c_is_never_lost_at_the_start_and_leaves_no_traceback(module: str) -> None:
    code = (
        "import os, signal, sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {module!r}:\n"
        "            sys.meta_path.remove(self)\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Finder())\n"
        "sys.argv = ['mnistcnn', 'summary', '--quiet']\n"
        "from mnistcnn.__main__ import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "Interrupted.\n")

import os
import signal

import pytest

from mnistcnn.errors import ExitCode, Interrupted
from mnistcnn.signals import Stop, listening


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, ExitCode.INTERRUPTED), (signal.SIGTERM, ExitCode.TERMINATED)]
)
def test_a_signal_ends_a_command_at_once(number: signal.Signals, code: ExitCode) -> None:
    before = signal.getsignal(number)
    with pytest.raises(Interrupted) as caught, listening():
        os.kill(os.getpid(), number)
        signal.pause()
    assert caught.value.exit_code == code
    assert signal.getsignal(number) is before


def test_where_it_is_deferred_the_first_only_asks_and_the_second_ends() -> None:
    with listening() as stop:
        with stop.deferred():
            assert not stop()
            os.kill(os.getpid(), signal.SIGTERM)
            assert stop()
            assert stop.interrupted("Stopped.").exit_code == ExitCode.TERMINATED
            with pytest.raises(Interrupted):
                os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(Interrupted):
            os.kill(os.getpid(), signal.SIGINT)


def test_nobody_asks_a_stop_of_its_own() -> None:
    assert not Stop()()

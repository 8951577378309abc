"""`python -m mnistcnn` and the `mnistcnn` command."""

import signal

# Before anything else is imported: outside of `listening`, Ctrl-C ends the process without a traceback.
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import atexit
import contextlib
import os
import sys

from mnistcnn.errors import ExitCode, Interrupted, MnistCnnError
from mnistcnn.system.container import cpu_count
from mnistcnn.system.signals import listening
from mnistcnn.system.streams import prepare_streams


def main() -> None:
    """Run the command line."""
    # Before PyTorch is loaded: threads that wait for the others give their core away after a moment, which costs
    # next to nothing on an idle machine and saves much on a busy one; see `python -m benchmarks.busy`.
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    # Libraries count the machine's CPUs, and not those that a container may use.
    if (count := cpu_count()) < (os.cpu_count() or 1):
        os.environ.setdefault("OMP_NUM_THREADS", str(count))
    try:
        with listening():
            prepare_streams()
            from mnistcnn.cli import app  # noqa: PLC0415 - only now, so that no signal is missed

            app(prog_name="mnistcnn")
        code: int = ExitCode.OK
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except Interrupted as stopped:  # before there was a command, or while it told how it ended
        sys.stderr.write(f"{stopped.message}\n")
        code = stopped.exit_code
    with contextlib.suppress(MnistCnnError):  # it has been told
        sys.stdout.flush()
        sys.stderr.flush()
    atexit._run_exitfuncs()  # libraries remove their temporary folders
    # All is written and closed by now; taking torch apart piece by piece would cost half a second more.
    os._exit(code)


if __name__ == "__main__":
    main()

"""The entry point of `python -m mnistcnn` and of the `mnistcnn` command."""

import signal

# This comes before all other imports: outside `listening`, Ctrl-C must end the process without a traceback.
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
    """Run the command line and end the process with its exit code."""
    # PyTorch reads this when it is loaded. Its waiting threads then give up their core after a moment, which costs
    # next to nothing on an idle machine and saves much on a busy one; see `python -m benchmarks.busy`.
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    # Libraries count all of the machine's CPUs, even if a container may use only some of them.
    if (count := cpu_count()) < (os.cpu_count() or 1):
        os.environ.setdefault("OMP_NUM_THREADS", str(count))
    try:
        with listening():
            prepare_streams()
            from mnistcnn.cli import app  # noqa: PLC0415 - signals that arrive during the import are handled, too

            app(prog_name="mnistcnn")
        code: int = ExitCode.OK
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except Interrupted as stopped:  # before the command began, or while it reported its end
        sys.stderr.write(f"{stopped.message}\n")
        code = stopped.exit_code
    with contextlib.suppress(MnistCnnError):  # this error has been reported already
        sys.stdout.flush()
        sys.stderr.flush()
    atexit._run_exitfuncs()  # libraries remove their temporary folders
    # Everything is written and closed by now; an orderly shutdown of torch would cost half a second more.
    os._exit(code)


if __name__ == "__main__":
    main()

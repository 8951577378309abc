"""`python -m mnistcnn` and the `mnistcnn` command."""

import codecs
import contextlib
import os
import sys

from mnistcnn.cli import app

_PLAINER = str.maketrans(
    {"█": "#", "▀": "'", "▄": ".", "░": ".", "│": "|", "·": ".", "–": "-", "×": "x", "→": "->", "²": "^2"}
)


def _replaced(error: UnicodeError) -> tuple[str, int]:
    """What stands for characters that a stream can't encode."""
    assert isinstance(error, UnicodeEncodeError)
    text = error.object[error.start : error.end].translate(_PLAINER)
    return text.encode("ascii", "replace").decode(), error.end


def main() -> None:
    """Run the command line; what a stream can't encode is replaced, not an error."""
    # Before PyTorch is loaded: threads that wait for the others give their core away after a moment, which costs
    # next to nothing on an idle machine and saves much on a busy one; see `python -m benchmarks.busy`.
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    codecs.register_error("plainer", _replaced)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="plainer")
    try:
        app(prog_name="mnistcnn")
    except SystemExit as ended:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        # All is written and closed by now; taking torch apart piece by piece would cost half a second more.
        os._exit(ended.code if isinstance(ended.code, int) else ended.code is not None)


if __name__ == "__main__":
    main()

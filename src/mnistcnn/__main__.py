"""`python -m mnistcnn` and the `mnistcnn` command."""

import contextlib
import os
import sys

from mnistcnn.cli import app


def main() -> None:
    """Run the command line; what a stream can't encode is replaced, not an error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
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

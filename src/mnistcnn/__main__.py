"""`python -m mnistcnn` and the `mnistcnn` command."""

import sys

from mnistcnn.cli import app


def main() -> None:
    """Run the command line; what a stream can't encode is replaced, not an error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    app(prog_name="mnistcnn")


if __name__ == "__main__":
    main()

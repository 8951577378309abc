"""The standard streams, also where the shell has closed them or their disk is full. Imports nothing heavy."""

import codecs
import io
import os
import sys
from typing import Any, TextIO

from mnistcnn.errors import OutputError, ReaderGone

_PLAINER = str.maketrans(
    {"█": "#", "▀": "'", "▄": ".", "░": ".", "│": "|", "·": ".", "–": "-", "×": "x", "→": "->", "²": "^2"}
)


def prepare_streams() -> None:
    """Make stdin, stdout and stderr what the commands rely on.

    One that is closed is opened on the null device, so that no file gets its number: reading from stdin and writing to
    stdout fail then. Where stdout can't be written, `OutputError` or `ReaderGone` is raised; what stderr doesn't take
    is dropped. Characters that a stream can't encode are replaced.
    """
    codecs.register_error("plainer", _replaced)
    for number, flags in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, flags)  # takes the lowest number that is free
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - for as long as we run
    sys.stdout = _guard(sys.stdout, 1, _Output)
    sys.stderr = _guard(sys.stderr, 2, _Messages)


class _Output(io.RawIOBase):
    """A raw stream whose errors are ours to tell."""

    def __init__(self, raw: io.RawIOBase) -> None:
        self._raw = raw

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._raw.fileno()

    def isatty(self) -> bool:
        return self._raw.isatty()

    def write(self, content: Any, /) -> int | None:
        try:
            return self._raw.write(content)
        except BrokenPipeError as error:
            raise ReaderGone from error
        except OSError as error:
            raise OutputError(f"The result can't be written to standard output: {error.strerror}.") from error


class _Messages(_Output):
    """Drops what can't be written: no result is worth losing for a message."""

    def write(self, content: Any, /) -> int | None:
        try:
            return self._raw.write(content)
        except OSError:
            return memoryview(content).nbytes


def _guard(stream: TextIO | None, number: int, kind: type[_Output]) -> TextIO:
    """`stream`, or one of `number` if it is closed, with its raw stream in a `kind`."""
    if stream is None:
        buffer: Any = io.FileIO(number, "w", closefd=False)
    elif isinstance(stream, io.TextIOWrapper):
        buffer = stream.buffer
    else:  # a program that runs this one has put its own there
        return stream
    raw: Any = kind(getattr(buffer, "raw", buffer))
    unbuffered = stream is not None and stream.write_through  # by `python -u`
    return io.TextIOWrapper(
        raw if unbuffered else io.BufferedWriter(raw),
        encoding="utf-8" if stream is None else stream.encoding,
        errors="plainer",
        line_buffering=stream is not None and stream.line_buffering,
        write_through=unbuffered,
    )


def _replaced(error: UnicodeError) -> tuple[str, int]:
    """What stands for characters that a stream can't encode."""
    assert isinstance(error, UnicodeEncodeError)
    text = error.object[error.start : error.end].translate(_PLAINER)
    return text.encode("ascii", "replace").decode(), error.end

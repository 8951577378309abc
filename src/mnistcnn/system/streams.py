"""Prepares the standard streams, which may be closed, on a full disk, or unable to encode. Imports nothing heavy."""

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
    """Prepare stdin, stdout and stderr for the commands.

    A closed stream is opened on the null device, so that no other file gets its number; reading from stdin or writing
    to stdout then fails. If stdout can't be written, it raises `OutputError` or `ReaderGone`; if stderr can't be
    written, messages are dropped. Characters that a stream can't encode are replaced.
    """
    codecs.register_error("plainer", _replaced)
    for number, flags in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, flags)  # it gets the lowest free number, which is the closed stream's
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - it stays open until the end
    sys.stdout = _guard(sys.stdout, 1, _Output)
    sys.stderr = _guard(sys.stderr, 2, _Messages)


class _Output(io.RawIOBase):
    """A raw stream that raises this package's errors."""

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
    """A raw stream that drops what can't be written: a lost message must not lose a result."""

    def write(self, content: Any, /) -> int | None:
        try:
            return self._raw.write(content)
        except OSError:
            return memoryview(content).nbytes


def _guard(stream: TextIO | None, number: int, kind: type[_Output]) -> TextIO:
    """Wrap the raw stream of `stream` in a `kind`; if `stream` is None, open the file descriptor `number`."""
    if stream is None:
        buffer: Any = io.FileIO(number, "w", closefd=False)
    elif isinstance(stream, io.TextIOWrapper):
        buffer = stream.buffer
    else:  # the calling program has replaced the stream by its own
        return stream
    raw: Any = kind(getattr(buffer, "raw", buffer))
    unbuffered = stream is not None and stream.write_through  # the effect of `python -u`
    return io.TextIOWrapper(
        raw if unbuffered else io.BufferedWriter(raw),
        encoding="utf-8" if stream is None else stream.encoding,
        errors="plainer",
        line_buffering=stream is not None and stream.line_buffering,
        write_through=unbuffered,
    )


def _replaced(error: UnicodeError) -> tuple[str, int]:
    """Replace characters that a stream can't encode by similar ones or `?`."""
    assert isinstance(error, UnicodeEncodeError)
    text = error.object[error.start : error.end].translate(_PLAINER)
    return text.encode("ascii", "replace").decode(), error.end

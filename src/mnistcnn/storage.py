"""Files written whole or not at all. Imports nothing heavy."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from mnistcnn.errors import OutputError, TrainingError


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that at any instant either the old or the new content is there, also after a power cut.

    Written to `.NAME.tmp` beside it, flushed to disk, renamed. Raises `OutputError` naming path and reason.
    """
    temporary = _beside(path, f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _unwritable(path, error) from error
    with suppress(OSError):  # the rename itself is flushed where the system lets folders be opened
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _beside(path: Path, name: str) -> Path:
    if path.name in ("", ".."):
        raise OutputError(f"{path} can't be written: it names no file.")
    return path.with_name(name)


def _unwritable(path: Path, error: OSError) -> OutputError:
    return OutputError(f"{path} can't be written: {error.strerror or error}.")


@contextmanager
def _folder_of(path: Path) -> Iterator[None]:
    """The folder that `path` lies in, made where it is missing; what was made and is still empty goes away again."""
    try:
        missing = [folder for folder in path.parents if not folder.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        yield
    finally:
        for folder in missing:
            with suppress(OSError):
                folder.rmdir()


def check_writable(path: Path) -> None:
    """Raise `OutputError` where `path` can't be written, or where something that isn't a file is in the way.

    The trial file also replaces what a process that was killed while it wrote `path` has left.
    """
    trial = _beside(path, f".{path.name}.tmp")
    with _folder_of(path):
        try:
            if path.exists() and not path.is_file():
                raise OutputError(f"{path} can't be written: something that is not a file is in the way.")
            trial.write_bytes(b"trial")
            trial.unlink()
        except OSError as error:
            raise _unwritable(path, error) from error


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock of the run that writes `path`; `TrainingError` if another process holds it.

    The lock file `NAME.lock` lies beside `path`; the system frees the lock when its holder dies.
    """
    lock_path = _beside(path, f"{path.name}.lock")
    lock = FileLock(lock_path)
    with _folder_of(path):
        try:
            lock.acquire(blocking=False)
        except Timeout as error:
            hint = "Choose another file with --checkpoint."
            raise TrainingError(f"Another training run is writing {path}.", hint) from error
        except OSError as error:
            raise _unwritable(path, error) from error
        try:
            yield
        finally:
            with suppress(OSError):
                lock_path.unlink()  # while it is still held: nobody else can have it open and locked
            lock.release()

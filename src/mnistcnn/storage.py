"""Files written whole or not at all. Imports nothing heavy."""

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from mnistcnn.errors import OutputError, TrainingError


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that at any instant either the old or the new content is there, also after a power cut.

    Written to `.NAME.tmp` beside it, flushed to disk, renamed. Raises `OutputError` naming path and reason.
    """
    require_name(path)
    temporary = _temporary(path)
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
        _flush_folder(path.parent)
    except OSError as error:
        raise OutputError(f"{path} can't be written: {error.strerror or error}.") from error


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.tmp")


def remove_leftover(path: Path) -> None:
    """Remove what a process that was killed while it wrote `path` has left; nobody else may be writing it."""
    with contextlib.suppress(OSError):
        _temporary(path).unlink()


def require_name(path: Path) -> None:
    """Raise `OutputError` for a path such as `.` that names no file."""
    if path.name in ("", ".."):
        raise OutputError(f"{path} can't be written: it names no file.")


def _flush_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut, where the system lets folders be opened."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def _folder_of(path: Path) -> Iterator[None]:
    """The folder that `path` lies in, made where it is missing; what was made and is still empty goes away again."""
    missing = [folder for folder in path.parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        for folder in missing:
            with contextlib.suppress(OSError):
                folder.rmdir()


def check_writable(path: Path) -> None:
    """Write a trial file where `path` is going to be written, and take it away again.

    Raises `OutputError` where that can't be, or where something that isn't a file is in the way.
    """
    require_name(path)
    if path.exists() and not path.is_file():
        raise OutputError(f"{path} can't be written: something that is not a file is in the way.")
    trial = path.with_name(f".{path.name}.trial")
    try:
        with _folder_of(path):
            trial.write_bytes(b"trial")
            trial.unlink()
    except OSError as error:
        raise OutputError(f"{path} can't be written: {error.strerror or error}.") from error


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock of the run that writes `path`; `TrainingError` if another process holds it.

    The lock file `NAME.lock` lies beside `path`; the system frees the lock when its holder dies.
    """
    lock_path = path.with_name(f"{path.name}.lock")
    lock = FileLock(lock_path)
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(_folder_of(path))
            lock.acquire(blocking=False)
        except Timeout as error:
            raise TrainingError(
                f"Another training into {path} is running.", "Choose another file with --checkpoint."
            ) from error
        except OSError as error:
            raise OutputError(f"{lock_path} can't be written: {error.strerror or error}.") from error
        stack.callback(lock.release)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                lock_path.unlink()  # while it is still held: nobody else can have it open and locked

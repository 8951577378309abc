"""The files of a training run, atomic writing, and locks. Imports nothing heavy."""

import errno
import os
import re
import secrets
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from filelock import FileLock, Timeout

from mnistcnn.config import DEFAULT_CHECKPOINT, DEFAULT_OUTPUT_DIR
from mnistcnn.errors import OutputError, TrainingError

_NAME_LENGTH = 50  # a temporary file's name begins with so many characters of the file's; names may have 255 bytes
_WINDOWS = os.name == "nt"
_WINDOWS_LENGTH = 260  # characters of a path: Windows' MAX_PATH
# Together longer than a virus scanner keeps a file open; a guess.
_WINDOWS_TRIES = 20
_WINDOWS_TRY_SECONDS = 0.1


def exists(path: Path) -> bool:
    """Whether `path` exists; true if the system can't tell, so that opening it raises an error with the reason."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError):
        return True
    return True


@dataclass(frozen=True, slots=True)
class Files:
    """The files and folders of a training run."""

    checkpoint: Path = DEFAULT_CHECKPOINT
    output_dir: Path = DEFAULT_OUTPUT_DIR
    data_dir: Path | None = None
    mirror: str | None = None

    @property
    def previous(self) -> Path:
        """The file that keeps the network which the checkpoint replaces: `mnist_cnn.previous.pth`."""
        return self.checkpoint.with_name(f"{self.checkpoint.stem}.previous{self.checkpoint.suffix}")

    @property
    def unfinished(self) -> Path:
        """The file with the state for resuming: `mnist_cnn.pth.unfinished`; a successful run removes it."""
        return self.checkpoint.with_name(f"{self.checkpoint.name}.unfinished")


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that at any instant it has either the old or the new content, also after a power cut.

    The content is written to a new file in the same folder, flushed to disk and renamed. A symbolic link stays, and
    the file that it leads to is replaced; the new file has the permissions of the old one. Raises `OutputError`, which
    names path and reason.
    """
    with _writing(path):
        target = _real(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        _replace(target, content)
    with suppress(OSError):  # the rename itself is flushed where the system lets folders be opened
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            flush_to_disk(folder)
        finally:
            os.close(folder)


def _real(path: Path) -> Path:
    """Resolve the symbolic links of `path`."""
    return Path(os.path.realpath(path))


def _write_beside(target: Path, content: bytes) -> Path:
    """Write `content` to a new file in the folder of `target`, with its permissions, and flush it to disk.

    The file's name is random and must be new, so that nobody can have planted a link or a pipe there.
    """
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else None
    temporary = target.with_name(f".{target.name[:_NAME_LENGTH]}.{secrets.token_hex(8)}.tmp")
    opener = partial(os.open, mode=0o666 if mode is None else 0o600)
    try:
        with open(temporary, "xb", opener=opener) as stream:
            if mode is not None:
                temporary.chmod(mode)
            stream.write(content)
            stream.flush()
            flush_to_disk(stream.fileno())
    except FileExistsError:  # somebody else's file has that name and must not be removed
        raise
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    return temporary


def flush_to_disk(handle: int) -> None:
    """Wait until the written data is on the disk; on macOS, `os.fsync` only waits for the disk's cache."""
    if sys.platform == "darwin":
        import fcntl  # noqa: PLC0415 - Windows doesn't have it

        with suppress(OSError):  # network file systems may not support it
            fcntl.fcntl(handle, fcntl.F_FULLFSYNC)
            return
    os.fsync(handle)


def _replace(target: Path, content: bytes) -> None:
    """Write a new file and rename it to `target`; on Windows, try again while a scanner or viewer has it open."""
    temporary = _write_beside(target, content)
    try:
        for left in range(_WINDOWS_TRIES if _WINDOWS else 1, 0, -1):
            try:
                temporary.replace(target)
                return
            except PermissionError as error:
                if not _WINDOWS:
                    raise
                if left == 1:
                    hint = "Close the program that shows or scans it, or choose another place."
                    raise OutputError(f"{target} can't be written: another program has it open.", hint) from error
                time.sleep(_WINDOWS_TRY_SECONDS)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def remove_leftovers(path: Path) -> None:
    """Remove the temporary files of processes that were killed while they wrote `path`; nobody may be writing it."""
    target = _real(path)
    ours = re.compile(rf"\.{re.escape(target.name[:_NAME_LENGTH])}\.[0-9a-f]{{16}}\.tmp")
    with suppress(OSError):
        for found in list(target.parent.iterdir()):
            if ours.fullmatch(found.name):
                found.unlink()


def explain(error: OSError, path: Path) -> str:
    """Explain why `path` can't be written: a file stands where a folder should be, or the system's reason."""
    if isinstance(error, FileExistsError | NotADirectoryError):
        blocking = next((place for place in (path, *path.parents) if exists(place)), path)
        return f"{blocking} is not a folder"
    return str(error.strerror or error)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Turn the system's errors while `path` is written into `OutputError`."""
    if path.name in ("", ".."):
        raise OutputError(f"{path} can't be written: it does not name a file.")
    try:
        yield
    except OSError as error:
        reason = explain(error, path)
        hint = None
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            hint = "Free some space."
        elif _WINDOWS and len(str(path.absolute())) >= _WINDOWS_LENGTH:
            hint = f"Windows limits a path to {_WINDOWS_LENGTH} characters unless long paths are enabled."
        raise OutputError(f"{path} can't be written: {reason}.", hint) from error


@contextmanager
def _folder_of(path: Path) -> Iterator[None]:
    """Make the missing folders of `path`; at the end of the context, remove those that are still empty."""
    missing = [folder for folder in path.parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        for folder in missing:
            with suppress(OSError):
                folder.rmdir()


def check_writable(path: Path) -> None:
    """Raise `OutputError` if `path` can't be written; the check takes the steps of writing.

    An existing file is replaced by a copy of itself, which fails if it is immutable or a mount point.
    """
    with _writing(path):
        target = _real(path)
        with _folder_of(target):
            try:
                about = target.stat()
            except FileNotFoundError:
                _write_beside(target, b"trial").unlink()
                return
            if not stat.S_ISREG(about.st_mode):
                kind = "a folder" if stat.S_ISDIR(about.st_mode) else "neither a file nor a folder"
                raise OutputError(f"{path} can't be written: it is {kind}.")
            _replace(target, target.read_bytes())
            os.utime(target, ns=(about.st_atime_ns, about.st_mtime_ns))


@contextmanager
def held(path: Path, option: str) -> Iterator[None]:
    """Hold the lock of `path`, the file `NAME.lock` in the same folder, while the context lasts.

    The system frees the lock if its holder dies. Raises `TrainingError`, which names `option`, if another process
    holds it, and `OutputError` if it can't be made.
    """
    with ExitStack() as stack:
        with _writing(path):
            target = _real(path)
            stack.enter_context(_folder_of(target))
            lock = FileLock(target.with_name(f"{target.name}.lock"))
            try:
                lock.acquire(blocking=False)
            except Timeout as error:
                raise TrainingError(
                    f"Another training run is writing {path}.", f"Choose another place with {option}."
                ) from error
            except NotImplementedError as error:
                raise OutputError(f"{path} can't be written: its file system can't lock files.") from error
        try:
            yield
        finally:
            with suppress(OSError):
                Path(lock.lock_file).unlink()  # while it is still held: nobody else can have it open and locked
            lock.release()

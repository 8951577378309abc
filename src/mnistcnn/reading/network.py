"""The trained network in NumPy; it computes logits from frames."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mnistcnn.checkpoints.architecture import CLASSES, HIDDEN, MEAN, STD
from mnistcnn.config import Precision
from mnistcnn.reading.convolution import convolve, pad
from mnistcnn.results import Environment, cpu_name
from mnistcnn.system.container import cpu_count

_BATCH = 64  # frames at a time; their patches take 10 MB


class Network:
    """The fixed network with trained weights, in float32 on the CPU; any number of threads may use it at once."""

    def __init__(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Copy `weights`, which have the names and shapes of `checkpoints.architecture.SHAPES`."""
        # PyTorch puts channels before rows and columns; here they come last.
        self._filters1 = np.ascontiguousarray(weights["conv1.weight"].transpose(2, 3, 1, 0))
        self._filters2 = np.ascontiguousarray(weights["conv2.weight"].transpose(2, 3, 1, 0))
        by_place = weights["fc1.weight"].reshape(HIDDEN, 64, 4, 4).transpose(2, 3, 1, 0)
        self._hidden = np.ascontiguousarray(by_place).reshape(4 * 4 * 64, HIDDEN)
        self._outputs = np.ascontiguousarray(weights["fc2.weight"].T)
        self._biases = {layer: weights[f"{layer}.bias"] for layer in ("conv1", "conv2", "fc1", "fc2")}

    def logits(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Compute the logits (N, 10) float32 of frames (N, 28, 28) uint8, 0 paper … 255 ink, in small batches."""
        # NumPy's matrix products use all cores; threads around them would only wait for each other.
        parts = [self._forward(frames[start : start + _BATCH]) for start in range(0, len(frames), _BATCH)]
        return np.concatenate([np.empty((0, CLASSES), np.float32), *parts])

    def first_layer(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Compute the first layer's activations, (N, 9, 9, 25), 0 or more, for frames (N, 28, 28) uint8."""
        images = (frames[..., None].astype(np.float32) - 255 * MEAN) / (255 * STD)
        return _relu(convolve(images, self._filters1, self._biases["conv1"], stride=2))

    def environment(self) -> Environment:
        """Describe the processor and the software for a report."""
        import platform  # noqa: PLC0415 - it would cost every start some milliseconds
        from importlib import metadata  # noqa: PLC0415

        return Environment(
            device="cpu",
            device_name=cpu_name(),
            device_reason="in NumPy",
            precision=str(Precision.FLOAT32),
            threads=cpu_count(),
            python=platform.python_version(),
            mnistcnn=metadata.version("mnistcnn"),
            platform=platform.platform(),
        )

    def _forward(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        x = self.first_layer(frames)
        # Padding "same" would be 2 on each side, but the pooling drops the ninth row and column of the result.
        x = pad(x, 2, 1)
        x = convolve(x, self._filters2, self._biases["conv2"])
        x = x.reshape(-1, 4, 2, 4, 2, 64).max(axis=(2, 4))
        pooled = _relu(x).reshape(-1, 4 * 4 * 64)
        hidden = _relu(pooled @ self._hidden + self._biases["fc1"])
        result: NDArray[np.float32] = hidden @ self._outputs + self._biases["fc2"]
        return result


def _relu(x: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.maximum(x, 0, out=x)

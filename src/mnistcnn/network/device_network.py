"""The trained network in PyTorch, for reading on a GPU; `reading.network` is the same without PyTorch."""

from collections.abc import Mapping
from threading import Lock

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from mnistcnn.network.device import resolve_device, strict_float32
from mnistcnn.network.inference import predict_logits
from mnistcnn.network.model import build_model, normalise
from mnistcnn.results import Environment


class DeviceNetwork:
    """The fixed network with trained weights, in float32 on a device; any number of threads may use it."""

    def __init__(self, weights: Mapping[str, NDArray[np.float32]], device: str) -> None:
        """Load the weights onto `device`, a name that `resolve_device` takes. Raises `DeviceError`."""
        self._compute = resolve_device(device)
        self._model = build_model(weights, self._compute)
        self._lock = Lock()  # float32 is made strict for the whole process, so that one thread at a time computes

    def logits(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Compute the logits (N, 10) float32 of frames (N, 28, 28) uint8, 0 paper … 255 ink."""
        with self._lock:
            return predict_logits(self._model, torch.tensor(frames)[:, None], self._compute).numpy()

    def first_layer(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Compute the first layer's activations, (N, 9, 9, 25), 0 or more, for frames (N, 28, 28) uint8."""
        with self._lock, torch.inference_mode(), strict_float32():
            inputs = normalise(torch.tensor(frames)[:, None].to(self._compute.device))
            return F.relu(self._model.conv1(inputs)).permute(0, 2, 3, 1).cpu().numpy()

    def environment(self) -> Environment:
        """Describe the device and the software for a report."""
        return self._compute.environment()

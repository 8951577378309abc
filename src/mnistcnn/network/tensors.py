"""Converts between arrays and PyTorch's tensors, and writes files with `torch.save`."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mnistcnn.checkpoints.checkpoint import FORMAT, KIND, Checkpoint
from mnistcnn.system.storage import write_atomically


def to_arrays(tensors: Mapping[str, torch.Tensor]) -> dict[str, NDArray[Any]]:
    """Convert tensors to contiguous arrays; contiguous tensors on the CPU share their memory with them."""
    return {name: tensor.detach().cpu().contiguous().numpy() for name, tensor in tensors.items()}


def to_tensor(array: NDArray[Any]) -> torch.Tensor:
    """Copy an array to a tensor on the CPU."""
    return torch.from_numpy(array.copy())


def save_archive(path: Path, content: Mapping[Any, Any]) -> None:
    """Write tensors, arrays and plain types to `path`, atomically. Raises `OutputError`."""
    buffer = io.BytesIO()
    torch.save(_with_tensors(content), buffer)
    write_atomically(path, buffer.getvalue())


def save_checkpoint(checkpoint: Checkpoint) -> None:
    """Write a checkpoint to its path, atomically. Raises `OutputError`."""
    assert checkpoint.config is not None
    about = checkpoint.describe()
    del about["path"]
    content = {"format": FORMAT, "kind": KIND, "weights": checkpoint.weights, **about}
    save_archive(checkpoint.path, content)


def _with_tensors(value: Any) -> Any:
    """Replace arrays by tensors: `torch.load` with `weights_only` does not read arrays."""
    if isinstance(value, np.ndarray):
        return to_tensor(value)
    if isinstance(value, Mapping):
        return {name: _with_tensors(item) for name, item in value.items()}
    return value

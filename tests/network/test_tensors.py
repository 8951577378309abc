from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from mnistcnn.checkpoints.archive import load_archive
from mnistcnn.checkpoints.checkpoint import PACKAGED, load_checkpoint
from mnistcnn.network.tensors import save_archive, save_checkpoint, to_arrays, to_tensor


def test_arrays_and_tensors_are_written_alike(tmp_path: Path) -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    save_archive(tmp_path / "file", {"a": array, "b": {"c": torch.from_numpy(array)}, "d": [1, "x"]})
    ours = load_archive(tmp_path / "file")
    theirs = torch.load(tmp_path / "file", weights_only=True)
    for found in (ours["a"], ours["b"]["c"], theirs["a"].numpy(), theirs["b"]["c"].numpy()):
        np.testing.assert_array_equal(found, array)
    assert ours["d"] == theirs["d"] == [1, "x"]


def test_a_tensor_is_a_copy_of_an_array() -> None:
    array = np.zeros(3, np.float32)
    to_tensor(array).add_(1)
    assert not array.any()
    array.flags.writeable = False
    assert to_tensor(array).shape == (3,)


def test_arrays_are_contiguous_and_on_the_cpu() -> None:
    weights = {"a": torch.ones(2, 3, requires_grad=True).T}
    arrays = to_arrays(weights)
    assert arrays["a"].shape == (3, 2)
    assert arrays["a"].flags.c_contiguous


def test_a_checkpoint_comes_back(tmp_path: Path) -> None:
    packaged = load_checkpoint(PACKAGED)
    save_checkpoint(replace(packaged, path=tmp_path / "net.pth"))
    loaded = load_checkpoint(tmp_path / "net.pth")
    assert loaded.describe() == {**packaged.describe(), "path": str(tmp_path / "net.pth")}
    for name, array in packaged.weights.items():
        np.testing.assert_array_equal(loaded.weights[name], array)

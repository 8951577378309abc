import numpy as np
import pytest

from mnistcnn.checkpoints.calibration import probabilities
from mnistcnn.checkpoints.checkpoint import PACKAGED, load_checkpoint
from mnistcnn.data.synthetic import render_digits
from mnistcnn.errors import DeviceError
from mnistcnn.network.device_network import DeviceNetwork
from mnistcnn.reading.network import Network


def test_a_device_gives_the_same_as_numpy() -> None:
    """This compares on the CPU; `python -m benchmarks.gpu` compares a machine's devices."""
    checkpoint = load_checkpoint(PACKAGED)
    frames = render_digits(100, seed=3)[0].reshape(-1, 28, 28)
    there = DeviceNetwork(checkpoint.weights, "cpu")
    here = Network(checkpoint.weights)
    theirs = probabilities(there.logits(frames), checkpoint.temperature)
    ours = probabilities(here.logits(frames), checkpoint.temperature)
    np.testing.assert_allclose(theirs, ours, atol=1e-5)
    np.testing.assert_array_equal(theirs.argmax(axis=1), ours.argmax(axis=1))
    np.testing.assert_allclose(there.first_layer(frames), here.first_layer(frames), atol=1e-5)
    assert there.environment().device == here.environment().device == "cpu"
    assert there.environment().device_name == here.environment().device_name


def test_a_device_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mnistcnn.network.device.available_devices", lambda: ["cpu"])
    with pytest.raises(DeviceError, match="Device cuda is not available here"):
        DeviceNetwork(load_checkpoint(PACKAGED).weights, "cuda")

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from mnistcnn.checkpoints.architecture import CLASSES
from mnistcnn.data.synthetic import render_digits
from mnistcnn.network.model import MnistCNN, normalise
from mnistcnn.reading.network import Network


@pytest.fixture(scope="module")
def model() -> MnistCNN:
    """A network whose biases differ, too."""
    generator = torch.Generator().manual_seed(3)
    network = MnistCNN(generator).eval()
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.3, generator=generator)
    return network


@pytest.fixture(scope="module")
def network(model: MnistCNN) -> Network:
    return Network({name: tensor.numpy() for name, tensor in model.state_dict().items()})


@pytest.fixture(scope="module")
def frames() -> NDArray[np.uint8]:
    digits, _ = render_digits(70, seed=5)
    noise = np.random.default_rng(0).integers(0, 256, (30, 28, 28), np.uint8)
    return np.concatenate([digits.reshape(-1, 28, 28), noise])


def test_logits_are_those_of_pytorch(model: MnistCNN, network: Network, frames: NDArray[np.uint8]) -> None:
    with torch.inference_mode():
        theirs = model(normalise(torch.from_numpy(frames)[:, None])).numpy()
    ours = network.logits(frames)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)  # untrained, they reach 30
    np.testing.assert_array_equal(ours.argmax(axis=1), theirs.argmax(axis=1))


def test_how_many_come_together_makes_no_difference(network: Network, frames: NDArray[np.uint8]) -> None:
    together = network.logits(frames)  # in four parts, by threads
    alone = np.concatenate([network.logits(frame[None]) for frame in frames])
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-4)
    assert network.logits(frames[:0]).shape == (0, CLASSES)


def test_the_first_layer_is_that_of_pytorch(model: MnistCNN, network: Network, frames: NDArray[np.uint8]) -> None:
    with torch.inference_mode():
        theirs = F.relu(model.conv1(normalise(torch.from_numpy(frames)[:, None])))
    np.testing.assert_allclose(network.first_layer(frames), theirs.permute(0, 2, 3, 1).numpy(), atol=1e-5)

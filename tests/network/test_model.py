import pytest
import torch
from torch.nn import functional as F

from mnistcnn.checkpoints.architecture import SHAPES
from mnistcnn.network.model import BIAS, MEAN, STD, MnistCNN, gaussian_init, normalise


def network(seed: int = 0) -> MnistCNN:
    return MnistCNN(torch.Generator().manual_seed(seed))


def test_parameters_of_each_layer_are_the_specification() -> None:
    counts = {name: sum(p.numel() for p in layer.parameters()) for name, layer in network().named_children()}
    wanted = {
        "conv1": 3_625,
        "conv2": 40_064,
        "pool": 0,
        "flatten": 0,
        "fc1": 1_049_600,
        "dropout": 0,
        "fc2": 10_250,
    }
    assert counts == wanted
    assert sum(counts.values()) == 1_103_539


def test_the_shapes_that_are_written_down_are_those_of_the_layers() -> None:
    assert {name: tuple(weight.shape) for name, weight in network().state_dict().items()} == SHAPES


def test_weights_are_gaussian_and_biases_a_tenth() -> None:
    model = network()
    for layer in (model.conv1, model.conv2, model.fc1, model.fc2):
        weight = layer.weight.detach()
        assert weight.std() == pytest.approx(0.05, rel=0.05)
        assert abs(weight.mean()) < 4 * 0.05 / weight.numel() ** 0.5
        assert layer.bias is not None
        assert layer.bias.eq(BIAS).all()
    kurtosis = (model.fc1.weight.detach() / 0.05).pow(4).mean()
    assert kurtosis == pytest.approx(3.0, abs=0.1)  # 1.8 if they were uniform


def test_the_generator_decides_the_weights() -> None:
    assert torch.equal(network(1).fc1.weight, network(1).fc1.weight)
    assert not torch.equal(network(1).fc1.weight, network(2).fc1.weight)


def test_initialisation_also_takes_layers_without_bias() -> None:
    layer = torch.nn.Linear(3, 4, bias=False, device="meta").to_empty(device="cpu")
    gaussian_init(layer, torch.Generator().manual_seed(0))
    assert layer.weight.abs().max() < 0.5


def test_forward_is_the_specified_network() -> None:
    model = network().eval()
    pictures = torch.randn(3, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    x = F.relu(F.conv2d(pictures, model.conv1.weight, model.conv1.bias, stride=2))
    assert x.shape == (3, 25, 9, 9)
    x = F.relu(F.conv2d(x, model.conv2.weight, model.conv2.bias, padding=2))
    assert x.shape == (3, 64, 9, 9)
    x = F.max_pool2d(x, 2).flatten(1)
    x = F.relu(F.linear(x, model.fc1.weight, model.fc1.bias))
    expected = F.linear(x, model.fc2.weight, model.fc2.bias)
    torch.testing.assert_close(model(pictures), expected)


def test_it_learns_as_the_specified_network_does() -> None:
    model = network()
    weights = [p.detach().clone().requires_grad_() for p in model.parameters()]
    w1, b1, w2, b2, w3, b3, w4, b4 = weights
    x, labels = torch.rand(6, 1, 28, 28, generator=torch.Generator().manual_seed(1)), torch.arange(6)
    hidden = F.relu(F.conv2d(x, w1, b1, stride=2))
    hidden = F.max_pool2d(F.relu(F.conv2d(hidden, w2, b2, padding=2)), 2).flatten(1)
    F.cross_entropy(F.linear(F.relu(F.linear(hidden, w3, b3)), w4, b4), labels).backward()
    F.cross_entropy(model(x, torch.ones(6, 1024)), labels).backward()
    for ours, theirs in zip(model.parameters(), weights, strict=True):
        assert ours.grad is not None and theirs.grad is not None
        torch.testing.assert_close(ours.grad, theirs.grad, atol=1e-5, rtol=1e-3)


def test_dropout_works_in_training_only() -> None:
    model, picture = network(), torch.zeros(1, 1, 28, 28)
    with torch.random.fork_rng():
        assert not torch.equal(model.train()(picture), model(picture))
    assert torch.equal(model.eval()(picture), model(picture))


def test_given_dropout_takes_the_place_of_torchs() -> None:
    model, pictures = network(), torch.zeros(2, 1, 28, 28)
    before = torch.get_rng_state()
    with torch.no_grad():
        assert torch.equal(model.train()(pictures, torch.ones(2, 1024)), model.eval()(pictures))
    half = torch.cat([torch.ones(1, 1024), torch.zeros(1, 1024)])
    assert torch.equal(model.train()(pictures, half)[1], model.fc2.bias)
    assert torch.equal(torch.get_rng_state(), before)


def test_normalise_scales_bytes_by_mean_and_deviation() -> None:
    pictures = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1).expand(2, 1, 28, 28)
    out = normalise(pictures)
    assert out.dtype == torch.float32
    assert out[0, 0, 0, 0] == pytest.approx(-MEAN / STD, abs=1e-6)
    assert out[1, 0, 5, 5] == pytest.approx((1 - MEAN) / STD, abs=1e-6)


def test_normalise_leaves_its_input_alone() -> None:
    pictures = torch.full((1, 1, 28, 28), 7.0)
    normalise(pictures)
    assert (pictures == 7.0).all()

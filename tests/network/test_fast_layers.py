import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mnistcnn.network.fast_layers import Conv2d, Linear, convolve

ONEDNN = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="torch is built without oneDNN")
DTYPES = [torch.float32, torch.bfloat16]


def learn(layer: nn.Module, start: torch.Tensor, toward: torch.Tensor) -> list[torch.Tensor]:
    """Compute a layer's output for `start`, and its gradients in the direction `toward`."""
    x = start.clone().requires_grad_()
    y = layer(x)
    y.backward(toward)
    assert x.grad is not None
    return [y.detach(), x.grad, *(p.grad for p in layer.parameters() if p.grad is not None)]


def assert_same(ours: nn.Module, theirs: nn.Module, start: torch.Tensor, toward: torch.Tensor) -> None:
    ours.load_state_dict(theirs.state_dict())
    expected = learn(theirs, start, toward)
    for mine, its in zip(learn(ours.to(start.dtype), start, toward), expected, strict=True):
        assert mine.dtype == start.dtype
        if start.dtype == torch.float32:
            torch.testing.assert_close(mine, its, atol=1e-4, rtol=1e-4)
        else:  # sums of several numbers of either sign: up to 0.03 of the largest
            largest = float(its.abs().max()) if its.numel() else 0.0
            torch.testing.assert_close(mine.float(), its.float(), atol=0.03 * largest, rtol=0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [3, 8, 25])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_convolution_learns_as_torchs_own_does(
    channels: int, layout: torch.memory_format, dtype: torch.dtype
) -> None:
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng():
        ours, theirs = (
            kind(channels, 6, kernel_size=5, padding="same").to(dtype=dtype, memory_format=layout)  # type: ignore[call-overload]
            for kind in (Conv2d, nn.Conv2d)
        )
    start = torch.randn(4, channels, 9, 7, generator=generator).to(dtype).contiguous(memory_format=layout)
    assert_same(ours, theirs, start, torch.randn(4, 6, 9, 7, generator=generator).to(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("count", "filters"), [(3, 5), (3, 8), (0, 5)])
def test_two_convolutions_learn_as_torchs_own_do(count: int, filters: int, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        first = nn.Conv2d(1, filters, kernel_size=6, stride=2).to(dtype)
        second = nn.Conv2d(filters, 6, kernel_size=5, padding="same").to(dtype)
    images = torch.randn(count, 1, 16, 12, generator=generator).to(dtype)
    toward = torch.randn(count, 6, 6, 4, generator=generator).to(dtype)
    parameters = (*first.parameters(), *second.parameters())
    found = convolve(images, first, second)
    expected = second(F.relu(first(images)))
    gradients = [torch.autograd.grad(y, parameters, toward) for y in (found, expected)]
    for ours, theirs in [(found, expected), *zip(*gradients, strict=True)]:
        assert ours.dtype == dtype
        largest = float(theirs.detach().abs().max()) if theirs.numel() else 0.0
        torch.testing.assert_close(ours, theirs, atol=(1e-6 if dtype == torch.float32 else 0.03) * largest, rtol=0)


def test_the_reshaped_convolutions_are_for_training_in_bfloat16_alone() -> None:
    with torch.random.fork_rng():
        first, second = nn.Conv2d(1, 5, kernel_size=6, stride=2), nn.Conv2d(5, 6, kernel_size=5, padding="same")
    images = torch.zeros(1, 1, 16, 12)

    def calls() -> int:
        """Count the calls of the first layer as a module, which only the plain way makes."""
        called: list[object] = []
        handle = first.register_forward_hook(lambda *_: called.append(0))
        convolve(images.to(first.weight.dtype), first, second)
        handle.remove()
        return len(called)

    assert calls() == 1
    first.to(torch.bfloat16)
    second.to(torch.bfloat16)
    assert calls() == 0
    with torch.inference_mode():
        assert calls() == 1
    first.eval()  # as exporters see it
    assert calls() == 1


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("count", [0, 1, 5])
def test_a_linear_layer_learns_as_torchs_own_does(count: int, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng():
        ours, theirs = (kind(40, 30).to(dtype) for kind in (Linear, nn.Linear))
    start = torch.randn(count, 40, generator=generator).to(dtype)
    assert_same(ours, theirs, start, torch.randn(count, 30, generator=generator).to(dtype))


def test_without_onednn_a_linear_layer_is_torchs_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mnistcnn.network.fast_layers._ONEDNN", False)
    with torch.random.fork_rng():
        layer = Linear(4, 3)
    y = layer(torch.zeros(2, 4, requires_grad=True))
    assert type(y.grad_fn).__name__ == "AddmmBackward0"


@pytest.mark.parametrize(
    ("kind", "fast", "plain"),
    [
        (Conv2d, "_FastConvolutionBackward", "ConvolutionBackward0"),
        pytest.param(Linear, "_OneDNNLinearBackward", "AddmmBackward0", marks=ONEDNN),
    ],
)
def test_the_fast_way_is_for_training_alone(kind: type[nn.Module], fast: str, plain: str) -> None:
    with torch.random.fork_rng():
        layer = Conv2d(25, 6, kernel_size=5, padding="same") if kind is Conv2d else Linear(25, 6)
    x = torch.zeros((1, 25, 9, 9) if kind is Conv2d else (1, 25), requires_grad=True)

    def way(x: torch.Tensor = x) -> str:
        node = layer(x).grad_fn
        return "none" if node is None else type(node).__name__

    assert way() == fast
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert way() == plain
    with torch.inference_mode():
        assert way() == "none"
    layer.eval()  # as exporters see it
    assert way() == plain
    layer.train().to(torch.bfloat16)
    assert way(x.detach().bfloat16().requires_grad_()) == (fast if kind is Conv2d else plain)
    layer.to("meta", torch.float32)
    assert way(x.detach().to("meta").requires_grad_()) == plain


@pytest.mark.parametrize("kind", [Conv2d, Linear])
def test_the_backward_pass_can_be_taken_twice(kind: type[nn.Module]) -> None:
    with torch.random.fork_rng():
        layer = Conv2d(3, 6, kernel_size=5, padding="same") if kind is Conv2d else Linear(3, 6)
    x = torch.ones((2, 3, 9, 9) if kind is Conv2d else (2, 3), requires_grad=True)
    y = layer(x).sum()
    first, again = (torch.autograd.grad(y, x, retain_graph=True)[0] for _ in range(2))
    assert torch.equal(first, again)

import pytest
import torch
from torch import nn

from mnistcnn.convolution import Conv2d


@pytest.mark.parametrize("channels", [3, 8, 25])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_it_learns_as_torchs_own_does(channels: int, layout: torch.memory_format) -> None:
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng():
        ours, theirs = (kind(channels, 6, kernel_size=5, padding="same") for kind in (Conv2d, nn.Conv2d))
    ours.load_state_dict(theirs.state_dict())
    start = torch.randn(4, channels, 9, 7, generator=generator).contiguous(memory_format=layout)
    toward = torch.randn(4, 6, 9, 7, generator=generator)
    results = []
    for layer in (ours, theirs):
        x = start.clone().requires_grad_()
        y = layer.to(memory_format=layout)(x)
        y.backward(toward)
        results.append((y.detach(), x.grad, *(p.grad for p in layer.parameters())))
    for mine, its in zip(*results, strict=True):
        torch.testing.assert_close(mine, its, atol=1e-4, rtol=1e-4)


def test_it_takes_the_wide_way_only_where_that_pays() -> None:
    with torch.random.fork_rng():
        layer = Conv2d(25, 6, kernel_size=5, padding="same")
    x = torch.zeros(1, 25, 9, 9, requires_grad=True)

    def way() -> str:
        node = layer(x).grad_fn
        return "none" if node is None else type(node).__name__

    assert way() == "_WideBackwardBackward"
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert way() != "_WideBackwardBackward"
    with torch.inference_mode():
        assert way() == "none"

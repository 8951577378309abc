"""Layers whose products suit the CPU's kernels in training; `docs/experiments.md` has the figures."""

from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.nn.grad import conv2d_input, conv2d_weight

LANES = 8  # the kernels are fastest with a multiple of so many channels
_ONEDNN = torch.backends.mkldnn.is_available()


def _learns_on_cpu(layer: nn.Module, x: torch.Tensor) -> bool:
    """Whether a layer is being trained on the CPU without autocast, whose casts custom functions would not see."""
    learns = layer.training and torch.is_grad_enabled()
    return learns and x.device.type == "cpu" and not torch.is_autocast_enabled("cpu")


def convolve(images: torch.Tensor, first: nn.Conv2d, second: nn.Conv2d) -> torch.Tensor:
    """Compute `second(relu(first(images)))`, where `first` has one input channel, an even kernel and stride 2.

    `images` are (N, 1, H, W) float. In bfloat16 training on the CPU, the same sums are computed in faster shapes:
    `first` gets four input channels (the pixels at even and odd rows and columns) and stride 1, and its output is
    padded with channels of zeros to a multiple of `LANES`.
    """
    # A process may have no images of the last batch; `pixel_unshuffle` does not reshape an empty tensor.
    if not (_learns_on_cpu(first, images) and images.dtype == torch.bfloat16 and len(images) > 0):
        result: torch.Tensor = second(F.relu(first(images)))
        return result
    assert first.bias is not None
    missing = -first.out_channels % LANES
    weight = F.pad(first.weight, (0, 0, 0, 0, 0, 0, 0, missing))
    bias = F.pad(first.bias, (0, missing))
    pixels = F.pixel_unshuffle(images, 2).contiguous(memory_format=torch.channels_last)
    x = F.relu(F.conv2d(pixels, F.pixel_unshuffle(weight, 2), bias))
    wide = F.pad(second.weight, (0, 0, 0, 0, 0, missing))
    return F.conv2d(x, wide, second.bias, padding="same")


class Conv2d(nn.Conv2d):
    """`torch.nn.Conv2d` with stride 1, an odd kernel, padding "same" and a bias: faster to train on the CPU.

    The gradient of 25 input channels takes half as long again as that of 32. So seven channels of zeros are added, and
    their gradients are dropped.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve x (N, C, H, W) float; return (N, filters, H, W)."""
        if _learns_on_cpu(self, x):
            result: torch.Tensor = _FastConvolution.apply(x, self.weight, self.bias)
            return result
        return super().forward(x)


class _FastConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x, weight)
        return F.conv2d(x, weight, bias, padding="same")

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        x, weight = ctx.saved_tensors
        count, channels, height, width = x.shape
        missing = -channels % LANES
        padding = (weight.shape[2] // 2, weight.shape[3] // 2)
        wide = F.pad(weight, (0, 0, 0, 0, 0, missing))
        of_x = conv2d_input((count, channels + missing, height, width), wide, gradient, padding=padding)
        of_x = of_x[:, :channels].contiguous(memory_format=torch.channels_last)
        return of_x, conv2d_weight(x, weight.shape, gradient, padding=padding), gradient.sum((0, 2, 3))


class Linear(nn.Linear):
    """`torch.nn.Linear` with a bias: in float32 on the CPU its three products in training are oneDNN's.

    On x86 PyTorch takes MKL for them, which leaves half of the vector units of some processors with AVX-512 unused;
    on other processors this was not measured.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, inputs) → (N, units)."""
        # A process without a part of the last batch has no rows, which oneDNN refuses. The count is asked for last:
        # an exporter that sees it asked takes it for fixed.
        if _ONEDNN and _learns_on_cpu(self, x) and x.dtype == torch.float32 and len(x) > 0:
            result: torch.Tensor = _OneDNNLinear.apply(x, self.weight, self.bias)
            return result
        return super().forward(x)


class _OneDNNLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x, weight)
        return F.linear(x.to_mkldnn(), weight, bias).to_dense()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        x, weight = ctx.saved_tensors
        of_x = torch.ops.aten.mkldnn_linear_backward_input(x.shape, gradient.to_mkldnn(), weight)
        of_weight = F.linear(gradient.t().contiguous().to_mkldnn(), x.t().contiguous())
        return of_x.to_dense(), of_weight.to_dense(), gradient.sum(0)

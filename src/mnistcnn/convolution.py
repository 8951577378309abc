"""A convolution whose backward pass suits the CPU's kernels."""

from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.nn.grad import conv2d_input, conv2d_weight

LANES = 8  # numbers that a vector unit of 256 bits takes at once


class Conv2d(nn.Conv2d):
    """`torch.nn.Conv2d` with stride 1, an odd kernel, padding "same" and a bias: faster to train on the CPU.

    The gradient of 25 input channels takes the kernels half as long again as that of 32, so it is computed of 32, of
    which seven are zero and left out again; `benchmarks/README.md` has the figures.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) → (N, filters, H, W)."""
        if x.requires_grad and x.device.type == "cpu" and not torch.is_autocast_enabled("cpu"):
            result: torch.Tensor = _WideBackward.apply(x, self.weight, self.bias)
            return result
        return super().forward(x)


class _WideBackward(torch.autograd.Function):
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

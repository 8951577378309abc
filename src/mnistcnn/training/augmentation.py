"""Augments the training images by random shifts, rotations, stretches, slants and elastic distortions."""

import math
from functools import cache

import torch
from torch.nn import functional as F

from mnistcnn.config import TrainConfig
from mnistcnn.network.model import SIDE

_MESH = 5  # nodes of the elastic displacement field in each direction


def sample_warps(count: int, config: TrainConfig, generator: torch.Generator) -> torch.Tensor | None:
    """Sample the distortions of `count` images within the bounds of `config`; None if it allows no distortion.

    The result is (count, 2, 3 or 28) float32: for x and y, the weights of the fields of `augment`, in half sides of an
    image.
    """
    if not (config.shift or config.rotation or config.scale or config.shear or config.elastic):
        return None

    def uniform(limit: float) -> torch.Tensor:
        return (torch.rand(count, generator=generator) * 2 - 1) * limit

    angle = uniform(math.radians(config.rotation))
    shear = uniform(config.shear)
    width = 1 + uniform(config.scale)
    height = 1 + uniform(config.scale)
    right, down = torch.randint(-config.shift, config.shift + 1, (2, count), generator=generator) * 2 / SIDE
    cos = angle.cos()
    sin = angle.sin()
    rows = [width * cos, shear - width * sin, right, height * sin, height * cos, down]
    affine = torch.stack(rows, dim=1).view(count, 2, 3)
    if not config.elastic:
        return affine
    mesh = torch.randn(count, 2, _MESH**2, generator=generator) * (2 * config.elastic / SIDE)
    return torch.cat([affine, mesh], dim=2)


def augment(images: torch.Tensor, warps: torch.Tensor) -> torch.Tensor:
    """Distort uint8 images (N, 1, 28, 28); return float32 in 0 … 255, with paper (0) at uncovered edges.

    `warps` (N, 2, 3 or 28) float32 are from `sample_warps`. They weight fixed fields whose sum is the position that
    each pixel is taken from, so that one matrix product makes all grids: x, y and a constant for the affine part, and
    25 bumps for elastic distortions. Source: P. Simard, D. Steinkraus, J. Platt, "Best practices for convolutional
    neural networks applied to visual document analysis" (2003); a coarse mesh replaces their blurred field.
    """
    grid = (warps @ _fields(warps.device)[: warps.shape[2]]).view(-1, 2, SIDE, SIDE).permute(0, 2, 3, 1)
    return F.grid_sample(images.float(), grid, mode="bilinear", padding_mode="zeros", align_corners=False)


@cache
def _fields(device: torch.device) -> torch.Tensor:
    """Compute the fields, (28, 784) float32: x, y and 1 at each pixel, then a bump around each node of the mesh."""
    coordinates = F.affine_grid(torch.eye(2, 3)[None], [1, 1, SIDE, SIDE], align_corners=False)[0].permute(2, 0, 1)
    nodes = torch.eye(_MESH**2).view(-1, 1, _MESH, _MESH)
    bumps = F.interpolate(nodes, size=(SIDE, SIDE), mode="bicubic", align_corners=True)[:, 0]
    return torch.cat([coordinates, torch.ones(1, SIDE, SIDE), bumps]).flatten(1).to(device)

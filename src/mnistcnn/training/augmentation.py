"""Random shifts, rotations, stretches, slants and elastic distortions of the training images."""

import math
from functools import cache

import torch
from torch.nn import functional as F

from mnistcnn.config import TrainConfig
from mnistcnn.network.model import SIDE

_MESH = 5  # nodes of the elastic displacement field in each direction


def sample_warps(count: int, config: TrainConfig, generator: torch.Generator) -> torch.Tensor | None:
    """Sample how `count` images are distorted, within the bounds of `config`; None where it allows no distortion.

    (count, 2, 3 or 28) float32: for x and y, in half sides of an image, how much of each of the fields of `augment`.
    """
    if not (config.shift or config.rotation or config.scale or config.shear or config.elastic):
        return None

    def uniform(limit: float) -> torch.Tensor:
        return (torch.rand(count, generator=generator) * 2 - 1) * limit

    angle, shear = uniform(math.radians(config.rotation)), uniform(config.shear)
    width, height = 1 + uniform(config.scale), 1 + uniform(config.scale)
    right, down = torch.randint(-config.shift, config.shift + 1, (2, count), generator=generator) * 2 / SIDE
    cos, sin = angle.cos(), angle.sin()
    rows = [width * cos, shear - width * sin, right, height * sin, height * cos, down]
    affine = torch.stack(rows, dim=1).view(count, 2, 3)
    if not config.elastic:
        return affine
    mesh = torch.randn(count, 2, _MESH**2, generator=generator) * (2 * config.elastic / SIDE)
    return torch.cat([affine, mesh], dim=2)


def augment(images: torch.Tensor, warps: torch.Tensor) -> torch.Tensor:
    """Distort uint8 images (N, 1, 28, 28): float32 ones in 0 … 255; paper comes in at the edges.

    `warps` (N, 2, 3 or 28) float32, from `sample_warps`: where each pixel comes from is a sum of fixed fields, so
    that all grids are one matrix product: across, down and constant for the affine part, and 25 bumps for elastic
    distortions after P. Simard, D. Steinkraus, J. Platt, "Best practices for convolutional neural networks applied
    to visual document analysis" (2003), with a coarse mesh in place of a blurred field.
    """
    grid = (warps @ _fields(warps.device)[: warps.shape[2]]).view(-1, 2, SIDE, SIDE).permute(0, 2, 3, 1)
    return F.grid_sample(images.float(), grid, mode="bilinear", padding_mode="zeros", align_corners=False)


@cache
def _fields(device: torch.device) -> torch.Tensor:
    """(28, 784): x, y and one at each pixel, then a bump around each node of the mesh."""
    coordinates = F.affine_grid(torch.eye(2, 3)[None], [1, 1, SIDE, SIDE], align_corners=False)[0].permute(2, 0, 1)
    nodes = torch.eye(_MESH**2).view(-1, 1, _MESH, _MESH)
    bumps = F.interpolate(nodes, size=(SIDE, SIDE), mode="bicubic", align_corners=True)[:, 0]
    return torch.cat([coordinates, torch.ones(1, SIDE, SIDE), bumps]).flatten(1).to(device)

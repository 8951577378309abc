"""Batches of one epoch: shuffled, augmented, normalised, as tensors that already live on the device."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import torch
from torch.nn import functional as F

from mnistcnn.config import TrainConfig
from mnistcnn.data import ImageDataset
from mnistcnn.data.order import draw_order
from mnistcnn.device import derive_seed
from mnistcnn.model import DROPOUT, HIDDEN, SIDE, normalise
from mnistcnn.world import World

CHUNK_PICTURES = 1_000  # augmented in one go: large enough to be cheap, small enough to stay in the caches
_MESH = 5  # nodes of the elastic displacement field in each direction


@dataclass(frozen=True, slots=True)
class Batch:
    """This process's part of a batch: `inputs` (n, 1, 28, 28) float32, normalised, and `labels` (n,) int64.

    `dropout` (n, 1024) float32 is what the hidden units are multiplied with: 0 or 1.25. `count` pictures are in the
    whole batch; these are its `rows`.
    """

    inputs: torch.Tensor
    labels: torch.Tensor
    dropout: torch.Tensor
    count: int
    rows: slice


class EpochBatches:
    """The batches of one epoch: a pure function of the pictures, their losses, the settings and the epoch's number.

    Order and bending are drawn at its start, on the CPU, so that the same ones come on every device; dropout is
    drawn a chunk at a time, on the device, from a seed of its own. So any chunk can be made again without those
    before it: that is what resuming needs.
    """

    def __init__(
        self, pictures: ImageDataset, config: TrainConfig, epoch: int, losses: torch.Tensor, world: World | None = None
    ) -> None:
        """`losses` (N,) float32 on the CPU: how badly each picture was read when it last came."""
        generator = torch.Generator().manual_seed(derive_seed(config.seed, "epoch", epoch))
        device = pictures.labels.device
        self._pictures, self._world, self._seed, self._epoch = pictures, world or World(), config.seed, epoch
        self.order = draw_order(losses, config, epoch, generator)
        self._order = self.order.to(device)
        self._warps = draw_warps(len(self.order), config, generator, device)
        self.batch_size = config.batch_size
        self.steps = math.ceil(len(self.order) / config.batch_size)
        self.chunk_steps = max(1, CHUNK_PICTURES // config.batch_size)

    def chunk(self, number: int) -> list[Batch]:
        """The batches of step `number * chunk_steps` and the `chunk_steps - 1` after it."""
        starts = range(number * self.chunk_steps * self.batch_size, len(self._order), self.batch_size)
        counts = [min(self.batch_size, len(self._order) - start) for start in starts[: self.chunk_steps]]
        shares = [self._world.share(count) for count in counts]
        if self._world.size == 1:
            rows = torch.arange(starts[0], starts[0] + sum(counts))
        else:
            pairs = zip(starts, shares, strict=False)
            rows = torch.cat([torch.arange(start + share.start, start + share.stop) for start, share in pairs])
        inputs, labels = self._take(rows.to(self._order.device))
        noise = self._dropout(number, sum(counts)).split(counts)
        sizes = [share.stop - share.start for share in shares]
        parts = zip(inputs.split(sizes), labels.split(sizes), noise, counts, shares, strict=True)
        return [Batch(inputs, labels, whole[share], count, share) for inputs, labels, whole, count, share in parts]

    def _take(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs and labels of places `rows` (n,) in the epoch's order."""
        chosen = self._order[rows]
        images = self._pictures.images[chosen]
        if self._warps is not None:
            images = bend(images, self._warps[rows])
        return normalise(images), self._pictures.labels[chosen]

    def _dropout(self, chunk: int, count: int) -> torch.Tensor:
        """The noise of all `count` pictures of a chunk, so that the processes use rows of what a single one would."""
        device = self._order.device
        generator = torch.Generator(device).manual_seed(derive_seed(self._seed, f"dropout {self._epoch}", chunk))
        numbers = torch.rand(count, HIDDEN, generator=generator, device=device)
        return numbers.ge_(DROPOUT).div_(1 - DROPOUT)


def draw_warps(
    count: int, config: TrainConfig, generator: torch.Generator, device: torch.device
) -> torch.Tensor | None:
    """Draw how `count` pictures are bent, within the bounds of `config`; None where it allows no bending.

    (count, 2, 3 or 28) float32: for x and y, in half sides of a picture, how much of each of the fields of `bend`.
    """
    if not (config.shift or config.rotation or config.scale or config.shear or config.elastic):
        return None

    def between(limit: float) -> torch.Tensor:
        return (torch.rand(count, generator=generator) * 2 - 1) * limit

    angle, shear = between(math.radians(config.rotation)), between(config.shear)
    width, height = 1 + between(config.scale), 1 + between(config.scale)
    right, down = torch.randint(-config.shift, config.shift + 1, (2, count), generator=generator) * 2 / SIDE
    cos, sin = angle.cos(), angle.sin()
    rows = [width * cos, shear - width * sin, right, height * sin, height * cos, down]
    affine = torch.stack(rows, dim=1).view(count, 2, 3)
    if not config.elastic:
        return affine.to(device)
    mesh = torch.randn(count, 2, _MESH**2, generator=generator) * (2 * config.elastic / SIDE)
    return torch.cat([affine, mesh], dim=2).to(device)


def bend(images: torch.Tensor, warps: torch.Tensor) -> torch.Tensor:
    """float32 pictures (N, 1, 28, 28) in 0 … 255, bent, of uint8 ones; paper comes in at the edges.

    `warps` (N, 2, 3 or 28) float32, from `draw_warps`: where each pixel comes from is a sum of fixed fields, so that
    all grids are one matrix product: across, down and constant for the affine part, and 25 bumps for elastic
    bending after P. Simard, D. Steinkraus, J. Platt, "Best practices for convolutional neural networks applied to
    visual document analysis" (2003), with a coarse mesh in place of a blurred field.
    """
    grid = (warps @ _fields(warps.device)[: warps.shape[2]]).view(-1, 2, SIDE, SIDE).permute(0, 2, 3, 1)
    return F.grid_sample(images.float(), grid, mode="bilinear", padding_mode="zeros", align_corners=False)


@cache
def _fields(device: torch.device) -> torch.Tensor:
    """(28, 784): x, y and one at each pixel, then a bump around each node of the mesh."""
    places = F.affine_grid(torch.eye(2, 3)[None], [1, 1, SIDE, SIDE], align_corners=False)[0].permute(2, 0, 1)
    nodes = torch.eye(_MESH**2).view(-1, 1, _MESH, _MESH)
    bumps = F.interpolate(nodes, size=(SIDE, SIDE), mode="bicubic", align_corners=True)[:, 0]
    return torch.cat([places, torch.ones(1, SIDE, SIDE), bumps]).flatten(1).to(device)

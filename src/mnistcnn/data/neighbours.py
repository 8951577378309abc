"""Ink of a neighbour on training images, as it is left where touching digits are cut apart: it is to be read past."""

import torch

from mnistcnn.config import TrainConfig
from mnistcnn.model import SIDE

_INK = 76  # of 255; darker pixels touch
_OVERLAP = 4  # pixels that a neighbour reaches into the digit, at most
_OFF = 2.0  # pixels that the cut is beside where they meet, at most
_SLANT = 0.35  # of the cut, at most, as a slope
_NOWHERE = -SIDE


def sample_neighbours(count: int, config: TrainConfig, generator: torch.Generator) -> torch.Tensor | None:
    """Sample which of `count` images get a neighbour, and how it is cut off; None where `config` wants none.

    (count, 5) float32: the side (1 right, -1 left, 0 for none), which of all images it is (0 … 1), how far it
    reaches into the digit and how far beside that it is cut off (pixels), and the slope of the cut.
    """
    if not config.neighbours:
        return None
    has, side, which, overlap, off, slope = torch.rand(6, count, generator=generator)
    sides = (has < config.neighbours) * (1 - 2 * (side < 0.5).float())
    overlap = (overlap * (_OVERLAP + 1)).floor()
    return torch.stack([sides, which, overlap, (2 * off - 1) * _OFF, (2 * slope - 1) * _SLANT], dim=1)


def add_neighbours(images: torch.Tensor, sampled: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """uint8 images (N, 1, 28, 28), some with what a cut leaves of another of `others` (M, 1, 28, 28) beside them.

    `sampled` (N, 5) float32, from `sample_neighbours`. A neighbour is pushed against the digit until their ink
    touches, or reaches into it, and everything beyond the cut is paper.
    """
    some = sampled[:, 0].nonzero()[:, 0]
    side, which, overlap, off, slope = sampled[some].T
    left = (side < 0)[:, None, None]  # mirrored, so that what follows knows one side only
    digits, pushed = images[some, 0], others[(which * len(others)).long().clamp(max=len(others) - 1), 0]
    digits, pushed = (torch.where(left, ink.flip(2), ink) for ink in (digits, pushed))
    column = torch.arange(SIDE, device=images.device)  # and row
    ends = ((digits > _INK) * (column + 1)).amax(dim=2)  # of each row; 0 where there is no ink
    starts = torch.where(pushed > _INK, column, SIDE).amin(dim=2)
    distance, row = torch.where((ends > 0) & (starts < SIDE), ends - starts, _NOWHERE).max(dim=1)
    source = column - (distance - overlap.long())[:, None]
    inside = (source >= 0) & (source < SIDE)
    moved = pushed.gather(2, source.clamp(0, SIDE - 1)[:, None].expand_as(pushed)) * inside[:, None]
    meet = ends.gather(1, row[:, None]) - overlap[:, None] / 2
    cut = meet + off[:, None] + slope[:, None] * (column - row[:, None])  # a column for each row
    kept = (cut[:, :, None] - column).clamp(0, 1)
    cut_off = (torch.maximum(digits, moved) * kept).round().to(torch.uint8)
    digits = torch.where((distance == _NOWHERE)[:, None, None], digits, cut_off)
    result = images.clone()
    result[some, 0] = torch.where(left, digits.flip(2), digits)
    return result

"""Ones with a flag, and at times a foot, as most of Europe writes them; few of those in MNIST have one."""

import math

import torch

from mnistcnn.network.model import SIDE

SHARE = 0.4  # of the ones in training; with 0.7 fewer flags are misread, but more of MNIST's test digits

_INK = 76  # of 255
_ONE = 1  # the digit
_NARROWEST, _WIDEST = math.radians(20), math.radians(70)  # angles between flag and stem
_FLATTEST = math.radians(20)  # of a flag, below the horizontal: a flatter one would be the bar of a 7
_SHORTEST, _LONGER = 0.2, 0.5  # of the height; the wider the angle is, the shorter the flag
_FEET, _SHORTEST_FOOT, _LONGEST_FOOT = 0.3, 0.12, 0.35  # which share has one; to each side, of the height


def sample_flags(count: int, generator: torch.Generator) -> torch.Tensor:
    """Sample which of `count` images get a flag if they are ones, and its form.

    (count, 4) float32: 1 for a flag, 0 for none; how steep and how long the flag is (0 … 1, of what is possible);
    how far the foot reaches to each side (a share of the height, 0 for none).
    """
    has, slant, length, foot = torch.rand(4, count, generator=generator)
    reach = _SHORTEST_FOOT + (_LONGEST_FOOT - _SHORTEST_FOOT) * foot / _FEET
    return torch.stack([(has < SHARE).float(), slant, length, reach * (foot < _FEET)], dim=1)


def add_flags(images: torch.Tensor, labels: torch.Tensor, sampled: torch.Tensor) -> torch.Tensor:
    """uint8 images (N, 1, 28, 28) of digits `labels` (N,), the ones as `sampled` (N, 4), from `sample_flags`, says.

    Flag and foot are as wide as the stem. The centre of the ink stays where it was, as it is in MNIST.
    """
    some = ((labels == _ONE) & (sampled[:, 0] > 0)).nonzero()[:, 0]
    _, slant, length, foot = sampled[some].T
    ink = images[some, 0].float() / 255
    place = torch.arange(SIDE, device=images.device, dtype=torch.float32)  # of rows and columns
    rows = (images[some, 0] > _INK).any(dim=2).float()
    top, bottom = rows.argmax(dim=1), SIDE - 1 - rows.flip(1).argmax(dim=1)
    start, end = _middle(ink, top, place), _middle(ink, bottom, place)
    height, lean = bottom - top + 1.0, (start - end).atan2(bottom - top + 1.0)
    width = ink.sum(dim=(1, 2)) / height.hypot(start - end)
    steep = (math.pi / 2 - lean - _NARROWEST - slant * (_WIDEST - _NARROWEST)).clamp_min(_FLATTEST)
    long = height * (_SHORTEST + _LONGER * length * (steep + lean).sin())
    head, base = top + width / 2, bottom + 1 - width / 2
    flag = _stroke(start, head, start - long * steep.cos(), head + long * steep.sin(), width)
    feet = _stroke(end - foot * height, base, end + foot * height, base, width) * (foot > 0)[:, None, None]
    drawn = torch.maximum(ink, torch.maximum(flag, feet))
    moved = (_centre(ink, place) - _centre(drawn, place)).round().long()
    source = torch.arange(SIDE, device=images.device) - moved[:, None]
    inside = (source >= 0) & (source < SIDE)
    drawn = drawn.gather(2, source.clamp(0, SIDE - 1)[:, None].expand_as(drawn)) * inside[:, None]
    result = images.clone()
    result[some, 0] = (255 * drawn).round().to(torch.uint8)
    return result


def _centre(ink: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
    """The mean column (N,) of ink (N, 28, 28)."""
    return (ink.sum(dim=1) @ place) / ink.sum(dim=(1, 2)).clamp_min(1e-6)


def _middle(ink: torch.Tensor, row: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
    """The mean column (N,) of the ink in one row of each image."""
    return _centre(ink[torch.arange(len(ink), device=ink.device), row][:, None], place)


def _stroke(
    x0: torch.Tensor, y0: torch.Tensor, x1: torch.Tensor, y1: torch.Tensor, width: torch.Tensor
) -> torch.Tensor:
    """Ink (N, 28, 28) in 0 … 1 of straight strokes between points (N,) each, with round ends."""
    middles = torch.arange(SIDE, device=x0.device) + 0.0
    x0, y0, x1, y1, width = (value[:, None, None] for value in (x0, y0, x1, y1, width))
    x, y = middles[None, None, :] - x0, middles[None, :, None] + 0.5 - y0
    along = ((x * (x1 - x0) + y * (y1 - y0)) / ((x1 - x0) ** 2 + (y1 - y0) ** 2).clamp_min(1e-6)).clamp(0, 1)
    away = (x - along * (x1 - x0)).hypot(y - along * (y1 - y0))
    return (width / 2 + 0.5 - away).clamp(0, 1)

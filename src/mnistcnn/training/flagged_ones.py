"""Adds a flag, and sometimes a foot, to ones: most of Europe writes them so, but few of MNIST's ones have any."""

import math

import torch

from mnistcnn.network.model import SIDE

# The share of training's ones that get a flag. With 0.7, fewer ones with flags, but more of MNIST's digits are misread.
SHARE = 0.25

_INK = 76  # a pixel with more than this, of 255, belongs to the digit
_ONE = 1
# The angle between flag and stem.
_NARROWEST = math.radians(20)
_WIDEST = math.radians(70)
_FLATTEST = math.radians(20)  # a flag falls at least so steeply: a flatter one would be the bar of a 7
# The length of a flag is 0.2 to 0.7 times the height, and less if the angle is wide.
_SHORTEST = 0.2
_LONGER = 0.5
_FEET = 0.3  # the share of flagged ones that also get a foot
# The reach of a foot to each side, as a share of the height.
_SHORTEST_FOOT = 0.12
_LONGEST_FOOT = 0.35


def sample_flags(count: int, generator: torch.Generator) -> torch.Tensor:
    """Sample for `count` images whether they get a flag if they are ones, and its form.

    The result is (count, 4) float32: 1 for a flag, 0 for none; the steepness and the length of the flag, each 0 … 1
    within its bounds; the reach of the foot to each side as a share of the height, 0 for no foot.
    """
    has, slant, length, foot = torch.rand(4, count, generator=generator)
    reach = _SHORTEST_FOOT + (_LONGEST_FOOT - _SHORTEST_FOOT) * foot / _FEET
    return torch.stack([(has < SHARE).float(), slant, length, reach * (foot < _FEET)], dim=1)


def add_flags(images: torch.Tensor, labels: torch.Tensor, sampled: torch.Tensor) -> torch.Tensor:
    """Draw flags and feet on the ones among uint8 images (N, 1, 28, 28) with digits `labels` (N,) int64.

    `sampled` (N, 4) float32 is from `sample_flags`. Flag and foot are as wide as the stem. The image is shifted by
    whole pixels so that the centre of the ink keeps its column, as MNIST's framing demands.
    """
    some = ((labels == _ONE) & (sampled[:, 0] > 0)).nonzero()[:, 0]
    _, slant, length, foot = sampled[some].T
    ink = images[some, 0].float() / 255
    place = torch.arange(SIDE, device=images.device, dtype=torch.float32)  # the numbers of rows and columns
    rows = (images[some, 0] > _INK).any(dim=2).float()
    top = rows.argmax(dim=1)
    bottom = SIDE - 1 - rows.flip(1).argmax(dim=1)
    start = _middle(ink, top, place)
    end = _middle(ink, bottom, place)
    height = bottom - top + 1.0
    lean = (start - end).atan2(height)
    width = ink.sum(dim=(1, 2)) / height.hypot(start - end)
    steep = (math.pi / 2 - lean - _NARROWEST - slant * (_WIDEST - _NARROWEST)).clamp_min(_FLATTEST)
    long = height * (_SHORTEST + _LONGER * length * (steep + lean).sin())
    head = top + width / 2
    base = bottom + 1 - width / 2
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
    """Compute the mean column (N,) of ink (N, 28, 28) in 0 … 1."""
    return (ink.sum(dim=1) @ place) / ink.sum(dim=(1, 2)).clamp_min(1e-6)


def _middle(ink: torch.Tensor, row: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
    """Compute the mean column (N,) of the ink in one row of each image; `row` is (N,) int64."""
    return _centre(ink[torch.arange(len(ink), device=ink.device), row][:, None], place)


def _stroke(
    x0: torch.Tensor, y0: torch.Tensor, x1: torch.Tensor, y1: torch.Tensor, width: torch.Tensor
) -> torch.Tensor:
    """Draw a straight stroke with round ends on each image: ink (N, 28, 28) in 0 … 1.

    The end points and widths are (N,), in pixels.
    """
    middles = torch.arange(SIDE, device=x0.device) + 0.0
    x0, y0, x1, y1, width = (value[:, None, None] for value in (x0, y0, x1, y1, width))
    x = middles[None, None, :] - x0
    y = middles[None, :, None] + 0.5 - y0
    along = ((x * (x1 - x0) + y * (y1 - y0)) / ((x1 - x0) ** 2 + (y1 - y0) ** 2).clamp_min(1e-6)).clamp(0, 1)
    away = (x - along * (x1 - x0)).hypot(y - along * (y1 - y0))
    return (width / 2 + 0.5 - away).clamp(0, 1)

"""What stands between the digits of a row: points, commas, colons, dashes and slashes.

Signs are told by their size, their place and, of slashes, their lean; what is none of these stays a mark without a
name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from mnistcnn.ink.threshold import SURE
from mnistcnn.reading.marks import Mark, join


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """The numbers of this stage, in heights of the row's digits unless they say otherwise; all are guesses."""

    most_point: float = 0.3  # either way
    least_point: float = 0.1  # either way; a smaller mark is dirt
    least_point_ink: float = 0.28  # 0 … 1, on average; a mark with less is dirt
    point_bottom: float = 0.35  # of a point's middle above the foot of the digits, at most
    comma_below: float = 0.08  # below the foot of the digits, at least
    most_comma: float = 0.6  # its height
    comma_times: float = 1.15  # as high as wide, at least
    dash_widths: float = 1.8  # times as wide as high, at least
    least_dash: float = 0.25  # its width
    most_dash: float = 1.2  # its width
    dash_middle: float = 0.3  # off the middle of the digits, at most
    slash_height: float = 1.15  # at least, of one of two slashes in a date
    single_slash_height: float = 1.5  # at least
    most_fraction_digits: int = 3  # on either side of a single slash
    slash_lean: float = 0.08  # columns to the right for a row up, at least
    slash_straightness: float = 0.5  # of a stroke's width, that its middle is off a straight line, at most
    most_slash_width_share: float = 0.9  # of its height


PARAMS = Params()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """A mark of a row that is not a digit; `text` is one of `. , : - /`, or None where it is none of these."""

    text: str | None
    mark: Mark


def find_signs(left_out: Sequence[Mark], digits: Sequence[Mark]) -> list[Sign]:
    """The signs among the marks of a row that were not read, given its `digits`, from left to right."""
    if not digits:
        return []
    height = float(np.median([digit.height for digit in digits]))
    signs: list[Sign] = []
    points: list[Mark] = []
    for mark in sorted(left_out, key=lambda mark: mark.x):
        foot = _foot(digits, mark.x)
        name = _name(mark, foot, height)
        if name == ".":
            points.append(mark)
        elif name is not None or max(mark.height, mark.width) > PARAMS.most_point * height:
            signs.append(Sign(text=name, mark=mark))
    while points:
        point = points.pop()
        foot = _foot(digits, point.x)
        above = [other for other in points if abs(other.x - point.x) < PARAMS.most_point * height]
        if above:
            points.remove(above[0])
            signs.append(Sign(text=":", mark=join([point, above[0]])))
        elif foot - point.y <= PARAMS.point_bottom * height:
            signs.append(Sign(text=".", mark=point))
    return sorted(signs, key=lambda sign: sign.mark.x)


def find_slashes(digits: Sequence[Mark], strokes: Sequence[bool]) -> list[int]:
    """Which of the marks of a row, read as digits from left to right, are slashes; `strokes` says which are read as 1s.

    A slash is a straight, leaning stroke, taller than the digits. Tall 1s are, too: two slashes have to part the row as
    a date is parted, and a single one, which has to be taller, as a fraction is.
    """
    likely = [
        i
        for i, stroke in enumerate(strokes)
        if stroke and _is_slash(digits[i], [mark for mark in digits if mark is not digits[i]])
    ]
    heights = sorted((digits[i].height for i in likely), reverse=True)
    if len(likely) == 2 or (len(likely) > 2 and heights[2] < heights[1]):  # a 1 may lean, but is not as tall
        pair = [i for i in likely if digits[i].height >= heights[1]]
        first, second, third = _groups(pair, len(digits))
        day_first = max(first, second) <= 2 <= third <= 4
        year_first = first == 4 and max(second, third) <= 2
        if (day_first or year_first) and min(first, second, third) >= 1:
            return pair
    groups = _groups(likely, len(digits))
    if len(likely) == 1 and min(groups) >= 1 and max(groups) <= PARAMS.most_fraction_digits:
        others = [mark.height for i, mark in enumerate(digits) if i not in likely]
        tall = digits[likely[0]].height >= PARAMS.single_slash_height * float(np.median(others))
        return likely if tall else []
    return []


def _groups(slashes: Sequence[int], count: int) -> list[int]:
    """How many digits stand before, between and after slashes; `count` is how many marks there are."""
    return [end - start - 1 for start, end in pairwise([-1, *slashes, count])]


def _is_slash(mark: Mark, others: Sequence[Mark]) -> bool:
    if not others or mark.width > PARAMS.most_slash_width_share * mark.height:
        return False
    if mark.height < PARAMS.slash_height * float(np.median([other.height for other in others])):
        return False
    lean, off = _lean(mark)
    return lean >= PARAMS.slash_lean and off <= PARAMS.slash_straightness


def _name(mark: Mark, foot: float, height: float) -> str | None:
    """What a mark is by itself; a point may be that of a colon."""
    is_faint = mark.ink.mean() < PARAMS.least_point_ink
    if max(mark.height, mark.width) < PARAMS.least_point * height or (is_faint and mark.width < 2 * mark.height):
        return None
    wide = mark.width >= PARAMS.dash_widths * mark.height
    if wide and PARAMS.least_dash * height <= mark.width <= PARAMS.most_dash * height:
        off = abs(mark.y - (foot - height / 2))
        return "-" if off <= PARAMS.dash_middle * height else None
    below = mark.bottom - foot
    low = below >= PARAMS.comma_below * height and mark.top > foot - PARAMS.most_point * height
    tall = mark.height >= PARAMS.comma_times * mark.width
    if low and tall and PARAMS.least_point * height <= mark.height <= PARAMS.most_comma * height:
        return ","
    if max(mark.height, mark.width) <= PARAMS.most_point * height:
        return "."
    return None


def _foot(digits: Sequence[Mark], x: float) -> float:
    """The foot of the digits around a place in the row."""
    near = sorted(digits, key=lambda digit: abs(digit.x - x))[:3]
    return float(np.median([digit.bottom for digit in near]))


def _lean(mark: Mark) -> tuple[float, float]:
    """How many columns to the right a mark leans for a row up, and how far its middle is off that, in stroke widths."""
    ink = mark.ink > SURE
    rows = np.flatnonzero(ink.any(axis=1))
    if len(rows) < 3:
        return 0.0, 0.0
    columns = np.arange(mark.width)
    widths = ink[rows].sum(axis=1)
    middles = (ink[rows] * columns).sum(axis=1) / widths
    x, y, x0, y0 = cv2.fitLine(
        np.stack([middles, rows], axis=1).astype(np.float32), cv2.DIST_HUBER, 0, 0.01, 0.01
    ).ravel()
    if abs(y) < 1e-3:
        return 0.0, np.inf
    expected = x0 + (rows - y0) * x / y
    off = float(np.abs(middles - expected).mean()) / max(float(np.median(widths)), 1.0)
    return float(-x / y), off

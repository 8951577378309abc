"""What may be one digit of a row: over-segmentation. `path` finds the best way to read it. No torch.

Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document recognition"
(1998), sections IV to VI.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby

import cv2
import numpy as np

from mnistcnn.ink.framing import Frame, Ink, center_digit
from mnistcnn.ink.strokes import adjust_strokes, stroke_width
from mnistcnn.ink.threshold import SURE
from mnistcnn.reading.cuts import FINE, MEDIUM, Cut, Spacing, between, find_cuts
from mnistcnn.reading.marks import Mark, crop, join
from mnistcnn.reading.rows import Row

_MOST_MARKS = 6  # in one digit
_WIDEST = 1.3  # heights of the row; no digit is wider
_MOST_MISFIT = 1.0  # factors of two
_FARTHEST = 0.25  # heights between the strokes of one digit
_WIDE = 1.1  # heights; each height beyond that costs one
_LOW, _HIGH = 0.42, 2.2  # heights that digits of one row have, in that of most
_SIZE_COST = 4.0  # for a factor of two beyond that
_TAIL, _HEAD = 1.5, 0.7  # heights; of taller digits what is below the head becomes as tall as the head
DIGIT_COST = 0.05  # of each digit, so that fewer explain the same ink
_NARROW, _BROAD = 0.7, 1.1  # heights: a mark no wider is one digit, most likely; a broader one is several
_NARROW_CUT = 3.0  # strokes that a cut through a narrow mark counts for, beside those cut through
_NARROW_COST = 1.05  # of such a cut
JOIN_COST = 2.0  # of strokes that lie beside each other
_SHAPE, _UPRIGHT = 0.7, 0.25  # width by height, of most digits and of a 1
_MOST_STRETCH = 1.5


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Pieces `first` to `last` (exclusive) of a row, as one digit, and what speaks against it."""

    first: int
    last: int
    mark: Mark
    height: float  # of the row's digits, in pixels
    stretch: float  # times; the hand's digits are so much narrower than MNIST's
    cuts: float  # strokes that were cut through at its sides; each cut counts for the segments on both sides of it
    narrow: float  # 0 … 1, how many of these cuts are through marks as narrow as one digit; counted in the same way
    joins: float  # strokes that lie beside each other: how many, and how far apart
    size: float  # factors of two that it is too small or too large

    @property
    def cost(self) -> float:
        """What its log probability loses by that."""
        wide = max(self.mark.width / self.height - _WIDE, 0.0)
        cost = DIGIT_COST + _NARROW_COST * self.narrow + JOIN_COST * self.joins
        return cost + _SIZE_COST * self.size + wide

    @cached_property
    def frame(self) -> Frame:
        """As MNIST shows it, with a long tail shortened, and as wide as MNIST's hands write."""
        ink = _shortened(self.mark.ink, self.height)
        if self.stretch > 1:
            size = round(self.stretch * ink.shape[1]), len(ink)
            ink = np.asarray(cv2.resize(ink, size, interpolation=cv2.INTER_LINEAR), dtype=np.float32)
        return center_digit(adjust_strokes(ink))


def _shortened(ink: Ink, height: float) -> Ink:
    """Ink much taller than its row's digits with its lower part squeezed: long tails make all else too small."""
    head = round(_HEAD * height)
    if len(ink) <= _TAIL * height or head < 2:
        return ink
    tail = cv2.resize(ink[head:], (ink.shape[1], head), interpolation=cv2.INTER_AREA)
    return np.concatenate([ink[:head], tail])


@dataclass(frozen=True, slots=True)
class Lattice:
    """All the ways to read a row: its pieces from left to right, and the segments of them."""

    pieces: list[Mark]
    segments: list[Segment]
    height: float


@dataclass(frozen=True, slots=True)
class _Piece:
    """What lies between two cuts of a mark, or a cut and its end."""

    whole: Mark
    left: Cut | None
    right: Cut | None
    mark: Mark

    def narrow(self, height: float) -> float:
        """0 … 1, whether the cut left of it is through a mark as narrow as one digit of a row; 0 at a gap."""
        share = (_BROAD - self.whole.width / height) / (_BROAD - _NARROW)
        return float(np.clip(share, 0, 1)) if self.left else 0.0


def build_lattice(row: Row, whole: Sequence[bool] | None = None, spacing: Spacing | None = None) -> Lattice:
    """The segments of a row; with `whole`, marks for which it is false are cut wherever touching digits may meet.

    Without a `spacing`, wide marks are cut more finely than narrow ones.
    """
    pieces = [
        piece
        for i, mark in enumerate(row.marks)
        for piece in _pieces(mark, row.height, whole is None or whole[i], spacing)
    ]
    narrow = [*(piece.narrow(row.height) for piece in pieces), 0.0]
    costs = [piece.left.cost if piece.left else 0.0 for piece in pieces]
    strokes = [cost + _NARROW_CUT * share for cost, share in zip([*costs, 0.0], narrow, strict=True)]  # 0 at a gap
    stretch = _stretch(row.marks)
    pen = max((stroke_width(mark.ink) for mark in row.marks), default=1.0)
    segments = []
    for first in range(len(pieces)):
        for last in range(first + 1, len(pieces) + 1):
            within = pieces[first:last]
            marks = [piece.mark for piece in within]
            if last - first > 1 and _gap(marks) > _FARTHEST * row.height:
                break
            mark = _joined(within)
            if last - first > 1 and mark.width > _WIDEST * row.height:
                break
            inside, size = strokes[first + 1 : last], _misfit(mark, row.height)
            if inside.count(0.0) >= _MOST_MARKS or size > _MOST_MISFIT:
                continue
            cuts, narrowly = (strokes[first] + strokes[last]) / 2, (narrow[first] + narrow[last]) / 2
            joins = _joins(marks, inside)
            segment = Segment(
                first=first,
                last=last,
                mark=mark,
                height=row.height,
                stretch=stretch,
                cuts=cuts,
                narrow=narrowly,
                joins=joins,
                size=size,
            )
            segments.append(segment)
            if cuts:
                segments.append(replace(segments[-1], mark=_sharing(mark, within, pen)))
    return Lattice([piece.mark for piece in pieces], segments, row.height)


def _pieces(mark: Mark, height: float, whole: bool, spacing: Spacing | None) -> list[_Piece]:
    """The pieces of a mark from left to right; where cuts cross, what lies between them is in two or in none."""
    pieces: list[_Piece] = []
    left, rest = None, mark
    spacing = spacing or (FINE if mark.width > _BROAD * height else MEDIUM)  # a narrow mark is one digit, most likely
    for right in [] if whole else find_cuts(mark, height, spacing):
        part, after = between(mark, left, right), between(mark, right, None)
        if part and after:
            pieces.append(_Piece(mark, left, right, part))
            left, rest = right, after
    return [*pieces, _Piece(mark, left, None, rest)]


def _joined(pieces: Sequence[_Piece]) -> Mark:
    """The ink from the first to the last of some pieces, as one mark."""
    if len(pieces) == 1:
        return pieces[0].mark
    groups = [list(group) for _, group in groupby(pieces, key=lambda piece: id(piece.whole))]
    return join(between(group[0].whole, group[0].left, group[-1].right) or group[0].mark for group in groups)


def _stretch(marks: Sequence[Mark]) -> float:
    """How much wider a row's digits must be to be as wide as MNIST's; 1 where they are, or are too few to tell."""
    shapes = [mark.width / mark.height for mark in marks]
    digits = [shape for shape in shapes if _UPRIGHT < shape < 1]  # neither a 1 nor several digits that touch
    return float(np.clip(_SHAPE / np.median(digits), 1, _MOST_STRETCH)) if len(digits) >= 3 else 1.0


def _sharing(mark: Mark, pieces: Sequence[_Piece], pen: float) -> Mark:
    """The mark of some pieces with the ink beside their cuts that is no farther from it than a stroke is wide."""
    reach = math.ceil(pen)
    near = []
    for whole in {id(piece.whole): piece.whole for piece in (pieces[0], pieces[-1])}.values():
        top, left = max(mark.top - reach, whole.top), max(mark.left - reach, whole.left)
        rows, columns = (
            slice(top - whole.top, mark.bottom + reach - whole.top),
            slice(left - whole.left, mark.right + reach - whole.left),
        )
        near.append(Mark(top, left, whole.ink[rows, columns]))
    both = join([mark, *near])
    own = np.zeros_like(both.ink)
    top, left = mark.top - both.top, mark.left - both.left
    own[top : top + mark.height, left : left + mark.width] = mark.ink
    close = cv2.distanceTransform((own <= SURE).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE) <= pen
    return crop(Mark(both.top, both.left, np.where(close, both.ink, np.float32(0)))) or mark


def _gap(pieces: Sequence[Mark]) -> int:
    """Between the last of some pieces and the others, in pixels."""
    return pieces[-1].left - max(other.right for other in pieces[:-1])


def _joins(pieces: Sequence[Mark], costs: Sequence[float]) -> float:
    """How far apart strokes lie that were not cut apart: those of one digit lie over each other, mostly."""
    return sum(_apart(pieces[:i], pieces[i]) for i, cost in enumerate(costs, start=1) if cost == 0)


def separation(marks: Sequence[Mark]) -> float:
    """How many of some marks, from left to right, lie beside those before them, and not over them."""
    return sum(_apart(marks[:i], marks[i]) for i in range(1, len(marks)))


def _apart(before: Sequence[Mark], mark: Mark) -> float:
    """0 where a mark lies over or under those before it, 1 where it lies beside them."""
    right = max(other.right for other in before)
    shared = (right - mark.left) / max(min(mark.width, right - before[0].left), 1)
    return min(max(1 - shared, 0.0), 1.0)


def _misfit(mark: Mark, height: float) -> float:
    share = mark.height / height
    return max(math.log2(_LOW / share), math.log2(share / _HIGH), 0.0)

"""Finds the segments of a row, which may be one digit each, by over-segmentation; `path` chooses among them.

Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document recognition"
(1998), sections IV to VI.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby

import cv2
import numpy as np

from mnistcnn.ink.framing import Frame, Ink, center_digit
from mnistcnn.ink.strokes import adjust_strokes
from mnistcnn.reading.cuts import Cut, between, find_cuts
from mnistcnn.reading.marks import Mark, join
from mnistcnn.reading.rows import Row

DIGIT_COST = 0.05  # log probability, of each digit, so that the reading with fewer digits is preferred; fitted
JOIN_COST = 2.0  # log probability, of each stroke that lies next to the others of its digit, and not over them; fitted


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """The hand-set numbers of this stage; heights are those of the row's digits, costs are log probabilities."""

    # What may be one digit.
    most_marks: int = 6  # that stand apart; fitted
    most_width_heights: float = 1.3  # of several pieces; fitted
    most_gap_heights: float = 0.25  # between a piece and those before it; fitted
    least_height_share: float = 0.42  # of the row's height; a lower segment is too small; fitted
    most_height_times: float = 2.2  # the row's height; a taller segment is too large; fitted
    most_size_doublings: float = 1.0  # too small or too large; fitted

    # What a segment costs.
    size_cost: float = 4.0  # for each doubling by which it is too small or too large; fitted
    wide_heights: float = 1.1  # a wider segment costs 1 for each height beyond; fitted
    narrow_heights: float = 0.7  # a mark that is no wider is most likely one digit; fitted
    broad_heights: float = 1.1  # a wider mark is most likely several digits; fitted
    narrow_cut_cost: float = 1.05  # for a cut through a narrow mark; fitted
    narrow_cut_strokes: float = 3.0  # such a cut counts as many strokes more than it cuts through; fitted

    # How a segment becomes a frame.
    tail_heights: float = 1.5  # of a taller segment the tail, all below the head, is made as tall as the head; fitted
    head_heights: float = 0.7  # of such a segment; fitted
    upright_width_share: float = 0.25  # of its height; a narrower mark is a 1; fitted
    usual_width_share: float = 0.7  # of their height, the width of most of MNIST's digits; fitted
    most_stretch_times: float = 1.5  # in width; fitted
    least_stretch_digits: int = 3  # fewer digits do not show how narrow a hand writes; fitted


PARAMS = Params()


@dataclass(frozen=True, kw_only=True)
class Segment:
    """The pieces `first` to `last` (exclusive) of a row as one digit, and the evidence against it."""

    first: int
    last: int
    mark: Mark
    height: float  # of the row's digits, in pixels
    stretch: float  # times its width; the hand's digits are this much narrower than MNIST's
    cuts: float  # strokes that were cut through at its sides, half of each cut; more where the mark is narrow
    narrow: float  # 0 … 1, how many of these cuts are through marks as narrow as one digit; each counts half
    joins: float  # strokes that lie next to each other, 0 … 1 each by how far they are apart
    size: float  # doublings by which it is too small or too large

    @property
    def cost(self) -> float:
        """How much its size, its width, its joins and narrow cuts subtract from the log probability of a path."""
        wide = max(self.mark.width / self.height - PARAMS.wide_heights, 0.0)
        cost = DIGIT_COST + PARAMS.narrow_cut_cost * self.narrow + JOIN_COST * self.joins
        return cost + PARAMS.size_cost * self.size + wide

    @cached_property
    def frame(self) -> Frame:
        """The frame (28, 28) uint8 of the digit: a long tail is shortened, the digit of a narrow hand is widened."""
        ink = _shortened(self.mark.ink, self.height)
        if self.stretch > 1:
            size = round(self.stretch * ink.shape[1]), len(ink)
            ink = np.asarray(cv2.resize(ink, size, interpolation=cv2.INTER_LINEAR), dtype=np.float32)
        return center_digit(adjust_strokes(ink))


def _shortened(ink: Ink, height: float) -> Ink:
    """Ink with its lower part squeezed if it is much taller than its row's digits.

    Scaled into a frame, a digit with a long tail would be too small.
    """
    head = round(PARAMS.head_heights * height)
    if len(ink) <= PARAMS.tail_heights * height or head < 2:
        return ink
    tail = cv2.resize(ink[head:], (ink.shape[1], head), interpolation=cv2.INTER_AREA)
    return np.concatenate([ink[:head], tail])


@dataclass(frozen=True, slots=True)
class Lattice:
    """A row's pieces from left to right, and the segments made of them; `height` is the row's, in pixels.

    `cut_costs` has the cost of the cut at the left end of each piece and at the end of the row, 0 at a gap.
    """

    pieces: list[Mark]
    segments: list[Segment]
    height: float
    cut_costs: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """The ink between two cuts of a mark, or between a cut and an end of the mark, where the cut is None."""

    origin: Mark
    left: Cut | None
    right: Cut | None
    mark: Mark

    def narrowness(self, height: float) -> float:
        """0 … 1: 1 if the mark that the left cut divides is as narrow as one digit, 0 if it is broad or not cut."""
        if not self.left:
            return 0.0
        share = (PARAMS.broad_heights - self.origin.width / height) / (PARAMS.broad_heights - PARAMS.narrow_heights)
        return float(np.clip(share, 0, 1))


def build_lattice(row: Row, uncut: Sequence[bool] | None = None) -> Lattice:
    """The lattice of a row; with `uncut`, marks for which it is false are cut wherever touching digits may meet."""
    pieces: list[_Piece] = []
    for i, mark in enumerate(row.marks):
        pieces += _pieces(mark, row.height, uncut is None or uncut[i])
    # One entry for the left end of each piece and one for the right end of the row; 0 at a gap.
    narrow = [*(piece.narrowness(row.height) for piece in pieces), 0.0]
    costs = [*(piece.left.cost if piece.left else 0.0 for piece in pieces), 0.0]
    strokes = [cost + PARAMS.narrow_cut_strokes * share for cost, share in zip(costs, narrow, strict=True)]
    stretch = _stretch(row.marks)
    segments = []
    for first in range(len(pieces)):
        for last in range(first + 1, len(pieces) + 1):
            within = pieces[first:last]
            marks = [piece.mark for piece in within]
            if last - first > 1 and _gap(marks) > PARAMS.most_gap_heights * row.height:
                break
            mark = _joined(within)
            if last - first > 1 and mark.width > PARAMS.most_width_heights * row.height:
                break
            inside = strokes[first + 1 : last]
            size = _misfit(mark, row.height)
            if inside.count(0.0) >= PARAMS.most_marks or size > PARAMS.most_size_doublings:
                continue
            segments.append(
                Segment(
                    first=first,
                    last=last,
                    mark=mark,
                    height=row.height,
                    stretch=stretch,
                    cuts=(strokes[first] + strokes[last]) / 2,
                    narrow=(narrow[first] + narrow[last]) / 2,
                    joins=_joins(marks, inside),
                    size=size,
                )
            )
    return Lattice([piece.mark for piece in pieces], segments, row.height, costs)


def _pieces(mark: Mark, height: float, uncut: bool) -> list[_Piece]:
    """The pieces of a mark from left to right; where cuts cross, the ink between them is in two pieces or in none."""
    pieces: list[_Piece] = []
    left = None
    rest = mark
    for right in [] if uncut else find_cuts(mark, height):
        part = between(mark, left, right)
        after = between(mark, right, None)
        if part and after:
            pieces.append(_Piece(origin=mark, left=left, right=right, mark=part))
            left = right
            rest = after
    return [*pieces, _Piece(origin=mark, left=left, right=None, mark=rest)]


def _joined(pieces: Sequence[_Piece]) -> Mark:
    """The ink from the first to the last of a row's consecutive pieces, as one mark."""
    if len(pieces) == 1:
        return pieces[0].mark
    groups = [list(group) for _, group in groupby(pieces, key=lambda piece: id(piece.origin))]
    return join(between(group[0].origin, group[0].left, group[-1].right) or group[0].mark for group in groups)


def _stretch(marks: Sequence[Mark]) -> float:
    """How many times wider a row's digits must become to be as wide as MNIST's; 1 if there are too few to say."""
    shapes = [mark.width / mark.height for mark in marks]
    digits = [shape for shape in shapes if PARAMS.upright_width_share < shape < 1]  # no 1s, no digits that touch
    if len(digits) < PARAMS.least_stretch_digits:
        return 1.0
    return float(np.clip(PARAMS.usual_width_share / np.median(digits), 1, PARAMS.most_stretch_times))


def _gap(pieces: Sequence[Mark]) -> int:
    """The gap between the last piece and the ones before it, in pixels; negative if they overlap."""
    return pieces[-1].left - max(other.right for other in pieces[:-1])


def _joins(pieces: Sequence[Mark], costs: Sequence[float]) -> float:
    """How far apart strokes lie that were not cut apart: the strokes of one digit mostly lie over each other.

    `costs` (pieces - 1,) are those of the cuts between the pieces, 0 at a gap.
    """
    return sum(_apart(pieces[:i], pieces[i]) for i, cost in enumerate(costs, start=1) if cost == 0)


def separation(marks: Sequence[Mark]) -> float:
    """How many of the marks, from left to right, lie next to the ones before them and not over them."""
    return sum(_apart(marks[:i], marks[i]) for i in range(1, len(marks)))


def _apart(before: Sequence[Mark], mark: Mark) -> float:
    """0 if a mark lies over or under the ones before it, 1 if it lies next to them, or between."""
    right = max(other.right for other in before)
    shared = (right - mark.left) / max(min(mark.width, right - before[0].left), 1)
    return min(max(1 - shared, 0.0), 1.0)


def _misfit(mark: Mark, height: float) -> float:
    """By how many doublings a mark is too small or too large for a digit of its row; 0 if it fits."""
    share = mark.height / height
    too_small = math.log2(PARAMS.least_height_share / share)
    too_large = math.log2(share / PARAMS.most_height_times)
    return max(too_small, too_large, 0.0)

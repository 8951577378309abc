"""Reads rows of marks: scores their segments, again where marks are cut, and keeps the best path through each row."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mnistcnn.ink.framing import Frame
from mnistcnn.reading.lattice import Lattice, Segment, build_lattice
from mnistcnn.reading.path import LOOSE_HEIGHTS, best_path, extent
from mnistcnn.reading.rows import Row
from mnistcnn.reading.signs import Sign, find_signs, find_slashes

STROKES = (1, 7)  # digits that any bare stroke looks like
# A log probability: ink that falls into nothing but 1s is read as one digit if that is likelier than this; guess.
LEAST_ONE_DIGIT = math.log(0.02)

Score = Callable[[Sequence[Frame]], "Scores"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """The hand-set numbers of this stage; heights are those of the row's digits."""

    # Which marks of a row are cut.
    whole_log_probability: float = math.log(0.5)  # a mark that is more likely one digit is not cut; fitted
    most_whole_heights: float = 1.3  # a wider mark is cut even if it is likely one digit; fitted
    most_cut_heights: float = 15.0  # a row with wider marks to cut is a line of text and is not cut; fitted

    # The weights of a segment's score; the detector is too sure of segments, so that a path weights its log odds less.
    digit_share: float = 0.8  # of the digit's log probability, outside of paths; fitted
    path_digit_share: float = 0.2  # of the digit's log probability, in a path; fitted
    path_odds_share: float = 0.55  # of the log odds that it is one digit, in a path; fitted

    # The confidence of a digit: its log odds gain an offset, and each stroke that was cut through costs some.
    row_offset_log_odds: float = 2.5  # for a digit next to others; fitted
    single_offset_log_odds: float = 1.0  # for a digit by itself; guess
    strokes_offset_log_odds: float = -0.5  # for the digits of a row of nothing but 1s and 7s; guess
    cut_cost: float = 0.2  # of the log confidence, for each stroke that was cut through; fitted


PARAMS = Params()


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of N frames.

    `probabilities` (N, 10) are those of the digits, `log_odds` (N,) those that a frame shows one digit at all, and
    `doubted` (N,) says where the detector does not take the frame for one digit.
    """

    probabilities: NDArray[np.float64]
    log_odds: NDArray[np.float64]
    doubted: NDArray[np.bool_]

    def __getitem__(self, which: slice | NDArray[np.intp] | list[int]) -> Scores:
        """The scores of the frames with these indices."""
        return Scores(self.probabilities[which], self.log_odds[which], self.doubted[which])

    @property
    def digits(self) -> list[int]:
        """The likeliest digit of each frame, (N,)."""
        return [int(digit) for digit in self.probabilities.argmax(axis=1)]

    @property
    def log_probabilities(self) -> NDArray[np.float64]:
        """The log probability (N,) that each frame shows one digit, and the likeliest one."""
        return self.weighted(digit_share=PARAMS.digit_share)

    @property
    def path_scores(self) -> NDArray[np.float64]:
        """The score (N,) of each frame in a path: that it shows one digit counts more than which digit it is."""
        return self.weighted(digit_share=PARAMS.path_digit_share, odds_share=PARAMS.path_odds_share)

    def weighted(
        self, digit_share: float = 1.0, odds_share: float = 1.0, odds_offset: float = 0.0
    ) -> NDArray[np.float64]:
        """The weighted sum (N,) of two log probabilities: of the likeliest digit, and that the frame shows one digit.

        The log odds that the frame shows one digit are multiplied by `odds_share` and raised by `odds_offset`.
        """
        if len(self.probabilities) == 0:
            return np.zeros(0)
        best = np.log(np.maximum(self.probabilities.max(axis=1), 1e-9))
        return np.asarray(digit_share * best - np.logaddexp(0, -odds_share * self.log_odds - odds_offset))


@dataclass(frozen=True, slots=True)
class RowReading:
    """The reading of a row whose digits are `height` pixels tall: its segments from left to right, and their scores.

    The higher its `value`, the better it explains the row: weighted log probabilities less costs, of the best path
    before strokes are merged and slashes and dirt are taken out.
    """

    height: float
    segments: list[Segment]
    scores: Scores
    value: float
    signs: list[Sign] = field(default_factory=list)

    @property
    def cuts(self) -> NDArray[np.float64]:
        """The `cuts` of each digit, (N,); 0 for a digit that stands alone."""
        return np.array([segment.cuts for segment in self.segments])

    @property
    def confidences(self) -> NDArray[np.float64]:
        """The probability (N,) that each digit is right, 0 … 1; their product, that all are, is calibrated on numbers.

        A digit by itself has less confidence, since nothing around it shows that it is one; so have bare strokes.
        """
        offset = PARAMS.row_offset_log_odds
        if len(self.segments) <= 1:
            offset = PARAMS.single_offset_log_odds
        elif set(self.scores.digits) <= set(STROKES):
            offset = PARAMS.strokes_offset_log_odds
        return np.asarray(np.exp(self.scores.weighted(odds_offset=offset) - PARAMS.cut_cost * self.cuts))


def read_rows(rows: Sequence[Row], score: Score) -> list[RowReading]:
    """Read rows of marks; each row has one reading, which may have no digits. `score` scores frames."""
    lattices = [build_lattice(row) for row in rows]
    scored = _scored(lattices, score)
    uncut = [_find_uncut(row, lattice, scores) for row, lattice, scores in zip(rows, lattices, scored, strict=True)]
    again = [i for i, row in enumerate(rows) if _is_to_cut(row, uncut[i])]
    cut = [build_lattice(rows[i], uncut[i]) for i in again]
    for i, lattice, scores in zip(again, cut, _scored(cut, score), strict=True):
        lattices[i] = lattice
        scored[i] = scores
    return [_read_lattice(row, lattice, scores) for row, lattice, scores in zip(rows, lattices, scored, strict=True)]


def _read_lattice(row: Row, lattice: Lattice, scores: Scores) -> RowReading:
    """The best path through a lattice, and the signs between its digits."""
    path, value = best_path(lattice, scores.path_scores, scores.digits)
    path = _without_bare_strokes(path, lattice, scores)
    read = set()
    for i in path:
        segment = lattice.segments[i]
        read |= {id(piece) for piece in lattice.pieces[segment.first : segment.last]}
    cut = {id(mark) for mark in row.marks} - {id(piece) for piece in lattice.pieces}
    left_out = [mark for mark in row.marks if id(mark) not in read | cut]
    read_marks = [lattice.segments[i].mark for i in path]
    slashes = [path[at] for at in find_slashes(read_marks, [scores.digits[i] == 1 for i in path])]
    path = [i for i in path if i not in slashes]
    segments = [lattice.segments[i] for i in path]
    signs = find_signs(left_out, [segment.mark for segment in segments])
    signs += [Sign(text="/", mark=lattice.segments[i].mark) for i in slashes]
    signs.sort(key=lambda sign: sign.mark.x)
    return RowReading(lattice.height, segments, scores[path], value, signs)


def _without_bare_strokes(path: list[int], lattice: Lattice, scores: Scores) -> list[int]:
    """The path without marks that fall into nothing but 1s if the whole may be one digit: a 1 with a foot, an M."""
    chosen = list(path)
    start = 0
    while start < len(chosen):
        end = start + 1
        while end < len(chosen) and _is_cut_before(lattice, chosen[end - 1], chosen[end]):
            end += 1
        run = chosen[start:end]
        if len(run) > 1 and all(scores.digits[i] == 1 for i in run):
            merged = _likeliest_segment(lattice, scores, lattice.segments[run[0]].first, lattice.segments[run[-1]].last)
            if merged is not None:
                chosen[start:end] = [merged]
                end = start + 1
        start = end
    return chosen


def _likeliest_segment(lattice: Lattice, scores: Scores, first: int, last: int) -> int | None:
    """The index of the likeliest segment from piece `first` to `last` (exclusive); None if no segment is likely."""
    log_probabilities = scores.log_probabilities
    likely = [
        i
        for i, segment in enumerate(lattice.segments)
        if (segment.first, segment.last) == (first, last) and log_probabilities[i] > LEAST_ONE_DIGIT
    ]
    return max(likely, key=lambda i: float(log_probabilities[i]), default=None)


def _is_cut_before(lattice: Lattice, left: int, right: int) -> bool:
    """Whether segment `right` follows segment `left` after a cut through the mark of both."""
    first = lattice.segments[right].first
    return lattice.segments[left].last == first and lattice.cut_costs[first] > 0


def read_segment(segment: Segment, score: Score) -> RowReading:
    """Read a segment as a row of one digit."""
    scores = score([segment.frame])
    value = float(scores.path_scores[0]) - segment.cost
    return RowReading(segment.height, [segment], scores, value)


def _scored(lattices: Sequence[Lattice], score: Score) -> list[Scores]:
    """The scores of each lattice's segments; all segments are scored in one call."""
    frames = [segment.frame for lattice in lattices for segment in lattice.segments]
    scores = score(frames)
    ends = np.cumsum([0, *(len(lattice.segments) for lattice in lattices)])
    return [scores[start:end] for start, end in pairwise(ends)]


def _is_to_cut(row: Row, uncut: Sequence[bool]) -> bool:
    """Whether a row has marks to cut, but not as many as a line of text."""
    width = sum(mark.width for mark, stays in zip(row.marks, uncut, strict=True) if not stays)
    return not row.crowded and 0 < width <= PARAMS.most_cut_heights * row.height


def _find_uncut(row: Row, lattice: Lattice, scores: Scores) -> list[bool]:
    """For each mark of a row, whether it stays uncut: it is small, likely one digit, or a stroke of one digit."""
    uncut = [extent(mark) < LOOSE_HEIGHTS * row.height for mark in row.marks]
    likely = scores.log_probabilities
    path, _ = best_path(lattice, likely, scores.digits)
    for i in path:
        segment = lattice.segments[i]
        narrow = segment.mark.width <= PARAMS.most_whole_heights * row.height
        if likely[i] > PARAMS.whole_log_probability and narrow:
            uncut[segment.first : segment.last] = [True] * (segment.last - segment.first)
    return uncut

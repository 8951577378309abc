"""Rows of marks → digits: the segments of all rows are scored together, twice, and the best path is taken. No torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mnistcnn.ink.framing import Frame
from mnistcnn.reading.lattice import Lattice, Segment, build_lattice
from mnistcnn.reading.path import best_path
from mnistcnn.reading.rows import Row
from mnistcnn.reading.signs import Sign, find_signs, find_slashes

_LIKELY = math.log(0.7)  # a mark that is more likely one digit than not is left whole
_WHOLE = 1.3  # heights of the row; wider marks are cut all the same
_LEAST_WHOLE = math.log(0.02)  # the log probability of a digit that is more likely than several bare strokes; guess
_MOST_CUT = 15  # heights of the row; more that touches is a line of text

# What the log probability of a digit counts for, beside that of being one digit at all; fitted.
_DIGIT_SHARE = 0.8
# And in a path, where the log odds of being one digit are taken times this: of segments the detector is too sure.
_PATH_DIGIT_SHARE, _PATH_ODDS_SHARE = 0.2, 0.55

# How sure a row is: what each digit's log odds gain, and what each stroke that was cut through takes away; fitted.
_ODDS_OFFSET, _CUT_DOUBT = 2.5, 0.2
_SINGLE_ODDS_OFFSET = 1.0  # likewise, of a digit by itself; guess
_STROKES_ODDS_OFFSET = -0.5  # likewise, of 1s and 7s without any other digit; guess
STROKES = (1, 7)  # digits that a stroke of anything looks like

Score = Callable[[Sequence[Frame]], "Scores"]


@dataclass(frozen=True, slots=True)
class Scores:
    """Of N frames: probabilities (N, 10) of the digits; log odds (N,) that it is one digit at all; doubted (N,)."""

    probabilities: NDArray[np.float64]
    log_odds: NDArray[np.float64]
    doubted: NDArray[np.bool_]

    def __getitem__(self, which: slice | NDArray[np.intp] | list[int]) -> Scores:
        """Those of some of the frames."""
        return Scores(self.probabilities[which], self.log_odds[which], self.doubted[which])

    @property
    def digits(self) -> list[int]:
        """(N,), the likeliest one of each."""
        return [int(digit) for digit in self.probabilities.argmax(axis=1)]

    @property
    def log_probabilities(self) -> NDArray[np.float64]:
        """(N,), of being just one digit, and that one."""
        return self.weighted(digit_share=_DIGIT_SHARE)

    @property
    def path_scores(self) -> NDArray[np.float64]:
        """The same as it counts in a path: that a segment is one digit, more than which one."""
        return self.weighted(_PATH_DIGIT_SHARE, _PATH_ODDS_SHARE)

    def weighted(
        self, digit_share: float = 1.0, odds_share: float = 1.0, odds_offset: float = 0.0
    ) -> NDArray[np.float64]:
        """(N,), the log probability of the digit, and of being one digit at all, each as much as it is to count."""
        best = np.log(np.maximum(self.probabilities.max(axis=1), 1e-9)) if len(self.probabilities) else np.zeros(0)
        return np.asarray(digit_share * best - np.logaddexp(0, -odds_share * self.log_odds - odds_offset))


@dataclass(frozen=True, slots=True)
class RowReading:
    """The digits of a row, `height` pixels tall, from left to right; the higher `value`, the better they explain it."""

    height: float
    segments: list[Segment]
    scores: Scores
    value: float
    signs: list[Sign] = field(default_factory=list)

    @property
    def cuts(self) -> NDArray[np.float64]:
        """How many strokes were cut through for each digit; 0 for one that stands alone."""
        return np.array([segment.cuts for segment in self.segments])

    @property
    def confidences(self) -> NDArray[np.float64]:
        """That each digit is right (0 … 1); their product, that all are, is calibrated on composed numbers.

        A digit by itself gains less, since nothing around it says that it is one; so do several strokes.
        """
        offset = _ODDS_OFFSET if len(self.segments) > 1 else _SINGLE_ODDS_OFFSET
        if len(self.segments) > 1 and set(self.scores.digits) <= set(STROKES):
            offset = _STROKES_ODDS_OFFSET
        return np.asarray(np.exp(self.scores.weighted(odds_offset=offset) - _CUT_DOUBT * self.cuts))


def read_rows(rows: Sequence[Row], score: Score) -> list[RowReading]:
    """Read rows of marks, one reading a row, which may have no digits; `score` scores frames."""
    lattices = [build_lattice(row) for row in rows]
    scored = _scored(lattices, score)
    wholes = [_whole(row, lattice, scores) for row, lattice, scores in zip(rows, lattices, scored, strict=True)]
    again = [i for i, (row, whole) in enumerate(zip(rows, wholes, strict=True)) if _may_touch(row, whole)]
    cut = [build_lattice(rows[i], wholes[i]) for i in again]
    for i, lattice, scores in zip(again, cut, _scored(cut, score), strict=True):
        lattices[i], scored[i] = lattice, scores
    return [_read_lattice(row, lattice, scores) for row, lattice, scores in zip(rows, lattices, scored, strict=True)]


def _read_lattice(row: Row, lattice: Lattice, scores: Scores) -> RowReading:
    """The best path through a lattice, and the signs between its digits."""
    path, value = best_path(lattice, scores.path_scores, scores.digits)
    path = _without_bare_strokes(path, lattice, scores)
    read = {id(piece) for i in path for piece in lattice.pieces[lattice.segments[i].first : lattice.segments[i].last]}
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
    """A path in which no mark falls into nothing but 1s, if the whole of it may be one digit: a 1 with a foot, an M."""
    chosen = list(path)
    start = 0
    while start < len(chosen):
        end = start + 1
        while end < len(chosen) and _is_cut_between(lattice.segments[chosen[end - 1]], lattice.segments[chosen[end]]):
            end += 1
        run = chosen[start:end]
        if len(run) > 1 and all(scores.digits[i] == 1 for i in run):
            first, last = lattice.segments[run[0]].first, lattice.segments[run[-1]].last
            whole = [
                i
                for i, segment in enumerate(lattice.segments)
                if segment.first == first and segment.last == last and scores.log_probabilities[i] > _LEAST_WHOLE
            ]
            if whole:
                chosen[start:end] = [max(whole, key=lambda i: float(scores.log_probabilities[i]))]
                end = start + 1
        start = end
    return chosen


def _is_cut_between(left: Segment, right: Segment) -> bool:
    return left.last == right.first and left.cuts > 0 and right.cuts > 0


def read_segment(segment: Segment, score: Score) -> RowReading:
    """A row of one digit: a segment as it is."""
    scores = score([segment.frame])
    value = float(scores.path_scores[0]) - segment.cost
    return RowReading(segment.height, [segment], scores, value)


def _scored(lattices: Sequence[Lattice], score: Score) -> list[Scores]:
    """The scores of each lattice's segments, all of them computed at once."""
    frames = [segment.frame for lattice in lattices for segment in lattice.segments]
    scores = score(frames)
    ends = np.cumsum([0, *(len(lattice.segments) for lattice in lattices)])
    return [scores[start:end] for start, end in pairwise(ends)]


def _may_touch(row: Row, whole: Sequence[bool]) -> bool:
    """Whether there are marks to cut apart; in lines of text there are too many."""
    width = sum(mark.width for mark, one in zip(row.marks, whole, strict=True) if not one)
    return not row.crowded and 0 < width <= _MOST_CUT * row.height


def _whole(row: Row, lattice: Lattice, scores: Scores) -> list[bool]:
    """Which marks of a row are, as a whole, part of what is likely one digit."""
    whole = [False] * len(row.marks)
    likely = scores.log_probabilities
    for i in best_path(lattice, likely, scores.digits)[0]:
        segment = lattice.segments[i]
        if likely[i] > _LIKELY and segment.mark.width <= _WHOLE * row.height:
            whole[segment.first : segment.last] = [True] * (segment.last - segment.first)
    return whole

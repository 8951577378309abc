"""One digit or a number: which rows are digits at all, and what explains an image better. No torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mnistcnn.reading.lattice import DIGIT_COST, JOIN_COST, separation
from mnistcnn.reading.scores import STROKES, RowReading
from mnistcnn.reading.whole import Whole

_LEAST_ALONE = math.log(0.02)  # the log probability of a digit that is more likely than several bare strokes; guess
_ONE_DIGIT_WIDE = 0.95  # heights; a connected mark that is no wider is one digit; fitted
_STROKE_EVIDENCE = 0.8  # of each 1; guess
_DIGIT_EVIDENCE = 1.4  # of each digit; a digit is evidence if it is more likely than 1 / e
_CLEARER = 0.05  # the log probability by which a part of the ink must be clearer than all of it
_LEAST_ROW = math.log(0.08)  # the mean log probability; a row of less is no row of digits
_CLEAR, _SEVERAL = math.log(0.6), 3  # so many clear digits are several, however much like one they look together
_LEAST_ALIKE = math.log(0.05)  # of a row as tall as one that is
_CUT_MARGIN = 0.7  # by which digits that were cut apart must explain more than one digit does
_LEAST_TOGETHER = math.log(0.82)  # of digits that all touch, times how many of them are more than strokes
_SMALL = 0.35  # heights of the row; what is larger is a digit that is hard to read, and not dirt
_SMALLISH = 0.6  # heights of the row; a mark as small needs more than a digit's least odds; guess
_LEAST_SMALLISH_ODDS = -2.0  # log odds; guess
_MOST_DOUBTED_SHARE = 0.5  # of a row's marks, if another row has no doubted one; guess
_LEAST_ODDS = -6.0  # the log odds from which on even what stands among clear digits is doubted
_LEAST_EACH = math.log(0.6)  # the mean log confidence of an image's digits
_ALIKE, _UNLIKE = 1.25, 1.8  # times; rows differ as little in height, those of one or two digits less than that


def plausible(rows: Sequence[RowReading]) -> list[RowReading]:
    """Those of the rows found that are digits, most likely; others only if they are much like the longest."""
    rows = [row for row in map(_without_dirt, rows) if row.segments]
    likely = [float(row.scores.log_probabilities.mean()) for row in rows]
    at = max(range(len(rows)), key=lambda i: len(rows[i].segments), default=0)
    any_clear = any(len(row.segments) >= _SEVERAL and not row.scores.doubted.any() for row in rows)
    kept = []
    for i, row in enumerate(rows):
        low, high = sorted((row.height, rows[at].height))
        short = len(row.segments) <= min(2, len(rows[at].segments) // 2)
        alike = likely[at] >= _LEAST_ROW and high <= _ALIKE * low
        doubted = row.scores.doubted
        mostly_doubted = any_clear and doubted.sum() >= _SEVERAL and doubted.mean() >= _MOST_DOUBTED_SHARE
        fits = high <= _UNLIKE * low or not short
        if likely[i] >= (_LEAST_ALIKE if alike else _LEAST_ROW) and fits and not mostly_doubted:
            kept.append(row)
    return kept


def _without_dirt(row: RowReading) -> RowReading:
    """A row without dirt: small marks and those at the page's edge, if they are hardly digits.

    Other doubted marks among clear digits are hardly legible digits.
    """
    extents = np.array([max(segment.mark.height, segment.mark.width) for segment in row.segments])
    cut_off = np.array([segment.mark.cut_off for segment in row.segments], dtype=bool)
    small = extents < _SMALL * row.height
    smaller = (extents < _SMALLISH * row.height) & (row.scores.log_odds < _LEAST_SMALLISH_ODDS)
    if (~row.scores.doubted).sum() < _SEVERAL:  # what is at the edge may be all there is
        cut_off &= False
    dirt = ((small | cut_off) & row.scores.doubted) | smaller
    kept = np.flatnonzero(~dirt)
    scores = row.scores[kept]
    if len(kept) and np.median(scores.log_odds) > 0:
        scores = replace(scores, doubted=scores.doubted & (scores.log_odds < _LEAST_ODDS))
    return replace(row, segments=[row.segments[i] for i in kept], scores=scores)


def interpret(whole: Whole | None, one: RowReading | None, rows: Sequence[RowReading]) -> list[RowReading]:
    """The rows that explain a look best: those of them that are digits, or all of the ink as `one` digit."""
    rows = plausible(rows)
    if one is None or whole is None:
        return rows
    if not rows or not number_wins(whole, one, rows):
        return [one]
    return rows


def number_wins(whole: Whole, one: RowReading, rows: Sequence[RowReading]) -> bool:
    """Whether the digits in `rows` explain a look better than `one` digit does, which has all of its ink."""
    likely = np.concatenate([row.scores.log_probabilities for row in rows])
    uncut = np.concatenate([row.cuts == 0 for row in rows])
    alone, doubted = float(one.scores.log_probabilities[0]), bool(one.scores.doubted[0])
    if len(likely) == 1:
        return bool(uncut[0] and likely[0] > alone + _CLEARER)
    read = [digit for row in rows for digit in row.scores.digits]
    if not uncut.any() and whole.alone and whole.mark.width <= _ONE_DIGIT_WIDE * whole.mark.height:
        return False
    if not uncut.any() and all(digit == 1 for digit in read) and (whole.alone or alone > _LEAST_ALONE):
        return False  # a 1 with a foot, an M: a mark that falls into nothing but strokes
    if not uncut.any() and likely.mean() < _LEAST_TOGETHER * (~np.isin(read, STROKES)).sum():
        return False  # letters and signs fall into strokes like those of digits, too
    if (uncut & (likely > _CLEAR)).sum() >= _SEVERAL:
        return True
    apart = sum(separation([segment.mark for segment in row.segments]) for row in rows) + len(rows) - 1
    margin = 0.0 if doubted or uncut.all() else _CUT_MARGIN  # what hangs together is one digit, mostly
    value = alone - DIGIT_COST - JOIN_COST * apart
    return bool((doubted and likely.mean() > alone) or sum(row.value for row in rows) > value + margin)


def evidence(rows: Sequence[RowReading]) -> float:
    """How much of an image some rows explain: a clear digit counts most, a 1 less, any other mark less than 0.

    Readings of the same ink are compared by their value; this compares readings of different ink. A digit that was cut
    out of a mark counts less, since blots and shadows can be cut into strokes, too; and so does a 1, since the edges of
    shadows and tables look like one.
    """
    total = 0.0
    for row in rows:
        strokes = np.array(row.scores.digits) == 1
        counted = np.where(strokes, _STROKE_EVIDENCE, _DIGIT_EVIDENCE) / (1 + row.cuts)
        total += row.value + float(counted.sum())
    return total


def doubted_digits(row: RowReading, rows: Sequence[RowReading]) -> NDArray[np.bool_]:
    """Which digits (N,) of a row may not be digits, from left to right; the row is one of `rows`, those of the image.

    If the image's digits are unlikely on average, the unlikely ones are doubted, and all of a row in which all touch:
    the letters of a word fall into strokes.
    """
    doubted = row.scores.doubted
    all_confidences = np.concatenate([each.confidences for each in rows])
    if np.log(all_confidences).mean() >= _LEAST_EACH:
        return doubted
    return doubted | (np.log(row.confidences) < _LEAST_EACH) | bool((row.cuts > 0).all())

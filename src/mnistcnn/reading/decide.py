"""Decides which rows of a look are digits, and whether the rows or all of the ink as one digit explain it better."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mnistcnn.reading.lattice import DIGIT_COST, JOIN_COST, separation
from mnistcnn.reading.scores import LEAST_ONE_DIGIT, STROKES, RowReading
from mnistcnn.reading.whole import Whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """The hand-set numbers of this stage; heights are those of the row's digits."""

    several_digits: int = 3  # as many clear digits, or doubted ones, are no accident; fitted

    # Which rows are digits.
    least_row_log_probability: float = math.log(0.08)  # the mean of a row's digits; fitted
    least_alike_row_log_probability: float = math.log(0.05)  # the same, of a row as tall as the longest one; fitted
    alike_height_times: float = 1.25  # rows whose heights differ by a smaller factor are as tall; fitted
    most_height_times: float = 1.8  # a row of one or two digits differs less from the longest one in height; fitted
    most_doubted_share: float = 0.5  # of a row's digits, if another row is clear; guess

    # Which marks of a row are dirt.
    small_heights: float = 0.35  # a doubted mark that is smaller is dirt; a larger one is a digit hard to read; fitted
    smallish_heights: float = 0.6  # a mark that is smaller needs better log odds; guess
    least_smallish_log_odds: float = -2.0  # of such a mark; guess
    least_among_clear_log_odds: float = -6.0  # a mark with less is doubted even among clear digits; fitted

    # Whether the rows or one digit explain a look better.
    clearer_log_probability: float = 0.05  # a part of the ink is this much clearer than all of it, at least; fitted
    most_one_digit_heights: float = 0.95  # the width of a connected mark by its own height that is one digit; fitted
    # The mean of digits that were all cut out of marks, for each of them that is more than a stroke; fitted.
    least_touching_log_probability: float = math.log(0.82)
    clear_log_probability: float = math.log(0.6)  # several digits this clear are not one digit; fitted
    cut_margin: float = 0.7  # of value, by which digits that were cut apart explain more than one digit does; fitted

    # How much of an image a reading explains.
    stroke_evidence: float = 0.8  # of each 1; guess
    digit_evidence: float = 1.4  # of each other digit; fitted

    # If the mean of an image's digits is less, those with less are doubted; fitted.
    least_mean_log_confidence: float = math.log(0.6)


PARAMS = Params()


def plausible(rows: Sequence[RowReading]) -> list[RowReading]:
    """The rows that are most likely digits, without dirt; a row as tall as the longest one may be less likely."""
    rows = [row for row in map(_without_dirt, rows) if row.segments]
    if not rows:
        return []
    likely = [float(row.scores.log_probabilities.mean()) for row in rows]
    longest = max(range(len(rows)), key=lambda i: len(rows[i].segments))
    several = PARAMS.several_digits
    any_clear = any(len(row.segments) >= several and not row.scores.doubted.any() for row in rows)
    kept = []
    for i, row in enumerate(rows):
        low, high = sorted((row.height, rows[longest].height))
        short = len(row.segments) <= min(2, len(rows[longest].segments) // 2)
        fits = high <= PARAMS.most_height_times * low or not short
        doubted = row.scores.doubted
        mostly_doubted = any_clear and doubted.sum() >= several and doubted.mean() >= PARAMS.most_doubted_share
        least = PARAMS.least_row_log_probability
        if likely[longest] >= least and high <= PARAMS.alike_height_times * low:
            least = PARAMS.least_alike_row_log_probability
        if likely[i] >= least and fits and not mostly_doubted:
            kept.append(row)
    return kept


def _without_dirt(row: RowReading) -> RowReading:
    """A row without dirt: without small marks and marks at the page's edge that are hardly digits.

    Other doubted marks among clear digits are digits that are hard to read, and are no longer doubted.
    """
    extents = np.array([max(segment.mark.height, segment.mark.width) for segment in row.segments])
    several_clear = (~row.scores.doubted).sum() >= PARAMS.several_digits  # if not, the edge may have all there is
    cut_off = np.array([segment.mark.cut_off and several_clear for segment in row.segments], dtype=bool)
    small = extents < PARAMS.small_heights * row.height
    smallish = extents < PARAMS.smallish_heights * row.height
    unlikely = row.scores.log_odds < PARAMS.least_smallish_log_odds
    dirt = ((small | cut_off) & row.scores.doubted) | (smallish & unlikely)
    kept = np.flatnonzero(~dirt)
    scores = row.scores[kept]
    if len(kept) and np.median(scores.log_odds) > 0:
        doubted = scores.doubted & (scores.log_odds < PARAMS.least_among_clear_log_odds)
        scores = replace(scores, doubted=doubted)
    return replace(row, segments=[row.segments[i] for i in kept], scores=scores)


def interpret(whole: Whole | None, one: RowReading | None, rows: Sequence[RowReading]) -> list[RowReading]:
    """The rows that explain a look best: the plausible ones of `rows`, or `one`, which has all of the ink as one digit.

    `whole` is the ink that `one` reads; both are None if there is no such ink.
    """
    rows = plausible(rows)
    if one is None or whole is None:
        return rows
    if not rows or not number_wins(whole, one, rows):
        return [one]
    return rows


def number_wins(whole: Whole, one: RowReading, rows: Sequence[RowReading]) -> bool:
    """Whether the digits in `rows` explain a look better than `one` digit, which has all of its ink."""
    likely = np.concatenate([row.scores.log_probabilities for row in rows])
    uncut = np.concatenate([row.cuts == 0 for row in rows])
    one_likely = float(one.scores.log_probabilities[0])
    one_doubted = bool(one.scores.doubted[0])
    if len(likely) == 1:
        return bool(uncut[0] and likely[0] > one_likely + PARAMS.clearer_log_probability)
    if not uncut.any() and _is_one_mark(whole, one_likely, likely, rows):
        return False
    if (uncut & (likely > PARAMS.clear_log_probability)).sum() >= PARAMS.several_digits:
        return True
    if one_doubted and likely.mean() > one_likely:
        return True
    apart = sum(separation([segment.mark for segment in row.segments]) for row in rows) + len(rows) - 1
    margin = 0.0 if one_doubted or uncut.all() else PARAMS.cut_margin  # connected ink is most often one digit
    one_value = one_likely - DIGIT_COST - JOIN_COST * apart
    return bool(sum(row.value for row in rows) > one_value + margin)


def _is_one_mark(whole: Whole, one_likely: float, likely: NDArray[np.float64], rows: Sequence[RowReading]) -> bool:
    """Whether digits that were all cut out of marks are rather one mark: a digit, a letter or a sign.

    `one_likely` is the log probability of the whole, `likely` (N,) are those of the digits.
    """
    read = [digit for row in rows for digit in row.scores.digits]
    if whole.alone and whole.mark.width <= PARAMS.most_one_digit_heights * whole.mark.height:
        return True
    may_be_one = whole.alone or one_likely > LEAST_ONE_DIGIT
    if may_be_one and all(digit == 1 for digit in read):
        return True  # a 1 with a foot, an M: a mark that falls into nothing but strokes
    # Letters and signs fall into strokes like those of digits, too.
    return bool(likely.mean() < PARAMS.least_touching_log_probability * (~np.isin(read, STROKES)).sum())


def evidence(rows: Sequence[RowReading]) -> float:
    """How much of an image rows explain: a clear digit counts most, a 1 less, a mark unlike a digit less than 0.

    Readings of the same ink are compared by their value; this compares readings of different ink. A digit that was cut
    out of a mark counts less, since blots and shadows can be cut into strokes, too. A 1 counts less, since the edges of
    shadows and tables look like one.
    """
    total = 0.0
    for row in rows:
        is_stroke = np.array(row.scores.digits) == 1
        counted = np.where(is_stroke, PARAMS.stroke_evidence, PARAMS.digit_evidence) / (1 + row.cuts)
        total += row.value + float(counted.sum())
    return total


def doubted_digits(row: RowReading, rows: Sequence[RowReading]) -> NDArray[np.bool_]:
    """Which digits (N,) of a row may not be digits, from left to right; the row is one of `rows`, those of the image.

    If the image's digits are unlikely on average, its unlikely digits are doubted, and so are all digits of a row if
    all of them touch: the letters of a word fall into strokes.
    """
    doubted = row.scores.doubted
    all_confidences = np.concatenate([each.confidences for each in rows])
    if np.log(all_confidences).mean() >= PARAMS.least_mean_log_confidence:
        return doubted
    unlikely = np.log(row.confidences) < PARAMS.least_mean_log_confidence
    all_touch = bool((row.cuts > 0).all())
    return doubted | unlikely | all_touch

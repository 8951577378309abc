"""Finds the best way to read a row: the paths through its lattice that read the same digits count together.

Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document recognition"
(1998), section VI. Its forward scoring adds up all paths of a reading; here only the likeliest readings are kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import nlargest
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnistcnn.reading.lattice import Lattice
from mnistcnn.reading.marks import Mark

LOOSE_HEIGHTS = 0.4  # of the row's digits; a piece of less extent may be left out, and is not cut; fitted


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """The hand-set numbers of this stage; heights are those of the row's digits."""

    loose_cost: float = 4.0  # for leaving out a piece of that extent; less for a smaller one; fitted
    loose_width_share: float = 0.3  # of its width counts as its extent; fitted
    pale_cost: float = 1.0  # for leaving out a pale piece: it is read where it is clearly a digit; guess
    least_log_probability: float = -12.0  # of a segment that can't be a digit; fitted
    most_readings: int = 8  # of a row, up to each of its places, that are kept; fitted
    best_path_times: float = 5.0  # the higher, the more the best path of a reading outweighs its other paths; fitted


PARAMS = Params()


class _Way(NamedTuple):
    """The paths to a place in a row that read the same digits."""

    together: float  # the log probability of all of them, less costs
    value: float  # the same for the best one
    before: _Way | None  # the best path without its last step
    segment: int  # the last step of the best path; -1 where it leaves a piece out


def best_path(
    lattice: Lattice, log_probabilities: NDArray[np.float64], digits: Sequence[int]
) -> tuple[list[int], float]:
    """The indices of the segments that read a row best, and their value: the sum of log probabilities less costs.

    `log_probabilities` (segments,) says how likely each segment is one digit, `digits` (segments,) which one. The
    likeliest reading is the one whose paths are likeliest together; the best of these paths is returned. Small pieces
    may be left out, at a cost.
    """
    gains = np.maximum(log_probabilities, PARAMS.least_log_probability) - [seg.cost for seg in lattice.segments]
    steps = [[(at + 1, -_loose_cost(piece, lattice.height), -1)] for at, piece in enumerate(lattice.pieces)]
    for i, segment in enumerate(lattice.segments):
        steps[segment.first].append((segment.last, float(gains[i]), i))
    # Each reading has a number: that of the reading which it continues and its last digit determine it.
    readings: dict[tuple[int, int], int] = {}
    start = _Way(together=0.0, value=0.0, before=None, segment=-1)
    ways: list[dict[int, _Way]] = [{0: start}, *({} for _ in steps)]
    for at, onwards in enumerate(steps):
        for reading, way in nlargest(PARAMS.most_readings, ways[at].items(), key=lambda each: each[1].together):
            for last, gain, i in onwards:
                then = reading if i < 0 else readings.setdefault((reading, digits[i]), len(readings) + 1)
                longer = _Way(together=way.together + gain, value=way.value + gain, before=way, segment=i)
                others = ways[last]
                others[then] = _joint(longer, others[then]) if then in others else longer
    best = max(ways[-1].values(), key=lambda way: way.together)
    chosen = []
    way = best
    while way.before is not None:
        chosen.append(way.segment)
        way = way.before
    return [i for i in chosen[::-1] if i >= 0], best.value


def _loose_cost(piece: Mark, height: float) -> float:
    """The cost of leaving a piece out; a large piece costs as much as a segment that can't be a digit."""
    if piece.pale:
        return PARAMS.pale_cost
    share = extent(piece) / (LOOSE_HEIGHTS * height)
    return PARAMS.loose_cost * share**2 if share < 1 else -PARAMS.least_log_probability


def extent(mark: Mark) -> float:
    """How large a mark is, in pixels: its height, or more if it is very wide. Dashes and rests of lines are low."""
    return max(mark.height, PARAMS.loose_width_share * mark.width)


def _joint(one: _Way, other: _Way) -> _Way:
    """Two ways that read the same digits, as one."""
    high = max(one.together, other.together)
    low = min(one.together, other.together)
    times = PARAMS.best_path_times
    together = high + math.log1p(math.exp(times * (low - high))) / times
    better = one if one.value > other.value else other
    return better._replace(together=together)

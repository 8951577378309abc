"""The best way to read a row: of the paths through its lattice those that read the same count together. No torch.

Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document recognition"
(1998), section VI, whose forward scoring adds up the paths of a reading; here only the likeliest readings are kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from heapq import nlargest
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnistcnn.reading.lattice import Lattice
from mnistcnn.reading.marks import Mark

_LOOSE = 0.4  # of the row's height; less extended marks may belong to no digit
_LOOSE_COST = 4.0  # for a loose mark of that extent
_PALE_COST = 1.0  # for a pale mark: it is read where it is clearly a digit; guess
_LEAST = -12.0  # the log probability of what can't be a digit
_READINGS = 8  # of a row, up to each of its places, are followed up
_SHARPNESS = 5.0  # the greater, the more the best path of a reading counts, and the less how many there are


class _Way(NamedTuple):
    """The paths to a place in a row that read the same: how likely all together, the best one and its value."""

    together: float
    value: float
    before: _Way | None  # the best path without its last step
    segment: int  # of that step; -1 where it leaves a piece out


def best_path(
    lattice: Lattice, log_probabilities: NDArray[np.float64], digits: Sequence[int]
) -> tuple[list[int], float]:
    """The segments, as indices, that read a row best, and how well: the sum of their log probabilities less costs.

    `log_probabilities` (segments,) are those of being just one digit, `digits` (segments,) which one. The likeliest
    reading is that of all its paths together; of these the best one is given. Small pieces may be left out, at a cost.
    """
    gains = np.maximum(log_probabilities, _LEAST) - [segment.cost for segment in lattice.segments]
    steps = [[(at + 1, -_loose_cost(piece, lattice.height), -1)] for at, piece in enumerate(lattice.pieces)]
    for i, segment in enumerate(lattice.segments):
        steps[segment.first].append((segment.last, float(gains[i]), i))
    readings: dict[tuple[int, int], int] = {}  # numbered: each by the one that it continues, and its last digit
    ways: list[dict[int, _Way]] = [{0: _Way(0.0, 0.0, None, -1)}, *({} for _ in steps)]
    for at, onwards in enumerate(steps):
        for reading, way in nlargest(_READINGS, ways[at].items(), key=lambda each: each[1].together):
            for last, gain, i in onwards:
                then = reading if i < 0 else readings.setdefault((reading, digits[i]), len(readings) + 1)
                longer, others = _Way(way.together + gain, way.value + gain, way, i), ways[last]
                others[then] = _joint(longer, others[then]) if then in others else longer
    best = max(ways[-1].values(), key=lambda way: way.together)
    chosen, way = [], best
    while way.before is not None:
        chosen.append(way.segment)
        way = way.before
    return [i for i in chosen[::-1] if i >= 0], best.value


def _loose_cost(piece: Mark, height: float) -> float:
    """What it costs to leave a piece out."""
    if piece.pale:
        return _PALE_COST
    extent = max(piece.height, 0.3 * piece.width) / height  # dashes and what is left of lines are low
    return _LOOSE_COST * (extent / _LOOSE) ** 2 if extent < _LOOSE else -_LEAST


def _joint(one: _Way, other: _Way) -> _Way:
    """Two ways that read the same, as one."""
    high, low = max(one.together, other.together), min(one.together, other.together)
    together = high + math.log1p(math.exp(_SHARPNESS * (low - high))) / _SHARPNESS
    better = one if one.value > other.value else other
    return better._replace(together=together)

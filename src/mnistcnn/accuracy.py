"""How well digits are read: the interval of an accuracy, chance, and scores of each digit from a confusion matrix."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mnistcnn.results import Result

COMMONEST_SHARE = 0.1135  # of MNIST's test digits that are a 1: the accuracy of a network that always says 1


@dataclass(frozen=True, slots=True)
class DigitScore(Result):
    """One digit's row: how many there are, and precision, recall and F1 (0 where undefined)."""

    digit: int
    count: int
    precision: float
    recall: float
    f1: float


def digit_scores(confusion: Sequence[Sequence[int]]) -> list[DigitScore]:
    """Precision, recall and F1 of each digit; 0 where there is nothing to divide by.

    Ten rows of counts, one for each true digit; the first ten columns are the digits read.
    """
    scores = []
    for digit, row in enumerate(confusion):
        hits, there, read = row[digit], sum(row), sum(other[digit] for other in confusion)
        precision, recall, f1 = hits / max(1, read), hits / max(1, there), 2 * hits / max(1, there + read)
        scores.append(DigitScore(digit, there, precision, recall, f1))
    return scores


def wilson_interval(accuracy: float, count: int) -> tuple[float, float]:
    """The 95 % score interval of a proportion. Source: E. B. Wilson, JASA 22 (1927)."""
    z = 1.959963984540054
    centre = accuracy + z * z / (2 * count)
    spread = z * math.sqrt(accuracy * (1 - accuracy) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def may_be_chance(accuracy: float, count: int) -> bool:
    """Whether an accuracy on `count` images is, by its 95 % interval, no better than always giving one digit."""
    return wilson_interval(accuracy, count)[0] <= COMMONEST_SHARE

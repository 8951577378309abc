"""Accuracy: its 95 % interval, whether it may be chance, and the scores of each digit."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mnistcnn.results import Result

COMMONEST_SHARE = 0.1135  # 11.35 % of MNIST's test digits are 1s: the accuracy of a network that always answers 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DigitScore(Result):
    """The number of images of one digit, and its precision, recall and F1 in [0, 1], 0 where undefined."""

    digit: int
    count: int
    precision: float
    recall: float
    f1: float


def digit_scores(confusion: Sequence[Sequence[int]]) -> list[DigitScore]:
    """Compute precision, recall and F1 of each digit.

    `confusion` has a row of counts for each true digit, 0 to 9; its first ten columns are the digits read.
    """
    scores = []
    for digit, row in enumerate(confusion):
        hits = row[digit]
        count = sum(row)
        read = sum(other[digit] for other in confusion)
        scores.append(
            DigitScore(
                digit=digit,
                count=count,
                precision=hits / max(1, read),
                recall=hits / max(1, count),
                f1=2 * hits / max(1, count + read),
            )
        )
    return scores


def wilson_interval(accuracy: float, count: int) -> tuple[float, float]:
    """Compute the 95 % score interval of an accuracy in [0, 1] on `count` images.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
    """
    z = 1.959963984540054
    centre = accuracy + z * z / (2 * count)
    spread = z * math.sqrt(accuracy * (1 - accuracy) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def may_be_chance(accuracy: float, count: int) -> bool:
    """Whether the 95 % interval of an accuracy on `count` images reaches down to that of always answering 1."""
    return wilson_interval(accuracy, count)[0] <= COMMONEST_SHARE

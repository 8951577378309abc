"""Segments of rows of touching digits, as reading a number finds them: which digit each is, or that it is none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistcnn.ink.framing import Frame, Ink, ink_box
from mnistcnn.reading.detector import NONE
from mnistcnn.reading.lattice import Segment, build_lattice
from mnistcnn.reading.marks import find_marks
from mnistcnn.reading.rows import Row
from recipes.ink import Rng

_HEIGHT = 40  # pixels of a digit
_SLACK = 15  # pixels above and below
_MOST = 30  # segments of a row
_TOUCHING = 0.75  # of the rows; in the others there are gaps


def draw_segments(
    digits: NDArray[np.uint8], labels: Sequence[int], count: int, rng: Rng
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Frames (count, 28, 28) uint8 of segments of rows of `digits` (N, 28, 28) uint8, and their labels (count,).

    Labels are those of the digits, `NONE` for a segment that is not one digit.
    """
    found: list[tuple[Frame, int]] = []
    while len(found) < count:
        chosen = rng.choice(len(digits), size=rng.integers(2, 4))
        found += _segments([digits[i] for i in chosen], [labels[i] for i in chosen], rng)
    return np.stack([frame for frame, _ in found[:count]]), np.array([label for _, label in found[:count]])


def _segments(digits: Sequence[Frame], labels: Sequence[int], rng: Rng) -> Iterator[tuple[Frame, int]]:
    touching = rng.random() < _TOUCHING
    layers = _write(digits, touching, rng)
    marks, _ = find_marks(layers.max(axis=0))
    row = Row(float(_HEIGHT), sorted(marks, key=lambda mark: mark.x))
    lattice = build_lattice(row, [False] * len(marks) if touching else None)
    names = [*labels, NONE]
    judged = [(segment, names[i]) for segment in lattice.segments if (i := _which_digit(segment, layers)) is not None]
    rng.shuffle(judged)
    judged.sort(key=lambda each: each[1] == NONE)  # there are fewer digits
    for segment, label in judged[:_MOST]:
        yield segment.frame, label


def _write(digits: Sequence[Frame], touching: bool, rng: Rng) -> NDArray[np.float32]:
    """The ink of each digit of a row, (N, height, width)."""
    inks = [_scaled(digit, rng) for digit in digits]
    layers = np.zeros((len(inks), _HEIGHT + 2 * _SLACK, sum(ink.shape[1] for ink in inks) + 80), dtype=np.float32)
    left = 10
    for i, ink in enumerate(inks):
        top = int(np.clip(_SLACK + rng.normal((_HEIGHT - len(ink)) / 2, 2), 0, layers.shape[1] - len(ink)))
        if i:  # pushed to the left until it touches
            before = layers[:i, top : top + len(ink)].max(axis=0) > 0.3
            both = before.any(axis=1) & (ink > 0.3).any(axis=1)
            ends, starts = before.shape[1] - before[:, ::-1].argmax(axis=1), (ink > 0.3).argmax(axis=1)
            contact = int((ends - starts)[both].max()) if both.any() else left
            left = max(contact + int(rng.integers(-8, 1) if touching else rng.integers(1, 14)), 0)
        layers[i, top : top + len(ink), left : left + ink.shape[1]] = ink
        left += ink.shape[1]
    return layers


def _scaled(digit: Frame, rng: Rng) -> Ink:
    ink = digit[ink_box(digit)].astype(np.float32) / 255
    scale = _HEIGHT * rng.uniform(0.85, 1.12) / max(ink.shape[0], 0.6 * ink.shape[1])
    size = max(3, round(ink.shape[1] * scale * rng.uniform(0.8, 1.15))), max(3, round(ink.shape[0] * scale))
    large = cv2.resize(ink, size, interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip((large - 0.3) * 2.5, 0, 1), dtype=np.float32)


def _which_digit(segment: Segment, layers: NDArray[np.float32]) -> int | None:
    """Which of the digits of a row a segment holds, whole and alone; -1 for none, None where that is hard to say."""
    mark = segment.mark
    here = layers[:, mark.top : mark.bottom, mark.left : mark.right]
    shared = np.minimum(mark.ink, here).sum(axis=(1, 2))
    recalls, purities = shared / layers.sum(axis=(1, 2)), shared / max(float(mark.ink.sum()), 1e-6)
    best = int((recalls * purities).argmax())
    recall, purity = recalls[best], purities[best]
    if (recall >= 0.92 and purity >= 0.9) or (recall >= 0.97 and purity >= 0.83):
        return best
    return -1 if recall < 0.8 or purity < 0.75 else None

"""Drawn counterexamples: frames that do not show one digit.

They are made from digits and strokes alone: parts of digits and several in one frame, as wrong segments of a row
look, or one over the other; digits with a foreign line, on their side or as in a mirror; `drawings` of anything else.
All of them are framed as a picture is. Source of the idea: D. Hendrycks, M. Mazeika, T. Dietterich, "Deep anomaly
detection with outlier exposure" (2019).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from mnistcnn.ink.framing import Frame, Ink
from recipes.counterexamples import drawings
from recipes.ink import (
    Rng,
    by_hand,
    crop,
    cut_out,
    draw_stroke,
    enlarge,
    framed,
    is_one_stroke,
    join,
    smooth_path,
)

Frames = NDArray[np.uint8]  # (N, 28, 28), 0 paper … 255 ink
Kind = Callable[[NDArray[np.uint8], Rng], Ink]


def draw_counterexamples(digits: Frames, labels: Sequence[int], count: int, rng: Rng) -> Frames:
    """Draw `count` frames that are not one digit, (count, 28, 28) uint8, partly from `digits` (N, 28, 28) uint8."""
    kinds, shares, made_of = zip(*_KINDS, strict=True)
    sources = [some if len(some := digits[np.isin(labels, which)]) else digits for which in made_of]
    chosen = rng.choice(len(kinds), size=count, p=np.array(shares) / sum(shares))
    return np.stack([_frame(kinds[i], sources[i], rng) for i in chosen])


def _frame(kind: Kind, digits: Frames, rng: Rng) -> Frame:
    """A frame of that kind; drawn again while it shows one straight stroke, which is a 1."""

    def draw() -> Ink:
        ink = kind(digits, rng)
        return by_hand(ink, rng) if rng.random() < 0.3 else ink

    frame = framed(draw, rng)
    while kind in _MAY_BE_ONE and is_one_stroke(frame):
        frame = framed(draw, rng)
    return frame


def _side_of_digit(digits: Frames, rng: Rng) -> Ink:
    """The left or right part of a digit."""
    return _part(_digit(digits, rng), rng)


def _end_of_digit(digits: Frames, rng: Rng) -> Ink:
    """The upper or lower part of a digit."""
    return np.ascontiguousarray(_part(np.ascontiguousarray(_digit(digits, rng).T), rng).T)


def _part(ink: Ink, rng: Rng) -> Ink:
    share = rng.uniform(0.3, 0.7)
    start, end = (0, share) if rng.random() < 0.5 else (share, 1)
    return cut_out(ink, start, end, rng)


def _wrong_segment(digits: Frames, rng: Rng) -> Ink:
    """The end of a digit and the beginning of the next, or a whole one and a part of the next."""
    left, right = _digit(digits, rng), _digit(digits, rng)
    which = rng.integers(3)
    if which != 0:
        left = cut_out(left, rng.uniform(0.3, 0.75), 1, rng)
    if which != 1:
        right = cut_out(right, 0, rng.uniform(0.25, 0.7), rng)
    return join([left, right], rng.uniform(-0.2, 0.1), rng)


def _several(digits: Frames, rng: Rng) -> Ink:
    """Two digits, sometimes three, beside each other, touching or overlapping; rarely above each other."""
    inks = [_digit(digits, rng) for _ in range(3 if rng.random() < 0.15 else 2)]
    if rng.random() < 0.1:
        return join([np.ascontiguousarray(ink.T) for ink in inks], rng.uniform(-0.2, 0.2), rng).T
    return join(inks, rng.uniform(-0.35, 0.25), rng)


def _overwritten(digits: Frames, rng: Rng) -> Ink:
    """Two digits written over each other."""
    inks = [_digit(digits, rng) for _ in range(2)]
    side = max(max(ink.shape) for ink in inks) + 12
    both = np.zeros((side, side), np.float32)
    for ink in inks:
        top, left = ((side - length) // 2 + int(rng.integers(-6, 7)) for length in ink.shape)
        place = both[top : top + len(ink), left : left + ink.shape[1]]
        np.maximum(place, ink, out=place)
    return both


def _with_line(digits: Frames, rng: Rng) -> Ink:
    """A digit with a foreign line: a rule, the side or corner of a box, crossed out, an extra stroke."""
    digit, margin = _digit(digits, rng), int(rng.integers(2, 12))
    height, width = digit.shape[0] + 2 * margin, digit.shape[1] + 2 * margin
    ink = np.zeros((height, width), np.float32)
    ink[margin:-margin, margin:-margin] = digit
    pen, edge = int(rng.integers(2, 7)), rng.uniform(0, 0.15)
    y, x = (side * (edge if rng.random() < 0.5 else 1 - edge) for side in (height, width))
    lines = [
        [[0, y], [width, y]],
        [[x, 0], [x, height]],
        [[x, 0], [x, y], [width - x, y]],
        [[0, 0], [width, height]],
        [[width, 0], [0, height]],
        [[0, height * 0.5], [width, height * 0.5]],
        [[0, 0], [width, 0], [width, height], [0, height], [0, 0]],
        rng.uniform(0, 1, (3, 2)) * [width, height],
    ]
    points = np.asarray(lines[rng.integers(len(lines))], float)
    draw_stroke(ink, smooth_path(points + rng.normal(0, 1.5, points.shape), 1), pen)
    return ink


def _turned(digits: Frames, rng: Rng) -> Ink:
    """A digit on its side, or mirrored at its diagonal."""
    ink = _digit(digits, rng)
    return np.ascontiguousarray(np.rot90(ink if rng.random() < 0.5 else ink[:, ::-1], rng.choice([1, 3])))


def _mirrored(digits: Frames, rng: Rng) -> Ink:
    """A digit as in a mirror."""
    return np.ascontiguousarray(_digit(digits, rng)[:, ::-1])


def _drawn(draw: Callable[[Rng], Ink]) -> Kind:
    """A kind that is not made of digits."""
    return lambda digits, rng: draw(rng)


_ALL = range(10)
_MAY_BE_ONE = (_side_of_digit, _end_of_digit, _wrong_segment, _turned)  # a stroke
# How each kind is drawn, its share, and of which digits. Others would still be digits: a 0 that is turned or crossed,
# an underlined 1, a crossed 7, the loop of a 6, an 8 or a 9, and a 2 in a mirror, which looks like a 5.
_KINDS: tuple[tuple[Kind, float, Collection[int]], ...] = (
    (_side_of_digit, 0.12, _ALL),
    (_end_of_digit, 0.04, (0, 2, 3, 5)),
    (_wrong_segment, 0.15, _ALL),
    (_several, 0.13, _ALL),
    (_overwritten, 0.1, _ALL),
    (_with_line, 0.11, (2, 3, 4, 5, 6, 8, 9)),
    (_turned, 0.06, range(2, 10)),
    (_mirrored, 0.05, (3, 4, 6, 7, 9)),
    (_drawn(drawings.letter), 0.13, _ALL),
    (_drawn(drawings.print_letters), 0.12, _ALL),
    (_drawn(drawings.word), 0.03, _ALL),
    (_drawn(drawings.drawing), 0.11, _ALL),
    (_drawn(drawings.outline), 0.05, _ALL),
    (_drawn(drawings.pattern), 0.04, _ALL),
    (_drawn(drawings.texture), 0.04, _ALL),
)


def _digit(digits: Frames, rng: Rng) -> Ink:
    """One of the digits, enlarged and cropped to its box, a little turned and stretched."""
    return crop(enlarge(digits[rng.integers(len(digits))], rng, turn=0.1, stretch=0.15))

"""Drawn counterexamples: frames that are not one digit, and digits as other pens and hands write them. No torch.

What is not a digit is made from digits and strokes alone: parts of digits and several in one frame, as wrong
segments of a row look, or one over the other; digits with a foreign line, on their side or as in a mirror; `drawings`
of anything else. All of it is framed as a picture is. Source of the idea: D. Hendrycks, M. Mazeika, T. Dietterich,
"Deep anomaly detection with outlier exposure" (2019).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistcnn.ink.framing import BOX, Frame, Ink, center_digit, ink_box
from mnistcnn.ink.strokes import THICK_TARGET, THICKEST, THIN_TARGET, THINNEST, dilate, thin
from mnistcnn.training.counterexamples import drawings
from mnistcnn.training.counterexamples.ink import Rng, crop, cut_out, draw_stroke, enlarge, join, smooth_path, warp

Frames = NDArray[np.uint8]  # (N, 28, 28), 0 paper … 255 ink
Kind = Callable[[NDArray[np.uint8], Rng], Ink]

_LEAST_INK = 12.0  # pixels
_CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], dtype=np.uint8)


def draw_counterexamples(digits: Frames, labels: Sequence[int], count: int, rng: Rng) -> Frames:
    """Draw `count` frames that are not one digit, (count, 28, 28) uint8, partly from `digits` (N, 28, 28) uint8."""
    kinds, shares, made_of = zip(*_KINDS, strict=True)
    sources = [some if len(some := digits[np.isin(labels, which)]) else digits for which in made_of]
    chosen = rng.choice(len(kinds), size=count, p=np.array(shares) / sum(shares))
    return np.stack([_framed(kinds[i], sources[i], rng) for i in chosen])


def vary_digits(digits: Frames, labels: Sequence[int], rng: Rng) -> Frames:
    """`digits` (N, 28, 28) uint8 as other pens and hands write them, as predict frames them; same shape."""
    return np.stack([_framed(_varied, digits, rng, i, label) for i, label in enumerate(labels)])


def jitter_frames(frames: Frames, rng: Rng) -> Frames:
    """`frames` (N, 28, 28) uint8 a little turned, slanted and stretched: cheaper than to draw as many again."""
    return np.stack([warp(frame, rng, turn=0.16, stretch=0.12, side=len(frame)) for frame in frames])


def _framed(draw: Callable[..., Ink], digits: Frames, rng: Rng, *which: int) -> Frame:
    """What `draw` draws, as predict frames it; drawn anew where there is next to no ink."""
    while (ink := draw(digits, rng, *which)).sum() < _LEAST_INK:
        pass
    if rng.random() < 0.1:  # out of focus
        ink = np.asarray(cv2.GaussianBlur(ink, (0, 0), rng.uniform(0.5, 2)), np.float32)
    return center_digit(_adjusted(crop(ink)))


def _adjusted(ink: Ink) -> Ink:
    """`adjust_strokes`, without its finer grid: less exact, and four times as fast."""
    inside = cv2.erode(ink, _CROSS, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    area, scale = float(ink.sum()), max(ink.shape) / BOX
    width = 2 * area / max(area - float(inside.sum()), 1e-6) / scale
    if THINNEST <= width <= THICKEST:
        return ink
    target = THIN_TARGET if width < THINNEST else THICK_TARGET
    radius = abs(target - width) * scale / 2
    margin = int(radius) + 1
    padded = np.zeros((ink.shape[0] + 2 * margin, ink.shape[1] + 2 * margin), np.float32)
    padded[margin:-margin, margin:-margin] = ink
    return dilate(padded, radius) if width < target else thin(padded, radius)


def _varied(digits: Frames, rng: Rng, i: int, label: int) -> Ink:
    """Digit i by another pen, turned, slanted, stretched, now and then cut out of a row; 7 crossed, 1 with a flag."""
    ink = enlarge(digits[i], rng, turn=0.15, stretch=0.2)
    if label in _ADDED and rng.random() < 0.3:
        _ADDED[label](ink, rng)
    pen = rng.integers(4)
    if pen == 1:
        ink = thin(ink, float(rng.uniform(0.5, 2)))
    elif pen == 2:
        ink = dilate(ink, float(rng.uniform(0.5, 3)))
    if rng.random() < 0.15:  # with a sliver of its neighbour, or without one of its own
        sliver = cut_out(_digit(digits, rng), 0, rng.uniform(0.02, 0.1), rng)
        return join([cut_out(crop(ink), rng.uniform(0, 0.06), 1, rng), sliver], 0.0, rng)
    return ink


def _cross(ink: Ink, rng: Rng) -> None:
    """Draw the bar of a crossed 7."""
    rows, _ = ink_box(ink) or (slice(0, 1), slice(0, 1))
    height, y = rows.stop - rows.start, rows.start + (rows.stop - rows.start) * rng.uniform(0.4, 0.62)
    x = _middle(ink, y)
    reach, tilt = height * rng.uniform(0.15, 0.3), height * rng.normal(0, 0.05)
    draw_stroke(ink, np.array([[x - reach, y + tilt], [x + reach, y - tilt]]), int(rng.integers(3, 7)))


def _flag(ink: Ink, rng: Rng) -> None:
    """Draw the flag of a 1, down to the left from its top, and at times its foot."""
    rows, _ = ink_box(ink) or (slice(0, 1), slice(0, 1))
    pen, height = int(rng.integers(3, 7)), rows.stop - rows.start
    top, base = rows.start + pen / 2, rows.stop - pen / 2
    start, end = _middle(ink, top), _middle(ink, base)
    slope, reach = rng.uniform(0.4, 1.6), height * rng.uniform(0.15, 0.35)
    draw_stroke(ink, np.array([[start, top], [start - reach, top + slope * reach]]), pen)
    if rng.random() < 0.3:
        foot = height * rng.uniform(0.12, 0.35)
        draw_stroke(ink, np.array([[end - foot, base], [end + foot, base]]), pen)


def _middle(ink: Ink, y: float) -> float:
    """The mean column of the ink in one row."""
    row = ink[int(y)]
    return float(row @ np.arange(len(row))) / (float(row.sum()) or 1.0)


def _part_of_digit(digits: Frames, rng: Rng) -> Ink:
    """A digit cut off at the side, above or below."""
    ink, share = _digit(digits, rng), rng.uniform(0.3, 0.7)
    upright = ink.shape[1] > 14 and rng.random() < 0.7
    start, end = (0, share) if rng.random() < 0.5 else (share, 1)
    part = cut_out(ink if upright else np.ascontiguousarray(ink.T), start, end, rng)
    return part if upright else part.T


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


_ADDED = {1: _flag, 7: _cross}  # what many people add to a digit
_ALL = range(10)
# How each kind is drawn, its share, and of which digits. Of others there would still be digits: a 0 is one when it is
# turned or crossed, a 1 when it is underlined, and a 2 in a mirror looks like a 5.
_KINDS: tuple[tuple[Kind, float, Collection[int]], ...] = (
    (_part_of_digit, 0.15, _ALL),
    (_wrong_segment, 0.15, _ALL),
    (_several, 0.13, _ALL),
    (_overwritten, 0.1, _ALL),
    (_with_line, 0.11, range(2, 10)),
    (_turned, 0.06, range(2, 10)),
    (_mirrored, 0.05, (3, 4, 6, 7, 9)),
    (_drawn(drawings.letter), 0.17, _ALL),
    (_drawn(drawings.drawing), 0.11, _ALL),
    (_drawn(drawings.outline), 0.05, _ALL),
    (_drawn(drawings.pattern), 0.04, _ALL),
    (_drawn(drawings.texture), 0.04, _ALL),
)


def _digit(digits: Frames, rng: Rng) -> Ink:
    """One of the digits, enlarged and cropped to its box, a little turned and stretched."""
    return crop(enlarge(digits[rng.integers(len(digits))], rng, turn=0.1, stretch=0.15))

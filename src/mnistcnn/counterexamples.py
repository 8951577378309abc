"""Drawn counterexamples: frames that are not one digit, and digits as other pens and hands write them. No torch.

What is not a digit is made from digits and strokes alone: parts of digits and several in one frame, as wrong
segments of a row look; digits with a foreign line; letters and signs; scribbles, shapes and textures. All of it is
framed as a picture is. Source of the idea: D. Hendrycks, M. Mazeika, T. Dietterich, "Deep anomaly detection with
outlier exposure" (2019).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistcnn.preprocessing.centering import BOX, SIDE, Frame, Ink, center_digit, ink_box
from mnistcnn.preprocessing.morphology import THICKEST, THINNEST, adjust_strokes, dilate, stroke_width, thin

Frames = NDArray[np.uint8]  # (N, 28, 28), 0 paper … 255 ink
Rng = np.random.Generator

_ZOOM = 2  # pixels for one of MNIST's
_CANVAS = 60  # pixels, of what is drawn
_POINTS = 40  # of a stroke's path
_LEAST_INK = 12.0  # pixels
# Each letter or sign as its strokes, each stroke as points: x 0 … 6 right and y 0 … 8 down. Not O, I, S, Z and others
# that may be digits.
_LETTERS = """\
08 30 68,14 54|00 08,00 40 52 34 04,34 56 48 08|61 40 11 04 17 48 67|00 08,00 40 63 65 48 08|60 00 08 68,04 44
60 00 08,04 44|61 40 11 04 17 48 67 64 34|00 08,60 68,04 64|60 00,30 36 28 17|00 08,60 04 68|00 08 68|08 00 34 60 68
08 00 68 60|00 08,00 40 62 44 04|00 08,00 40 62 44 04,34 68|00 30 60,30 38|00 06 28 48 66 60|00 38 60|00 18 34 58 60
00 68,60 08|00 34 60,34 38|52 32 04 07 28 47 52,50 58|00 08,04 22 43 45 48|62 32 04 07 38 67|04 63 42 22 04 07 38 67
60 40 21 28,04 54|02 08,05 22 42 44 48,44 62 64 68|02 08,05 23 42 54 58|00 08,52 05 57|02 08,04 32 62|30 37 58,03 63
02 07 28 58,52 58|02 38 62|02 18 34 58 62|02 68,62 08|00 36,62 18 08|20 28 08,00 08|02 09,02 42 55 37 07
02 32 52 55 37 07 02,59 52|30 38,04 64|04 64,00 68,60 08|20 08,60 48,03 63,06 66|00 60 68 08 00|00 60 68 08 00,00 68
38 04 30 64 38|02 22 44 64|03 63,06 66|05 12 25 42 55 62|60 08,00 11,58 67|61 40 21 32 54 66 37 07 14 52 58
10 03 26 08,40 53 46 58|52 22 04 26 56 42 63 68 38 07 03 30 60|00 36 60,36 38 18
66 38 17 04 12 30 51 54 44 42 22 25 55
"""
_STROKES = [
    [np.array([list(point) for point in stroke.split()], dtype=np.float64) for stroke in letter.split(",")]
    for letter in _LETTERS.replace("\n", "|").rstrip("|").split("|")
]


def draw_counterexamples(digits: Frames, count: int, rng: Rng) -> Frames:
    """Draw `count` frames that are not one digit, (count, 28, 28) uint8, partly from `digits` (N, 28, 28) uint8."""
    kinds, shares = zip(*_KINDS, strict=True)
    chosen = rng.choice(len(kinds), size=count, p=np.array(shares) / sum(shares))
    return np.stack([_framed(kinds[i], digits, rng) for i in chosen])


def vary_digits(digits: Frames, labels: Sequence[int], rng: Rng) -> Frames:
    """`digits` (N, 28, 28) uint8 as other pens and hands write them, and as predict frames them; same shape."""
    seven = np.asarray(labels) == 7
    return np.stack([_framed(_varied, digits, rng, i, seven[i]) for i in range(len(digits))])


def _framed(draw: Callable[..., Ink], digits: Frames, rng: Rng, *which: int) -> Frame:
    """What `draw` draws, as predict frames it; drawn anew where there is next to no ink."""
    while (ink := draw(digits, rng, *which)).sum() < _LEAST_INK:
        pass
    box = ink_box(ink, least=0.25)
    ink = np.ascontiguousarray(ink if box is None else ink[box])
    pen = stroke_width(ink) * BOX / max(ink.shape)
    sure = 1.05 * THINNEST < pen < 0.95 * THICKEST  # to be left alone, which spares the exact measurement
    return center_digit(ink if sure else adjust_strokes(ink))


def _varied(digits: Frames, rng: Rng, i: int, seven: bool) -> Ink:
    """Digit i by another pen, turned, slanted, stretched, crossed or not, now and then cut out of a row."""
    ink = np.pad(_enlarged(digits[i]), _ZOOM * 2)
    if seven and rng.random() < 0.3:
        _cross(ink, rng)
    ink = _warped(ink, rng, turn=0.15, stretch=0.2)
    pen = rng.integers(4)
    if pen == 1:  # a fine one
        ink = thin(ink, float(rng.integers(1, 3)))
    elif pen == 2:  # a broad one
        ink = dilate(ink, float(rng.uniform(0.5, 3)))
    if rng.random() < 0.2:  # cut out of a row, with a sliver of its neighbour, or without one of its own
        other = _digit(digits, rng)
        sliver = _part(other, 0, rng.uniform(0.02, 0.1), rng)
        return _joined([_part(ink, rng.uniform(0, 0.06), 1.0, rng), sliver], 0.0, rng)
    return ink


def _cross(ink: Ink, rng: Rng) -> None:
    """Draw the bar of a crossed 7."""
    rows, _ = ink_box(ink) or (slice(0, 1), slice(0, 1))
    height, y = rows.stop - rows.start, rows.start + (rows.stop - rows.start) * rng.uniform(0.4, 0.62)
    x = float(ink[int(y)] @ np.arange(ink.shape[1])) / (float(ink[int(y)].sum()) or 1.0)
    reach, tilt = height * rng.uniform(0.15, 0.3), height * rng.normal(0, 0.05)
    _stroke(ink, np.array([[x - reach, y + tilt], [x + reach, y - tilt]]), int(rng.integers(3, 7)))


def _part_of_digit(digits: Frames, rng: Rng) -> Ink:
    """A digit cut off at the side, above or below."""
    ink, share = _digit(digits, rng), rng.uniform(0.3, 0.7)
    upright = ink.shape[1] > 14 and rng.random() < 0.7
    start, end = (0, share) if rng.random() < 0.5 else (share, 1)
    part = _part(ink if upright else np.ascontiguousarray(ink.T), start, end, rng)
    return part if upright else part.T


def _wrong_segment(digits: Frames, rng: Rng) -> Ink:
    """The end of a digit and the beginning of the next, or a whole one and a part of the next."""
    left, right = _digit(digits, rng), _digit(digits, rng)
    which = rng.integers(3)
    if which != 0:
        left = _part(left, rng.uniform(0.3, 0.75), 1, rng)
    if which != 1:
        right = _part(right, 0, rng.uniform(0.25, 0.7), rng)
    return _joined([left, right], rng.uniform(-0.2, 0.1), rng)


def _several(digits: Frames, rng: Rng) -> Ink:
    """Two digits, sometimes three, beside each other, touching or overlapping; rarely above each other."""
    inks = [_digit(digits, rng) for _ in range(3 if rng.random() < 0.15 else 2)]
    if rng.random() < 0.1:
        return _joined([np.ascontiguousarray(ink.T) for ink in inks], rng.uniform(-0.2, 0.2), rng).T
    return _joined(inks, rng.uniform(-0.35, 0.25), rng)


def _with_line(digits: Frames, rng: Rng) -> Ink:
    """A digit with a foreign line: a rule, the side or corner of a box, crossed out, an extra stroke."""
    ink = np.pad(_digit(digits, rng), int(rng.integers(2, 12)))
    height, width = ink.shape
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
    _stroke(ink, _path(points + rng.normal(0, 1.5, points.shape), 1), pen)
    return ink


def _letter(digits: Frames, rng: Rng) -> Ink:
    """A letter or a sign, now and then two, by hand."""
    inks = []
    for _ in range(2 if rng.random() < 0.1 else 1):
        ink, pen = np.zeros((_CANVAS, _CANVAS), np.float32), int(rng.integers(3, 9))
        jitter, soft = rng.uniform(0, 0.45), int(rng.integers(1, 10))
        for stroke in _STROKES[rng.integers(len(_STROKES))]:
            _stroke(ink, _path((stroke + rng.normal(0, jitter, stroke.shape)) * 4.5 + [17, 12], soft), pen)
        inks.append(_warped(ink, rng, turn=0.15, stretch=0.3))
    return inks[0] if len(inks) == 1 else _joined(inks, rng.uniform(-0.2, 0.2), rng)


def _drawing(digits: Frames, rng: Rng) -> Ink:
    """Strokes and figures anyhow: curls, zigzags, lines, arcs, ellipses, boxes, stars, filled or not."""
    ink, pen = np.zeros((_CANVAS, _CANVAS), np.float32), int(rng.integers(2, 7))
    spread = rng.uniform(3, 14)
    for _ in range(rng.integers(2, 7)):
        middle, reach = rng.normal(_CANVAS / 2, spread, 2), rng.uniform(2, 22, 2)
        which = rng.integers(6)
        if which == 0:
            points = _path(rng.uniform(8, 52, (int(rng.integers(3, 9)), 2)), int(rng.integers(1, 14)))
        elif which == 1:
            points = rng.uniform(8, 52, (2, 2))
        else:  # the corners of a polygon or star, or an arc of an ellipse
            start, corners = rng.uniform(0, 2 * np.pi), 30 if which < 4 else int(rng.integers(3, 10))
            angles = start + np.linspace(0, 2 * np.pi * (rng.uniform(0.3, 1) if which == 2 else 1), corners)
            star = 1 - 0.5 * rng.random() * (np.arange(corners) % 2) * (which == 5)
            points = middle + reach * np.stack([np.cos(angles), np.sin(angles)], axis=1) * star[:, None]
            if rng.random() < 0.15:
                cv2.fillPoly(ink, [np.rint(points).astype(np.int32)], 1.0)
        _stroke(ink, points, pen)
    return ink


def _pattern(digits: Frames, rng: Rng) -> Ink:
    """Parallel lines, grids, filled polygons."""
    ink, pen, which = np.zeros((_CANVAS, _CANVAS), np.float32), int(rng.integers(2, 6)), rng.integers(3)
    if which == 0:
        points = 30 + rng.uniform(-22, 22, (int(rng.integers(3, 9)), 2))
        cv2.fillPoly(ink, [np.rint(points).astype(np.int32)], 1.0)
        return ink
    for at in np.linspace(8, 52, int(rng.integers(2, 7))):
        _stroke(ink, np.array([[8, at], [52, at + rng.normal(0, 1)]]), pen)
    for at in np.linspace(8, 52, int(rng.integers(2, 7))) if which == 2 else []:
        _stroke(ink, np.array([[at, 8], [at, 52]]), pen)
    return _warped(ink, rng, turn=1.0, stretch=0.3)


def _turned(digits: Frames, rng: Rng) -> Ink:
    """A digit on its side or mirrored at its diagonal; a long one stays one, or becomes a bar, whoever sees it."""
    while min((ink := _digit(digits, rng)).shape) < 0.55 * max(ink.shape):
        pass
    return np.ascontiguousarray(np.rot90(ink if rng.random() < 0.5 else ink[:, ::-1], rng.choice([1, 3])))


def _texture(digits: Frames, rng: Rng) -> Ink:
    """Smoothed noise, as grey levels or cut at a level: grain, marble, blobs."""
    noise = cv2.GaussianBlur(rng.normal(0, 1, (_CANVAS, _CANVAS)).astype(np.float32), (0, 0), rng.uniform(0.8, 7))
    noise = (noise - noise.mean()) / noise.std()
    ink = np.clip((noise - rng.uniform(-0.5, 1.3)) * rng.uniform(1, 8), 0, 1).astype(np.float32)
    if rng.random() < 0.5:
        y, x = np.ogrid[-1 : 1 : _CANVAS * 1j, -1 : 1 : _CANVAS * 1j]
        ink *= (x**2 + (y * rng.uniform(0.7, 2)) ** 2) < 1
    return ink


_KINDS: tuple[tuple[Callable[[Frames, Rng], Ink], float], ...] = (
    (_part_of_digit, 0.15),
    (_wrong_segment, 0.15),
    (_several, 0.13),
    (_with_line, 0.11),
    (_turned, 0.08),
    (_letter, 0.18),
    (_drawing, 0.12),
    (_pattern, 0.04),
    (_texture, 0.04),
)


def _digit(digits: Frames, rng: Rng) -> Ink:
    """One of the digits, enlarged and cropped to its box, a little turned and stretched."""
    ink = _warped(np.pad(_enlarged(digits[rng.integers(len(digits))]), 4), rng, turn=0.1, stretch=0.15)
    box = ink_box(ink, least=0.25)
    return ink if box is None else np.ascontiguousarray(ink[box])


def _enlarged(digit: Frame) -> Ink:
    """The digit at `_ZOOM` times its size, with edges as sharp as a pen's."""
    large = cv2.resize(digit, (SIDE * _ZOOM, SIDE * _ZOOM), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    return np.clip((large / 255 - 0.3) * 2.5, 0, 1).astype(np.float32)


def _warped(ink: Ink, rng: Rng, turn: float, stretch: float) -> Ink:
    """Ink turned and slanted by about `turn` radians and stretched by up to a share `stretch`, about its middle."""
    height, width = ink.shape
    angle, slant = rng.normal(0, turn / 2, 2)
    across, down = rng.uniform(1 - stretch, 1 + stretch, 2)
    cos, sin = np.cos(angle), np.sin(angle)
    turned = np.array([[across * cos, across * (slant - sin)], [down * sin, down * cos]])
    middle = np.array([width / 2, height / 2])
    affine = np.column_stack([turned, middle - turned @ middle])
    return np.asarray(cv2.warpAffine(ink, affine, (width, height)), np.float32)


def _part(ink: Ink, start: float, end: float, rng: Rng) -> Ink:
    """What lies between two shares of the ink's width, cut along slanted and bent paths; 0 and 1 cut nothing off."""
    height, width = ink.shape
    columns, rows = np.arange(width)[None], np.arange(height)[:, None]
    kept = np.ones(ink.shape, bool)
    for share, sign in ((start, 1), (end, -1)):
        if 0 < share < 1:
            slant, bend, phase = rng.normal(0, 0.15), rng.normal(0, 2.0), rng.uniform(0, 6.3)
            path = share * width + slant * (rows - height / 2) + bend * np.sin(rows / height * 5 + phase)
            kept &= sign * (columns - path) >= 0
    part = np.where(kept, ink, np.float32(0))
    box = ink_box(part, least=0.25)
    return part if box is None else np.ascontiguousarray(part[box])


def _joined(inks: Sequence[Ink], gap: float, rng: Rng) -> Ink:
    """Inks in a row, `gap` heights apart, a little higher or lower."""
    tallest = max(len(ink) for ink in inks)
    space, rise = round(gap * tallest), tallest // 6
    row: Ink = np.zeros((tallest + 2 * rise, sum(ink.shape[1] for ink in inks) + 60), np.float32)
    x = 20
    for ink in inks:
        top = min(max(0, (len(row) - len(ink)) // 2 + int(rng.integers(-rise, rise + 1))), len(row) - len(ink))
        place = row[top : top + len(ink), x : x + ink.shape[1]]
        np.maximum(place, ink, out=place)
        x = max(x + ink.shape[1] + space, 0)
    return row


def _path(points: NDArray[np.float64], soft: int) -> NDArray[np.float64]:
    """Points along a line through `points` (n, 2), its corners rounded over `soft` of `_POINTS` points."""
    lengths = np.hypot(*np.diff(points, axis=0).T)
    at = np.concatenate([[0], np.cumsum(lengths)])
    steps = np.linspace(0, at[-1], _POINTS)
    path = np.stack([np.interp(steps, at, points[:, i]) for i in (0, 1)], axis=1)
    if soft < 2:
        return path
    padded = np.pad(path, ((soft // 2, (soft - 1) // 2), (0, 0)), mode="edge")
    return np.stack([np.convolve(padded[:, i], np.full(soft, 1 / soft), mode="valid") for i in (0, 1)], axis=1)


def _stroke(ink: Ink, path: NDArray[np.float64], pen: int) -> None:
    """Draw a path of points x, y into the ink with a round pen of that width in pixels."""
    cv2.polylines(ink, [np.rint(path * 16).astype(np.int32)], False, 1.0, pen, cv2.LINE_8, shift=4)

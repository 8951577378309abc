"""Ink on a small canvas: digits enlarged and warped, cut and joined; strokes drawn and worn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistcnn.ink.framing import BOX, SIDE, Frame, Ink, center_digit, ink_box
from mnistcnn.ink.strokes import THICK_TARGET, THICKEST, THIN_TARGET, THINNEST, dilate, thin

CANVAS = 64  # pixels
_POINTS = 40  # of a stroke's path
_LEAST_INK = 12.0  # pixels
_STROKE_ACROSS = 1.5  # pixels, the standard deviation of a stroke's ink across it; of nine in ten of MNIST's ones
_CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], dtype=np.uint8)

Rng = np.random.Generator
Wear = Callable[[Ink, Rng], Ink]

_SHARPENED = np.clip(np.arange(256, dtype=np.float32) * np.float32(2.5 / 255) - np.float32(0.75), 0, 1)


def blank() -> Ink:
    """An empty canvas."""
    return np.zeros((CANVAS, CANVAS), np.float32)


def enlarge(digit: Frame, rng: Rng, turn: float, stretch: float) -> Ink:
    """A digit on the canvas at twice its size, with edges as sharp as a pen's, warped."""
    large = cv2.resize(digit, (2 * SIDE, 2 * SIDE), interpolation=cv2.INTER_CUBIC)
    return np.asarray(_SHARPENED[warp(np.asarray(large), rng, turn, stretch, CANVAS)])


def warp(image: NDArray[Any], rng: Rng, turn: float, stretch: float, side: int) -> NDArray[Any]:
    """A square in the middle of one of `side` pixels, turned and slanted by about `turn` radians, stretched.

    `stretch` is by what share at most. The dtype is that of `image`.
    """
    angle, slant = rng.normal(0, turn / 2, 2)
    across, down = rng.uniform(1 - stretch, 1 + stretch, 2)
    cos, sin = np.cos(angle), np.sin(angle)
    turned = np.array([[across * cos, across * (slant - sin)], [down * sin, down * cos]])
    shift = (side - 1) / 2 - turned @ np.full(2, (len(image) - 1) / 2)
    return np.asarray(cv2.warpAffine(image, np.column_stack([turned, shift]), (side, side)))


def framed(draw: Callable[[], Ink], rng: Rng) -> Frame:
    """Draw ink, again if there is next to none; wear it as pens, scans and cameras do, and frame it as predict does."""
    while (ink := draw()).sum() < _LEAST_INK:
        pass
    chance = rng.random()
    if chance < 0.1:
        ink = cv2.GaussianBlur(ink, (0, 0), rng.uniform(0.5, 2)).astype(np.float32)
    elif chance < 0.22:
        ink = blocks(ink, rng)
    elif chance < 0.32:
        ink = roughen(ink, rng)
    elif chance < 0.4:
        ink = fade(ink, rng)
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


def by_hand(ink: Ink, rng: Rng) -> Ink:
    """Ink as other hands write the same: bent, slanted, narrow or wide, now and then seen at an angle."""
    if rng.random() < 0.5:
        ink = bend(ink, rng, rng.uniform(0.4, 2.0))
    if rng.random() < 0.4:
        slope = float(np.clip(rng.normal(0.1, 0.25), -0.5, 0.8))
        ink = slant(ink, slope, float(np.clip(np.exp(rng.normal(0, 0.25)), 0.5, 1.7)))
    if rng.random() < 0.1:
        ink = tilt(ink, rng, rng.uniform(0.03, 0.12))
    return ink


def is_one_stroke(frame: Frame) -> bool:
    """Whether a frame holds little but one straight stroke: a 1 as it looks, whatever it was cut from."""
    weights = frame.astype(np.float64) / max(float(frame.sum()), 1.0)
    rows, columns = np.indices(frame.shape)
    y, x = rows - (weights * rows).sum(), columns - (weights * columns).sum()
    covariance = np.array(
        [[(weights * x * x).sum(), (weights * x * y).sum()], [(weights * x * y).sum(), (weights * y * y).sum()]]
    )
    across, along = np.sqrt(np.linalg.eigvalsh(covariance).clip(0))
    return bool(across < _STROKE_ACROSS and along > 3 * across)


def bend(ink: Ink, rng: Rng, reach: float) -> Ink:
    """Ink bent by a smooth field of shifts, each about `reach` pixels at the nodes of a mesh of 5×5."""
    height, width = ink.shape
    mesh = rng.normal(0, reach, (5, 5, 2)).astype(np.float32)
    shifts = cv2.resize(mesh, (width, height), interpolation=cv2.INTER_CUBIC)
    rows, columns = np.indices((height, width), dtype=np.float32)
    return np.asarray(cv2.remap(ink, columns + shifts[..., 0], rows + shifts[..., 1], cv2.INTER_LINEAR), np.float32)


def slant(ink: Ink, slope: float, squeeze: float) -> Ink:
    """Ink slanted by `slope` (columns to the right a row up), `squeeze` times as wide; with room for all of it."""
    height, width = ink.shape
    wide = max(round(width * squeeze + abs(slope) * height), 3)
    start = slope * height if slope > 0 else 0.0
    matrix = np.array([[squeeze, -slope, start], [0, 1, 0]], np.float32)
    return np.asarray(cv2.warpAffine(ink, matrix, (wide, height), flags=cv2.INTER_LINEAR), np.float32)


def tilt(ink: Ink, rng: Rng, share: float) -> Ink:
    """Ink on paper photographed at an angle: each corner moves by up to `share` of the sides."""
    height, width = ink.shape
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    moved = corners + rng.uniform(-share, share, (4, 2)) * [width, height] + [share * width, share * height]
    matrix = cv2.getPerspectiveTransform(corners, moved.astype(np.float32))
    size = round(width * (1 + 2 * share)), round(height * (1 + 2 * share))
    return np.asarray(cv2.warpPerspective(ink, matrix, size), np.float32)


def blocks(ink: Ink, rng: Rng) -> Ink:
    """Ink as a scan of few pixels shows it, black and white or in greys; some scans stretch it to a square."""
    ink = crop(ink)
    side = int(rng.integers(8, 20))
    scale = side / max(ink.shape)
    height, width = (max(3, round(length * scale)) for length in ink.shape)
    if width < height and rng.random() < 0.4:
        width = min(side, round(width * rng.uniform(1, 2)))
    coarse = cv2.resize(ink, (width, height), interpolation=cv2.INTER_AREA)
    if rng.random() < 0.6:
        coarse = (coarse > rng.uniform(0.15, 0.4)).astype(np.float32)
    way = cv2.INTER_NEAREST if rng.random() < 0.6 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(coarse, (3 * width, 3 * height), interpolation=way), np.float32)


def roughen(ink: Ink, rng: Rng) -> Ink:
    """Ink with ragged edges, as a dry pen or a hard threshold leaves them."""
    ink = np.pad(ink, 3)
    noise = cv2.GaussianBlur(rng.normal(0, 1, ink.shape).astype(np.float32), (0, 0), rng.uniform(0.6, 2))
    soft = cv2.GaussianBlur(ink, (0, 0), rng.uniform(0.7, 1.5)) + rng.uniform(0.1, 0.3) * noise / noise.std()
    return np.asarray(np.clip((soft - 0.45) * 4 + 0.5, 0, 1) * (cv2.dilate(ink, np.ones((5, 5))) > 0), np.float32)


def fade(ink: Ink, rng: Rng) -> Ink:
    """Ink that is paler in places, where the pen hardly touched the paper."""
    noise = cv2.GaussianBlur(rng.normal(0, 1, ink.shape).astype(np.float32), (0, 0), rng.uniform(2, 6))
    return np.asarray(ink * np.clip(1 + rng.uniform(0.2, 0.5) * (noise / noise.std() - 0.3), 0, 1), np.float32)


def crop(ink: Ink) -> Ink:
    """Ink cropped to its box."""
    box = ink_box(ink, least=0.25)
    return ink if box is None else np.ascontiguousarray(ink[box])


def cut_out(ink: Ink, start: float, end: float, rng: Rng) -> Ink:
    """What lies between two shares of the ink's width, cut along slanted and bent paths; 0 and 1 cut nothing off."""
    height, width = ink.shape
    columns, rows = np.arange(width)[None], np.arange(height)[:, None]
    kept = np.ones(ink.shape, bool)
    for share, sign in ((start, 1), (end, -1)):
        if 0 < share < 1:
            slant, bend, phase = rng.normal(0, 0.15), rng.normal(0, 2.0), rng.uniform(0, 6.3)
            path = share * width + slant * (rows - height / 2) + bend * np.sin(rows / height * 5 + phase)
            kept &= sign * (columns - path) >= 0
    return crop(np.where(kept, ink, np.float32(0)))


def join(inks: Sequence[Ink], gap: float, rng: Rng) -> Ink:
    """Inks in a row, `gap` heights apart, a little higher or lower."""
    tallest = max(len(ink) for ink in inks)
    space, rise = round(gap * tallest), tallest // 6
    width = sum(ink.shape[1] for ink in inks) + len(inks) * max(space, 0) + 40
    row: Ink = np.zeros((tallest + 2 * rise, width), np.float32)
    x = 20
    for ink in inks:
        top = min(max(0, (len(row) - len(ink)) // 2 + int(rng.integers(-rise, rise + 1))), len(row) - len(ink))
        place = row[top : top + len(ink), x : x + ink.shape[1]]
        np.maximum(place, ink, out=place)
        x = max(x + ink.shape[1] + space, 0)
    return row


def smooth_path(points: NDArray[np.float64], soft: int) -> NDArray[np.float64]:
    """Points along a line through `points` (n, 2), its corners rounded over `soft` of `_POINTS` points."""
    corners = points @ np.array([1, 1j])
    at = np.concatenate([[0], np.cumsum(np.abs(np.diff(corners)))])
    path = np.interp(np.linspace(0, at[-1], _POINTS), at, corners)
    if soft > 1:
        ends = [path[:1].repeat(soft // 2), path, path[-1:].repeat((soft - 1) // 2)]
        path = np.convolve(np.concatenate(ends), np.full(soft, 1 / soft), mode="valid")
    return np.stack([path.real, path.imag], axis=1)


def draw_stroke(ink: Ink, path: NDArray[np.float64], pen: int) -> None:
    """Draw a path of points x, y into the ink with a round pen of that width in pixels."""
    cv2.polylines(ink, [np.rint(path * 16).astype(np.int32)], False, 1.0, pen, cv2.LINE_8, shift=4)


def parse_strokes(line: str) -> list[NDArray[np.float64]]:
    """Strokes (n, 2) as a line of text gives them: the points that each goes through, x 0 … 6 right, y 0 … 9 down."""
    return [np.array([list(point) for point in stroke.split()], dtype=np.float64) for stroke in line.split(",")]


def write(strokes: Sequence[NDArray[np.float64]], rng: Rng) -> Ink:
    """Strokes of `parse_strokes` by some hand: shaky or not, with round or sharp corners, turned and stretched."""
    ink, pen = blank(), int(rng.integers(3, 9))
    jitter, soft = rng.uniform(0, 0.45), int(rng.integers(1, 10))
    for stroke in strokes:
        draw_stroke(ink, smooth_path((stroke + rng.normal(0, jitter, stroke.shape)) * 4.5 + [18.5, 14], soft), pen)
    return warp(ink, rng, turn=0.15, stretch=0.3, side=CANVAS)

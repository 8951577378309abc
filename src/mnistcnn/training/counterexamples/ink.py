"""Ink on a small canvas: digits enlarged and warped, cut and joined; strokes drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistcnn.ink.framing import SIDE, Frame, Ink, ink_box

CANVAS = 64  # pixels
_POINTS = 40  # of a stroke's path

Rng = np.random.Generator

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
    row: Ink = np.zeros((tallest + 2 * rise, sum(ink.shape[1] for ink in inks) + 60), np.float32)
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

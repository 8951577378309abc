"""Drawings that are not one digit, of strokes alone: letters and signs, figures, patterns, textures. No torch."""

from __future__ import annotations

from importlib import resources
from itertools import pairwise

import cv2
import numpy as np

from mnistcnn.ink.framing import Ink
from mnistcnn.training.counterexamples.ink import CANVAS, Rng, blank, draw_stroke, join, smooth_path, warp

# A letter or sign a line: its strokes, each the points that it goes through, x 0 … 6 right and y 0 … 9 down.
_LETTERS = [
    [np.array([list(point) for point in stroke.split()], dtype=np.float64) for stroke in line.split(",")]
    for line in resources.files(__package__).joinpath("letters.txt").read_text(encoding="ascii").splitlines()
]


def letter(rng: Rng) -> Ink:
    """A letter or a sign, now and then two, by hand."""
    inks = []
    for _ in range(2 if rng.random() < 0.1 else 1):
        ink, pen = blank(), int(rng.integers(3, 9))
        jitter, soft = rng.uniform(0, 0.45), int(rng.integers(1, 10))
        for stroke in _LETTERS[rng.integers(len(_LETTERS))]:
            draw_stroke(ink, smooth_path((stroke + rng.normal(0, jitter, stroke.shape)) * 4.5 + [18.5, 14], soft), pen)
        inks.append(warp(ink, rng, turn=0.15, stretch=0.3, side=CANVAS))
    return inks[0] if len(inks) == 1 else join(inks, rng.uniform(-0.2, 0.2), rng)


def drawing(rng: Rng) -> Ink:
    """Strokes and figures anyhow, or inside the outline of another: curls, lines, arcs, ellipses, polygons, stars."""
    ink, pen, outlined = blank(), int(rng.integers(2, 7)), rng.random() < 0.5
    spread, most = (8, 9) if outlined else (rng.uniform(3, 14), 22)
    for i in range(rng.integers(2, 7)):
        outer = outlined and i == 0
        middle = rng.normal(CANVAS / 2, 1 if outer else spread, 2)
        reach = rng.uniform(15, 26, 2) if outer else rng.uniform(1, most, 2)
        which = rng.integers(3, 6) if outer else rng.integers(6)
        if which < 2:  # a curl or zigzag, a straight line
            ends = middle + rng.uniform(-2, 2, (int(rng.integers(3, 9)) if which == 0 else 2, 2)) * reach
            draw_stroke(ink, smooth_path(ends, int(rng.integers(1, 14))), pen)
            continue
        corners = 30 if which < 4 else int(rng.integers(3, 10))
        angles = rng.uniform(0, 2 * np.pi) + np.linspace(
            0, 2 * np.pi * (rng.uniform(0.3, 1) if which == 2 else 1), corners
        )
        star = 1 - rng.uniform(0, 0.6) * (np.arange(corners) % 2) * (which == 5)
        points = middle + reach * np.stack([np.cos(angles), np.sin(angles)], axis=1) * star[:, None]
        if rng.random() < (0.05 if outer else 0.2):
            cv2.fillPoly(ink, [np.rint(points).astype(np.int32)], 1.0)
        draw_stroke(ink, points, pen)
    return ink


def pattern(rng: Rng) -> Ink:
    """Parallel lines, grids, filled polygons."""
    ink, pen, which = blank(), int(rng.integers(2, 6)), rng.integers(3)
    if which == 0:
        points = CANVAS / 2 + rng.uniform(-22, 22, (int(rng.integers(3, 9)), 2))
        cv2.fillPoly(ink, [np.rint(points).astype(np.int32)], 1.0)
        return ink
    for at in np.linspace(10, 54, int(rng.integers(2, 7))):
        draw_stroke(ink, np.array([[10, at], [54, at + rng.normal(0, 1)]]), pen)
    for at in np.linspace(10, 54, int(rng.integers(2, 7))) if which == 2 else []:
        draw_stroke(ink, np.array([[at, 10], [at, 54]]), pen)
    return warp(ink, rng, turn=1.0, stretch=0.3, side=CANVAS)


def outline(rng: Rng) -> Ink:
    """A figure with corners, such as a triangle, a square or a star, by hand."""
    ink, corners = blank(), int(rng.choice([3, 4, 4, 4, 5, 6, 8, 10]))
    angles = rng.uniform(0, 2 * np.pi) + np.linspace(0, 2 * np.pi, corners + 1) + rng.normal(0, 0.12, corners + 1)
    reach = rng.uniform(12, 26, 2) * (1 - rng.uniform(0.3, 0.6) * (np.arange(corners + 1) % 2) * (corners > 5))[:, None]
    points = CANVAS / 2 + reach * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    points[-1] = points[0] + rng.normal(0, 1.5, 2)  # not quite closed
    sides = np.concatenate([np.linspace(start, end, 8) for start, end in pairwise(points)])
    draw_stroke(ink, smooth_path(sides + rng.normal(0, 0.4, sides.shape), 1), int(rng.integers(2, 7)))
    return ink


def texture(rng: Rng) -> Ink:
    """Smoothed noise, as grey levels or cut at a level: grain, marble, blobs."""
    noise = cv2.GaussianBlur(rng.normal(0, 1, (CANVAS, CANVAS)).astype(np.float32), (0, 0), rng.uniform(0.8, 7))
    noise = (noise - noise.mean()) / noise.std()
    ink: Ink = np.clip((noise - rng.uniform(-0.5, 1.3)) * rng.uniform(1, 8), 0, 1).astype(np.float32)
    if rng.random() < 0.5:
        y, x = np.ogrid[-1 : 1 : CANVAS * 1j, -1 : 1 : CANVAS * 1j]
        ink *= (x**2 + (y * rng.uniform(0.7, 2)) ** 2) < 1
    return ink

"""Drawings that are not one digit, of strokes alone: letters and signs, figures, patterns, textures."""

from __future__ import annotations

from importlib import resources
from itertools import pairwise

import cv2
import numpy as np

from mnistcnn.ink.framing import Ink
from recipes.ink import CANVAS, Rng, blank, crop, draw_stroke, join, parse_strokes, smooth_path, warp, write
from recipes.printing import print_text

_LETTERS = [
    parse_strokes(line)
    for line in resources.files(__package__).joinpath("letters.txt").read_text(encoding="ascii").splitlines()
]


# Without those that may be a digit in some hand: b, g, i, l, o, q, r, s, y, z, I, O, Q, S, Z, and so on.
PRINTED = (
    "ABCDEFGHJKLMNPRTUVWXYacdefhkmnptuvwx"
    "ΓΔΛΞΠΣΨΩαζηκλμπτυχψωДЖИЙЛПЦШЩЪЫЮЯгджийлмнптхцшщъыюя"
    "אבגהחטכלמנעפצקשתبتثجحخسشصضطظعغفقكلمني"
    "&@#$%€£§?+=()[]{}<>*~√∞÷×¥©←→↔⇒♠♣♥♦♪♫☺★☆△▽∀∃∇∈≠≤≥≈±"
)


def letter(rng: Rng) -> Ink:
    """A letter or a sign, now and then two, by hand."""
    inks = [write(_LETTERS[rng.integers(len(_LETTERS))], rng) for _ in range(2 if rng.random() < 0.1 else 1)]
    return inks[0] if len(inks) == 1 else join([crop(ink) for ink in inks], rng.uniform(-0.1, 0.3), rng)


def word(rng: Rng) -> Ink:
    """Three to eight letters in a row, in one or two lines."""
    lines = []
    for _ in range(2 if rng.random() < 0.3 else 1):
        letters = [crop(write(_LETTERS[rng.integers(len(_LETTERS))], rng)) for _ in range(rng.integers(3, 9))]
        lines.append(np.ascontiguousarray(crop(join(letters, rng.uniform(-0.1, 0.2), rng)).T))
    return lines[0].T if len(lines) == 1 else join(lines, rng.uniform(0, 0.1), rng).T


def print_letters(rng: Rng) -> Ink:
    """A printed letter or sign of one of several alphabets; rarely a word."""
    count = int(rng.integers(3, 9)) if rng.random() < 0.08 else 1
    return print_text("".join(PRINTED[i] for i in rng.integers(len(PRINTED), size=count)), rng)


def drawing(rng: Rng) -> Ink:
    """Strokes and figures anyhow, or inside the outline of another: curls, lines, arcs, ellipses, polygons, stars."""
    ink, pen, outlined = blank(), int(rng.integers(2, 7)), rng.random() < 0.5
    spread, least, most = (6, 4, 9) if outlined else (rng.uniform(3, 14), 1, 22)  # an empty outline may be a 0
    for i in range(rng.integers(3 if outlined else 2, 7)):
        outer = outlined and i == 0
        middle = rng.normal(CANVAS / 2, 1 if outer else spread, 2)
        reach = rng.uniform(15, 26, 2) if outer else rng.uniform(least, most, 2)
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
    """A triangle or a star, by hand; outlines of other figures may be a 0."""
    ink, corners = blank(), int(rng.choice([3, 8, 10]))
    angles = rng.uniform(0, 2 * np.pi) + np.linspace(0, 2 * np.pi, corners + 1) + rng.normal(0, 0.12, corners + 1)
    inward = rng.uniform(0.3, 0.6) * (np.arange(corners + 1) % 2) * (corners > 3)
    reach = rng.uniform(12, 26, 2) * (1 - inward)[:, None]
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

"""Writes numbers in one hand: MNIST's digits redrawn with one pen, in rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.wild import Digit, Ink, Rng, enlarge, thinned
from mnistcnn.ink.threshold import blur

Labelled = tuple[Digit, int]
_SIDE, _TALL = 120, 100  # pixels: MNIST's frame enlarged; a digit when it is made a line


@dataclass(frozen=True)
class Hand:
    """One person's handwriting. Lengths are shares of a digit's height."""

    pen: float  # stroke width
    slant: float  # the tangent of the angle; positive leans to the right
    aspect: float  # width in terms of MNIST's
    sizes: float = 0.06  # standard deviation of the height
    baseline: float = 0.03  # standard deviation of a digit's height above the line
    own: bool = False  # MNIST's own strokes, each digit with the pen that it was written with
    flags: bool = False  # a 1 has a flag, and sometimes a foot


@dataclass(frozen=True)
class Spacing:
    """The space between digits. `gap` is between boxes; `touch` is between strokes, negative if they overlap."""

    gap: tuple[float, float] = (0.1, 0.3)  # shares of the height
    touch: tuple[float, float] | None = None
    share: float = 1.0  # the share of neighbours with `touch`; the others have `gap`
    words: bool = True  # rows of four digits and more may have a word gap


def any_hand(rng: Rng, pen: tuple[float, float] = (0.05, 0.13), sizes: float = 0.06, baseline: float = 0.03) -> Hand:
    """Make a random hand; one in six keeps MNIST's own strokes."""
    own = bool(rng.random() < 1 / 6)
    return Hand(rng.uniform(*pen), rng.uniform(-0.1, 0.35), rng.uniform(0.85, 1.15), sizes, baseline, own)


def _pieces(mask: NDArray[np.bool_], connectivity: int = 8) -> int:
    """Count the connected parts, without specks."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), None, connectivity=connectivity)
    return int((stats[1:, cv2.CC_STAT_AREA] >= 0.0008 * mask.size).sum())


def legible(ink: Ink, label: int) -> bool:
    """Whether the digit has the loops that it should have, and no others; a broad pen may have filled one."""
    holes = _pieces(np.pad(ink <= 0.5, 1, constant_values=True), 4) - 1
    return holes in {0: {1}, 2: {0, 1}, 4: {0, 1}, 6: {1}, 8: {2}, 9: {1}}.get(label, {0})


def _sheared(digit: Digit, hand: Hand) -> Ink:
    """Make the digit upright, slant it as the hand does, and cut it to its box, `_TALL` pixels high."""
    ink = enlarge(digit, _SIDE)
    moments = cv2.moments(ink)
    lean = np.clip(-moments["mu11"] / max(moments["mu02"], 1e-6), -0.5, 0.5)
    shear = 0.7 * float(lean) - hand.slant
    matrix = np.array([[hand.aspect, shear, _SIDE - (hand.aspect + shear) * _SIDE / 2], [0, 1, 0]], np.float32)
    ink = np.asarray(cv2.warpAffine(ink, matrix, (2 * _SIDE, _SIDE), flags=cv2.INTER_CUBIC), np.float32)
    left, top, width, height = cv2.boundingRect((ink > 0.5).astype(np.uint8))
    box = ink[top : top + height, left : left + width]
    return np.clip(cv2.resize(box, (max(1, round(width * _TALL / height)), _TALL)), 0, 1)


def stroke(lines: NDArray[np.bool_], scale: float, pen: float, rng: Rng) -> Ink:
    """Enlarge lines of one pixel `scale` times and draw them with a pen of `pen` pixels whose pressure varies."""
    size = max(1, round(lines.shape[1] * scale)), max(1, round(lines.shape[0] * scale))
    away = blur(np.asarray(cv2.distanceTransform((~lines).astype(np.uint8), cv2.DIST_L2, 5), np.float32), 1.2)
    away = np.asarray(
        cv2.resize(away, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC), np.float32
    )
    pressure = cv2.resize(rng.normal(1, 0.12, (4, 4)).astype(np.float32), size, interpolation=cv2.INTER_CUBIC)
    return np.clip(pen / 2 * pressure + (0.5 - away) * scale + 0.5, 0, 1).astype(np.float32)


def with_flag(lines: NDArray[np.bool_], rng: Rng) -> NDArray[np.bool_]:
    """Add a flag, a little bowed, and sometimes a foot to the lines of a 1."""
    places = np.argwhere(lines)[:, ::-1]
    (top, base), drawn = places[[0, -1]].astype(float), lines.astype(np.uint8)
    angle = np.arctan2(*(base - top)[::-1]) + np.radians(rng.uniform(25, 50))  # to the left; a 7 has a wider angle
    tip = top + rng.uniform(0.2, 0.5) * _TALL * np.array([np.cos(angle), np.sin(angle)])
    bow = (top + tip) / 2 + rng.normal(0, 0.03, 2) * _TALL
    strokes = [[top, bow, tip]]
    if rng.random() < 0.3:
        reach = np.array([rng.uniform(0.15, 0.35) * _TALL, 0])
        strokes.append([base - reach, base + reach])
    for points in strokes:
        cv2.polylines(drawn, [np.rint(points).astype(np.int32)], False, 1)
    return drawn > 0


def cropped(ink: Ink) -> Ink:
    """Crop ink to its box."""
    rows, columns = np.flatnonzero(ink.max(axis=1) > 0.2), np.flatnonzero(ink.max(axis=0) > 0.2)
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def glyph(digit: Digit, label: int, hand: Hand, height: float, rng: Rng) -> Ink | None:
    """Write the digit in this hand, about `height` pixels high; None if it would be broken, or a blot."""
    box = _sheared(digit, hand)
    if _pieces(box > 0.5) != _pieces(digit > 40):
        return None
    height *= float(np.clip(rng.normal(1, hand.sizes), 0.6, 1.6)) * min(1.0, _TALL / box.shape[1])  # not huge
    scale = height / _TALL
    if hand.own:
        size = max(1, round(box.shape[1] * scale)), max(1, round(height))
        return np.clip(cv2.resize(box, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC), 0, 1)
    mask = np.pad(box > 0.5, ((12, 12), (_TALL, _TALL) if hand.flags else (12, 12)))
    inside = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    lines = thinned(mask)
    if inside.max() > 2.2 * np.median(inside[lines]):
        return None
    if hand.flags and label == 1:
        lines = with_flag(lines, rng)
    ink = stroke(lines, scale, max(1.3, hand.pen * height), rng)
    if not legible(ink, label):
        return None
    return cropped(ink)


def glyphs(pool: Sequence[Labelled], count: int, hand: Hand, height: float, rng: Rng) -> tuple[list[Ink], str]:
    """Write `count` digits from the pool; return their inks and labels."""
    drawn: list[Ink] = []
    text = ""
    while len(drawn) < count:
        digit, label = pool[int(rng.integers(len(pool)))]
        ink = glyph(digit, label, hand, height, rng)
        if ink is not None:
            drawn.append(ink)
            text += str(label)
    return drawn, text


def _contact(row: Ink, ink: Ink, top: int, near: int) -> int:
    """Find the leftmost place for `ink` at which its rows, and those `near` to them, are clear of the row."""
    seen = cv2.dilate((row[top : top + len(ink)] > 0.5).astype(np.uint8), np.ones((2 * near + 1, 1), np.uint8))
    right = np.where(seen.any(axis=1), seen.shape[1] - np.argmax(seen[:, ::-1], axis=1), -(10**6))
    solid = ink > 0.5
    left = np.where(solid.any(axis=1), np.argmax(solid, axis=1), 10**6)
    return int((right - left).max())


def row(drawn: Sequence[Ink], text: str, hand: Hand, height: float, spacing: Spacing, rng: Rng) -> tuple[Ink, str]:
    """Join digits to a row, cropped to its ink, and their text, with a space for each word gap."""
    room = round(2.2 * height)
    canvas = np.zeros((room, sum(ink.shape[1] for ink in drawn) + round((len(drawn) + 1) * 2.2 * height)), np.float32)
    breaks = {int(rng.integers(2, len(text) - 1))} if spacing.words and len(text) >= 4 and rng.random() < 0.4 else set()
    wanted = rng.random(len(drawn)) < spacing.share
    if spacing.touch and not wanted[1:].any():
        wanted[-1] = True
    said, end = "", 0
    for i, ink in enumerate(drawn):
        top = int(np.clip(1.7 * height - len(ink) + rng.normal(0, hand.baseline) * height, 0, room - len(ink)))
        start = end + round(rng.uniform(*spacing.gap) * height)
        if i == 0:
            start = 0
        elif i in breaks:
            start, said = end + round(rng.uniform(0.9, 1.5) * height), said + " "
        elif spacing.touch and wanted[i]:
            gap = round(max(rng.uniform(*spacing.touch), -0.6 * hand.pen) * height)  # a 1 is never covered entirely
            touching = _contact(canvas, ink, top, max(0, gap)) + gap
            start = max(touching, end - round(0.4 * ink.shape[1]), 0)
        place = canvas[top : top + len(ink), start : start + ink.shape[1]]
        np.maximum(place, ink, out=place)
        said, end = said + text[i], max(end, start + ink.shape[1])
    rows = np.flatnonzero(canvas.max(axis=1) > 0)
    return canvas[rows[0] : rows[-1] + 1, :end], said


def written(
    pool: Sequence[Labelled],
    rng: Rng,
    height: float,
    *,
    hand: Hand | None = None,
    rows: int = 1,
    length: tuple[int, int] = (1, 10),
    spacing: Spacing | None = None,
    pitch: float | None = None,
) -> tuple[Ink, str]:
    """Write rows of digits about `height` pixels high; return ink and text. `pitch` is the baselines' distance."""
    hand, spacing = hand or any_hand(rng), spacing or Spacing()
    done = []
    for _ in range(rows):
        drawn, text = glyphs(pool, int(rng.integers(length[0], length[1] + 1)), hand, height, rng)
        done.append(row(drawn, text, hand, height, spacing, rng))
    gaps = [0, *rng.uniform(0.35, 0.9, rows - 1)]
    lefts = [round(x * height) for x in rng.uniform(0, 0.6, rows)] if rows > 1 else [0]
    bottoms = np.cumsum([round(gap * height) + len(ink) for gap, (ink, _) in zip(gaps, done, strict=True)])
    if pitch is not None:
        bottoms = np.array([len(done[0][0]) + round(i * pitch) for i in range(rows)])
    width = max(left + ink.shape[1] for left, (ink, _) in zip(lefts, done, strict=True))
    canvas = np.zeros((int(bottoms.max()), width), np.float32)
    for bottom, left, (ink, _) in zip(bottoms, lefts, done, strict=True):
        top = max(0, bottom - len(ink))
        place = canvas[top:bottom, left : left + ink.shape[1]]
        np.maximum(place, ink[-len(place) :], out=place)
    return canvas, "\n".join(text for _, text in done)

"""Ruled and squared paper, boxes of forms, circles: taken out of the ink; strokes across straight lines are kept."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistcnn.ink.components import Box, Components, find_components
from mnistcnn.ink.framing import SIDE, Ink
from mnistcnn.ink.threshold import FAINT, SURE

Mask = NDArray[np.bool_]

_INSIDE = 0.12  # of a ring's height; what lies in it is at least this tall
_DIVIDER = 0.8  # of the inner height of a box; a line as long divides it in two
_INKED, _THICK = 0.7, 0.06  # of a line's length: ink at least, and how thick it is at most
_LEAST_BOX_PIXELS = 40  # of a box drawn by hand; a smaller one is a 0; guess
_LEAST_INSIDE_SHARE = 0.2  # of a box's height; a mark in it is at least this tall; guess
_CORNER_SHARE = 0.03  # of the outline's length; a corner is off by no more; guess
_MOST_OUTLINE_SHARE = 0.25  # of a box that its outline fills; guess
_LEAST_FILLED_SHARE = 0.85  # of the outline's area that lies between its four corners; guess
_MOST_CORNER_OFF_SHARE = 0.25  # of its sides that a corner of the outline lies off that of its upright box; guess
_LEAST_DOTS = 8  # of a dotted line; guess
_DOT_SHARE = 0.25  # of the digits' height: the extent of a dot or dash; guess
_DOT_OFF_SHARE = 0.1  # of the digits' height, up and down from the middle of the line; guess
_DOT_GAP_SHARE = 0.35  # of the digits' height, from one dot to the next; guess
_MIDDLE, _STRAY = 0.6, 0.02  # of a ring's radius; of its ink, at most, nearer to its middle than that


def remove_lines(ink: Ink) -> Ink:
    """Ink (height, width) in 0 … 1 without lines much longer than its digits are tall, and circles around numbers."""
    parts = find_components(ink > SURE)
    frames = _frames(parts)
    ink = np.where(frames | _rings(parts), np.float32(0), ink)
    for level in (SURE, FAINT):
        across, down = _find_lines(ink > level, frames)
        ink = _without(_without(ink, across).T, down.T).T
    return np.ascontiguousarray(_without_dots(ink))


def _without_dots(ink: Ink) -> Ink:
    """Ink without dotted and dashed lines: many small marks of one size in a level row, with even gaps."""
    parts = find_components(ink > SURE)
    height = _typical_height(parts.labels > 0)
    if not height:
        return ink
    extents = np.maximum(parts.heights, parts.widths)
    small = np.flatnonzero((extents <= _DOT_SHARE * height) & (parts.heights <= parts.widths + 2))
    middles = parts.top[small] + parts.heights[small] / 2
    dots = np.zeros(len(parts.areas), dtype=bool)
    for middle in middles:
        level = small[np.abs(middles - middle) <= _DOT_OFF_SHARE * height]
        if len(level) < _LEAST_DOTS:
            continue
        level = level[np.argsort(parts.left[level])]
        gaps = np.diff(parts.left[level])
        if np.median(gaps) <= _DOT_GAP_SHARE * height:
            dots[level] = True
    return np.where(parts.mask(dots), np.float32(0), ink) if dots.any() else ink


def remove_drawn_boxes(ink: Ink) -> Ink:
    """Ink without boxes that were drawn by hand around what is written: outlines with four corners."""
    mask = ink > SURE
    parts = find_components(mask)
    right, bottom = parts.left + parts.widths, parts.top + parts.heights
    boxes = np.zeros(len(parts.areas), dtype=bool)
    for i in np.flatnonzero(np.minimum(parts.heights, parts.widths) >= _LEAST_BOX_PIXELS):
        inside = (parts.left > parts.left[i]) & (right < right[i]) & (parts.top > parts.top[i]) & (bottom < bottom[i])
        written = inside & (parts.heights >= _LEAST_INSIDE_SHARE * parts.heights[i])
        if not written.any():
            continue
        own = (parts.labels[parts.box(int(i))] == i + 1).astype(np.uint8)
        contours, _ = cv2.findContours(own, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        hull = cv2.convexHull(max(contours, key=cv2.contourArea))
        corners = cv2.approxPolyDP(hull, _CORNER_SHARE * cv2.arcLength(hull, closed=True), closed=True)
        filled = cv2.contourArea(corners) / max(cv2.contourArea(hull), 1.0)
        height, width = own.shape
        thin = own.sum() <= _MOST_OUTLINE_SHARE * height * width
        boxes[i] = thin and len(corners) == 4 and filled > _LEAST_FILLED_SHARE and _is_upright(corners[:, 0], own.shape)
    return np.where(parts.mask(boxes), np.float32(0), ink) if boxes.any() else ink


def _is_upright(corners: NDArray[np.int32], shape: tuple[int, ...]) -> bool:
    """Whether each corner of the outline lies near another corner of its box: it isn't a rhombus."""
    height, width = shape
    nearest = {(int(x > width / 2), int(y > height / 2)) for x, y in corners}
    away = np.minimum(corners, [width, height] - corners) / [width, height]
    return len(nearest) == 4 and bool((away.max(axis=1) < _MOST_CORNER_OFF_SHARE).all())


def _find_lines(mask: Mask, frames: Mask) -> tuple[Mask, Mask]:
    """Where a mask has long lines, across and down, or from one side of `frames` to the other."""
    span = max(24, min(mask.shape) // 2, max(mask.shape) // 4)
    across = _thin_runs(mask, span)
    if not (across.any() or frames.any()):
        return across, across  # upright lines alone are large 1s
    plain = mask & ~_large_digits(mask)
    across, down = _thin_runs(plain, span), _thin_runs(plain.T, span).T
    if not (across.any() or frames.any()):
        return across, across
    height = _typical_height(mask & ~(across | down))
    if height:
        across, down = _thin_runs(plain, round(2.2 * height)), _thin_runs(plain.T, round(2.2 * height)).T
        down |= _sides(mask, across | frames, round(0.5 * height))
    return across, down


def _large_digits(mask: Mask) -> Mask:
    """What is about as tall as the picture, but not as wide: it has strokes as long as lines."""
    parts = find_components(mask)
    return parts.mask((parts.heights > 0.45 * mask.shape[0]) & (parts.widths < 0.6 * mask.shape[1]))


def _rings(parts: Components) -> Mask:
    """Circles and ellipses, closed or not, drawn around two or more components: hardly any ink near their middle."""
    right, bottom = parts.left + parts.widths, parts.top + parts.heights
    rings = np.zeros(len(parts.areas), dtype=bool)
    for i in np.flatnonzero(np.minimum(parts.heights, parts.widths) >= 24):
        height, width = int(parts.heights[i]), int(parts.widths[i])
        inside = (parts.left > parts.left[i]) & (right < right[i]) & (parts.top > parts.top[i]) & (bottom < bottom[i])
        if (inside & (parts.heights >= max(8, _INSIDE * height))).sum() >= 2:
            y, x = np.nonzero(parts.labels[parts.box(int(i))] == i + 1)
            away = np.hypot(2 * x / width - 1, 2 * y / height - 1)  # from the middle; 1 on the ellipse in the box
            rings[i] = (away < _MIDDLE).mean() < _STRAY
    return parts.mask(rings)


def _frames(parts: Components) -> Mask:
    """The outlines of upright boxes with something in them, and of empty ones as large."""
    mask = parts.labels > 0
    found: list[tuple[Box, Mask, bool]] = []
    for i in np.flatnonzero(np.minimum(parts.heights, parts.widths) >= 16):
        box = parts.box(int(i))
        height, width = int(parts.heights[i]), int(parts.widths[i])
        if parts.areas[i] > 0.6 * height * width or max(height, width) > 8 * min(height, width):
            continue
        if (height, width) == mask.shape:  # squared paper; some of its lines would count as dividers
            continue
        own = parts.labels[box] == i + 1
        reach = max(2, round(0.08 * min(height, width)))
        sides = (
            own[:reach].any(axis=0),
            own[-reach:].any(axis=0),
            own[:, :reach].any(axis=1),
            own[:, -reach:].any(axis=1),
        )
        if min(float(side.mean()) for side in sides) < 0.9:
            continue
        # As far inwards as the sides are thick; strokes that touch them go on.
        thick = reach + round(float(np.median([np.argmin(own[:, width // 2]), np.argmin(own[height // 2])])))
        inside = mask[box][thick:-thick, thick:-thick]
        outline = own.copy()
        inner = outline[thick:-thick, thick:-thick]
        if inner.size:
            inner &= inner.mean(axis=0) > _DIVIDER  # strokes that touch a side stay
        found.append((box, outline, bool(inside.size and inside.any(axis=1).mean() > 0.25)))
    frames = np.zeros_like(mask)
    filled = [outline.size for _, outline, is_filled in found if is_filled]
    for box, outline, is_filled in found:
        if is_filled or any(0.7 < outline.size / size < 1.4 for size in filled):
            frames[box] |= outline
    return frames


def _typical_height(mask: Mask) -> float:
    """The height of what isn't lines: that above which half of the ink lies; 0 where there is none."""
    parts = find_components(mask)
    fits = (parts.heights >= 8) & (parts.heights < 0.6 * mask.shape[0]) & (parts.widths < 0.6 * mask.shape[1])
    if not fits.any():
        return 0.0
    heights = np.sort(parts.heights[fits])
    weights = np.cumsum(heights)
    return float(heights[np.searchsorted(weights, weights[-1] / 2)])


def _runs(mask: Mask, length: int) -> Mask:
    """Where a mask has ink for `length` pixels across, with small gaps, more or less level."""
    length = max(8, min(length, mask.shape[1]))
    thick = cv2.dilate(mask.astype(np.uint8), np.ones((3, 1), np.uint8))  # lines that climb a little
    bridged = cv2.morphologyEx(thick, cv2.MORPH_CLOSE, np.ones((1, max(3, length // 8)), np.uint8))
    opened = cv2.morphologyEx(bridged, cv2.MORPH_OPEN, np.ones((1, length), np.uint8))
    inked = (cv2.blur(thick.astype(np.float32), (length, 1)) > _INKED).astype(np.uint8)
    return np.asarray((opened > 0) & (cv2.dilate(inked, np.ones((1, length), np.uint8)) > 0) & mask)


def _thin_runs(mask: Mask, length: int) -> Mask:
    """The runs that are much longer than thick, unlike the strokes of digits that touch."""
    parts = find_components(_runs(mask, length))
    return parts.mask(parts.areas <= _THICK * parts.widths**2)


def _sides(mask: Mask, lines: Mask, least: int) -> Mask:
    """Upright runs, as thin as the lines, that end at lines above and below, and not just one: the sides of boxes."""
    if not lines.any() or least < 4:
        return np.zeros_like(mask)
    parts = find_components(_runs(mask.T, least).T)
    near = cv2.dilate(lines.astype(np.uint8), np.ones((7, 3), np.uint8)) > 0
    chosen = parts.areas <= (2 * _thickness(lines) + 3) * parts.heights
    for i in np.flatnonzero(chosen):
        rows, columns = parts.box(int(i))
        top, bottom = slice(max(rows.start - 3, 0), rows.start + 4), slice(max(rows.stop - 4, 0), rows.stop + 3)
        chosen[i] = near[top, columns].any() and near[bottom, columns].any()
    alike = np.abs(parts.heights[:, None] - parts.heights) <= 0.15 * parts.heights
    level = np.abs(parts.top[:, None] - parts.top) <= 0.15 * parts.heights
    return parts.mask(chosen & ((alike & level & chosen).sum(axis=1) > 1))


def _without(ink: Ink, line: Mask) -> Ink:
    """Ink without level lines; where there is much more ink up and down than a line has, a stroke is kept."""
    if not line.any():
        return ink
    thickness = _thickness(line)
    strokes = cv2.morphologyEx((ink > SURE).astype(np.uint8), cv2.MORPH_OPEN, np.ones((2 * thickness + 2, 1), np.uint8))
    margin = cv2.dilate(line.astype(np.uint8), np.ones((5, 1), np.uint8)) > 0  # the soft edges of lines go too
    return np.where(margin & (strokes == 0), np.float32(0), ink)


def _thickness(line: Mask) -> int:
    """The median number of pixels of a line from top to bottom."""
    columns = line.sum(axis=0)
    starts = (line & ~np.roll(line, 1, axis=0)).sum(axis=0)
    each = columns[starts > 0] / starts[starts > 0]
    return int(np.median(each)) if len(each) else 1


def remove_rules(ink: Ink) -> Ink:
    """Take out ruled lines: thin, straight, from one edge of the image to the other, across or down."""
    for _ in ("across", "down"):
        mask, margin = ink > 0.35, ink.shape[1] // 20 + 1
        ruled = (mask.mean(axis=1) > 0.8) & mask[:, :margin].any(axis=1) & mask[:, -margin:].any(axis=1)
        ruled &= ink.shape[1] >= 2 * SIDE and ruled.mean() <= 0.25
        ruled |= np.roll(ruled, 1) | np.roll(ruled, -1)
        if ruled.any():
            ink = np.where(ruled[:, None] & ~_crossed(ink > 0.5, ruled), np.float32(0), ink)
        ink = ink.T
    return np.ascontiguousarray(ink)


def _crossed(mask: Mask, ruled: Mask) -> Mask:
    """Where a stroke crosses a ruled row: ink both in the next free row above and in the next one below."""
    height = len(mask)
    above = np.maximum.accumulate(np.where(ruled, -1, np.arange(height)))
    below = np.minimum.accumulate(np.where(ruled, height, np.arange(height))[::-1])[::-1]
    padded = np.pad(mask, ((1, 1), (0, 0)))  # no ink beyond the image
    return np.asarray(padded[above + 1] & padded[below + 1])

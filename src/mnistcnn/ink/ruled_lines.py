"""Removes ruled and squared paper, boxes and circles from the ink; strokes across straight lines are kept."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistcnn.ink.components import Box, Components, Mask, find_components
from mnistcnn.ink.framing import SIDE, Ink
from mnistcnn.ink.threshold import FAINT, SURE


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """The hand-set numbers of this stage, in heights of the digits where they say so. All are guesses."""

    # What is written on the paper.
    least_digit_pixels: int = 8  # the height of a component that may be a digit
    most_digit_share: float = 0.6  # of the image's height and of its width, either way, of such a component
    large_height_share: float = 0.45  # of the image's height; a taller component is a large digit, unless it is wide
    large_width_share: float = 0.6  # of the image's width, of a large digit at most

    # Ruled lines.
    least_span_pixels: int = 24  # the least length of a line before the height of the digits is known,
    spans_per_longer_side: int = 4  # which is at least this part of the image's longer side
    spans_per_shorter_side: int = 2  # and this part of its shorter side
    line_heights: float = 2.2  # the least length of a line after that
    least_run_pixels: int = 8  # the least length of a line if digits are small
    bridges_per_run: int = 8  # a gap is closed if it is shorter than this part of the line
    least_bridge_pixels: int = 3  # the same, of a short line
    least_inked_share: float = 0.7  # of a line's length
    most_thickness_share: float = 0.06  # of a line's length
    line_margin_pixels: int = 2  # above and below a line that go, too: its soft edges
    stroke_thicknesses: int = 2  # of the line; a stroke across it is as tall as this, and
    stroke_excess_pixels: int = 2  # as many pixels more

    # The sides of boxes, between level lines.
    side_heights: float = 0.5  # the least length of a side
    least_side_pixels: int = 4  # shorter sides are not sought
    most_side_thicknesses: int = 2  # of the lines; a side is at most as thick as this, and
    most_side_excess_pixels: int = 3  # as many pixels more
    side_end_pixels: int = 3  # a side ends as near to a line
    alike_share: float = 0.15  # of the height of a side, by which the sides of one row of boxes differ at most

    # Dotted lines.
    least_dots: int = 8
    dot_heights: float = 0.25  # the most extent of a dot or dash
    most_upright_pixels: int = 2  # a dot is at most so much taller than wide
    dot_off_heights: float = 0.1  # up and down from the middle of the line
    dot_gap_heights: float = 0.35  # from one dot to the next

    # The frames of forms: outlines of upright boxes.
    least_frame_pixels: int = 16  # either way
    most_frame_filled_share: float = 0.6  # of the frame's box that its ink fills
    most_frame_times: float = 8.0  # the shorter side; the longer side is at most as long
    frame_reach_share: float = 0.08  # of the frame's shorter side; its sides lie as near to the edges of its box
    least_frame_reach_pixels: int = 2
    least_frame_side_share: float = 0.9  # of the length of each side that has ink
    divider_share: float = 0.8  # of the inner height of a frame; a line as long divides it
    least_frame_inside_share: float = 0.25  # of the inner rows of a frame that have ink, if something is written in it
    least_frame_size_times: float = 0.7  # a filled frame's area; an empty frame between these sizes
    most_frame_size_times: float = 1.4  # is a frame of the same form

    # Boxes drawn by hand.
    least_box_pixels: int = 40  # either way; a smaller outline is a 0
    least_inside_share: float = 0.2  # of a box's height, of a mark that is written in it
    corner_share: float = 0.03  # of the outline's length; a corner is off by no more
    most_outline_share: float = 0.25  # of a box that its outline fills
    least_corners_share: float = 0.85  # of the outline's area that lies between its four corners
    most_corner_off_share: float = 0.25  # of a box's sides that a corner of its outline lies off its own corner

    # Rings around numbers.
    least_ring_pixels: int = 24  # either way
    least_ring_inside_pixels: int = 8  # the height of a component that is written in a ring
    least_ring_inside_share: float = 0.12  # of a ring's height, likewise
    least_ring_inside: int = 2  # components in a ring
    ring_middle_share: float = 0.6  # of a ring's radius; its middle
    most_ring_middle_share: float = 0.02  # of a ring's ink that lies in its middle

    # Rules from edge to edge of an image of one digit.
    rule_ink: float = 0.35  # 0 … 1; ink above this may be of a rule
    crossing_ink: float = 0.5  # 0 … 1; ink above this may be of a stroke that crosses a rule
    rule_ends_per_side: int = 20  # a rule has ink in this part of the width at both ends
    least_rule_share: float = 0.8  # of its length that has ink
    least_rule_digits: int = 2  # an image less than so many times as wide as MNIST's is too small for rules
    most_rules_share: float = 0.25  # of the image's rows; more are not rules


PARAMS = Params()


def remove_lines(ink: Ink) -> Ink:
    """Ink (height, width) in 0 … 1 without circles around numbers and lines much longer than digits are tall."""
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
    low = parts.heights <= parts.widths + PARAMS.most_upright_pixels
    small = np.flatnonzero((extents <= PARAMS.dot_heights * height) & low)
    middles = parts.top[small] + parts.heights[small] / 2
    dots = np.zeros(len(parts.areas), dtype=bool)
    for middle in middles:
        level = small[np.abs(middles - middle) <= PARAMS.dot_off_heights * height]
        if len(level) < PARAMS.least_dots:
            continue
        level = level[np.argsort(parts.left[level])]
        gaps = np.diff(parts.left[level])
        if np.median(gaps) <= PARAMS.dot_gap_heights * height:
            dots[level] = True
    return np.where(parts.mask(dots), np.float32(0), ink) if dots.any() else ink


def remove_drawn_boxes(ink: Ink) -> Ink:
    """Ink (height, width) in 0 … 1 without boxes drawn by hand around digits: outlines with four corners."""
    mask = ink > SURE
    parts = find_components(mask)
    boxes = np.zeros(len(parts.areas), dtype=bool)
    for i in np.flatnonzero(np.minimum(parts.heights, parts.widths) >= PARAMS.least_box_pixels):
        written = _inside(parts, int(i)) & (parts.heights >= PARAMS.least_inside_share * parts.heights[i])
        if not written.any():
            continue
        own = (parts.labels[parts.box(int(i))] == i + 1).astype(np.uint8)
        contours, _ = cv2.findContours(own, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        hull = cv2.convexHull(max(contours, key=cv2.contourArea))
        corners = cv2.approxPolyDP(hull, PARAMS.corner_share * cv2.arcLength(hull, closed=True), closed=True)
        share = cv2.contourArea(corners) / max(cv2.contourArea(hull), 1.0)
        height, width = own.shape
        thin = own.sum() <= PARAMS.most_outline_share * height * width
        is_quadrangle = len(corners) == 4 and share > PARAMS.least_corners_share
        boxes[i] = thin and is_quadrangle and _is_upright(corners[:, 0], own.shape)
    return np.where(parts.mask(boxes), np.float32(0), ink) if boxes.any() else ink


def _inside(parts: Components, index: int) -> Mask:
    """Which components (count,) lie in the box of component `index`."""
    right = parts.left + parts.widths
    bottom = parts.top + parts.heights
    across = (parts.left > parts.left[index]) & (right < right[index])
    down = (parts.top > parts.top[index]) & (bottom < bottom[index])
    return np.asarray(across & down)


def _is_upright(corners: NDArray[np.int32], shape: tuple[int, ...]) -> bool:
    """Whether each of the four corners (4, 2) of an outline lies near a different corner of its box.

    The box has `shape`, (height, width). The corners of a rhombus, such as a 0, do not lie there.
    """
    height, width = shape
    nearest = {(int(x > width / 2), int(y > height / 2)) for x, y in corners}
    away = np.minimum(corners, [width, height] - corners) / [width, height]
    return len(nearest) == 4 and bool((away.max(axis=1) < PARAMS.most_corner_off_share).all())


def _find_lines(mask: Mask, frames: Mask) -> tuple[Mask, Mask]:
    """Where a mask has long lines, (height, width) across and down, or lines from one side of `frames` to the other."""
    span = max(
        PARAMS.least_span_pixels,
        min(mask.shape) // PARAMS.spans_per_shorter_side,
        max(mask.shape) // PARAMS.spans_per_longer_side,
    )
    across = _thin_runs(mask, span)
    if not (across.any() or frames.any()):
        return across, across  # upright lines alone are large 1s
    plain = mask & ~_large_digits(mask)
    across = _thin_runs(plain, span)
    down = _thin_runs(plain.T, span).T
    if not (across.any() or frames.any()):
        return across, across
    height = _typical_height(mask & ~(across | down))
    if height:
        length = round(PARAMS.line_heights * height)
        across = _thin_runs(plain, length)
        down = _thin_runs(plain.T, length).T
        down |= _sides(mask, across | frames, round(PARAMS.side_heights * height))
    return across, down


def _large_digits(mask: Mask) -> Mask:
    """The components that are about as tall as the image, but not as wide: they have strokes as long as lines."""
    parts = find_components(mask)
    tall = parts.heights > PARAMS.large_height_share * mask.shape[0]
    narrow = parts.widths < PARAMS.large_width_share * mask.shape[1]
    return parts.mask(tall & narrow)


def _rings(parts: Components) -> Mask:
    """Circles and ellipses, closed or not, around several components: they have hardly any ink in their middle."""
    rings = np.zeros(len(parts.areas), dtype=bool)
    for i in np.flatnonzero(np.minimum(parts.heights, parts.widths) >= PARAMS.least_ring_pixels):
        height = int(parts.heights[i])
        width = int(parts.widths[i])
        least_height = max(PARAMS.least_ring_inside_pixels, PARAMS.least_ring_inside_share * height)
        written = _inside(parts, int(i)) & (parts.heights >= least_height)
        if written.sum() < PARAMS.least_ring_inside:
            continue
        y, x = np.nonzero(parts.labels[parts.box(int(i))] == i + 1)
        away = np.hypot(2 * x / width - 1, 2 * y / height - 1)  # 0 in the middle, 1 on the ellipse in the box
        rings[i] = (away < PARAMS.ring_middle_share).mean() < PARAMS.most_ring_middle_share
    return parts.mask(rings)


def _frames(parts: Components) -> Mask:
    """The outlines of upright boxes with something in them, and of empty boxes of the same size."""
    mask = parts.labels > 0
    # Of each outline: its box, its mask in the box, and whether there is ink inside.
    found: list[tuple[Box, Mask, bool]] = []
    for i in np.flatnonzero(np.minimum(parts.heights, parts.widths) >= PARAMS.least_frame_pixels):
        box = parts.box(int(i))
        height = int(parts.heights[i])
        width = int(parts.widths[i])
        if parts.areas[i] > PARAMS.most_frame_filled_share * height * width:
            continue
        if max(height, width) > PARAMS.most_frame_times * min(height, width):
            continue
        if (height, width) == mask.shape:  # squared paper; some of its lines would count as dividers
            continue
        own = parts.labels[box] == i + 1
        reach = max(PARAMS.least_frame_reach_pixels, round(PARAMS.frame_reach_share * min(height, width)))
        sides = (
            own[:reach].any(axis=0),
            own[-reach:].any(axis=0),
            own[:, :reach].any(axis=1),
            own[:, -reach:].any(axis=1),
        )
        if min(float(side.mean()) for side in sides) < PARAMS.least_frame_side_share:
            continue
        # The sides are removed as far inwards as they are thick; strokes that touch them are kept.
        thick = reach + round(float(np.median([np.argmin(own[:, width // 2]), np.argmin(own[height // 2])])))
        inside = mask[box][thick:-thick, thick:-thick]
        outline = own.copy()
        inner = outline[thick:-thick, thick:-thick]
        if inner.size:
            inner &= inner.mean(axis=0) > PARAMS.divider_share
        is_filled = bool(inside.size and inside.any(axis=1).mean() > PARAMS.least_frame_inside_share)
        found.append((box, outline, is_filled))
    frames = np.zeros_like(mask)
    filled = [outline.size for _, outline, is_filled in found if is_filled]
    for box, outline, is_filled in found:
        if is_filled or any(_is_alike(outline.size, size) for size in filled):
            frames[box] |= outline
    return frames


def _is_alike(size: int, filled: int) -> bool:
    """Whether an empty frame with an area of `size` pixels may be of the same form as a filled one."""
    return PARAMS.least_frame_size_times < size / filled < PARAMS.most_frame_size_times


def _typical_height(mask: Mask) -> float:
    """The median height of the components that are not lines, each weighted by its height, in pixels; 0 without any."""
    parts = find_components(mask)
    fits = parts.heights >= PARAMS.least_digit_pixels
    fits &= parts.heights < PARAMS.most_digit_share * mask.shape[0]
    fits &= parts.widths < PARAMS.most_digit_share * mask.shape[1]
    if not fits.any():
        return 0.0
    heights = np.sort(parts.heights[fits])
    weights = np.cumsum(heights)
    return float(heights[np.searchsorted(weights, weights[-1] / 2)])


def _runs(mask: Mask, length: int) -> Mask:
    """Where a mask has ink for `length` pixels across, with small gaps, more or less level."""
    length = max(PARAMS.least_run_pixels, min(length, mask.shape[1]))
    bridge = max(PARAMS.least_bridge_pixels, length // PARAMS.bridges_per_run)
    thick = cv2.dilate(mask.astype(np.uint8), np.ones((3, 1), np.uint8))  # lines may climb a little
    bridged = cv2.morphologyEx(thick, cv2.MORPH_CLOSE, np.ones((1, bridge), np.uint8))
    opened = cv2.morphologyEx(bridged, cv2.MORPH_OPEN, np.ones((1, length), np.uint8))
    inked = (cv2.blur(thick.astype(np.float32), (length, 1)) > PARAMS.least_inked_share).astype(np.uint8)
    return np.asarray((opened > 0) & (cv2.dilate(inked, np.ones((1, length), np.uint8)) > 0) & mask)


def _thin_runs(mask: Mask, length: int) -> Mask:
    """The runs that are much longer than thick; the strokes of digits that touch are not."""
    parts = find_components(_runs(mask, length))
    return parts.mask(parts.areas <= PARAMS.most_thickness_share * parts.widths**2)


def _sides(mask: Mask, lines: Mask, least: int) -> Mask:
    """The sides of boxes: upright runs, as thin as the lines, that end at lines above and below, several in a row."""
    if not lines.any() or least < PARAMS.least_side_pixels:
        return np.zeros_like(mask)
    parts = find_components(_runs(mask.T, least).T)
    off = PARAMS.side_end_pixels
    near = cv2.dilate(lines.astype(np.uint8), np.ones((2 * off + 1, 3), np.uint8)) > 0
    most_thick = PARAMS.most_side_thicknesses * _thickness(lines) + PARAMS.most_side_excess_pixels
    chosen = parts.areas <= most_thick * parts.heights
    for i in np.flatnonzero(chosen):
        rows, columns = parts.box(int(i))
        top = slice(max(rows.start - off, 0), rows.start + off + 1)
        bottom = slice(max(rows.stop - off - 1, 0), rows.stop + off)
        chosen[i] = near[top, columns].any() and near[bottom, columns].any()
    alike = np.abs(parts.heights[:, None] - parts.heights) <= PARAMS.alike_share * parts.heights
    level = np.abs(parts.top[:, None] - parts.top) <= PARAMS.alike_share * parts.heights
    return parts.mask(chosen & ((alike & level & chosen).sum(axis=1) > 1))


def _without(ink: Ink, line: Mask) -> Ink:
    """Ink without level lines, but with the strokes across them, which are much taller than a line is thick."""
    if not line.any():
        return ink
    thickness = _thickness(line)
    tall = np.ones((PARAMS.stroke_thicknesses * thickness + PARAMS.stroke_excess_pixels, 1), np.uint8)
    strokes = cv2.morphologyEx((ink > SURE).astype(np.uint8), cv2.MORPH_OPEN, tall)
    around = np.ones((2 * PARAMS.line_margin_pixels + 1, 1), np.uint8)
    margin = cv2.dilate(line.astype(np.uint8), around) > 0
    return np.where(margin & (strokes == 0), np.float32(0), ink)


def _thickness(line: Mask) -> int:
    """The median number of pixels of a line from top to bottom."""
    columns = line.sum(axis=0)
    starts = (line & ~np.roll(line, 1, axis=0)).sum(axis=0)
    each = columns[starts > 0] / starts[starts > 0]
    return int(np.median(each)) if len(each) else 1


def remove_rules(ink: Ink) -> Ink:
    """Ink (height, width) in 0 … 1 without thin, straight lines from edge to edge of the image, across or down."""
    for _ in ("across", "down"):
        mask = ink > PARAMS.rule_ink
        margin = ink.shape[1] // PARAMS.rule_ends_per_side + 1
        ruled = mask.mean(axis=1) > PARAMS.least_rule_share
        ruled &= mask[:, :margin].any(axis=1) & mask[:, -margin:].any(axis=1)
        ruled &= ink.shape[1] >= PARAMS.least_rule_digits * SIDE and ruled.mean() <= PARAMS.most_rules_share
        ruled |= np.roll(ruled, 1) | np.roll(ruled, -1)
        if ruled.any():
            ink = np.where(ruled[:, None] & ~_crossed(ink > PARAMS.crossing_ink, ruled), np.float32(0), ink)
        ink = ink.T
    return np.ascontiguousarray(ink)


def _crossed(mask: Mask, ruled: Mask) -> Mask:
    """Where a stroke crosses a ruled row: there is ink in the next free row above and in the next one below."""
    height = len(mask)
    above = np.maximum.accumulate(np.where(ruled, -1, np.arange(height)))
    below = np.minimum.accumulate(np.where(ruled, height, np.arange(height))[::-1])[::-1]
    padded = np.pad(mask, ((1, 1), (0, 0)))  # no ink beyond the image
    return np.asarray(padded[above + 1] & padded[below + 1])

"""Finds the connected components of ink, and selects the ones of the digit, without specks and frames."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistcnn.ink.framing import ink_box

Mask = NDArray[np.bool_]
Box = tuple[slice, slice]  # rows and columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """The hand-set numbers of this stage; extents are diagonals of boxes. All are guesses."""

    # Which components belong to the digit.
    least_area_share: float = 0.05  # of the largest component's area, or
    least_extent_share: float = 0.25  # of the largest component's extent
    most_shadow_times: float = 2.0  # the digit's area; a component with more may be a shadow joined with other digits

    # Which components are around the digit; shares are of the image's height, its width, or the shorter of both.
    frame_sides: int = 3  # a component that reaches as many sides of the image is a frame
    corner_sides: int = 2  # a narrow component that reaches as many is a shadow in a corner
    narrow_share: float = 0.5  # the shorter side of a narrow component's box
    line_share: float = 0.9  # the longer side of the box of a line along an edge
    hollow_share: float = 0.5  # of the box of a line along an edge that it fills, at most
    inner_share: float = 0.2  # the extent of a component inside, without which nothing is around the digit

    # Which components are several digits.
    tall_share: float = 0.6  # of the height of all; a lower component is not a digit of its own
    gap_share: float = 0.12  # of that height, between two digits
    row_width_times: float = 0.9  # that height; several digits are as wide at least


PARAMS = Params()


@dataclass(frozen=True, slots=True, kw_only=True)
class Components:
    """The 8-connected components of a mask, numbered in reading order of their first pixels.

    `labels` (height, width) is 0 off the mask, else 1 … count. The other arrays are (count,), in pixels; entry i
    belongs to label i + 1.
    """

    labels: NDArray[np.int32]
    left: NDArray[np.int32]
    top: NDArray[np.int32]
    widths: NDArray[np.int32]
    heights: NDArray[np.int32]
    areas: NDArray[np.int32]

    def box(self, index: int) -> tuple[slice, slice]:
        """The rows and columns of component `index`."""
        left = int(self.left[index])
        top = int(self.top[index])
        return slice(top, top + int(self.heights[index])), slice(left, left + int(self.widths[index]))

    def mask(self, chosen: Mask) -> Mask:
        """The mask (height, width) of the components whose entry in `chosen` (count,) is true."""
        return np.concatenate([[False], chosen]).take(self.labels)


def find_components(mask: Mask) -> Components:
    """The 8-connected components of a mask (height, width)."""
    labels = np.zeros(mask.shape, dtype=np.int32)
    box = ink_box(mask)  # most of an image is paper, which need not be searched
    if box is None:
        none = np.zeros(0, dtype=np.int32)
        return Components(labels=labels, left=none, top=none, widths=none, heights=none, areas=none)
    # Wu's algorithm numbers components in reading order; OpenCV's others number them by blocks of pixels.
    _, labels[box], stats, _ = cv2.connectedComponentsWithStatsWithAlgorithm(
        mask[box].astype(np.uint8), 8, cv2.CV_32S, cv2.CCL_WU
    )
    rows, columns = box
    left, top, widths, heights, areas = np.asarray(stats[1:], dtype=np.int32).T
    return Components(
        labels=labels,
        left=left + columns.start,
        top=top + rows.start,
        widths=widths,
        heights=heights,
        areas=areas,
    )


def select_components(parts: Components) -> Mask:
    """Which components (count,) belong to the digit, and are not specks, frames, or shadows at the image's edge."""
    around = _surroundings(parts)
    areas = np.where(around, 0, parts.areas)
    extents = np.hypot(parts.heights, parts.widths)
    if not areas.any():
        return np.zeros_like(around)
    main = areas.argmax()
    large = areas >= PARAMS.least_area_share * areas[main]
    long = extents >= PARAMS.least_extent_share * extents[main]
    return np.asarray(~around & (large | long))


def is_alone(parts: Components, chosen: Mask) -> bool:
    """Whether one component was chosen and no other one is so large that it may hide digits."""
    large = parts.areas > PARAMS.most_shadow_times * parts.areas[chosen].max()
    return bool((chosen | large).sum() == 1)


def _surroundings(parts: Components) -> Mask:
    """Which components (count,) are around the digit: frames, lines along an edge, shadows in a corner."""
    height, width = parts.labels.shape
    bottom = parts.top + parts.heights
    right = parts.left + parts.widths
    edges = np.stack([parts.top == 0, parts.left == 0, bottom == height, right == width]).sum(axis=0)
    sizeable = np.hypot(parts.heights, parts.widths) >= PARAMS.inner_share * min(height, width)
    narrow = np.minimum(parts.heights, parts.widths) < PARAMS.narrow_share * min(height, width)
    spanning = (parts.heights >= PARAMS.line_share * height) | (parts.widths >= PARAMS.line_share * width)
    hollow = parts.areas < PARAMS.hollow_share * parts.heights * parts.widths
    frames = edges >= PARAMS.frame_sides
    corners = (edges >= PARAMS.corner_sides) & narrow
    lines = (edges >= 1) & spanning & hollow
    # The digit itself may touch an edge, so these are dropped only if there is a component of some size inside.
    return np.asarray((frames | corners | lines) & ((edges == 0) & sizeable).any())


def are_several(parts: Components, chosen: Mask) -> bool:
    """Whether the chosen components are digits side by side: parted by a gap, each about as tall as all together."""
    height = (parts.top + parts.heights)[chosen].max() - parts.top[chosen].min()
    tall = np.flatnonzero(chosen & (parts.heights >= PARAMS.tall_share * height))
    tall = tall[np.argsort(parts.left[tall])]
    left = parts.left[tall]
    right = np.maximum.accumulate((parts.left + parts.widths)[tall])
    apart = (left[1:] - right[:-1] >= PARAMS.gap_share * height).any()
    return bool(apart and right[-1] - left[0] >= PARAMS.row_width_times * height)

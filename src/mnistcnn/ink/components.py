"""Finds the connected components of ink, and selects those of the digit, without specks and frames. No torch."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistcnn.ink.framing import ink_box

Mask = NDArray[np.bool_]
Box = tuple[slice, slice]  # rows and columns

_SHADOW = 2  # a component more than so many times as large as the digit may be a shadow joined with other digits


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
        """Return the rows and columns of component `index`."""
        left = int(self.left[index])
        top = int(self.top[index])
        return slice(top, top + int(self.heights[index])), slice(left, left + int(self.widths[index]))

    def mask(self, chosen: Mask) -> Mask:
        """Return a mask (height, width) of the components whose entry in `chosen` (count,) is true."""
        return np.concatenate([[False], chosen]).take(self.labels)


def find_components(mask: Mask) -> Components:
    """Label the 8-connected components of a mask (height, width)."""
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
    """Select the components of the digit, a mask (count,), without specks, frames, and shadows at the image's edge.

    Apart from those, a component is kept if it has a twentieth of the largest one's area or a quarter of its extent.
    """
    around = _surroundings(parts)
    areas = np.where(around, 0, parts.areas)
    extents = np.hypot(parts.heights, parts.widths)
    if not areas.any():
        return np.zeros_like(around)
    main = areas.argmax()
    return np.asarray(~around & ((areas >= 0.05 * areas[main]) | (extents >= 0.25 * extents[main])))


def is_alone(parts: Components, chosen: Mask) -> bool:
    """Whether one component was chosen, and no other one is so large that it may hide digits."""
    large = parts.areas > _SHADOW * parts.areas[chosen].max()
    return bool((chosen | large).sum() == 1)


def _surroundings(parts: Components) -> Mask:
    """Find the components around the digit, a mask (count,): frames, lines along an edge, shadows in a corner."""
    height, width = parts.labels.shape
    bottom = parts.top + parts.heights
    right = parts.left + parts.widths
    edges = np.stack([parts.top == 0, parts.left == 0, bottom == height, right == width]).sum(axis=0)
    sizeable = np.hypot(parts.heights, parts.widths) >= 0.2 * min(height, width)
    narrow = np.minimum(parts.heights, parts.widths) < 0.5 * min(height, width)
    spanning = (parts.heights >= 0.9 * height) | (parts.widths >= 0.9 * width)
    hollow = parts.areas < 0.5 * parts.heights * parts.widths
    frames = edges >= 3
    corners = (edges >= 2) & narrow
    lines = (edges >= 1) & spanning & hollow
    # The digit itself may touch an edge, so these are dropped only if there is a component of some size inside.
    return np.asarray((frames | corners | lines) & ((edges == 0) & sizeable).any())


def are_several(parts: Components, chosen: Mask) -> bool:
    """Whether the chosen components are digits side by side: separated by a gap, each about as high as all together."""
    height = (parts.top + parts.heights)[chosen].max() - parts.top[chosen].min()
    tall = np.flatnonzero(chosen & (parts.heights >= 0.6 * height))
    tall = tall[np.argsort(parts.left[tall])]
    left = parts.left[tall]
    right = np.maximum.accumulate((parts.left + parts.widths)[tall])
    apart = (left[1:] - right[:-1] >= 0.12 * height).any()
    return bool(apart and right[-1] - left[0] >= 0.9 * height)

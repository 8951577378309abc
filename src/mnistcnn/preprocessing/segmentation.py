"""Connected parts of a mask, by runs along its rows. No torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Components:
    """The 8-connected parts of a mask: `labels` (height, width) is 0 off the mask, else 1 … count.

    `areas` in pixels and the boxes' edges (`top`, `left` inclusive, `bottom`, `right` exclusive) are arrays
    (count,), entry i for label i + 1.
    """

    labels: NDArray[np.intp]
    areas: NDArray[np.intp]
    top: NDArray[np.intp]
    left: NDArray[np.intp]
    bottom: NDArray[np.intp]
    right: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.areas)

    @property
    def heights(self) -> NDArray[np.intp]:
        """Of the boxes."""
        return self.bottom - self.top

    @property
    def widths(self) -> NDArray[np.intp]:
        """Of the boxes."""
        return self.right - self.left

    def mask(self, chosen: Mask) -> Mask:
        """The pixels of the parts whose entry in `chosen` (count,) is true."""
        picked: Mask = np.concatenate([[False], chosen])[self.labels]
        return picked


def find_components(mask: Mask) -> Components:
    """Label the 8-connected parts of a mask (height, width)."""
    height, width = mask.shape
    padded = np.zeros((height, width + 2), dtype=np.int8)
    padded[:, 1:-1] = mask
    steps = np.diff(padded, axis=1).ravel()
    starts, ends = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)  # ends are exclusive
    stride = width + 1
    rows, first, last = starts // stride, starts % stride, ends % stride
    parents = _join(len(rows), *_touching(rows, first, last, stride + 1))
    _, label = np.unique(parents, return_inverse=True)
    count = int(label.max(initial=-1)) + 1
    boxes = [np.full(count, height), np.full(count, width), np.zeros(count, int), np.zeros(count, int)]
    np.minimum.at(boxes[0], label, rows)
    np.minimum.at(boxes[1], label, first)
    np.maximum.at(boxes[2], label, rows + 1)
    np.maximum.at(boxes[3], label, last)
    areas = np.bincount(label, weights=last - first, minlength=count).astype(np.intp)
    labels = np.zeros(mask.shape, dtype=np.intp)
    labels[mask] = np.repeat(label + 1, last - first)
    return Components(labels, areas, *boxes)


def _touching(
    rows: NDArray[np.intp], first: NDArray[np.intp], last: NDArray[np.intp], stride: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """All pairs of runs in neighbouring rows that touch, corners included: indices (upper, lower)."""
    # Runs are sorted, so those of the next row that touch a run are a range of indices.
    begin = np.searchsorted(rows * stride + last, (rows + 1) * stride + first, side="left")
    end = np.searchsorted(rows * stride + first, (rows + 1) * stride + last, side="right")
    counts = np.maximum(end - begin, 0)
    upper = np.repeat(np.arange(len(rows)), counts)
    offsets = np.arange(len(upper)) - np.repeat(np.cumsum(counts) - counts, counts)
    return upper, begin[upper] + offsets


def _join(count: int, upper: NDArray[np.intp], lower: NDArray[np.intp]) -> NDArray[np.intp]:
    """For each of `count` nodes the least node it is connected with through the edges."""
    parents = np.arange(count)
    while len(upper):
        least = np.minimum(parents[upper], parents[lower])
        np.minimum.at(parents, parents[upper], least)
        np.minimum.at(parents, parents[lower], least)
        while not np.array_equal(parents, parents[parents]):
            parents = parents[parents]
        apart = parents[upper] != parents[lower]
        upper, lower = upper[apart], lower[apart]
    return parents

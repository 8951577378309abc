"""Strokes as wide as MNIST's: hairlines thickened, fat brushes thinned, all else left alone. No torch."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mnistcnn.preprocessing.centering import BOX, Ink, fit_box, ink_box

T = TypeVar("T", bound=np.generic)

DETAIL = 4  # strokes are measured and changed at this many pixels for one of MNIST's
# Pixels in MNIST's 20×20 box; 5 % of its digits have thinner strokes than 1.8, 5 % thicker ones than 4.1.
THINNEST, THICKEST = 1.8, 4.2  # between these strokes are left alone
THIN_TARGET, THICK_TARGET = 2.4, 3.6


def adjust_strokes(ink: Ink) -> Ink:
    """Bring the strokes of cropped ink (height, width) in 0 … 1 to a width that MNIST's pens have.

    Unchanged where they already have it; otherwise at most 80 pixels either way, with room around it.
    """
    detailed = _to_detail(ink)
    width = stroke_width(detailed) / DETAIL
    if THINNEST <= width <= THICKEST:
        return ink
    target = THIN_TARGET if width < THINNEST else THICK_TARGET
    radius = abs(target - width) * DETAIL / 2
    padded = np.pad(detailed, int(radius) + 1)
    changed = dilate(padded, radius) if width < target else thin(padded, radius)
    return changed if ink_box(changed, least=0.5) is not None else ink


def _to_detail(ink: Ink) -> Ink:
    """Scaled so that the longer side has 80 pixels; lines thinner than one of them keep their strength."""
    shrink = max(ink.shape) / (BOX * DETAIL)
    if shrink > 1.5:
        ink = spread(ink, int(shrink / 2))
    return fit_box(ink, BOX * DETAIL)


def spread(grey: NDArray[T], reach: int) -> NDArray[T]:
    """The greatest value in a square of `2 * reach + 1` pixels around each pixel."""
    for axis in (0, 1):
        wide = grey.copy()
        for step in range(1, min(reach, grey.shape[axis] - 1) + 1):
            low = (slice(None),) * axis + (slice(None, -step),)
            high = (slice(None),) * axis + (slice(step, None),)
            np.maximum(wide[low], grey[high], out=wide[low])
            np.maximum(wide[high], grey[low], out=wide[high])
        grey = wide
    return grey


def stroke_width(ink: Ink) -> float:
    """The mean width of strokes, in pixels: twice their area over what an erosion by one pixel takes away."""
    padded = np.pad(ink, 1)
    lost = float((padded - erode(padded, 1.0)).sum())
    return 2 * float(ink.sum()) / max(lost, 1e-6)


def disc(radius: float) -> list[tuple[int, int]]:
    """The offsets (row, column) within `radius` pixels of the origin."""
    reach = int(radius)
    span = np.arange(-reach, reach + 1)
    rows, columns = np.meshgrid(span, span, indexing="ij")
    inside = rows**2 + columns**2 <= radius**2
    return [(int(r), int(c)) for r, c in zip(rows[inside], columns[inside], strict=True)]


def dilate(ink: Ink, radius: float) -> Ink:
    """The greatest ink within `radius` pixels of each pixel."""
    return _combine(ink, radius, np.maximum, outside=0.0)


def erode(ink: Ink, radius: float) -> Ink:
    """The least ink within `radius` pixels of each pixel."""
    return _combine(ink, radius, np.minimum, outside=0.0)


def thin(ink: Ink, radius: float) -> Ink:
    """Erode, but keep the lines that would vanish."""
    eroded = erode(ink, radius)
    vanishing = ink - dilate(eroded, radius + 1.0)
    return np.maximum(eroded, np.where(vanishing > 0.5, ink, np.float32(0)))


def _combine(ink: Ink, radius: float, best: np.ufunc, outside: float) -> Ink:
    """`best` over a disc whose radius may lie between two whole numbers of pixels."""
    low = float(np.floor(radius * 2) / 2)
    shares = [(low, 1.0 - (radius - low) * 2), (low + 0.5, (radius - low) * 2)]
    total: NDArray[np.float32] = np.zeros_like(ink)
    for size, share in shares:
        if share > 0:
            total = total + np.float32(share) * _combine_disc(ink, size, best, outside)
    return total


def _combine_disc(ink: Ink, radius: float, best: np.ufunc, outside: float) -> Ink:
    reach = int(radius)
    height, width = ink.shape
    padded = np.pad(ink, reach, constant_values=outside)
    result = ink.copy()
    for row, column in disc(radius):
        window = padded[reach + row : reach + row + height, reach + column : reach + column + width]
        best(result, window, out=result)
    return result

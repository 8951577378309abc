"""MNIST's framing: the ink's box is scaled into 20×20, its centre of mass is put into the middle of 28×28.

Source: Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits".
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Ink = NDArray[np.float32]  # (height, width), 0 (paper) … 1 (ink)
Frame = NDArray[np.uint8]  # (28, 28), 0 (paper) … 255 (ink)

SIDE = 28
BOX = 20


def center_digit(ink: Ink) -> Frame:
    """Frame ink of any size as MNIST does: (28, 28) uint8, 0 paper … 255 ink; all zeros if there is no ink."""
    box = ink_box(ink)
    if box is None:
        return np.zeros((SIDE, SIDE), dtype=np.uint8)
    square = center_by_mass(fit_box(ink[box]))
    square *= 255 / (square.max() or 1)  # the strongest ink is 255 in all of MNIST's images
    return np.rint(square).astype(np.uint8)


def is_framed(image: NDArray[np.uint8]) -> bool:
    """Whether an image is already framed as MNIST's: 28×28, light on black, its box 20 high or wide, centred."""
    corners = image[[0, 0, -1, -1], [0, -1, 0, -1]]
    if image.shape != (SIDE, SIDE) or image.max() < 250 or corners.any() or np.count_nonzero(image) > SIDE**2 // 2:
        return False
    longer = max(image[ink_box(image)].shape)
    return 19 <= longer <= 20 and all(13.4 <= middle <= 14.6 for middle in _center_of_mass(image))


def ink_box(ink: NDArray[Any], least: float = 0.0) -> tuple[slice, slice] | None:
    """Find the rows and columns that contain all ink above `least`; None if there is none."""
    left, top, width, height = cv2.boundingRect((ink > least).astype(np.uint8))
    return (slice(top, top + height), slice(left, left + width)) if width else None


def fit_box(ink: Ink, side: int = BOX) -> Ink:
    """Scale ink in 0 … 1 so that its longer side has `side` pixels; the proportions and the range are kept."""
    height, width = ink.shape
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if scale <= 1:
        return np.asarray(cv2.resize(ink, size, interpolation=cv2.INTER_AREA), dtype=np.float32)
    larger = cv2.resize(ink, size, interpolation=cv2.INTER_CUBIC)
    return np.clip(np.asarray(larger, dtype=np.float32), np.float32(0), np.float32(1))


def center_by_mass(ink: Ink, side: int = SIDE) -> Ink:
    """Place ink, at most `side` pixels wide and high, in a square so that its centre of mass is in the middle.

    It is moved by whole pixels, and at most to the edge.
    """
    height, width = ink.shape
    row, column = _center_of_mass(ink)
    top = min(max(round((side - 1) / 2 - row + 0.5), 0), side - height)
    left = min(max(round((side - 1) / 2 - column + 0.5), 0), side - width)
    square = np.zeros((side, side), dtype=np.float32)
    square[top : top + height, left : left + width] = ink
    return square


def _center_of_mass(ink: NDArray[Any]) -> tuple[float, float]:
    """Compute the row and the column of the centre of mass, in pixels from the first; 0 if there is no ink."""
    height, width = ink.shape
    mass = float(ink.sum()) or 1.0
    return float(ink.sum(axis=1) @ np.arange(height)) / mass, float(ink.sum(axis=0) @ np.arange(width)) / mass

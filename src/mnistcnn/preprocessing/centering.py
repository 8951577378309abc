"""MNIST's own framing: ink → its box scaled into 20×20 → its centre of mass in the middle of 28×28.

Source: Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Ink = NDArray[np.float32]  # (height, width), 0 (paper) … 1 (ink)
Frame = NDArray[np.uint8]  # (28, 28), 0 (paper) … 255 (ink)

SIDE = 28
BOX = 20


def ink_box(ink: Ink, least: float = 0.0) -> tuple[slice, slice] | None:
    """The rows and columns that hold all ink above `least`; None where there is none."""
    marked = ink > least
    rows, columns = np.flatnonzero(marked.any(axis=1)), np.flatnonzero(marked.any(axis=0))
    if not len(rows):
        return None
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def fit_box(ink: Ink, side: int = BOX) -> Ink:
    """Scale ink, keeping its proportions, so that its longer side has `side` pixels; values stay in 0 … 1."""
    height, width = ink.shape
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    resized = Image.fromarray(ink).resize(size, Image.Resampling.BICUBIC)
    return np.clip(np.asarray(resized, dtype=np.float32), 0.0, 1.0)


def centre(ink: Ink, side: int = SIDE) -> Ink:
    """Place ink (at most `side` pixels either way) in a square so that its centre of mass is in the middle.

    Moved by whole pixels; where that would push ink over the edge it stops at the edge.
    """
    height, width = ink.shape
    mass = float(ink.sum()) or 1.0
    row = float(ink.sum(axis=1) @ np.arange(height)) / mass
    column = float(ink.sum(axis=0) @ np.arange(width)) / mass
    top = min(max(round((side - 1) / 2 - row + 0.5), 0), side - height)
    left = min(max(round((side - 1) / 2 - column + 0.5), 0), side - width)
    square = np.zeros((side, side), dtype=np.float32)
    square[top : top + height, left : left + width] = ink
    return square


def center_digit(ink: Ink) -> Frame:
    """Ink of any size as MNIST shows it; all zeros where there is no ink."""
    box = ink_box(ink)
    if box is None:
        return np.zeros((SIDE, SIDE), dtype=np.uint8)
    square = centre(fit_box(ink[box]))
    framed: Frame = np.rint(square * (255 / (square.max() or 1))).astype(np.uint8)
    return framed  # the strongest ink is 255, as in every one of MNIST's pictures

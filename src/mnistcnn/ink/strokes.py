"""Brings strokes to the widths of MNIST's strokes: thickens thin ones, thins thick ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistcnn.ink.framing import BOX, Ink, fit_box, ink_box

# In pixels of MNIST's 20×20 box; 5 % of its digits have strokes thinner than 1.8, 5 % thicker than 4.1.
THINNEST = 1.8  # thinner strokes are thickened; fitted to MNIST
THICKEST = 4.2  # thicker strokes are thinned; fitted to MNIST
THIN_TARGET = 2.4  # the width that thin strokes are given; guess
THICK_TARGET = 3.6  # the width that thick strokes are given; guess


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """The hand-set numbers of this stage, besides the widths. All are guesses."""

    detail_times: int = 4  # the resolution of MNIST; strokes are measured and changed at this resolution
    thickened_shrink_times: float = 1.5  # ink that is reduced more than this is thickened before
    least_kept_ink: float = 0.5  # 0 … 1; changed ink is used only if some of it has more
    least_vanishing_ink: float = 0.5  # 0 … 1; thinning keeps a line of which it would take away more


PARAMS = Params()


def adjust_strokes(ink: Ink) -> Ink:
    """Bring the strokes of cropped ink (height, width) in 0 … 1 to a width that MNIST's strokes have.

    Ink that has such strokes is returned unchanged; other ink is scaled to at most 80 pixels either way, with a margin
    around it.
    """
    side = BOX * PARAMS.detail_times
    shrink = max(ink.shape) / side
    # Dilation keeps the strength of lines that reduction would make thinner than a pixel.
    thickened = dilate_square(ink, int(shrink / 2)) if shrink > PARAMS.thickened_shrink_times else ink
    detail = fit_box(thickened, side)
    width = stroke_width(detail) / PARAMS.detail_times
    if THINNEST <= width <= THICKEST:
        return ink
    target = THIN_TARGET if width < THINNEST else THICK_TARGET
    radius = abs(target - width) * PARAMS.detail_times / 2
    padded = pad(detail, int(radius) + 1)
    changed = dilate(padded, radius) if width < target else thin(padded, radius)
    return changed if ink_box(changed, least=PARAMS.least_kept_ink) is not None else ink


def stroke_width(ink: Ink) -> float:
    """The mean width of strokes, in pixels: twice the ink's area over the area that one erosion removes."""
    padded = pad(ink, 1)
    return 2 * float(ink.sum()) / max(float((padded - erode(padded, 1.0)).sum()), 1e-6)


def pad(ink: Ink, margin: int) -> Ink:
    """Ink with `margin` pixels of paper around it."""
    # `np.pad` takes twenty times as long.
    return np.asarray(cv2.copyMakeBorder(ink, margin, margin, margin, margin, cv2.BORDER_CONSTANT), np.float32)


def thin(ink: Ink, radius: float) -> Ink:
    """Ink eroded by `radius` pixels, except for the lines that would vanish."""
    eroded = erode(ink, radius)
    vanishing = ink - dilate(eroded, radius + 1.0)
    return np.maximum(eroded, np.where(vanishing > PARAMS.least_vanishing_ink, ink, np.float32(0)))


def dilate(ink: Ink, radius: float) -> Ink:
    """The greatest ink within `radius` pixels of each pixel."""
    return _over_disc(cv2.dilate, ink, radius)


def erode(ink: Ink, radius: float) -> Ink:
    """The least ink within `radius` pixels of each pixel; pixels outside the image do not count."""
    return _over_disc(cv2.erode, ink, radius)


def dilate_square(ink: Ink, reach: int) -> Ink:
    """The greatest ink in a square with sides of `2 * reach + 1` pixels around each pixel."""
    return np.asarray(cv2.dilate(ink, np.ones((2 * reach + 1,) * 2, dtype=np.uint8)), dtype=np.float32)


@lru_cache(64)
def disc(radius: float) -> NDArray[np.uint8]:
    """A square with an odd side that is 1 within `radius` pixels of the middle, else 0."""
    span = np.arange(-int(radius), int(radius) + 1)
    return (span[:, None] ** 2 + span**2 <= radius**2).astype(np.uint8)


def _over_disc(operation: Callable[..., Any], ink: Ink, radius: float) -> Ink:
    """Apply a morphological operation over a disc; between multiples of half a pixel, take the weighted mean of two."""
    smaller = np.floor(radius * 2) / 2
    share = (radius - smaller) * 2
    inner = operation(ink, disc(smaller))
    if share == 0:
        return np.asarray(inner)
    outer = operation(ink, disc(smaller + 0.5))
    return np.asarray(np.float32(1 - share) * inner + np.float32(share) * outer)

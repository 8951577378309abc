"""Finds the ink of an image on its paper. There are two models of the paper, since no one model suits every image.

`SURFACE` takes the paper for a smooth surface over the whole image: this is right for drawings and scans, for strokes
so fat that there is more ink than paper around them, and for even light. `WINDOW` takes it for the median of a window
around each pixel: this is right for photographs with shadows, folds and tables, and for faint ink. The reader tries the
first, and then the second if it may find more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistcnn.ink.decoding import Colours, Decoded
from mnistcnn.ink.framing import Ink
from mnistcnn.ink.pale import find_pale_ink
from mnistcnn.ink.ruled_lines import remove_drawn_boxes
from mnistcnn.ink.straightening import find_corners, straightened
from mnistcnn.ink.surface import subtract_surface, to_grey, top_hat
from mnistcnn.ink.threshold import to_ink
from mnistcnn.ink.window import enlarged, page_ink, subtract_window

Matrix = NDArray[np.float64]  # (3, 3), a perspective

SURFACE_SIDE = 640  # pixels; for the first model larger images are reduced to this; fitted


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """The hand-set numbers of this stage."""

    # For the second model larger images are reduced to this: on a smaller page faint pencil vanishes; fitted.
    window_side_pixels: int = 1600
    # Smaller images are enlarged to this, ten pixels for each of MNIST's: strokes must be wider than cuts; guess.
    least_surface_side_pixels: int = 280
    least_window_side_pixels: int = 280  # the same, for the second model; guess
    flat_levels: float = 1.0  # of 255; colours within so many levels of the paper's are the paper; guess
    least_flat_share: float = 0.75  # of the pixels of a drawing that are paper; guess


PARAMS = Params()


class Paper(StrEnum):
    """The models of the paper."""

    SURFACE = "surface"
    WINDOW = "window"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """The ink of an image, as one model of the paper shows it.

    `ink` (height, width) is 0 on the paper and 1 in full ink, without boxes drawn by hand. `find_pale` finds, in an
    array of the same shape, the marks that `ink` lacks because they are paler; only rows need it. `matrix` maps
    points of the ink to points of the upright image. `on_page` says that the ink is on a page that lies on a table.
    """

    ink: Ink
    find_pale: Callable[[], Ink]
    matrix: Matrix
    on_page: bool


def find_sheet(decoded: Decoded, paper: Paper, invert: bool | None = None, *, page: bool = True) -> Sheet | None:
    """The sheet of an image; None if nothing stands out from the paper.

    `invert` true says that ink is darker than its paper, false that it is lighter; None finds out. With `page`, the
    second model seeks a page that lies on a table, and only the ink on it counts.
    """
    if paper is Paper.SURFACE:
        return _find_on_surface(decoded, invert)
    return _find_in_windows(decoded, invert, page=page)


def is_flat(colours: Colours) -> bool:
    """Whether most of an image (height, width, 3) has the same colour, as a drawing has: no light falls on it."""
    some = colours[::4, ::4].reshape(-1, 3)  # enough of the pixels
    near = np.abs(some - np.median(some, axis=0)) <= (PARAMS.flat_levels + 0.01) / 255
    return float(near.all(axis=1).mean()) > PARAMS.least_flat_share


def _find_on_surface(decoded: Decoded, invert: bool | None) -> Sheet | None:
    colours = decoded.colours(SURFACE_SIDE)
    scale = decoded.size[0] / colours.shape[1]
    difference = subtract_surface(colours)
    grey = to_grey(difference, invert)
    ink = to_ink(top_hat(grey))
    if ink is None:
        return None
    factor = max(1.0, PARAMS.least_surface_side_pixels / max(ink.shape))
    return Sheet(
        ink=remove_drawn_boxes(_enlarged_ink(ink, factor)),
        find_pale=lambda: _enlarged_ink(find_pale_ink(difference, grey, ink), factor),
        matrix=np.diag([scale / factor, scale / factor, 1.0]),
        on_page=False,
    )


def _enlarged_ink(ink: Ink, factor: float) -> Ink:
    if factor == 1:
        return ink
    larger = cv2.resize(ink, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    return np.clip(np.asarray(larger, dtype=np.float32), np.float32(0), np.float32(1))


def _find_in_windows(decoded: Decoded, invert: bool | None, *, page: bool) -> Sheet | None:
    colours = decoded.colours(PARAMS.window_side_pixels)
    scale = decoded.size[0] / colours.shape[1]
    matrix = np.diag([scale, scale, 1.0])
    colours, factor = enlarged(colours, PARAMS.least_window_side_pixels)
    matrix = matrix @ np.diag([1 / factor, 1 / factor, 1.0])
    corners = find_corners(colours) if page else None
    if corners is not None:
        colours, upright = straightened(colours, corners)
        matrix = matrix @ np.linalg.inv(upright)
    difference = subtract_window(colours)
    grey = to_grey(difference, invert)
    ink = page_ink(grey)
    if ink is None:
        return None
    return Sheet(
        ink=remove_drawn_boxes(ink),
        find_pale=partial(find_pale_ink, difference, grey, ink),
        matrix=matrix,
        on_page=corners is not None,
    )

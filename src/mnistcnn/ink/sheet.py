"""A picture → the ink on its paper. There are two models of the paper, since no one model suits every picture.

`SURFACE` takes the paper as a smooth surface over the whole picture: right for drawings and scans, for strokes so fat
that there is more ink than paper around them, and for even light. `WINDOW` takes it as the median of a window around
each pixel: right for photographs with shadows, folds and tables, and for faint ink. The reader looks at both.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistcnn.ink.decoding import Colours, Decoded
from mnistcnn.ink.framing import Ink
from mnistcnn.ink.page import enlarged, find_corners, page_ink, straightened, subtract_window
from mnistcnn.ink.pale import find_pale_ink
from mnistcnn.ink.paper import find_ink, find_page, subtract_surface, top_hat
from mnistcnn.ink.ruled_lines import remove_drawn_boxes
from mnistcnn.ink.threshold import to_ink

Matrix = NDArray[np.float64]  # (3, 3), a perspective

SURFACE_SIDE = 640  # pixels; larger pictures are reduced to this; fitted
WINDOW_SIDE = 1600  # pixels; faint pencil on a large page vanishes below it; fitted
_SMALLEST_SURFACE_SIDE = 280  # pixels; ten for each of MNIST's, so that strokes are wider than what cuts them
_SMALLEST_WINDOW_SIDE = 280  # pixels; likewise


class Paper(StrEnum):
    """How the paper is taken to look."""

    SURFACE = "surface"
    WINDOW = "window"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """The ink of a picture, as one model of the paper shows it.

    `ink` (height, width) is 0 on the paper and 1 in full ink; `pale` is the ink of marks that it lacks, since they were
    written with less of it; neither has boxes drawn by hand. `matrix` leads from points of the ink to points of the
    upright picture. `within` says that the ink is that of a page found on a table.
    """

    ink: Ink
    pale: Ink
    matrix: Matrix
    within: bool


def find_sheet(decoded: Decoded, paper: Paper, invert: bool | None = None, *, page: bool = True) -> Sheet | None:
    """The ink of a picture; None where nothing stands out.

    `invert` true says that ink is darker than its paper, false that it is lighter; None finds out. With `page`, a page
    that lies on a table is looked for, and only what is on it is ink.
    """
    if paper is Paper.SURFACE:
        return _find_on_surface(decoded, invert, page=page)
    return _find_in_windows(decoded, invert, page=page)


def _find_on_surface(decoded: Decoded, invert: bool | None, *, page: bool) -> Sheet | None:
    colours = decoded.colours(SURFACE_SIDE)
    scale = decoded.size[0] / colours.shape[1]
    found = _surface_ink(colours, invert, on_page=not page)
    if found is None:
        return None
    ink, pale, left, top = found
    within = ink.shape != colours.shape[:2]
    factor = max(1.0, _SMALLEST_SURFACE_SIDE / max(ink.shape))
    if factor > 1:
        ink, pale = (_enlarged_ink(part, factor) for part in (ink, pale))
    matrix = np.array([[scale / factor, 0, scale * left], [0, scale / factor, scale * top], [0, 0, 1]])
    return _make_sheet(ink, pale, matrix, within=within)


def _enlarged_ink(ink: Ink, factor: float) -> Ink:
    larger = cv2.resize(ink, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    return np.clip(np.asarray(larger, dtype=np.float32), np.float32(0), np.float32(1))


def _make_sheet(ink: Ink, pale: Ink, matrix: Matrix, *, within: bool) -> Sheet:
    return Sheet(ink=remove_drawn_boxes(ink), pale=pale, matrix=matrix, within=within)


def _surface_ink(colours: Colours, invert: bool | None, *, on_page: bool = False) -> tuple[Ink, Ink, int, int] | None:
    """The ink, the pale ink, and the column and row of their upper left pixel.

    A page found on a table is looked at by itself.
    """
    difference = subtract_surface(colours)
    grey = find_ink(difference, invert)
    page = None if on_page else find_page(grey)
    if page is not None:
        rows, columns = page
        inside = _surface_ink(colours[page], invert, on_page=True)
        if inside is not None:
            ink, pale, _, _ = inside
            return ink, pale, columns.start, rows.start
    flat = to_ink(top_hat(grey))
    return None if flat is None else (flat, find_pale_ink(difference, grey, flat), 0, 0)


def _find_in_windows(decoded: Decoded, invert: bool | None, *, page: bool) -> Sheet | None:
    colours = decoded.colours(WINDOW_SIDE)
    scale = decoded.size[0] / colours.shape[1]
    to_picture = np.diag([scale, scale, 1.0])
    colours, factor = enlarged(colours, _SMALLEST_WINDOW_SIDE)
    to_picture = to_picture @ np.diag([1 / factor, 1 / factor, 1.0])
    corners = find_corners(colours) if page else None
    if corners is not None:
        colours, upright = straightened(colours, corners)
        to_picture = to_picture @ np.linalg.inv(upright)
    difference = subtract_window(colours)
    grey = find_ink(difference, invert)
    ink = page_ink(grey)
    if ink is None:
        return None
    return _make_sheet(ink, find_pale_ink(difference, grey, ink), to_picture, within=corners is not None)

"""Inks that are paler than the rest: pencil, yellow or pink beside black. Each mark is measured by its own ink."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import cv2
import numpy as np

from mnistcnn.ink.components import find_components
from mnistcnn.ink.decoding import Colours
from mnistcnn.ink.framing import Ink
from mnistcnn.ink.paper import LUMINANCE, project
from mnistcnn.ink.threshold import SURE, Grey, sampled, scaled


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """The numbers of this stage; all are guesses, but where it says otherwise."""

    least_noises: float = 5.0  # standard deviations of the paper's noise that pale ink stands out by
    least_contrast: float = 0.05  # of full scale, likewise
    least_strength: float = 1.5  # times the least contrast; the ink of a mark, at its strongest
    most_strong: float = 0.2  # of a mark's pixels; a mark with more stronger ink is one of the stronger marks
    least_height: float = 0.5  # of the stronger marks' usual height
    most_height: float = 1.8  # of the stronger marks' usual height
    most_width: float = 1.6  # of the stronger marks' usual height
    most_filled: float = 0.65  # of a mark's box, unless it is as narrow as a 1
    narrow: float = 0.45  # of its height; a mark as narrow may be a 1
    most_marks: int = 60  # more of them are the paper's grain


def find_pale_ink(difference: Colours, grey: Grey, ink: Ink, params: Params | None = None) -> Ink:
    """The ink (height, width), 0 … 1, of marks that `ink` lacks, each as strong as if it were the only one.

    `difference` (height, width, 3) is how far the colours lie from the paper's, `grey` (height, width) the same along
    the direction of the stronger ink, and `ink` the stronger ink in 0 … 1.
    """
    params = params or Params()
    pale = np.zeros_like(ink)
    usual_height = _usual_height(ink)
    if usual_height is None:
        return pale
    darker = float(np.vdot(project(difference, LUMINANCE), grey)) < 0
    channels = cv2.split(difference)  # `difference.min(axis=2)` takes several times as long
    strongest = -reduce(np.minimum, channels) if darker else reduce(np.maximum, channels)
    contrast: Grey = np.asarray(cv2.GaussianBlur(strongest, (0, 0), 0.8), dtype=np.float32)
    some = sampled(contrast)
    middle = float(np.median(some))
    noise = 1.4826 * float(np.median(np.abs(some - np.float32(middle))))
    least = middle + max(params.least_noises * noise, params.least_contrast)
    parts = find_components(contrast > least)
    strong = np.bincount(parts.labels[ink > SURE], minlength=len(parts.areas) + 1)[1:]
    fits = strong <= params.most_strong * parts.areas
    fits &= (parts.heights >= params.least_height * usual_height) & (parts.heights <= params.most_height * usual_height)
    fits &= parts.widths <= params.most_width * usual_height
    filled = parts.areas / np.maximum(parts.heights * parts.widths, 1)
    fits &= (filled <= params.most_filled) | (parts.widths <= params.narrow * parts.heights)
    chosen = np.flatnonzero(fits)
    if len(chosen) > params.most_marks:
        return pale
    for i in chosen:
        box = parts.box(int(i))
        own = parts.labels[box] == i + 1
        levels = contrast[box]
        full = float(np.quantile(levels[own], 0.75))
        if full - middle < params.least_strength * (least - middle):
            continue
        near = cv2.dilate(own.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        mark = scaled(levels - np.float32(middle), 0.5 * (full - middle), full - middle)
        pale[box] = np.maximum(pale[box], np.where(near, mark, np.float32(0)))
    return pale


def _usual_height(ink: Ink) -> float | None:
    """The height above which half of the ink lies, in pixels; None where there is none."""
    parts = find_components(ink > SURE)
    height, width = ink.shape
    whole = (parts.heights >= 8) & (parts.heights < 0.9 * height) & (parts.widths < 0.9 * width)
    inside = (parts.top > 0) & (parts.left > 0)
    inside &= (parts.top + parts.heights < height) & (parts.left + parts.widths < width)
    if (whole & inside).any():
        whole &= inside
    if not whole.any():
        return None
    heights = np.sort(parts.heights[whole])
    weights = np.cumsum(heights)
    return float(heights[np.searchsorted(weights, weights[-1] / 2)])

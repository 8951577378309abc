"""Inks that are paler than the rest: pencil, yellow or pink beside black. Each mark is measured by its own ink."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import cv2
import numpy as np

from mnistcnn.ink.components import find_components
from mnistcnn.ink.decoding import Colours
from mnistcnn.ink.framing import Ink
from mnistcnn.ink.surface import LUMINANCE, project
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
    blur_pixels: float = 0.8  # the standard deviation
    full_quantile: float = 0.75  # of a mark's contrast; this and more becomes full ink
    threshold_share: float = 0.5  # of that contrast; ink has more
    least_digit_pixels: int = 8  # the height of a component that may be a digit
    most_digit_share: float = 0.9  # of the image, either way, of such a component


PARAMS = Params()


def find_pale_ink(difference: Colours, grey: Grey, ink: Ink) -> Ink:
    """The ink (height, width), 0 … 1, of marks that `ink` lacks, each as strong as if it were the only one.

    `difference` (height, width, 3) is how far the colours lie from the paper's, `grey` (height, width) the same along
    the direction of the stronger ink, and `ink` the stronger ink in 0 … 1.
    """
    pale = np.zeros_like(ink)
    usual_height = _usual_height(ink)
    if usual_height is None:
        return pale
    darker = float(np.vdot(project(difference, LUMINANCE), grey)) < 0
    channels = cv2.split(difference)  # `difference.min(axis=2)` takes several times as long
    strongest = -reduce(np.minimum, channels) if darker else reduce(np.maximum, channels)
    contrast: Grey = np.asarray(cv2.GaussianBlur(strongest, (0, 0), PARAMS.blur_pixels), dtype=np.float32)
    some = sampled(contrast)
    middle = float(np.median(some))
    noise = 1.4826 * float(np.median(np.abs(some - np.float32(middle))))
    least = middle + max(PARAMS.least_noises * noise, PARAMS.least_contrast)
    parts = find_components(contrast > least)
    strong = np.bincount(parts.labels[ink > SURE], minlength=len(parts.areas) + 1)[1:]
    fits = strong <= PARAMS.most_strong * parts.areas
    fits &= (parts.heights >= PARAMS.least_height * usual_height) & (parts.heights <= PARAMS.most_height * usual_height)
    fits &= parts.widths <= PARAMS.most_width * usual_height
    filled = parts.areas / np.maximum(parts.heights * parts.widths, 1)
    fits &= (filled <= PARAMS.most_filled) | (parts.widths <= PARAMS.narrow * parts.heights)
    chosen = np.flatnonzero(fits)
    if len(chosen) > PARAMS.most_marks:
        return pale
    for i in chosen:
        box = parts.box(int(i))
        own = parts.labels[box] == i + 1
        levels = contrast[box]
        full = float(np.quantile(levels[own], PARAMS.full_quantile))
        if full - middle < PARAMS.least_strength * (least - middle):
            continue
        near = cv2.dilate(own.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        mark = scaled(levels - np.float32(middle), PARAMS.threshold_share * (full - middle), full - middle)
        pale[box] = np.maximum(pale[box], np.where(near, mark, np.float32(0)))
    return pale


def _usual_height(ink: Ink) -> float | None:
    """The median height of the components that may be digits, each weighted by its height; None without any."""
    parts = find_components(ink > SURE)
    height, width = ink.shape
    usable = parts.heights >= PARAMS.least_digit_pixels
    usable &= (parts.heights < PARAMS.most_digit_share * height) & (parts.widths < PARAMS.most_digit_share * width)
    inside = (parts.top > 0) & (parts.left > 0)
    inside &= (parts.top + parts.heights < height) & (parts.left + parts.widths < width)
    if (usable & inside).any():
        usable &= inside
    if not usable.any():
        return None
    heights = np.sort(parts.heights[usable])
    weights = np.cumsum(heights)
    return float(heights[np.searchsorted(weights, weights[-1] / 2)])

"""Finds the ink on uneven paper: how far each pixel is from the median of the window around it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mnistcnn.ink.decoding import Colours
from mnistcnn.ink.framing import Ink
from mnistcnn.ink.surface import LUMINANCE, project
from mnistcnn.ink.threshold import LEAST_CONTRAST, Grey, otsu, sampled, scaled


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """The hand-set numbers of this stage. All are guesses; pixels are those of the reduced image."""

    coarse_pixels: int = 200  # the longer side of an image reduced to look at its paper

    # The paper around each pixel.
    window_pixels: int = 41
    wide_window_pixels: int = 91  # where there is more ink than paper
    inked_quantile: float = 0.99  # of the distance from the paper; the distance of strong ink
    inked_share: float = 0.5  # of that distance; a pixel with more is ink
    most_inked_share: float = 0.4  # of a window; a window with more ink says little about the paper
    least_brightness: float = 0.35  # 0 … 1; darker paper is taken to be this bright

    # Where ink begins; noises are standard deviations of the paper's noise.
    blur_pixels: float = 0.8  # the standard deviation, of the full image
    least_inked_noises: float = 6.0  # a pixel with more may be ink
    least_inked_pixels: int = 3  # fewer are not ink
    strongest_quantile: float = 0.9  # of these pixels; the strongest ink
    least_threshold_share: float = 0.25  # of the strongest ink
    most_threshold_share: float = 0.5  # of the strongest ink
    least_threshold_noises: float = 5.0


PARAMS = Params()


def enlarged(colours: Colours, side: int) -> tuple[Colours, float]:
    """Colours with a longer side of `side` pixels at least, and how many times they were enlarged."""
    if max(colours.shape) >= side:
        return colours, 1.0
    factor = side / max(colours.shape)
    width = max(1, round(colours.shape[1] * factor))
    height = max(1, round(colours.shape[0] * factor))
    larger = np.asarray(cv2.resize(colours, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.float32)
    return np.clip(larger, np.float32(0), np.float32(1)), factor


def subtract_window(colours: Colours) -> Colours:
    """The difference (height, width, 3) of each pixel from the paper around it, as a share of the paper's brightness.

    The paper is the median of a window, so that the edges of shadows stay sharp. The window is wider where there is
    more ink than paper.
    """
    height, width, _ = colours.shape
    scale = min(1.0, PARAMS.coarse_pixels / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    coarse = np.rint(cv2.resize(colours, size, interpolation=cv2.INTER_AREA) * 255).astype(np.uint8)
    near = cv2.medianBlur(coarse, PARAMS.window_pixels)
    wide = cv2.medianBlur(coarse, PARAMS.wide_window_pixels)
    distance = cv2.absdiff(coarse, wide).max(axis=2).astype(np.float32)
    strong = np.quantile(distance, PARAMS.inked_quantile)
    inked = (distance > PARAMS.inked_share * strong).astype(np.float32)
    inked_share = cv2.blur(inked, (PARAMS.window_pixels, PARAMS.window_pixels))[:, :, None]
    crowded = inked_share > PARAMS.most_inked_share
    paper: Colours = np.asarray(cv2.resize(np.where(crowded, wide, near) / np.float32(255), (width, height)))
    brightness = np.maximum(project(paper, LUMINANCE), PARAMS.least_brightness)
    return np.asarray((colours - paper) / brightness[:, :, None], dtype=np.float32)


def page_ink(grey: Grey) -> Ink | None:
    """The ink of grey levels, (height, width) in 0 … 1; None if nothing stands out."""
    smooth: Grey = np.asarray(cv2.GaussianBlur(grey, (0, 0), PARAMS.blur_pixels), dtype=np.float32)
    some = sampled(smooth)
    noise = 1.4826 * float(np.median(np.abs(some - np.median(some))))
    inked = smooth[smooth > max(PARAMS.least_inked_noises * noise, LEAST_CONTRAST)]
    if inked.size < PARAMS.least_inked_pixels:
        return None
    strongest = float(np.quantile(inked, PARAMS.strongest_quantile))
    threshold = otsu(smooth[smooth > 0] / np.float32(strongest)) * strongest
    threshold = max(threshold, PARAMS.least_threshold_share * strongest)
    threshold = min(threshold, PARAMS.most_threshold_share * strongest)
    threshold = max(threshold, PARAMS.least_threshold_noises * noise, LEAST_CONTRAST)
    return scaled(smooth, threshold, full=float(np.median(smooth[smooth >= threshold])))

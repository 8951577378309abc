"""Which grey levels are ink and which are paper: Otsu's threshold, and the ink above it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistcnn.ink.framing import Ink

Grey = NDArray[np.float32]  # (height, width) of any scale; 0 is paper, positive values are ink

SURE = 0.4  # 0 … 1; ink above this is a stroke; guess
FAINT = 0.15  # 0 … 1; ink above this is part of a stroke where it continues one; guess
LEAST_CONTRAST = 0.03  # of full scale, between ink and paper; guess


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """The hand-set numbers of this stage. All are guesses, unless they say otherwise."""

    # How much an image is blurred.
    blurs_per_side: int = 640  # standard deviations in the longer side: less than the width of a hairline
    least_blur_pixels: float = 0.3  # an image with a smaller standard deviation is not blurred
    calm_rows: int = 64  # of the image, on which its steps are measured
    most_calm_step_share: float = 0.02  # of the strongest ink, from pixel to pixel; with more an image is noisy
    noisy_blur_times: float = 1.6  # the usual standard deviation, for a noisy image
    blur_reach_deviations: int = 3  # a blur ends there; convention

    # Where ink begins.
    strongest_per_pixels: int = 200  # one pixel of so many is the strongest ink
    least_strongest_pixels: int = 3
    strong_share: float = 0.5  # of the strongest pixel; only pixels above this are searched for the strongest ink
    least_threshold_share: float = 0.2  # of the strongest ink
    most_threshold_share: float = 0.6  # of the strongest ink
    least_noises: float = 5.0  # standard deviations of the paper's noise; full ink has at least as much
    paper_share: float = 0.5  # of the threshold; what has less is paper
    otsu_bins: int = 128  # of Otsu's histogram; convention
    sample_pixels: int = 20_000  # are enough for a median or a quantile


PARAMS = Params()


def to_ink(grey: Grey) -> Ink | None:
    """The ink of grey levels, (height, width) in 0 … 1, with soft edges; None if nothing stands out.

    The threshold is Otsu's, limited to shares of the strongest ink. Levels below half of it are paper; levels above the
    median of all that exceed it are full ink.
    """
    smooth = grey
    deviation = max(grey.shape) / PARAMS.blurs_per_side
    if deviation >= PARAMS.least_blur_pixels:
        every = max(1, len(grey) // PARAMS.calm_rows)
        steps = np.abs(np.diff(grey[::every], axis=1))  # empty if the image is one pixel wide
        calm = steps.size > 0 and float(np.median(steps)) / max(float(grey.max()), 1e-6) < PARAMS.most_calm_step_share
        smooth = blur(grey, deviation if calm else PARAMS.noisy_blur_times * deviation)
    few = min(smooth.size, max(PARAMS.least_strongest_pixels, smooth.size // PARAMS.strongest_per_pixels))
    strong = smooth[smooth >= PARAMS.strong_share * smooth.max()]
    ranked = strong if strong.size >= few else smooth.ravel()
    strongest = float(np.partition(ranked, -few)[-few:].mean())
    if strongest < LEAST_CONTRAST:
        return None
    threshold = max(otsu(smooth / strongest) * strongest, PARAMS.least_threshold_share * strongest)
    threshold = min(threshold, PARAMS.most_threshold_share * strongest)
    sample = sampled(smooth)
    paper = sample[sample < threshold]
    noise = 1.4826 * float(np.median(np.abs(paper - np.median(paper)))) if paper.size else 0.0
    full = float(np.median(smooth[smooth >= threshold]))
    if full < PARAMS.least_noises * noise:
        return None
    return scaled(smooth, threshold, full)


def scaled(grey: Grey, threshold: float, full: float) -> Ink:
    """Grey levels as ink, 0 … 1: 0 up to half of the threshold, 1 from the level `full` upwards."""
    low = PARAMS.paper_share * threshold
    return np.asarray(np.clip((grey - low) / max(full - low, 1e-6), 0, 1), dtype=np.float32)


def blur(grey: Grey, deviation: float) -> Grey:
    """Grey levels with a Gaussian blur whose standard deviation is `deviation` pixels; edges are repeated outwards."""
    reach = int(PARAMS.blur_reach_deviations * deviation + 0.5)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    kernel = (kernel / kernel.sum()).astype(np.float32)
    return np.asarray(cv2.sepFilter2D(grey, -1, kernel, kernel, borderType=cv2.BORDER_REPLICATE), dtype=np.float32)


def otsu(grey: Grey) -> float:
    """The threshold, 0 … 1, that divides levels into two classes best.

    Source: N. Otsu, "A threshold selection method from gray-level histograms" (1979).
    """
    count = PARAMS.otsu_bins
    bins = np.clip(count * grey, 0, count - 1).astype(np.uint8)
    counts = np.bincount(bins.ravel(), minlength=count)
    edges = np.linspace(0, 1, count + 1)
    below = np.cumsum(counts)
    above = counts.sum() - below
    sums = np.cumsum(counts * (edges[:-1] + edges[1:]) / 2)
    with np.errstate(divide="ignore", invalid="ignore"):  # a class may be empty
        between = np.nan_to_num(below * above * (sums / below - (sums[-1] - sums) / above) ** 2)
    # Between two distant classes many thresholds are equally good: the middle one is taken; OpenCV takes the first.
    best = np.flatnonzero(between >= between.max() * (1 - 1e-9))
    return float(edges[1 + int(best[len(best) // 2])])


def sampled(values: Grey) -> Grey:
    """Evenly spread values, (N,): as many as are enough for a median or a quantile; all if there are fewer."""
    return values.ravel()[:: max(1, values.size // PARAMS.sample_pixels)]

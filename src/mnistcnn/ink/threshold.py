"""Which grey levels are ink and which are paper: Otsu's threshold, and the ink on either side of it. No torch."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistcnn.ink.framing import Ink

Grey = NDArray[np.float32]  # (height, width); 0 is paper, positive is ink, of any scale

SURE, FAINT = 0.4, 0.15  # ink above this is a stroke; fainter ink is, where it continues one
LEAST_CONTRAST = 0.03  # of full scale, between ink and paper
_SAMPLE = 20_000  # pixels that are enough for a median or a quantile


def to_ink(grey: Grey) -> Ink | None:
    """Grey levels to ink, 0 … 1, with the levels of the edges kept; None where nothing stands out.

    Otsu's threshold, kept between a fifth and six tenths of the strongest ink; paper is what lies below half
    of it, full ink what reaches the middle level of all above it.
    """
    smooth, radius = grey, max(grey.shape) / 640  # less than the width of a hairline
    if radius >= 0.3:
        steps = np.abs(np.diff(grey[:: max(1, len(grey) // 64)], axis=1))  # none where the image is one pixel wide
        calm = steps.size > 0 and float(np.median(steps)) / max(float(grey.max()), 1e-6) < 0.02
        smooth = blur(grey, radius if calm else 1.6 * radius)
    few = min(smooth.size, max(3, smooth.size // 200))  # five in a thousand, three at the least
    strong = smooth[smooth >= 0.5 * smooth.max()]  # quicker to part than all
    ranked = strong if strong.size >= few else smooth.ravel()
    strongest = float(np.partition(ranked, -few)[-few:].mean())
    if strongest < LEAST_CONTRAST:
        return None
    threshold = min(max(otsu(smooth / strongest) * strongest, 0.2 * strongest), 0.6 * strongest)
    sample = sampled(smooth)
    paper = sample[sample < threshold]
    noise = 1.4826 * float(np.median(np.abs(paper - np.median(paper)))) if paper.size else 0.0
    full = float(np.median(smooth[smooth >= threshold]))
    if full < 5 * noise:  # standard deviations
        return None
    return scaled(smooth, threshold, full)


def scaled(grey: Grey, threshold: float, full: float) -> Ink:
    """Grey levels as ink, 0 … 1: 0 up to half the threshold, 1 from the level of `full` ink on."""
    low = 0.5 * threshold
    return np.asarray(np.clip((grey - low) / max(full - low, 1e-6), 0, 1), dtype=np.float32)


def blur(grey: Grey, deviation: float) -> Grey:
    """Gaussian blur with this standard deviation in pixels, cut off at three of them; edges are repeated outwards."""
    reach = int(3 * deviation + 0.5)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    kernel = (kernel / kernel.sum()).astype(np.float32)
    return np.asarray(cv2.sepFilter2D(grey, -1, kernel, kernel, borderType=cv2.BORDER_REPLICATE), dtype=np.float32)


def otsu(grey: Grey) -> float:
    """The threshold that parts levels into two classes best, between 0 and 1.

    Source: N. Otsu, "A threshold selection method from gray-level histograms" (1979).
    """
    bins = np.clip(128 * grey, 0, 127).astype(np.uint8)
    counts, edges = np.bincount(bins.ravel(), minlength=128), np.linspace(0, 1, 129)
    below, above = np.cumsum(counts), counts.sum() - np.cumsum(counts)
    sums = np.cumsum(counts * (edges[:-1] + edges[1:]) / 2)
    with np.errstate(divide="ignore", invalid="ignore"):  # where a class is empty
        between = np.nan_to_num(below * above * (sums / below - (sums[-1] - sums) / above) ** 2)
    # Between two far classes many thresholds are equally good: the middle one, where OpenCV takes the first.
    best = np.flatnonzero(between >= between.max() * (1 - 1e-9))
    return float(edges[1 + int(best[len(best) // 2])])


def sampled(values: Grey) -> Grey:
    """At least `_SAMPLE` of the values, evenly spread, one after another; all where there are no more."""
    return values.ravel()[:: max(1, values.size // _SAMPLE)]

"""Paper and ink told apart: colours → how much darker (or lighter, or redder) than the paper → ink. No torch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image

from mnistcnn.preprocessing.centering import SIDE, Ink
from mnistcnn.preprocessing.decoding import Colours
from mnistcnn.preprocessing.segmentation import Mask, find_components

Grey = NDArray[np.float32]  # (height, width); 0 is paper, positive is ink, of any scale

LUMINANCE = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601
_LEAST_CONTRAST = 0.03  # of full scale, between ink and paper
_LEAST_SIGNAL = 5.0  # ink against the noise of the paper, in standard deviations
_LEAST_BACKDROP = 0.3  # of the picture
_COARSE = 96  # pixels; backgrounds are smooth enough to be looked at this small


def subtract_background(colours: Colours) -> Colours:
    """Subtract the paper's colour, taken as a smooth surface: what is left is about 0 on the paper.

    A quadratic surface for each channel is fitted to the border first, which is assumed to be mostly paper,
    then to all that lies near it: gradients and vignettes go away, ink and pasted rectangles stay.
    """
    height, width, _ = colours.shape
    coarse = _resized(colours, (min(width, _COARSE), min(height, _COARSE)))
    terms = _surface_terms(*coarse.shape[:2])
    target = coarse.reshape(-1, 3).astype(np.float64)
    border = _border(*coarse.shape[:2]).ravel()
    paper = np.median(target[border], axis=0)
    weights: NDArray[np.float64] = border * _nearness(target - paper, spread=0.15)
    surface: NDArray[Any] = np.zeros((terms.shape[1], 3))
    for _ in range(6):
        scaled = terms * weights[:, None]
        # The small ridge keeps the surface flat where no paper says how it bends.
        surface = np.linalg.solve(scaled.T @ terms + 1e-3 * len(terms) * _RIDGE, scaled.T @ (target - paper))
        residual = target - paper - terms @ surface
        weights = _nearness(residual, spread=0.05) * np.where(border, 3.0, 1.0)
    fitted = (terms @ surface + paper).reshape(coarse.shape).astype(np.float32)
    return colours - _resized(fitted, (width, height), Image.Resampling.BILINEAR)


_RIDGE = np.diag([0.0, 1.0, 1.0, 2.0, 2.0, 2.0])


def _surface_terms(height: int, width: int) -> NDArray[np.float64]:
    """1, x, y, xy, x², y² at each pixel, (height · width, 6), with x and y from -1 to 1."""
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    return np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=-1).reshape(-1, 6)


def _nearness(residual: NDArray[np.float64], spread: float) -> NDArray[np.float64]:
    """Geman and McClure's weights: 1 on the surface, next to nothing far from it."""
    red, green, blue = np.abs(residual).T
    farthest = np.maximum(np.maximum(red, green), blue)  # several times as fast as max(axis=1)
    weights: NDArray[np.float64] = 1 / (1 + (farthest / spread) ** 2) ** 2
    return weights


def _border(height: int, width: int) -> Mask:
    """The outermost pixels of a picture, a twentieth of its shorter side wide."""
    wide = max(1, min(height, width) // 20)
    border = np.ones((height, width), dtype=bool)
    border[wide:-wide, wide:-wide] = False
    return border


def find_ink(flat: Colours, invert: bool | None = None) -> Grey:
    """Project flattened colours on the direction from paper to ink, so that coloured ink keeps its contrast.

    The direction is that of the pixels that differ most from the paper; with `invert` given, of those that
    are darker (true) or lighter (false) than it.
    """
    pixels = flat.reshape(-1, 3)
    luminance = pixels @ LUMINANCE
    distance = np.maximum(np.maximum(abs(pixels[:, 0]), abs(pixels[:, 1])), abs(pixels[:, 2]))
    if invert is not None:
        distance = np.where((luminance < 0) == invert, distance, 0)
    far = distance >= max(np.quantile(distance, 0.98), 0.5 * distance.max(), 1e-6)
    side = np.sign(luminance[far] @ distance[far]) or 1.0
    alike = far & (luminance * side >= 0)
    direction = pixels[alike if alike.any() else far].mean(axis=0) if far.any() else np.zeros(3)
    if invert is not None and (direction @ LUMINANCE > 0) == invert:
        direction = np.full(3, -1.0 if invert else 1.0)
    length = float(np.abs(direction).sum())
    if length == 0.0:
        return np.zeros(flat.shape[:2], dtype=np.float32)
    grey: Grey = (pixels @ (direction / length)).reshape(flat.shape[:2]).astype(np.float32)
    return grey  # full contrast in all the channels that take part is 1


def find_page(grey: Grey) -> tuple[slice, slice] | None:
    """Rows and columns inside a page that lies on a darker or lighter table: a large, filled box of "ink"."""
    high = float(np.quantile(grey, 0.98))
    if high < _LEAST_CONTRAST:
        return None
    mask = grey > 0.5 * high
    parts = find_components(mask)
    i = int(parts.areas.argmax())
    top, bottom, left, right = (int(edge[i]) for edge in (parts.top, parts.bottom, parts.left, parts.right))
    height, width = bottom - top, right - left
    if height * width < 0.2 * grey.size or min(height, width) < SIDE:
        return None
    inside = parts.labels[top:bottom, left:right] == i + 1
    # A 0 fills four fifths of its box between its outlines, and much less with its ink.
    if min(_outlined(inside), _outlined(inside.T)) < 0.85 or mask[top:bottom, left:right].mean() < 0.7:
        return None
    off = max(2, round(0.04 * min(height, width)))
    return slice(top + off, bottom - off), slice(left + off, right - off)


def _outlined(mask: Mask) -> float:
    """The share of a mask's pixels between the first and the last that is set in each row."""
    first, last = mask.argmax(axis=1), mask.shape[1] - mask[:, ::-1].argmax(axis=1)
    return float(((last - first) * mask.any(axis=1)).sum() / mask.size)


def top_hat(grey: Grey) -> Grey:
    """Subtract what is brighter than the paper over more than a third of the picture: shadows, pasted boxes.

    A morphological opening, looked at small; nothing changes where it finds nothing to speak of.
    """
    height, width = grey.shape
    scale = min(1.0, _COARSE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    coarse = np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BOX), dtype=np.float32)
    window = max(3, round(max(size) / 3)) | 1
    backdrop = _slide(_slide(coarse, window, np.minimum), window, np.maximum)
    bright = backdrop >= 0.1 * float(grey.max())
    if bright.mean() < _LEAST_BACKDROP or np.median(backdrop[bright]) > 0.75 * float(grey.max()):
        return grey  # nothing there, or the blots of a fat brush
    smooth = Image.fromarray(np.maximum(backdrop, 0)).resize((width, height), Image.Resampling.BILINEAR)
    return grey - np.asarray(smooth, dtype=np.float32)


def _slide(grey: Grey, window: int, best: np.ufunc) -> Grey:
    """The least or greatest value in a square window around each pixel, at the edges in what there is of it."""
    half = window // 2
    for axis in (0, 1):
        pad = [(half, half) if a == axis else (0, 0) for a in (0, 1)]
        grey = best.reduce(sliding_window_view(np.pad(grey, pad, mode="edge"), window, axis=axis), axis=-1)
    return grey


def to_ink(grey: Grey) -> Ink | None:
    """Grey levels to ink, 0 … 1, with the levels of the edges kept; None where nothing stands out.

    Otsu's threshold, kept between a fifth and six tenths of the strongest ink; paper is what lies below half
    of it, full ink what reaches the middle level of all above it.
    """
    smooth = _denoised(grey)
    strongest = float(np.partition(smooth.ravel(), -_few(smooth.size))[-_few(smooth.size) :].mean())
    if strongest < _LEAST_CONTRAST:
        return None
    threshold = min(max(otsu(smooth / strongest) * strongest, 0.2 * strongest), 0.6 * strongest)
    paper = smooth[smooth < threshold]
    noise = 1.4826 * float(np.median(np.abs(paper - np.median(paper)))) if paper.size else 0.0
    full = float(np.median(smooth[smooth >= threshold]))
    if full < _LEAST_SIGNAL * noise:
        return None
    low = 0.5 * threshold
    ink: Ink = np.clip((smooth - low) / max(full - low, 1e-6), 0, 1).astype(np.float32)
    return ink


def _few(size: int) -> int:
    """How many of the strongest pixels are looked at: five in a thousand, three at the least."""
    return min(size, max(3, size // 200))


def _denoised(grey: Grey) -> Grey:
    """Smooth a large picture by less than the width of a hairline, and by more where its paper is noisy."""
    radius = max(grey.shape) / 640
    if radius < 0.3:
        return grey
    rough = float(np.median(np.abs(np.diff(grey, axis=1)))) / max(float(grey.max()), 1e-6)
    radius *= 1.0 if rough < 0.02 else 1.6
    return blur(grey, radius)


def blur(grey: Grey, deviation: float) -> Grey:
    """Gaussian blur with this standard deviation in pixels; edges are repeated outwards."""
    reach = int(3 * deviation + 0.5)
    if reach == 0:
        return grey
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    kernel /= kernel.sum()
    for axis in (0, 1):
        pad = [(reach, reach) if a == axis else (0, 0) for a in (0, 1)]
        padded, length = np.pad(grey, pad, mode="edge"), grey.shape[axis]
        grey = np.zeros_like(grey)
        for offset, weight in enumerate(kernel):
            window = slice(offset, offset + length)
            grey += np.float32(weight) * (padded[window] if axis == 0 else padded[:, window])
    return grey


def otsu(grey: Grey) -> float:
    """The threshold that parts levels into two classes best, between 0 and 1.

    Source: N. Otsu, "A threshold selection method from gray-level histograms" (1979).
    """
    counts, edges = np.histogram(np.clip(grey, 0, 1), bins=128, range=(0.0, 1.0))
    middles = (edges[:-1] + edges[1:]) / 2
    below, above = np.cumsum(counts), counts.sum() - np.cumsum(counts)
    sums = np.cumsum(counts * middles)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    between = np.nan_to_num(between)
    # Between two far classes many thresholds are equally good: the middle one.
    best = np.flatnonzero(between >= between.max() * (1 - 1e-9))
    return float(edges[1 + int(best[len(best) // 2])])


def _resized(colours: Colours, size: tuple[int, int], method: Image.Resampling = Image.Resampling.BOX) -> Colours:
    """Colours scaled to `size`, (width, height)."""
    channels = (Image.fromarray(np.ascontiguousarray(colours[:, :, c])).resize(size, method) for c in range(3))
    return np.stack([np.asarray(channel) for channel in channels], axis=-1)

"""The paper taken away: colours → how much darker (or lighter, or redder) than the paper each pixel is. No torch."""

from __future__ import annotations

from functools import lru_cache, reduce

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnistcnn.ink.components import Mask, find_components
from mnistcnn.ink.decoding import Colours
from mnistcnn.ink.framing import SIDE
from mnistcnn.ink.threshold import LEAST_CONTRAST, Grey, sampled

LUMINANCE = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601
_COARSE = 96  # pixels; backgrounds are smooth enough to be looked at this small
_PAGE, _FILLED = 0.2, 0.7  # shares: of the image that a page has at the least, and of its box that it fills
_RIDGE = np.diag([0.0, 1.0, 1.0, 2.0, 2.0, 2.0])  # keeps a fitted surface flat where no paper says how it bends


def subtract_surface(colours: Colours) -> Colours:
    """Subtract the paper's colour, taken as a smooth surface: what is left is about 0 on the paper.

    Gradients and vignettes go away, ink and pasted rectangles stay.
    """
    height, width, _ = colours.shape
    surface = fit_surface(_resized(colours, (min(width, _COARSE), min(height, _COARSE)), Image.Resampling.BOX))
    return colours - cv2.resize(surface, (width, height))


def fit_surface(colours: Colours) -> Colours:
    """The paper's colour at each pixel: a quadratic surface for each channel, by reweighted least squares.

    Fitted to the border first, which is assumed to be mostly paper, then to all that lies near it. Source of the
    weights: S. Geman, D. McClure, "Statistical methods for tomographic image reconstruction" (1987).
    """
    height, width, _ = colours.shape
    terms = _terms(height, width)
    wide = max(1, min(height, width) // 20)
    edge = np.ones((height, width), dtype=bool)
    edge[wide:-wide, wide:-wide] = False
    border = edge.ravel()
    pixels = np.ascontiguousarray(colours.reshape(-1, 3).T, dtype=np.float64)
    middle = np.median(pixels[:, border], axis=1)[:, None]
    target = pixels - middle
    weights = border * _nearness(target, spread=0.15)
    ridge, importance = 1e-3 * border.size * _RIDGE, np.where(border, 3.0, 1.0)
    # OpenCV's products: NumPy's would start threads of their own in each of those that read images.
    for _ in range(6):
        scaled = terms * weights
        gram = cv2.gemm(scaled, terms, 1, ridge, 1, flags=cv2.GEMM_2_T)
        right = cv2.gemm(scaled, target, 1, np.zeros((6, 3)), 0, flags=cv2.GEMM_2_T)
        residual = np.asarray(cv2.gemm(np.linalg.solve(gram, right).T, terms, -1, target, 1), dtype=np.float64)
        weights = _nearness(residual, spread=0.05) * importance
    return np.ascontiguousarray((target - residual + middle).T, dtype=np.float32).reshape(colours.shape)


@lru_cache(8)
def _terms(height: int, width: int) -> NDArray[np.float64]:
    """The terms (6, height * width) of a quadratic surface."""
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    return np.stack([np.ones_like(x), x, y, x * y, x * x, y * y]).reshape(6, -1)


def _nearness(residual: NDArray[np.float64], spread: float) -> NDArray[np.float64]:
    """Geman and McClure's weights: 1 on the surface, next to nothing far from it."""
    return np.asarray(1 / (1 + (np.abs(residual).max(axis=0) / spread) ** 2) ** 2)


def find_ink(flat: Colours, invert: bool | None = None) -> Grey:
    """Project colours without their background on the direction from paper to ink: coloured ink keeps its contrast.

    The direction is that of the pixels that differ most from the paper; with `invert` given, of those that
    are darker (true) or lighter (false) than it. Full contrast in all the channels that take part is 1.
    """
    pixels = flat.reshape(-1, 3)
    distance = reduce(np.maximum, np.abs(pixels).T)  # several times as fast as max(axis=1)
    if invert is not None:
        distance = np.where((project(flat, LUMINANCE).ravel() < 0) == invert, distance, 0)
    far = np.flatnonzero(distance >= max(0.5 * float(distance.max()), 1e-6))
    if far.size > 0.02 * distance.size:  # two in a hundred are enough
        far = far[distance[far] >= np.quantile(distance[far], 1 - 0.02 * distance.size / far.size)]
    luminance = pixels[far] @ LUMINANCE
    alike = luminance * (np.sign(luminance @ distance[far]) or 1.0) >= 0
    direction = pixels[far[alike] if alike.any() else far].mean(axis=0) if far.size else np.zeros(3)
    if invert is not None and (direction @ LUMINANCE > 0) == invert:
        direction = np.full(3, -1.0 if invert else 1.0)
    return project(flat, direction / (np.abs(direction).sum() or 1))


def project(colours: Colours, direction: NDArray[np.floating]) -> Grey:
    """The sum of the three channels, each times its entry of `direction` (3,)."""
    return np.asarray(cv2.transform(colours, direction[None]), dtype=np.float32)


def find_page(grey: Grey) -> tuple[slice, slice] | None:
    """Rows and columns inside a page that lies on a darker or lighter table: a large, filled box of "ink"."""
    high = float(np.quantile(sampled(grey), 0.98))
    mask = grey > 0.5 * high
    if high < LEAST_CONTRAST or mask.mean() < _PAGE * _FILLED:
        return None
    parts = find_components(mask)
    largest = int(parts.areas.argmax())
    rows, columns = parts.box(largest)
    page = parts.labels[rows, columns] == largest + 1
    if page.size < _PAGE * grey.size or min(page.shape) < SIDE:
        return None
    # A 0 fills four fifths of its box between its outlines, and much less with its ink.
    if min(_outlined(page), _outlined(page.T)) < 0.85 or mask[rows, columns].mean() < _FILLED:
        return None
    off = max(2, round(0.04 * min(page.shape)))
    return slice(rows.start + off, rows.stop - off), slice(columns.start + off, columns.stop - off)


def _outlined(mask: Mask) -> float:
    """The share of a mask's pixels between the first and the last that is set in each row."""
    begun, unfinished = (np.maximum.accumulate(mask[:, ::step], axis=1)[:, ::step] for step in (1, -1))
    return float((begun & unfinished).mean())


def top_hat(grey: Grey) -> Grey:
    """Subtract what is brighter than the paper over more than a third of the image: shadows, pasted boxes.

    That is its morphological opening, looked at small; nothing changes where it finds nothing to speak of.
    """
    height, width = grey.shape
    scale = min(1.0, _COARSE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    coarse = _resized(grey, size, Image.Resampling.BOX)
    side = max(3, round(max(size) / 3)) | 1
    backdrop = cv2.morphologyEx(coarse, cv2.MORPH_OPEN, np.ones((side, side), dtype=np.uint8))
    strongest = float(grey.max())
    bright = backdrop >= 0.1 * strongest
    if bright.mean() < 0.3 or np.median(backdrop[bright]) > 0.75 * strongest:
        return grey  # nothing there, or the blots of a fat brush
    return grey - _resized(np.maximum(backdrop, 0), (width, height), Image.Resampling.BILINEAR)


def _resized(image: NDArray[np.float32], size: tuple[int, int], method: Image.Resampling) -> NDArray[np.float32]:
    """An image, (height, width) or with a third axis of channels, scaled to `size`, (width, height)."""
    # Pillow's filters, because OpenCV's INTER_AREA weighs the pixels otherwise.
    if image.ndim == 3:
        return np.stack([_resized(channel, size, method) for channel in np.moveaxis(image, 2, 0)], axis=-1)
    return np.asarray(Image.fromarray(np.ascontiguousarray(image)).resize(size, method))

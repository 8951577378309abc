"""Subtracts the paper: how much darker, lighter or redder than the paper each pixel of an image is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, reduce

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistcnn.ink.decoding import Colours
from mnistcnn.ink.threshold import Grey

LUMINANCE = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601
# The ridge keeps a fitted surface flat where no paper shows how it bends: nothing for the constant, more for the bends.
_RIDGE = np.diag([0.0, 1.0, 1.0, 2.0, 2.0, 2.0])  # guess


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """The hand-set numbers of this stage. All are guesses."""

    coarse_pixels: int = 96  # the longer side of an image reduced to look at its background, which is smooth

    # The surface that is fitted to the paper; spreads are of full scale.
    borders_per_side: int = 20  # the border has this part of the shorter side
    first_spread: float = 0.15  # a pixel farther from the border's median colour counts little at first
    spread: float = 0.05  # a pixel farther from the fitted surface counts little
    border_times: float = 3.0  # the weight of other pixels; the pixels of the border count as much
    ridge_share: float = 1e-3  # the weight of the ridge for each pixel
    fits: int = 6  # times that the surface is fitted and the pixels are weighted

    # The direction from paper to ink.
    far_share: float = 0.5  # of the greatest distance from the paper; pixels with more show the direction
    most_far_share: float = 0.02  # of the image's pixels are enough for it

    # Shadows and pasted boxes.
    backdrop_parts: int = 3  # a stronger area is a backdrop if it is wider than this part of the longer side
    least_backdrop_pixels: int = 3  # the same, of a small image
    least_backdrop_level_share: float = 0.1  # of the strongest ink; a fainter backdrop does not matter
    least_backdrop_share: float = 0.3  # of the image that a backdrop covers
    most_backdrop_level_share: float = 0.75  # of the strongest ink; a stronger backdrop is the blots of a fat brush


PARAMS = Params()


def subtract_surface(colours: Colours) -> Colours:
    """Colours (height, width, 3) less the paper's colour, a smooth surface: the result is about 0 on the paper.

    Gradients and vignettes vanish, ink and pasted rectangles stay.
    """
    height, width, _ = colours.shape
    size = min(width, PARAMS.coarse_pixels), min(height, PARAMS.coarse_pixels)
    coarse = cv2.resize(colours, size, interpolation=cv2.INTER_AREA)
    surface = fit_surface(np.asarray(coarse, dtype=np.float32))
    return colours - cv2.resize(surface, (width, height))


def fit_surface(colours: Colours) -> Colours:
    """The paper's colour at each pixel, (height, width, 3): a quadratic surface for each channel.

    It is fitted by reweighted least squares: first to the border, which is assumed to be mostly paper, then to all
    pixels whose colour is near the surface. Source of the weights: S. Geman, D. McClure, "Statistical methods for
    tomographic image reconstruction" (1987).
    """
    height, width, _ = colours.shape
    terms = _terms(height, width)
    wide = max(1, min(height, width) // PARAMS.borders_per_side)
    edge = np.ones((height, width), dtype=bool)
    edge[wide:-wide, wide:-wide] = False
    border = edge.ravel()
    pixels = np.ascontiguousarray(colours.reshape(-1, 3).T, dtype=np.float64)
    middle = np.median(pixels[:, border], axis=1)[:, None]
    target = pixels - middle
    weights = border * _nearness(target, spread=PARAMS.first_spread)
    ridge = PARAMS.ridge_share * border.size * _RIDGE
    importance = np.where(border, PARAMS.border_times, 1.0)
    # The products are OpenCV's: NumPy would start more threads in each of the threads that read images.
    for _ in range(PARAMS.fits):
        scaled = terms * weights
        gram = cv2.gemm(scaled, terms, 1, ridge, 1, flags=cv2.GEMM_2_T)
        right = cv2.gemm(scaled, target, 1, np.zeros((6, 3)), 0, flags=cv2.GEMM_2_T)
        residual = np.asarray(cv2.gemm(np.linalg.solve(gram, right).T, terms, -1, target, 1), dtype=np.float64)
        weights = _nearness(residual, spread=PARAMS.spread) * importance
    return np.ascontiguousarray((target - residual + middle).T, dtype=np.float32).reshape(colours.shape)


@lru_cache(8)
def _terms(height: int, width: int) -> NDArray[np.float64]:
    """The terms (6, height * width) of a quadratic surface."""
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    return np.stack([np.ones_like(x), x, y, x * y, x * x, y * y]).reshape(6, -1)


def _nearness(residual: NDArray[np.float64], spread: float) -> NDArray[np.float64]:
    """Geman and McClure's weights (pixels,) of residuals (3, pixels): 1 on the surface, almost 0 far from it."""
    return np.asarray(1 / (1 + (np.abs(residual).max(axis=0) / spread) ** 2) ** 2)


def to_grey(flat: Colours, invert: bool | None = None) -> Grey:
    """Grey levels of colours (height, width, 3) without their paper: the projection on the direction from paper to ink.

    So coloured ink keeps its contrast. The direction is that of the pixels that differ most from the paper, of the
    darker ones with `invert` true and the lighter ones with `invert` false. Full contrast in all the channels that take
    part is 1.
    """
    pixels = flat.reshape(-1, 3)
    distance = reduce(np.maximum, np.abs(pixels).T)  # several times as fast as max(axis=1)
    if invert is not None:
        distance = np.where((project(flat, LUMINANCE).ravel() < 0) == invert, distance, 0)
    far = np.flatnonzero(distance >= max(PARAMS.far_share * float(distance.max()), 1e-6))
    enough = PARAMS.most_far_share * distance.size
    if far.size > enough:
        far = far[distance[far] >= np.quantile(distance[far], 1 - enough / far.size)]
    luminance = pixels[far] @ LUMINANCE
    alike = luminance * (np.sign(luminance @ distance[far]) or 1.0) >= 0
    direction = pixels[far[alike] if alike.any() else far].mean(axis=0) if far.size else np.zeros(3)
    if invert is not None and (direction @ LUMINANCE > 0) == invert:
        direction = np.full(3, -1.0 if invert else 1.0)
    return project(flat, direction / (np.abs(direction).sum() or 1))


def project(colours: Colours, direction: NDArray[np.floating]) -> Grey:
    """The sum (height, width) of the three channels, each times its entry of `direction` (3,)."""
    return np.asarray(cv2.transform(colours, direction[None]), dtype=np.float32)


def top_hat(grey: Grey) -> Grey:
    """Grey levels without the backdrop, which is stronger than the paper over a large area: shadows, pasted boxes.

    The backdrop is the morphological opening of the reduced image; if there is none, the levels are returned unchanged.
    """
    height, width = grey.shape
    scale = min(1.0, PARAMS.coarse_pixels / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    coarse = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    side = max(PARAMS.least_backdrop_pixels, round(max(size) / PARAMS.backdrop_parts)) | 1
    backdrop = cv2.morphologyEx(coarse, cv2.MORPH_OPEN, np.ones((side, side), dtype=np.uint8))
    strongest = float(grey.max())
    strong = backdrop >= PARAMS.least_backdrop_level_share * strongest
    if strong.mean() < PARAMS.least_backdrop_share:
        return grey
    if np.median(backdrop[strong]) > PARAMS.most_backdrop_level_share * strongest:
        return grey
    return grey - np.asarray(cv2.resize(np.maximum(backdrop, 0), (width, height)), dtype=np.float32)

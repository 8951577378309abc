"""A picture → the ink on it: the page upright, the paper subtracted, ruled lines and boxes away. No torch."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistcnn.ink.decoding import Colours
from mnistcnn.ink.framing import Ink
from mnistcnn.ink.paper import LUMINANCE, project
from mnistcnn.ink.threshold import LEAST_CONTRAST, Grey, otsu, sampled, scaled

Matrix = NDArray[np.float64]  # (3, 3), a perspective: points of the picture → points of the page

_COARSE = 200  # pixels; the paper is looked at this small
_TABLE_CONTRAST = 0.2  # of full scale, between a page and the table
_EDGE_CONTRAST = 0.1  # at each of the edges, but for a share
_EDGE_SHARE = 0.2
_REACH = 10  # pixels, small as it is looked at, to both sides of an edge within which it is looked for
_LEAST_DROP = 0.03  # of full scale, within two of these pixels
_BEYOND = 2  # times as far outside of an edge it is dark, too
_WINDOW, _WIDE_WINDOW = 41, 91  # of these pixels
_CROWDED = 0.4  # the share of ink in a window from which on it says little about the paper


def enlarged(colours: Colours, side: int) -> tuple[Colours, float]:
    """Colours enlarged to `side` pixels, the longer way, if they are smaller; and how many times."""
    if max(colours.shape) >= side:
        return colours, 1.0
    factor = side / max(colours.shape)
    size = max(1, round(colours.shape[1] * factor)), max(1, round(colours.shape[0] * factor))
    larger = np.asarray(cv2.resize(colours, size, interpolation=cv2.INTER_CUBIC), dtype=np.float32)
    return np.clip(larger, np.float32(0), np.float32(1)), factor


def subtract_window(colours: Colours) -> Colours:
    """How far each pixel lies from the paper around it, as a share of the paper's brightness where that is bright.

    The paper is the median of a window, so that the edges of shadows stay sharp; of a wider one where there is more
    ink than paper.
    """
    height, width, _ = colours.shape
    scale = min(1.0, _COARSE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    coarse = np.rint(cv2.resize(colours, size, interpolation=cv2.INTER_AREA) * 255).astype(np.uint8)
    near, wide = cv2.medianBlur(coarse, _WINDOW), cv2.medianBlur(coarse, _WIDE_WINDOW)
    distance = cv2.absdiff(coarse, wide).max(axis=2).astype(np.float32)
    inked = (distance > 0.5 * np.quantile(distance, 0.99)).astype(np.float32)
    crowded = cv2.blur(inked, (_WINDOW, _WINDOW))[:, :, None] > _CROWDED
    paper: Colours = np.asarray(cv2.resize(np.where(crowded, wide, near) / np.float32(255), (width, height)))
    return np.asarray((colours - paper) / np.maximum(project(paper, LUMINANCE), 0.35)[:, :, None], dtype=np.float32)


def page_ink(grey: Grey) -> Ink | None:
    """Grey levels, positive for ink, to ink in 0 … 1; None where nothing stands out."""
    smooth: Grey = np.asarray(cv2.GaussianBlur(grey, (0, 0), 0.8), dtype=np.float32)
    some = sampled(smooth)
    noise = 1.4826 * float(np.median(np.abs(some - np.median(some))))
    inked = smooth[smooth > max(6 * noise, LEAST_CONTRAST)]
    if inked.size < 3:
        return None
    strongest = float(np.quantile(inked, 0.9))
    threshold = min(
        max(otsu(smooth[smooth > 0] / np.float32(strongest)) * strongest, 0.25 * strongest), 0.5 * strongest
    )
    threshold = max(threshold, 5 * noise, LEAST_CONTRAST)
    return scaled(smooth, threshold, full=float(np.median(smooth[smooth >= threshold])))


def find_corners(colours: Colours) -> NDArray[np.float32] | None:
    """The corners (4, 2) of a page that lies on a table, from the upper left clockwise; None where there is none."""
    height, width, _ = colours.shape
    scale = min(1.0, 2 * _COARSE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    coarse: Colours = np.asarray(cv2.resize(colours, size, interpolation=cv2.INTER_AREA))
    grey: Grey = np.asarray(cv2.GaussianBlur(project(coarse, LUMINANCE), (0, 0), 2.0))
    low, high = np.quantile(grey, [0.02, 0.98])
    if high - low < _TABLE_CONTRAST:
        return None
    # Where light falls on the table no single threshold parts it from the page.
    found = [_quadrangle(grey > threshold) for threshold in (otsu(grey), *np.linspace(low, high, 9)[1:-1])]
    pages = [_refined(grey, corners) for corners in found if corners is not None]
    edges = [_edges_in_sight(grey, page) for page in pages]
    if not any(edges):
        return None
    # With most edges in sight, and the largest, since the edge of a shadow parts a page like that of a table does.
    best = max(range(len(pages)), key=lambda i: (edges[i], cv2.contourArea(pages[i])))
    return _refined(grey, pages[best]) / np.float32(scale)


def _quadrangle(mask: NDArray[np.bool_]) -> NDArray[np.float32] | None:
    """The corners of the largest shape of a mask if it has four, is filled, and has the mask's edge around it."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        return None
    contour = max(contours, key=cv2.contourArea)
    area = cv2.contourArea(contour)
    if not 0.08 * mask.size < area < 0.92 * mask.size:
        return None
    hull = cv2.convexHull(contour)
    corners = cv2.approxPolyDP(hull, 0.04 * cv2.arcLength(hull, closed=True), closed=True)
    if len(corners) != 4 or area < 0.9 * cv2.contourArea(hull) or cv2.contourArea(corners) < 0.85 * area:
        return None
    height, width = mask.shape
    x, y = contour[:, 0, 0], contour[:, 0, 1]
    borders = [(x <= 1).any(), (y <= 1).any(), (x >= width - 2).any(), (y >= height - 2).any()]
    if sum(borders) > 2:
        return None
    return _clockwise(corners[:, 0].astype(np.float32))


def _sides(corners: NDArray[np.float32]) -> Iterator[tuple[NDArray[np.float32], ...]]:
    """Where each side of a page begins and ends, and the unit vector that points outwards from it, (2,) each."""
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        x, y = (end - start) / max(float(np.linalg.norm(end - start)), 1e-6)
        yield start, end, np.array([y, -x], dtype=np.float32)  # clockwise, y points down


def _refined(grey: Grey, corners: NDArray[np.float32]) -> NDArray[np.float32]:
    """Corners at which lines cross that are fitted to the edges; those given where they would move far."""
    lines = [_fit_edge(grey, *side) for side in _sides(corners)]
    crossed = np.cross(np.roll(lines, 1, axis=0), lines)
    x, y, z = crossed.T
    moved = np.stack([x, y], axis=1) - z[:, None] * corners
    near = (np.abs(moved) <= 3 * _REACH * np.abs(z)[:, None]) & (z[:, None] != 0)
    return corners + np.asarray(moved / z[:, None], dtype=np.float32) if near.all() else corners


def _fit_edge(
    grey: Grey, start: NDArray[np.float32], end: NDArray[np.float32], outwards: NDArray[np.float32]
) -> NDArray[np.float64]:
    """The line, (3,) in homogeneous coordinates, where it gets darker between two corners of a page."""
    points, offsets = start + np.linspace(0.05, 0.95, 40)[:, None] * (end - start), np.arange(-_REACH, _REACH + 1)
    levels = _levels_at(grey, (points[:, None] + offsets[:, None] * outwards).reshape(-1, 2)).reshape(len(points), -1)
    drops = levels[:, :-2] - levels[:, 2:]
    clear = drops.max(axis=1) >= max(0.5 * float(np.median(drops.max(axis=1))), _LEAST_DROP)
    if clear.mean() < 0.5:  # the page goes on beyond the picture
        return np.cross([*start, 1.0], [*end, 1.0])
    edge = points[clear] + offsets[1:-1][drops[clear].argmax(axis=1), None] * outwards
    x, y, x0, y0 = cv2.fitLine(edge.astype(np.float32), cv2.DIST_L1, 0, 0.01, 0.01).ravel()
    return np.cross([x0, y0, 1.0], [x0 + x, y0 + y, 1.0])


def _edges_in_sight(grey: Grey, corners: NDArray[np.float32]) -> int:
    """How many edges of a page do not lie on the picture's border; 0 where it is no lighter inside than outside."""
    height, width = grey.shape
    contrasts = []
    for start, end, outwards in _sides(corners):
        points = start + np.linspace(0.1, 0.9, 40)[:, None] * (end - start)
        inside, outside, beyond = (points + 5 * step * outwards for step in (-1, 1, 1 + _BEYOND))
        if ((outside >= 0) & (outside < [width, height])).all(axis=1).mean() < 0.5:
            continue
        levels = [_levels_at(grey, p) for p in (inside, outside, beyond)]  # a line on the page is not the table
        contrasts.append(np.quantile(levels[0] - np.maximum(levels[1], levels[2]), _EDGE_SHARE))
    return len(contrasts) if len(contrasts) >= 2 and min(contrasts) >= _EDGE_CONTRAST else 0


def _levels_at(grey: Grey, points: NDArray[np.floating]) -> Grey:
    """The grey levels (N,) at points (N, 2), x and y."""
    x, y = (points.T.astype(np.float32)[:, :, None]).copy()
    return np.asarray(cv2.remap(grey, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), dtype=np.float32)[:, 0]


def _clockwise(corners: NDArray[np.float32]) -> NDArray[np.float32]:
    middle = corners.mean(axis=0)
    turned = corners[np.argsort(np.arctan2(*(corners - middle).T[::-1]))]
    first = int(np.argmin(turned.sum(axis=1)))
    return np.roll(turned, -first, axis=0)


def straightened(colours: Colours, corners: NDArray[np.float32]) -> tuple[Colours, Matrix]:
    """The page between four corners, upright, a little inside its edges, and the perspective that did it."""
    sides = np.linalg.norm(corners - np.roll(corners, -1, axis=0), axis=1)
    width, height = round(float(max(sides[0], sides[2]))), round(float(max(sides[1], sides[3])))
    off = 0.025 * min(width, height)
    target = np.array(
        [[-off, -off], [width + off, -off], [width + off, height + off], [-off, height + off]], dtype=np.float32
    )
    matrix = cv2.getPerspectiveTransform(corners, target)
    page = cv2.warpPerspective(
        colours, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(page, dtype=np.float32), np.asarray(matrix, dtype=np.float64)

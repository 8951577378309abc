"""Finds a page that lies on a table, and straightens it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistcnn.ink.decoding import Colours
from mnistcnn.ink.surface import LUMINANCE, project
from mnistcnn.ink.threshold import Grey, otsu

Matrix = NDArray[np.float64]  # (3, 3), a perspective that maps points of the image to points of the page


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """The hand-set numbers of this stage. All are guesses; pixels are those of the reduced image."""

    coarse_pixels: int = 400  # the longer side of an image reduced to find a page

    # The shape of a page.
    page_blur_pixels: float = 2.0  # the standard deviation
    dark_quantile: float = 0.02  # of the grey levels; the level of the table
    bright_quantile: float = 0.98  # of the grey levels; the level of the page
    least_table_contrast: float = 0.2  # of full scale, between these two levels
    thresholds: int = 7  # evenly spaced between them, besides Otsu's
    least_page_share: float = 0.08  # of the image
    most_page_share: float = 0.92  # of the image
    corner_share: float = 0.04  # of the outline's length; a corner is off by no more
    least_hull_share: float = 0.9  # of the hull that the page fills
    least_corners_share: float = 0.85  # of the page that lies between its four corners
    border_pixels: int = 2  # a page that is nearer to the image's border reaches it
    most_borders: int = 2  # of the image that a page reaches

    # Where the edges of a page are.
    edge_points: int = 40  # on each edge
    edge_ends_share: float = 0.05  # of an edge, without points at either end
    edge_reach_pixels: int = 10  # to both sides of an edge, within which it is sought
    least_drop: float = 0.03  # of full scale, within two pixels across the edge
    least_drop_share: float = 0.5  # of the usual drop of the edge's points
    least_clear_share: float = 0.5  # of an edge's points; an edge with fewer is not where the page ends
    most_moved_reaches: float = 3.0  # a corner does not move farther

    # Whether a page lies on a table.
    contrast_ends_share: float = 0.1  # of an edge, without points at either end
    contrast_pixels: int = 5  # inside and outside of an edge; the levels there differ
    beyond_times: int = 2  # as far again outside it is dark, too: a line on the page is not the table
    least_inside_share: float = 0.5  # of an edge's points that lie in the image; with fewer it is not in sight
    edge_share: float = 0.2  # of an edge's points that may have less contrast
    least_edge_contrast: float = 0.1  # of full scale, at each edge
    least_edges: int = 2  # in sight

    page_margin_share: float = 0.025  # of the page's shorter side that is cut off at each side


PARAMS = Params()


def find_corners(colours: Colours) -> NDArray[np.float32] | None:
    """The corners (4, 2), x and y, of a page on a table, clockwise from the upper left; None if there is no page."""
    height, width, _ = colours.shape
    scale = min(1.0, PARAMS.coarse_pixels / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    coarse: Colours = np.asarray(cv2.resize(colours, size, interpolation=cv2.INTER_AREA))
    grey: Grey = np.asarray(cv2.GaussianBlur(project(coarse, LUMINANCE), (0, 0), PARAMS.page_blur_pixels))
    low, high = np.quantile(grey, [PARAMS.dark_quantile, PARAMS.bright_quantile])
    if high - low < PARAMS.least_table_contrast:
        return None
    # Where light falls on the table no single threshold divides it from the page.
    thresholds = [otsu(grey), *np.linspace(low, high, PARAMS.thresholds + 2)[1:-1]]
    found = [_quadrangle(grey > threshold) for threshold in thresholds]
    pages = [_refined(grey, corners) for corners in found if corners is not None]
    edges = [_edges_in_sight(grey, page) for page in pages]
    if not any(edges):
        return None
    # The page with most edges in sight, and of these the largest: the edge of a shadow divides a page as a table does.
    best = max(range(len(pages)), key=lambda i: (edges[i], cv2.contourArea(pages[i])))
    return _refined(grey, pages[best]) / np.float32(scale)


def _quadrangle(mask: NDArray[np.bool_]) -> NDArray[np.float32] | None:
    """The corners (4, 2) of the largest shape of a mask; None if it is not a filled quadrangle inside of the mask."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        return None
    contour = max(contours, key=cv2.contourArea)
    area = cv2.contourArea(contour)
    if not PARAMS.least_page_share * mask.size < area < PARAMS.most_page_share * mask.size:
        return None
    hull = cv2.convexHull(contour)
    corners = cv2.approxPolyDP(hull, PARAMS.corner_share * cv2.arcLength(hull, closed=True), closed=True)
    if len(corners) != 4:
        return None
    hull_filled = area >= PARAMS.least_hull_share * cv2.contourArea(hull)
    corners_filled = cv2.contourArea(corners) >= PARAMS.least_corners_share * area
    if not (hull_filled and corners_filled):
        return None
    height, width = mask.shape
    x = contour[:, 0, 0]
    y = contour[:, 0, 1]
    near = PARAMS.border_pixels
    borders = [(x < near).any(), (y < near).any(), (x >= width - near).any(), (y >= height - near).any()]
    if sum(borders) > PARAMS.most_borders:
        return None
    return _clockwise(corners[:, 0].astype(np.float32))


def _sides(corners: NDArray[np.float32]) -> Iterator[tuple[NDArray[np.float32], ...]]:
    """The two ends of each side of a page and the unit vector that points outwards from it, (2,) each, x and y."""
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        x, y = (end - start) / max(float(np.linalg.norm(end - start)), 1e-6)
        yield start, end, np.array([y, -x], dtype=np.float32)  # clockwise, y points down


def _refined(grey: Grey, corners: NDArray[np.float32]) -> NDArray[np.float32]:
    """The points (4, 2) where lines fitted to a page's edges cross; `corners` if one of them would move far."""
    lines = [_fit_edge(grey, *side) for side in _sides(corners)]
    crossed = np.cross(np.roll(lines, 1, axis=0), lines)
    x, y, z = crossed.T
    moved = np.stack([x, y], axis=1) - z[:, None] * corners
    farthest = PARAMS.most_moved_reaches * PARAMS.edge_reach_pixels
    near = (np.abs(moved) <= farthest * np.abs(z)[:, None]) & (z[:, None] != 0)
    if not near.all():
        return corners
    return corners + np.asarray(moved / z[:, None], dtype=np.float32)


def _fit_edge(
    grey: Grey, start: NDArray[np.float32], end: NDArray[np.float32], outwards: NDArray[np.float32]
) -> NDArray[np.float64]:
    """The line (3,), in homogeneous coordinates, along which it gets darker between two corners of a page."""
    points = _points_on(start, end, PARAMS.edge_ends_share)
    offsets = np.arange(-PARAMS.edge_reach_pixels, PARAMS.edge_reach_pixels + 1)
    across = points[:, None] + offsets[:, None] * outwards
    levels = _levels_at(grey, across.reshape(-1, 2)).reshape(len(points), -1)
    drops = levels[:, :-2] - levels[:, 2:]
    greatest = drops.max(axis=1)
    clear = greatest >= max(PARAMS.least_drop_share * float(np.median(greatest)), PARAMS.least_drop)
    if clear.mean() < PARAMS.least_clear_share:  # the page continues beyond the image
        return np.cross([*start, 1.0], [*end, 1.0])
    edge = points[clear] + offsets[1:-1][drops[clear].argmax(axis=1), None] * outwards
    x, y, x0, y0 = cv2.fitLine(edge.astype(np.float32), cv2.DIST_L1, 0, 0.01, 0.01).ravel()
    return np.cross([x0, y0, 1.0], [x0 + x, y0 + y, 1.0])


def _points_on(start: NDArray[np.float32], end: NDArray[np.float32], ends_share: float) -> NDArray[np.floating]:
    """Evenly spread points (N, 2) on an edge of a page, without a share of it at either end."""
    return start + np.linspace(ends_share, 1 - ends_share, PARAMS.edge_points)[:, None] * (end - start)


def _edges_in_sight(grey: Grey, corners: NDArray[np.float32]) -> int:
    """How many edges of a page do not lie on the image's border; 0 if the page is not lighter inside than outside."""
    height, width = grey.shape
    contrasts = []
    for start, end, outwards in _sides(corners):
        points = _points_on(start, end, PARAMS.contrast_ends_share)
        off = PARAMS.contrast_pixels
        outside = points + off * outwards
        if ((outside >= 0) & (outside < [width, height])).all(axis=1).mean() < PARAMS.least_inside_share:
            continue
        page = _levels_at(grey, points - off * outwards)
        near = _levels_at(grey, outside)
        far = _levels_at(grey, points + off * (1 + PARAMS.beyond_times) * outwards)
        contrasts.append(np.quantile(page - np.maximum(near, far), PARAMS.edge_share))
    if len(contrasts) < PARAMS.least_edges or min(contrasts) < PARAMS.least_edge_contrast:
        return 0
    return len(contrasts)


def _levels_at(grey: Grey, points: NDArray[np.floating]) -> Grey:
    """The grey levels (N,) at points (N, 2), x and y."""
    x, y = (points.T.astype(np.float32)[:, :, None]).copy()
    return np.asarray(cv2.remap(grey, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), dtype=np.float32)[:, 0]


def _clockwise(corners: NDArray[np.float32]) -> NDArray[np.float32]:
    """Corners (4, 2), clockwise from the upper left."""
    middle = corners.mean(axis=0)
    turned = corners[np.argsort(np.arctan2(*(corners - middle).T[::-1]))]
    first = int(np.argmin(turned.sum(axis=1)))
    return np.roll(turned, -first, axis=0)


def straightened(colours: Colours, corners: NDArray[np.float32]) -> tuple[Colours, Matrix]:
    """The page between four corners, upright and without a margin at its edges, and the perspective that maps to it."""
    sides = np.linalg.norm(corners - np.roll(corners, -1, axis=0), axis=1)
    width = round(float(max(sides[0], sides[2])))
    height = round(float(max(sides[1], sides[3])))
    off = PARAMS.page_margin_share * min(width, height)
    target = np.array(
        [[-off, -off], [width + off, -off], [width + off, height + off], [-off, height + off]], dtype=np.float32
    )
    matrix = cv2.getPerspectiveTransform(corners, target)
    page = cv2.warpPerspective(
        colours, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(page, dtype=np.float32), np.asarray(matrix, dtype=np.float64)

"""Paper, pens, light and cameras for the images of `compose` and `no_digits`."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.wild import Colours, Ink, Rng, painted
from mnistcnn.ink.threshold import blur

PENS = [(0.05, 0.05, 0.08), (0.1, 0.15, 0.55), (0.3, 0.3, 0.33), (0.65, 0.1, 0.12), (0.05, 0.3, 0.15)]


def any_height(rng: Rng, low: float = 30, high: float = 200) -> float:
    """Choose a height in pixels, small ones as likely as large ones."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def margins(ink: Ink, height: float, rng: Rng, least: float = 0.3, most: float = 1.2) -> Ink:
    """Add empty paper around ink, with a different width on each side."""
    around = np.rint(rng.uniform(least, most, (2, 2)) * height).astype(int)
    return np.pad(ink, around.tolist())


def plain(ink: Ink, rng: Rng) -> Colours:
    """Draw ink with a dark pen on white or nearly white paper."""
    paper = np.ones(3) if rng.random() < 0.5 else rng.uniform(0.9, 1, 3)
    return painted(ink, PENS[rng.integers(3)], tuple(paper))


def noise(shape: tuple[int, ...], strength: float, rng: Rng) -> Ink:
    """Make noise of one value for each pixel, the same in the three colours."""
    return strength * rng.standard_normal((*shape[:2], 1), dtype=np.float32)


def clouds(shape: tuple[int, ...], cells: int, rng: Rng) -> Ink:
    """Make smooth random values, about 0 ± 1; the image is `cells` bumps wide and high."""
    coarse = rng.standard_normal((cells, cells)).astype(np.float32)
    field = cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray(field, np.float32)[:, :, None]


def lines(paper: Colours, pitch: float, first: float, axis: int, colour: NDArray[np.float64], width: int) -> None:
    """Draw lines over the whole paper."""
    turned = paper if axis == 0 else paper.transpose(1, 0, 2)
    for at in np.arange(first % pitch, len(turned), pitch):
        turned[round(at) : round(at) + width] = colour


def pale(rng: Rng) -> NDArray[np.float64]:
    """Choose the colour of printed lines: blue, grey, green or red, faint to strong."""
    hue = np.array([(0.3, 0.5, 0.9), (0.45, 0.45, 0.45), (0.3, 0.7, 0.5), (0.9, 0.5, 0.5)][rng.integers(4)])
    strength = rng.uniform(0.25, 0.95)
    return np.asarray(strength * hue + (1 - strength))


def lit(colours: Colours, rng: Rng, hard: float = 0.5) -> Colours:
    """Light the image unevenly: with a gradient, and with probability `hard` the edge of a shadow."""
    y, x = np.mgrid[-1 : 1 : colours.shape[0] * 1j, -1 : 1 : colours.shape[1] * 1j].astype(np.float32)
    angle, slope = rng.uniform(0, 2 * np.pi), rng.uniform(0.03, 0.18)
    light = 0.9 - slope + slope * (np.cos(angle) * x + np.sin(angle) * y)
    if rng.random() < hard:
        angle = rng.uniform(0, 2 * np.pi)
        across = np.cos(angle) * x + np.sin(angle) * y - rng.uniform(-0.5, 0.5) + rng.uniform(-0.2, 0.2) * x * y
        soft = rng.uniform(0.01, 0.15)
        light *= 1 - rng.uniform(0.25, 0.55) / (1 + np.exp(-np.clip(across / soft * 4, -30, 30)))
    lit_: Colours = (colours * light[:, :, None]).astype(np.float32)
    return lit_


def turned(picture: Ink, degrees: float, tilt: float, rng: Rng) -> Ink:
    """Turn the image and tilt it by a share `tilt`; it is transparent, so 0, outside its page."""
    height, width = picture.shape[:2]
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    moved = corners + (rng.uniform(-tilt, tilt, (4, 2)) * min(width, height)).astype(np.float32)
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    moved = moved @ np.array([[c, s], [-s, c]], np.float32)
    moved -= moved.min(axis=0)
    size = tuple(int(x) + 1 for x in np.ceil(moved.max(axis=0)))
    matrix = cv2.getPerspectiveTransform(corners, moved.astype(np.float32))
    return np.asarray(cv2.warpPerspective(picture, matrix, size, flags=cv2.INTER_LINEAR), np.float32)


def on_table(page: Colours, rng: Rng, most: float = 14) -> Colours:
    """Put the page at an angle on a dark table, entirely in view."""
    sheet = np.dstack([page, np.ones(page.shape[:2], np.float32)])
    around = [tuple(int(x) for x in rng.uniform(0.04, 0.25, 2) * min(page.shape[:2])) for _ in range(2)]
    laid = np.pad(turned(sheet, rng.uniform(-most, most), 0.02, rng), (*around, (0, 0)))
    grain = blur(clouds((laid.shape[0], laid.shape[1]), 12, rng)[:, :, 0], 2.0)
    wood = cv2.resize(rng.standard_normal((60, 2)).astype(np.float32), laid.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    tone = np.array([(0.28, 0.18, 0.12), (0.18, 0.18, 0.19), (0.12, 0.16, 0.2)][rng.integers(3)], np.float32)
    table = tone * (1 + 0.1 * grain + 0.08 * wood)[:, :, None]
    seen: Colours = laid[:, :, :3] + (1 - laid[:, :, 3:]) * table
    return seen


def placed_on(page: tuple[int, int], ink: Ink, edge: int, rng: Rng) -> Ink:
    """Place the ink anywhere on an empty page of that height and width; shrink it if it doesn't fit."""
    scale = min(1.0, *((room - 2 * edge - 1) / used for room, used in zip(page, ink.shape, strict=True)))
    if scale < 1:
        ink = np.asarray(cv2.resize(ink, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.float32)
    canvas = np.zeros(page, np.float32)
    top, left = (int(rng.integers(edge, room - used - edge)) for room, used in zip(page, ink.shape, strict=True))
    canvas[top : top + len(ink), left : left + ink.shape[1]] = ink
    return canvas


def framed(inks: Sequence[Ink], height: float, rng: Rng) -> tuple[Ink, Ink]:
    """Put each ink into a printed box, the boxes apart or side by side; return ink and print."""
    side = max(round(height * rng.uniform(1.35, 1.8)), max(map(len, inks)) + round(0.3 * height))
    room, line = height * rng.uniform(0.4, 0.9), max(1, round(height * rng.uniform(0.02, 0.05)))
    wide = max(round(1.3 * height), round(max(ink.shape[1] for ink in inks) + room))
    pitch = wide + round(height * rng.choice([0.0, 0.15, 0.35]))
    written = np.zeros((side, pitch * (len(inks) - 1) + wide + line), np.float32)
    printed = np.zeros_like(written)
    for left, ink in zip(range(0, written.shape[1], pitch), inks, strict=False):
        cv2.rectangle(printed, (left + line // 2, line // 2), (left + wide, side - line // 2 - 1), 1.0, line)
        down, right = (side - len(ink)) / 2, (wide - ink.shape[1]) / 2
        top, start = round(down * rng.uniform(0.6, 1.4)), left + round(right * rng.uniform(0.6, 1.4))
        written[top : top + len(ink), start : start + ink.shape[1]] = ink
    around = [tuple(int(x) for x in rng.uniform(0.2, 1, 2) * height) for _ in range(2)]
    return np.pad(written, around), np.pad(printed, around)


def from_aside(page: Colours, rng: Rng) -> Colours:
    """Show the middle of the page as a slightly tilted camera sees it, with paper up to the edges."""
    height, width = page.shape[:2]
    wide = np.pad(page, ((height, height), (width, width), (0, 0)), mode="symmetric")
    seen = turned(wide, rng.uniform(-7, 7), 0.03, rng)
    top, left = (seen.shape[0] - height) // 2, (seen.shape[1] - width) // 2
    return seen[top : top + height, left : left + width]


def bent(ink: Ink, height: float, rng: Rng) -> Ink:
    """Tilt the line by up to 12 degrees; three in ten lines are bowed instead, by up to most of a digit."""
    x = np.linspace(-1, 1, ink.shape[1], dtype=np.float32)
    if rng.random() < 0.7:
        rise = np.tan(np.radians(rng.uniform(4, 12) * rng.choice([-1, 1]))) * ink.shape[1] / 2 * x
    else:
        rise = rng.choice([-1, 1]) * rng.uniform(0.3, 0.8) * height * x * x
    room = int(np.abs(rise).max()) + 1
    ink = np.pad(ink, ((room, room), (0, 0)))
    columns, lines = np.meshgrid(np.arange(ink.shape[1], dtype=np.float32), np.arange(len(ink), dtype=np.float32))
    return np.asarray(cv2.remap(ink, columns, lines + rise.astype(np.float32), cv2.INTER_LINEAR), np.float32)


def soiled(page: Colours, height: float, rng: Rng) -> Colours:
    """Add smudges and specks, most of them tiny for a digit of that `height`."""
    page = page.copy()
    for _ in range(int(rng.integers(10, 150))):
        at = tuple(int(rng.integers(0, side)) for side in page.shape[1::-1])
        radius = max(0, round(abs(rng.normal(0, 0.018)) * height))
        cv2.circle(page, at, radius, (float(rng.uniform(0.1, 0.7)),) * 3, -1, cv2.LINE_AA)
    smudges = np.clip(clouds(page.shape, int(rng.integers(3, 7)), rng) - 0.8, 0, 1) * rng.uniform(0, 0.2)
    return np.asarray(page * (1 - smudges), np.float32)

"""Numbers written on paper for the tests: drawn digits, each always in the same clear hand."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnistcnn.data.synthetic import render_digit
from mnistcnn.ink.decoding import Decoded, open_decoded
from mnistcnn.ink.framing import ink_box

Picture = NDArray[np.uint8]  # (height, width), 0 black … 255 white
Box = tuple[int, int, int, int]  # left, top, right, bottom

_SEEDS = (28, 53, 49, 48, 24, 14, 0, 31, 50, 14)  # seeds of the digits' hands


def digit_ink(digit: int, height: int = 40) -> NDArray[np.float32]:
    """The ink of one digit, (height, width) in 0 … 1, without margins."""
    frame = render_digit(digit, np.random.default_rng(_SEEDS[digit]))
    ink = frame[ink_box(frame, 60)].astype(np.float32) / 255
    width = max(3, round(height * ink.shape[1] / ink.shape[0]))
    enlarged = cv2.resize(ink, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(enlarged, 0, 1), dtype=np.float32)


def write(
    text: str, *, height: int = 40, gap: int = 14, space: int = 70, line: int = 50, margin: int = 50, slope: float = 0.0
) -> tuple[Picture, list[Box]]:
    """Digits, spaces and newlines in dark ink on white paper; the box of each digit."""
    placed: list[tuple[NDArray[np.float32], int, int]] = []
    left, top, wide = margin, margin, 0
    for character in text:
        if character == "\n":
            left, top = margin, top + height + line
        elif character == " ":
            left += space - gap
        else:
            ink = digit_ink(int(character), height)
            placed.append((ink, left, top + round(slope * (left - margin))))
            left += ink.shape[1] + gap
        wide = max(wide, left)
    high = max(y for _, _, y in placed) + height + margin
    lowest = min(y for _, _, y in placed)
    page = np.zeros((high, wide + margin), np.float32)
    assert lowest >= 0
    boxes = []
    for ink, x, y in placed:
        part = page[y : y + ink.shape[0], x : x + ink.shape[1]]
        np.maximum(part, ink, out=part)
        boxes.append((x, y, x + ink.shape[1], y + ink.shape[0]))
    return np.rint(245 - 215 * page).astype(np.uint8), boxes


def colours(picture: Picture) -> NDArray[np.float32]:
    """A grey picture as it is decoded, (height, width, 3) in 0 … 1."""
    return np.repeat(picture[:, :, None], 3, axis=2).astype(np.float32) / np.float32(255)


def decoded(picture: Picture) -> Decoded:
    """A picture as its file is decoded."""
    return open_decoded(Image.fromarray(picture), "p")


def on_a_table(picture: Picture) -> tuple[Picture, NDArray[np.float64]]:
    """The page lies turned, seen from the side, on a dark table; and the perspective that put it there."""
    height, width = picture.shape
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    there = np.array([[90, 140], [660, 60], [740, 380], [60, 440]], np.float32)
    matrix = cv2.getPerspectiveTransform(corners, there)
    table = np.full((540, 800), 50, np.uint8)
    cv2.warpPerspective(picture, matrix, (800, 540), table, cv2.INTER_LINEAR, cv2.BORDER_TRANSPARENT)
    return table, np.asarray(matrix, dtype=np.float64)


def moved(box: Box, matrix: NDArray[np.float64]) -> tuple[float, ...]:
    """The box around the four corners of a box where a perspective puts them."""
    left, top, right, bottom = box
    corners = np.array([[[left, top], [right, top], [right, bottom], [left, bottom]]], np.float64)
    x, y = cv2.perspectiveTransform(corners, matrix)[0].T
    return float(x.min()), float(y.min()), float(x.max()), float(y.max())


def off_by(box: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Return the largest distance between the edges of two boxes."""
    return float(np.abs(np.subtract(box, other)).max())

"""What people photograph, scan and draw → what the network should see, in small pure steps. No torch.

1. `decode`: any file → colours
2. `is_framed`: an image that is as MNIST's are already is left alone
3. `subtract_background`: the paper, fitted as a smooth surface, away
4. `find_ink`: colours → how far each pixel lies from the paper towards the ink
5. `find_page`: a page found on a table → the same anew inside it
6. `top_hat`: shadows and pasted boxes away
7. `to_ink`: grey levels → ink between 0 and 1
8. `remove_rules`: ruled lines away
9. `select_components`: the connected components that belong to the digit
10. `adjust_strokes`: strokes as wide as MNIST's
11. `center_digit`: MNIST's frame
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnistcnn.ink.components import (
    Box,
    are_several,
    find_components,
    is_alone,
    remove_rules,
    select_components,
)
from mnistcnn.ink.decoding import Colours, Decoded, decode, open_decoded, read_file
from mnistcnn.ink.framing import SIDE, Frame, Ink, center_digit, ink_box, is_framed
from mnistcnn.ink.paper import (
    LUMINANCE,
    find_ink,
    find_page,
    project,
    subtract_background,
    top_hat,
)
from mnistcnn.ink.strokes import adjust_strokes, dilate_square
from mnistcnn.ink.threshold import to_ink

NOTHING = "nothing but background"
SEVERAL = "several separate digits"


@dataclass(frozen=True, slots=True)
class PreprocessedImage:
    """What the network should see of an image if there is one digit on it, and what is odd (`NOTHING`, `SEVERAL`).

    `frame` (28, 28) uint8, 0 paper … 255 ink; `original` (height, width) uint8 luminance, at most 640 pixels;
    `box` the place of the digit there, None where there is none; `size` the original's width and height.
    """

    frame: Frame
    original: NDArray[np.uint8]
    warning: str | None
    box: Box | None
    framed: bool  # as MNIST's images are already
    alone: bool  # one connected component, with nothing around that may hide others: a shadow, the table beside a page
    size: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Crop:
    """The ink of a digit, cropped to its box, (height, width) in 0 … 1; the other fields of a `PreprocessedImage`."""

    ink: Ink
    box: Box
    alone: bool
    warning: str | None


def preprocess_file(path: Path, invert: bool | None = None) -> PreprocessedImage:
    """Read an image file of one digit; `-` is standard input.

    `invert` true says that the digit is darker than its paper, false that it is lighter; None finds out.
    Raises `PictureError` naming the file.
    """
    return preprocess_bytes(read_file(path), invert, str(path))


def preprocess_bytes(content: bytes, invert: bool | None = None, name: str = "The file") -> PreprocessedImage:
    """`preprocess_file` of an image file's content; errors call it `name`."""
    return preprocess(decode(content, name), invert)


def preprocess_image(image: Image.Image, invert: bool | None = None, name: str = "The image") -> PreprocessedImage:
    """`preprocess_file` of an image that is open already; errors call it `name`."""
    return preprocess(open_decoded(image, name), invert)


def preprocess(decoded: Decoded, invert: bool | None) -> PreprocessedImage:
    """`preprocess_file` of an image that is decoded already."""
    colours = decoded.colours()
    original = np.rint(255 * project(colours, LUMINANCE)).astype(np.uint8)
    if decoded.grey and invert is not True and is_framed(original):
        return PreprocessedImage(original, original, None, ink_box(original), True, True, decoded.size)
    crop = extract_ink(colours, invert)
    if crop is None:
        return PreprocessedImage(np.zeros((SIDE, SIDE), np.uint8), original, NOTHING, None, False, False, decoded.size)
    frame = center_digit(adjust_strokes(crop.ink))
    return PreprocessedImage(frame, original, crop.warning, crop.box, False, crop.alone, decoded.size)


def extract_ink(colours: Colours, invert: bool | None = None, in_page: bool = False) -> Crop | None:
    """The ink of the digit; None where there is none."""
    grey = find_ink(subtract_background(colours), invert)
    if not in_page and (page := find_page(grey)) is not None:
        inside = extract_ink(colours[page], invert, in_page=True)
        if inside is not None:
            rows, columns = (slice(b.start + p.start, b.stop + p.start) for b, p in zip(inside.box, page, strict=True))
            # Or it lies in the light, and not on a page.
            return replace(inside, box=(rows, columns), alone=False)
    ink = to_ink(top_hat(grey))
    return None if ink is None else crop_digit(remove_rules(ink))


def crop_digit(ink: Ink) -> Crop | None:
    """The components of ink that belong to the digit; None where none do."""
    # Grown by about a hundredth of the image's side, so that broken lines hang together.
    parts = find_components(dilate_square(ink, max(ink.shape) // 160) > 0.5)
    chosen = select_components(parts)
    kept = np.where(parts.mask(chosen), ink, np.float32(0))
    box = ink_box(kept, least=0.25)
    if box is None:
        return None
    return Crop(kept[box], box, is_alone(parts, chosen), SEVERAL if are_several(parts, chosen) else None)

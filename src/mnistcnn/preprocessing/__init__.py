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

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnistcnn.errors import PictureError
from mnistcnn.preprocessing.background import LUMINANCE, find_ink, find_page, subtract_background, to_ink, top_hat
from mnistcnn.preprocessing.centering import SIDE, Frame, Ink, center_digit, ink_box, is_framed
from mnistcnn.preprocessing.decoding import Colours, decode, decode_image, read_file
from mnistcnn.preprocessing.morphology import adjust_strokes, dilate_square
from mnistcnn.preprocessing.segmentation import are_several, find_components, remove_rules, select_components

NOTHING = "nothing but background"
SEVERAL = "several separate digits"


@dataclass(frozen=True, slots=True)
class PreprocessedImage:
    """What the network should see of an image, and what is odd about it (`NOTHING`, `SEVERAL` or None).

    `frame` (28, 28) uint8, 0 paper … 255 ink; `original` (height, width) uint8 luminance, at most 640 pixels.
    """

    frame: Frame
    original: NDArray[np.uint8]
    warning: str | None = None


def preprocess_file(path: Path, invert: bool | None = None) -> PreprocessedImage:
    """Read an image file of one digit; `-` is standard input.

    `invert` true says that the digit is darker than its paper, false that it is lighter; None finds out.
    Raises `PictureError` naming the file.
    """
    return preprocess_bytes(read_file(path), invert, str(path))


def preprocess_bytes(content: bytes, invert: bool | None = None, name: str = "The file") -> PreprocessedImage:
    """`preprocess_file` of an image file's content; errors call it `name`."""
    return _preprocess(*decode(content, name), invert)


def preprocess_image(image: Image.Image, invert: bool | None = None, name: str = "The image") -> PreprocessedImage:
    """`preprocess_file` of an image that is open already; errors call it `name`."""
    if not all(image.size):
        raise PictureError(f"{name} has no pixels.")
    try:
        decoded = decode_image(image)
    except Exception as error:  # whatever a damaged file makes Pillow's decoders raise
        raise PictureError(f"{name} can't be read: {str(error) or type(error).__name__}.") from error
    return _preprocess(*decoded, invert)


def _preprocess(colours: Colours, grey: bool, invert: bool | None) -> PreprocessedImage:
    original = np.rint(colours @ LUMINANCE * 255).astype(np.uint8)
    if grey and invert is not True and is_framed(original):
        return PreprocessedImage(original, original)
    ink, warning = extract_ink(colours, invert)
    frame = np.zeros((SIDE, SIDE), dtype=np.uint8) if ink is None else center_digit(adjust_strokes(ink))
    return PreprocessedImage(frame, original, warning)


def extract_ink(colours: Colours, invert: bool | None = None, in_page: bool = False) -> tuple[Ink | None, str | None]:
    """The ink of the digit, cropped to its box, (height, width) in 0 … 1, and what is odd; None where there is none."""
    grey = find_ink(subtract_background(colours), invert)
    if not in_page and (page := find_page(grey)) is not None:
        inside, warning = extract_ink(colours[page], invert, in_page=True)
        if inside is not None:
            return inside, warning
    ink = to_ink(top_hat(grey))
    return (None, NOTHING) if ink is None else crop_digit(remove_rules(ink))


def crop_digit(ink: Ink) -> tuple[Ink | None, str | None]:
    """The components of ink that belong to the digit, cropped to their box, and what is odd; None where none do."""
    # Grown by about a hundredth of the image's side, so that broken lines hang together.
    parts = find_components(dilate_square(ink, max(ink.shape) // 160) > 0.5)
    chosen = select_components(parts)
    kept = np.where(parts.mask(chosen), ink, np.float32(0))
    box = ink_box(kept, least=0.25)
    if box is None:
        return None, NOTHING
    return kept[box], SEVERAL if are_several(parts, chosen) else None

"""What people photograph, scan and draw → what the network should see. No torch.

The steps, each a small pure function: colours → smooth background away (`subtract_background`) → ink against paper
(`find_ink`) → a page found in the picture (`find_page`) → coarse background away (`top_hat`) → grey
levels to ink between 0 and 1 (`to_ink`) → the parts that belong to the digit (`select_components`) → strokes as
wide as MNIST's (`adjust_strokes`) → MNIST's frame (`framing.frame`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnistcnn.errors import PictureError
from mnistcnn.preprocessing.background import LUMINANCE, find_ink, find_page, subtract_background, to_ink, top_hat
from mnistcnn.preprocessing.centering import SIDE, Frame, Ink, center_digit, ink_box
from mnistcnn.preprocessing.decoding import Colours, decode, decode_bytes, decode_image
from mnistcnn.preprocessing.morphology import adjust_strokes, spread
from mnistcnn.preprocessing.segmentation import Components, Mask, find_components

NOTHING = "nothing but background"
SEVERAL = "several separate digits"


@dataclass(frozen=True, slots=True)
class PreprocessedImage:
    """What the network should see of a picture, and what is odd about it (`NOTHING`, `SEVERAL` or None).

    `frame` (28, 28) uint8, 0 paper … 255 ink; `original` (height, width) uint8 luminance, at most 640 pixels.
    """

    frame: Frame
    original: NDArray[np.uint8]
    warning: str | None = None


def preprocess_file(path: Path, invert: bool | None = None) -> PreprocessedImage:
    """Read a picture file of one digit; `-` is standard input.

    `invert` true says that the digit is darker than its paper, false that it is lighter; None finds out.
    Raises `PictureError` naming the file.
    """
    return _read(*decode(path), invert)


def preprocess_bytes(content: bytes, invert: bool | None = None, name: str = "The file") -> PreprocessedImage:
    """`preprocess_file` of a picture file's content; errors call it `name`."""
    return _read(*decode_bytes(content, Path(name)), invert)


def preprocess_image(image: Image.Image, invert: bool | None = None, name: str = "The image") -> PreprocessedImage:
    """`preprocess_file` of an image that is open already; errors call it `name`."""
    if not all(image.size):
        raise PictureError(f"{name} has no pixels.")
    try:
        decoded = decode_image(image)
    except Exception as error:  # whatever a damaged file makes Pillow's decoders raise
        raise PictureError(f"{name} can't be read: {str(error) or type(error).__name__}.") from error
    return _read(*decoded, invert)


def _read(colours: Colours, grey: bool, invert: bool | None) -> PreprocessedImage:
    original = np.rint(colours @ LUMINANCE * 255).astype(np.uint8)
    if grey and invert is not True and is_framed(original):
        return PreprocessedImage(original, original)
    ink, warning = extract_ink(colours, invert)
    framed = np.zeros((SIDE, SIDE), dtype=np.uint8) if ink is None else center_digit(adjust_strokes(ink))
    return PreprocessedImage(framed, original, warning)


def is_framed(picture: NDArray[np.uint8]) -> bool:
    """Whether a picture already is as MNIST's are: 28×28, light on black, its box 20 high or wide, centred."""
    if picture.shape != (SIDE, SIDE) or picture.max() < 250:
        return False
    corners = picture[[0, 0, -1, -1], [0, -1, 0, -1]]
    box = ink_box(picture.astype(np.float32))
    if corners.any() or box is None or np.count_nonzero(picture) > SIDE * SIDE // 2:
        return False
    sides = [span.stop - span.start for span in box]
    weights = picture.astype(np.float64)
    middle = np.arange(SIDE)
    centre = [weights.sum(axis=1) @ middle / weights.sum(), weights.sum(axis=0) @ middle / weights.sum()]
    return 19 <= max(sides) <= 20 and all(13.4 <= c <= 14.6 for c in centre)


def extract_ink(
    colours: Colours, invert: bool | None = None, *, in_page: bool = False
) -> tuple[Ink | None, str | None]:
    """The ink of the digit, cropped to its box, (height, width) in 0 … 1, and what is odd about it.

    The ink is None where there is nothing but background.
    """
    grey = find_ink(subtract_background(colours), invert)
    if not in_page and (page := find_page(grey)) is not None:
        inside, warning = extract_ink(colours[page], invert, in_page=True)
        if inside is not None:
            return inside, warning
    ink = to_ink(top_hat(grey))
    if ink is None:
        return None, NOTHING
    ink = remove_rules(ink)
    parts = find_components(_thickened(ink > 0.5))
    chosen = select_components(parts)
    if not chosen.any():
        return None, NOTHING
    kept = np.where(parts.mask(chosen), ink, np.float32(0))
    box = ink_box(kept, least=0.25)
    if box is None:
        return None, NOTHING
    return kept[box], SEVERAL if are_several(parts, chosen) else None


def remove_rules(ink: Ink) -> Ink:
    """Take out ruled lines: thin, straight, from one edge of the picture to the other, across or down."""
    for turn in (False, True):
        turned = ink.T if turn else ink
        rules = _rule_rows(turned > 0.35)
        if rules.any():
            turned = np.where(rules & ~_crossed(turned > 0.5, rules), np.float32(0), turned)
            ink = turned.T if turn else turned
    return np.ascontiguousarray(ink)


def _rule_rows(mask: Mask) -> Mask:
    """The pixels of rows that are ink nearly from edge to edge, if they are thin enough to be ruled lines."""
    width = mask.shape[1]
    if width < 2 * SIDE:
        return np.zeros_like(mask)
    ruled = (
        (mask.mean(axis=1) > 0.8) & mask[:, : width // 20 + 1].any(axis=1) & mask[:, -(width // 20) - 1 :].any(axis=1)
    )
    if not ruled.any() or ruled.mean() > 0.25:
        return np.zeros_like(mask)
    near = ruled | np.roll(ruled, 1) | np.roll(ruled, -1)
    return np.repeat(near[:, None], width, axis=1)


def _crossed(mask: Mask, rules: Mask) -> Mask:
    """Where ink goes on above and below a ruled line: the digit's strokes that cross it."""
    free = mask & ~rules
    above, below = np.zeros_like(mask), np.zeros_like(mask)
    for row in range(1, len(mask)):
        above[row] = free[row - 1] | (above[row - 1] & rules[row - 1])
    for row in range(len(mask) - 2, -1, -1):
        below[row] = free[row + 1] | (below[row + 1] & rules[row + 1])
    return above & below


def _thickened(mask: Mask) -> Mask:
    """The mask grown by about a hundredth of its side, so that broken lines hang together."""
    return spread(mask, max(mask.shape) // 160)


def select_components(parts: Components) -> Mask:
    """Which parts belong to the digit, (count,): not specks, nor frames and shadows at the picture's edge.

    Kept are the parts with a twentieth of the largest one's area or a quarter of its extent.
    """
    height, width = parts.labels.shape
    extents = np.hypot(parts.heights, parts.widths)
    edges = np.stack([parts.top == 0, parts.left == 0, parts.bottom == height, parts.right == width])
    spans = (parts.heights >= 0.9 * height) | (parts.widths >= 0.9 * width)
    outside = (edges.sum(axis=0) >= 3) | (
        (edges.sum(axis=0) >= 1) & spans & (parts.areas < 0.5 * parts.heights * parts.widths)
    )
    outside |= (edges.sum(axis=0) >= 2) & (np.minimum(parts.heights, parts.widths) < 0.5 * min(height, width))
    inside = ~outside & ~edges.any(axis=0)
    # A digit may touch the edge itself: only a part of some size inside makes those at the edge suspicious.
    if not (inside & (extents >= 0.2 * min(height, width))).any():
        outside[:] = False
    areas = np.where(outside, 0, parts.areas)
    if not len(areas) or areas.max() == 0:
        return np.zeros(len(areas), dtype=bool)
    main = int(areas.argmax())
    large = (areas >= 0.05 * areas[main]) | (extents >= 0.25 * extents[main])
    kept: Mask = large & ~outside
    return kept


def are_several(parts: Components, chosen: Mask) -> bool:
    """Whether the chosen parts are digits side by side: apart, each of more than half the whole height."""
    top, bottom = parts.top[chosen], parts.bottom[chosen]
    height = int(bottom.max() - top.min())
    tall = chosen & (parts.heights >= 0.6 * height)
    order = np.argsort(parts.left[tall])
    left, right = parts.left[tall][order], parts.right[tall][order]
    if len(left) < 2:
        return False
    gaps = left[1:] - np.maximum.accumulate(right)[:-1]
    whole = int(right.max() - left.min())
    return bool(gaps.max() >= 0.12 * height and whole >= 0.9 * height)

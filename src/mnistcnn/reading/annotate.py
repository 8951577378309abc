"""Draws the boxes, digits and confidences of a prediction on its image. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from mnistcnn.ink.decoding import Decoded
from mnistcnn.reading.results import PredictedDigit, Prediction

_SURE, _UNSURE = (0, 140, 60), (210, 60, 0)  # colours, RGB
_SIDE = 1600  # pixels; larger images are reduced to this
_SHOWN_BELOW = 0.99  # a label shows a confidence below this
_SIZES_HEIGHTS = (0.3, 0.22, 0.16, 0.12)  # sizes of letters in heights of the box; the first one that fits is used
_LEAST_SIZE_PIXELS = 9  # smaller letters can't be read
_GAP_PIXELS = 2  # between a label and its frame

Box = tuple[float, float, float, float]  # left, top, right and bottom edge in pixels


@dataclass(frozen=True, slots=True)
class Label:
    """The label of a digit's box: its text, the size of its letters in pixels, and its place."""

    text: str
    size: int
    box: Box


def annotated(decoded: Decoded, prediction: Prediction) -> Image.Image:
    """Draw each digit's box and label on the image, RGB, at most 1,600 pixels wide and high.

    A label shows the digit and its confidence if that is below 99 %. Labels never overlap; one that has no place is
    left out.
    """
    colours = decoded.colours(_SIDE)
    image = Image.fromarray((colours * 255).round().astype("uint8"))
    scale = image.width / decoded.size[0]
    line = max(1, round(max(image.size) / 500))
    frames = []
    for digit in prediction.digits:
        left, top, right, bottom = (scale * edge for edge in digit.box)
        frames.append((left - line, top - line, right + line, bottom + line))
    draw = ImageDraw.Draw(image)
    labels = place_labels(prediction.digits, frames, image.size)
    for digit, frame, label in zip(prediction.digits, frames, labels, strict=True):
        colour = _UNSURE if digit.digit is None else _SURE
        draw.rectangle(frame, outline=colour, width=line)
        if label is not None:
            draw.text(label.box[:2], label.text, colour, ImageFont.load_default(label.size), anchor="lt")
    return image


def place_labels(digits: Sequence[PredictedDigit], frames: Sequence[Box], size: tuple[int, int]) -> list[Label | None]:
    """Place a label for each digit within an image of this width and height so that no two labels overlap.

    A label is as large as possible, preferably above its frame, and outside all frames if possible. If there is no
    place for it with its confidence, it shows only the digit; if there is none at all, it is None.
    """
    labels: list[Label | None] = []
    for digit, frame in zip(digits, frames, strict=True):
        others = [label.box for label in labels if label is not None]
        found = None
        for taken in ([*others, *frames], others):
            for text in _texts(digit):
                found = found or _place(text, frame, taken, size)
        labels.append(found)
    return labels


def _texts(digit: PredictedDigit) -> list[str]:
    name = str(digit.top[0].digit) + ("?" if digit.digit is None else "")
    if digit.confidence >= _SHOWN_BELOW:
        return [name]
    return [f"{name} {int(100 * digit.confidence)} %", name]


def _place(text: str, frame: Box, taken: Sequence[Box], size: tuple[int, int]) -> Label | None:
    """Place the largest label that fits above, below, to the right or to the left of a frame, or into its corner."""
    left, top, right, bottom = frame
    letters = {max(_LEAST_SIZE_PIXELS, round(heights * (bottom - top))) for heights in _SIZES_HEIGHTS}
    for pixels in sorted(letters, reverse=True):
        _, _, width, height = ImageFont.load_default(pixels).getbbox(text, anchor="lt")
        centre = (left + right - width) / 2
        for wanted_x, wanted_y in (
            (left, top - _GAP_PIXELS - height),
            (centre, top - _GAP_PIXELS - height),
            (left, bottom + _GAP_PIXELS),
            (right + _GAP_PIXELS, top),
            (left - _GAP_PIXELS - width, top),
            (left + _GAP_PIXELS, top + _GAP_PIXELS),
        ):
            x = min(max(wanted_x, 0), size[0] - width)
            y = min(max(wanted_y, 0), size[1] - height)
            box = (x, y, x + width, y + height)
            if x >= 0 and y >= 0 and not any(_overlap(box, other) for other in taken):
                return Label(text=text, size=pixels, box=box)
    return None


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]

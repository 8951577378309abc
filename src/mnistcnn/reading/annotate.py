"""An image with what was read on it: boxes, digits and confidences. No torch."""

from __future__ import annotations

from PIL import Image, ImageDraw, ImageFont

from mnistcnn.ink.decoding import Decoded
from mnistcnn.reading.results import Prediction

_SURE, _UNSURE = (0, 140, 60), (210, 60, 0)
_SIDE = 1600  # pixels; larger images are reduced to this


def annotated(decoded: Decoded, prediction: Prediction) -> Image.Image:
    """The image, RGB, at most 1,600 pixels either way, with each digit's box, and digit and confidence above it."""
    colours = decoded.colours(_SIDE)
    image = Image.fromarray((colours * 255).round().astype("uint8"))
    scale = image.width / decoded.size[0]
    draw = ImageDraw.Draw(image)
    line = max(1, round(max(image.size) / 500))
    for digit in prediction.digits:
        left, top, right, bottom = (scale * edge for edge in digit.box)
        colour = _UNSURE if digit.digit is None else _SURE
        draw.rectangle((left - line, top - line, right + line, bottom + line), outline=colour, width=line)
        name = str(digit.top[0].digit) if digit.digit is not None else f"{digit.top[0].digit}?"
        size = max(9, round(0.3 * (bottom - top)))
        font = ImageFont.load_default(size)
        small = ImageFont.load_default(size=max(8, round(0.18 * (bottom - top))))
        baseline = max(top - 2 * line, size)
        draw.text((left, baseline), name, colour, font, anchor="ls")
        draw.text(
            (left + draw.textlength(f"{name} ", font), baseline), f"{digit.confidence:.0%}", colour, small, anchor="ls"
        )
    return image

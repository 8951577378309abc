"""Printed text as ink: the typefaces that come with matplotlib, some of it worn and bent as by hand."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mnistcnn.ink.framing import Ink
from mnistcnn.ink.strokes import dilate, thin
from recipes.ink import CANVAS, Rng, crop, warp

_SIZE = 44  # pixels of a letter, about
_MISSING = "\U0010ffff"  # a character that no typeface has
_FAMILIES = {  # and their cuts; the first has all alphabets
    "DejaVuSans": ("", "-Bold", "-Oblique", "-BoldOblique"),
    "DejaVuSerif": ("", "-Bold", "-Italic", "-BoldItalic"),
    "DejaVuSansMono": ("", "-Bold", "-Oblique", "-BoldOblique"),
    "STIXGeneral": ("", "Bol", "Italic", "BolIta"),
}


def print_text(text: str, rng: Rng) -> Ink:
    """A line of text in a random typeface, turned, stretched, thinner or fatter."""
    font = _random_font(rng)
    while not all(_has_glyph(font, letter) for letter in text):
        font = _random_font(rng)
    left, top, right, bottom = (round(edge) for edge in font.getbbox(text))
    image = Image.new("L", (max(right - left, 1) + 8, max(bottom - top, 1) + 8))
    ImageDraw.Draw(image).text((4 - left, 4 - top), text, fill=255, font=font)
    ink = np.asarray(image, dtype=np.float32) / np.float32(255)
    if len(text) == 1:
        side = max(CANVAS, *ink.shape)
        square = np.zeros((side, side), np.float32)
        y, x = (side - ink.shape[0]) // 2, (side - ink.shape[1]) // 2
        square[y : y + ink.shape[0], x : x + ink.shape[1]] = ink
        ink = warp(square, rng, turn=0.2, stretch=0.25, side=side + 20)
    pen = rng.integers(3)
    if pen == 1:
        ink = thin(ink, float(rng.uniform(0.5, 1.5)))
    elif pen == 2:
        ink = dilate(ink, float(rng.uniform(0.5, 2.5)))
    return crop(ink)


def _random_font(rng: Rng) -> ImageFont.FreeTypeFont:
    family = str(rng.choice(list(_FAMILIES)))
    return _font(family + str(rng.choice(_FAMILIES[family])))


@cache
def _font(name: str) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(Path(mpl.get_data_path()) / "fonts" / "ttf" / f"{name}.ttf"), _SIZE)


@cache
def _has_glyph(font: ImageFont.FreeTypeFont, letter: str) -> bool:
    return bytes(font.getmask(letter)) != bytes(font.getmask(_MISSING))

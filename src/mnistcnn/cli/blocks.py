"""Prints grey images as block characters, two pixels to a character."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

from rich.color import Color
from rich.console import Console
from rich.style import Style
from rich.text import Text

from mnistcnn.cli.output import stdout

_SIDE = 28  # pixels
_MOST_COLUMNS = 46  # for the original: 80 less the frame, its borders and the gap
_GAP = "   "
_SHAPES = " ▄▀█"  # the character where no pixel is light, the lower one, the upper one, or both


def show_frames(frames: Sequence[Any], original: Any) -> None:
    """Draw the network's inputs, each (28, 28) uint8, and the original, (height, width) uint8 luminance.

    They stand side by side as far as the terminal is wide enough. A terminal with colours shows greys, any other shows
    the pixels that are lighter than the middle between the lightest and the darkest.
    """
    console = stdout()
    blocks = [[Text.assemble("│", line, "│") for line in _draw(console, frame)] for frame in frames]
    blocks.append(_draw(console, original))
    while blocks:
        group = [blocks.pop(0)]
        while blocks and sum(len(block[0]) + len(_GAP) for block in group) + len(blocks[0][0]) <= console.width:
            group.append(blocks.pop(0))
        widths = [len(block[0]) for block in group]
        for parts in zip_longest(*group):
            padded = (part or Text(" " * width) for part, width in zip(parts, widths, strict=True))
            line = Text(_GAP).join(padded)
            console.print(line, soft_wrap=True)
        if blocks:
            console.print()


def _draw(console: Console, image: Any) -> list[Text]:
    """Draw an image (height, width) uint8, reduced to at most 28 rows of pixels, in half as many lines."""
    from PIL import Image

    scale = min(_SIDE / image.shape[0], min(_MOST_COLUMNS, console.width) / image.shape[1])
    height, width = (max(1, round(scale * side)) for side in image.shape)
    pixels = Image.fromarray(image).resize((width, height), Image.Resampling.BOX).tobytes()
    low, high = min(pixels), max(pixels)
    middle = (low + high) / 2 if low < high else 127.5
    coloured = console.color_system and not console.no_color and not console.options.ascii_only
    rows = [pixels[start : start + width] for start in range(0, len(pixels), width)]
    lines = []
    for upper, lower in zip_longest(rows[::2], rows[1::2], fillvalue=rows[-1]):
        line = Text()
        for above, below in zip(upper, lower, strict=True):
            if coloured:
                line.append(
                    "▀", Style(color=Color.from_rgb(above, above, above), bgcolor=Color.from_rgb(below, below, below))
                )
            else:
                line.append(_SHAPES[2 * (above > middle) + (below > middle)])
        lines.append(line)
    return lines

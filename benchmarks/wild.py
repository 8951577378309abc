"""Renders MNIST's digits as everyday images: the test set of preprocessing, which is not tuned on it.

Each kind takes a digit as MNIST has it, (28, 28) uint8, and a generator, and returns an image file as people
have them: its bytes and its suffix.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from mnistcnn.ink.threshold import blur

Digit = NDArray[np.uint8]
Ink = NDArray[np.float32]  # (height, width), 0 paper … 1 ink
Colours = NDArray[np.float32]  # (height, width, 3), 0 … 1
Rng = np.random.Generator
Kind = Callable[[Digit, Rng], tuple[bytes, str]]


def enlarge(digit: Digit, side: int) -> Ink:
    """Scale the digit smoothly to side × side."""
    large = Image.fromarray(digit).resize((side, side), Image.Resampling.BICUBIC)
    smooth = np.asarray(large.filter(ImageFilter.GaussianBlur(side / 120)), dtype=np.float32) / 255
    return np.clip((smooth - 0.35) * 4, 0, 1).astype(np.float32)  # edges as sharp as a pen's


def thinned(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Thin strokes to lines of one pixel in their middle. Source: T. Zhang, C. Suen, CACM 27 (1984)."""
    thin = np.pad(mask, 1).astype(np.uint8)
    flat, wide = thin.reshape(-1), thin.shape[1]
    around = np.array([-1, wide - 1, wide, wide + 1, 1, 1 - wide, -wide, -wide - 1])  # one after the other
    places = np.flatnonzero(flat)
    while True:
        before = len(places)
        for corners in (((0, 2, 4), (2, 4, 6)), ((0, 2, 6), (0, 4, 6))):
            n = flat[places[:, None] + around]
            neighbours = n.sum(axis=1)
            turns = (np.roll(n, -1, axis=1) > n).sum(axis=1)
            blocked = [n[:, list(three)].all(axis=1) for three in corners]
            gone = (neighbours >= 2) & (neighbours <= 6) & (turns == 1) & ~blocked[0] & ~blocked[1]
            flat[places[gone]] = 0
            places = places[~gone]
        if len(places) == before:
            return thin[1:-1, 1:-1].astype(bool)


def grown(mask: NDArray[np.bool_], radius: float) -> Ink:
    """Grow a mask by a round pen, with soft edges."""
    size = 2 * round(radius) + 1
    picture = Image.fromarray(mask).convert("L")
    yy, xx = np.mgrid[-round(radius) : round(radius) + 1, -round(radius) : round(radius) + 1]
    if size > 1:
        canvas = np.pad(np.asarray(picture) > 0, round(radius))
        total = np.zeros_like(canvas)
        for dy, dx in zip(yy[yy**2 + xx**2 <= radius**2 + 0.5], xx[yy**2 + xx**2 <= radius**2 + 0.5], strict=True):
            total |= np.roll(canvas, (dy, dx), (0, 1))
        picture = Image.fromarray(total[round(radius) : -round(radius), round(radius) : -round(radius)]).convert("L")
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(0.6)), dtype=np.float32) / np.float32(255)


def placed(ink: Ink, rng: Rng, room: float = 0.6) -> Ink:
    """Place the ink's box anywhere on a larger canvas that isn't square."""
    rows, columns = np.flatnonzero(ink.max(axis=1) > 0.1), np.flatnonzero(ink.max(axis=0) > 0.1)
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    side = max(ink.shape)
    height, width = (int(side * rng.uniform(1.25, 1.25 + room)) for _ in range(2))
    margin = max(2, side // 20)
    canvas = np.zeros((height, width), dtype=np.float32)
    top = rng.integers(margin, height - ink.shape[0] - margin + 1)
    left = rng.integers(margin, width - ink.shape[1] - margin + 1)
    canvas[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return canvas


def painted(ink: Ink, pen: Sequence[float], paper: Sequence[float] | Colours) -> Colours:
    """Paint ink of one colour on paper of another."""
    strength = ink[:, :, None]
    mixed: Colours = strength * np.array(pen, np.float32) + (1 - strength) * np.asarray(paper, np.float32)
    return mixed


def encoded(colours: Colours, suffix: str = ".png", **options: object) -> tuple[bytes, str]:
    """Encode an image as a file."""
    buffer = io.BytesIO()
    formats = {".png": "PNG", ".jpg": "JPEG", ".bmp": "BMP", ".webp": "WEBP", ".tif": "TIFF", ".gif": "GIF"}
    picture = Image.fromarray(np.rint(np.clip(colours, 0, 1) * 255).astype(np.uint8))
    picture.save(buffer, format=formats[suffix], **options)
    return buffer.getvalue(), suffix


BLACK, WHITE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)


def inverted_280(digit: Digit, rng: Rng) -> tuple[bytes, str]:
    """Enlarged to 280×280, black on white."""
    return encoded(painted(enlarge(digit, 280), BLACK, WHITE))


def any_size(digit: Digit, rng: Rng) -> tuple[bytes, str]:
    """100 to 2000 pixels, not square, off centre."""
    return encoded(painted(placed(enlarge(digit, int(rng.integers(100, 1400))), rng), BLACK, WHITE))


def light_on_dark(digit: Digit, rng: Rng) -> tuple[bytes, str]:
    """Chalk on a blackboard."""
    ink = placed(enlarge(digit, 400), rng)
    board = painted(ink, (0.92, 0.92, 0.88), (0.12, 0.2, 0.16)) + rng.normal(0, 0.03, (*ink.shape, 3))
    return encoded(board.astype(np.float32), ".jpg", quality=80)


def coloured(digit: Digit, rng: Rng) -> tuple[bytes, str]:
    """Coloured ink on white or pastel paper, yellow among them."""
    pens = [
        (0.9, 0.1, 0.1),
        (0.1, 0.2, 0.9),
        (0.1, 0.6, 0.2),
        (0.95, 0.85, 0.1),
        (0.9, 0.5, 0.1),
        (0.5, 0.1, 0.6),
    ]
    papers = [WHITE, (1.0, 0.97, 0.9), (0.9, 0.95, 1.0)]
    pen, paper = pens[rng.integers(len(pens))], papers[rng.integers(len(papers))]
    return encoded(painted(placed(enlarge(digit, 300), rng), pen, paper))


def hairline(digit: Digit, rng: Rng) -> tuple[bytes, str]:
    """Lines of 1 to 3 pixels on a canvas of about 800."""
    lines = thinned(enlarge(digit, 800) > 0.5)
    return encoded(painted(placed(grown(lines, float(rng.integers(0, 2))), rng, room=0.2), BLACK, WHITE))


def fat_brush(digit: Digit, rng: Rng) -> tuple[bytes, str]:
    """A brush half as wide again as MNIST's broadest."""
    ink = enlarge(digit, 280)
    return encoded(painted(placed(grown(ink > 0.5, rng.uniform(5, 9)), rng), BLACK, WHITE))


def textured(digit: Digit, rng: Rng) -> tuple[bytes, str]:
    """Rough paper and sensor noise."""
    ink = placed(enlarge(digit, 400), rng)
    grain = rng.normal(0, 1, ink.shape).astype(np.float32)
    coarse = blur(grain, 3.0)
    paper = 0.85 + 0.25 * coarse + 0.04 * grain
    return encoded(painted(ink, (0.2, 0.2, 0.25), np.repeat(paper[:, :, None], 3, axis=2)), ".jpg", quality=85)


def shaded(digit: Digit, rng: Rng) -> tuple[bytes, str]:
    """A gradient across the paper, or a vignette around it."""
    ink = placed(enlarge(digit, 400), rng)
    y, x = np.mgrid[-1 : 1 : ink.shape[0] * 1j, -1 : 1 : ink.shape[1] * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    slope = 0.65 + 0.3 * (np.cos(angle) * x + np.sin(angle) * y) / 1.4
    round_ = 0.95 - 0.25 * (x * x + y * y)
    light = (slope if rng.random() < 0.5 else round_)[:, :, None].astype(np.float32)
    return encoded((painted(ink, (0.15, 0.15, 0.2), WHITE) * light).astype(np.float32), ".jpg", quality=85)


def bad_jpeg(digit: Digit, rng: Rng) -> tuple[bytes, str]:
    """JPEG at a quality where blocks show."""
    return encoded(painted(placed(enlarge(digit, 200), rng), BLACK, WHITE), ".jpg", quality=int(rng.integers(8, 25)))


def on_its_side(colours: Colours, rng: Rng) -> tuple[bytes, str]:
    """Turned by quarters, with an EXIF entry that says so."""
    orientation, quarters = [(6, 1), (8, 3), (3, 2)][rng.integers(3)]
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(np.rot90(colours, quarters).copy(), ".jpg", exif=exif)


def turned_by_exif(digit: Digit, rng: Rng) -> tuple[bytes, str]:
    """Lying on its side, with an EXIF entry that says so."""
    return on_its_side(painted(placed(enlarge(digit, 300), rng), BLACK, WHITE), rng)


def transparent(digit: Digit, rng: Rng) -> tuple[bytes, str]:
    """Ink on nothing: dark or light, the rest transparent."""
    ink = placed(enlarge(digit, 300), rng)
    pen = [BLACK, WHITE, (0.1, 0.1, 0.6), (1.0, 0.9, 0.4)][rng.integers(4)]
    hidden = rng.choice([0.0, 1.0])  # programs store any value in transparent pixels
    colours = np.where(ink[:, :, None] > 0, np.array(pen, np.float32), np.float32(hidden))
    return encoded(np.concatenate([colours, ink[:, :, None]], axis=2))


def pasted(digit: Digit, rng: Rng) -> tuple[bytes, str]:
    """A grey rectangle with the digit, pasted on white."""
    ink = placed(enlarge(digit, 250), rng, room=0.3)
    grey = rng.uniform(0.6, 0.85)
    inner = painted(ink, (0.1, 0.1, 0.1), (grey, grey, grey))
    around = [(int(rng.integers(10, 60)), int(rng.integers(10, 60))) for _ in range(2)]
    return encoded(np.pad(inner, (*around, (0, 0)), constant_values=1.0))


def tiny_pencil(digit: Digit, rng: Rng) -> tuple[bytes, str]:
    """Drawn with a pencil of a pixel or two on 28×28, dark on white."""
    lines = thinned(enlarge(digit, 112) > 0.5)
    small = Image.fromarray(grown(lines, 2.0)).resize((28, 28), Image.Resampling.BOX)
    return encoded(painted(np.clip(np.asarray(small) * 1.2, 0, 1), BLACK, WHITE))


def filled_28(digit: Digit, rng: Rng) -> tuple[bytes, str]:
    """28×28, light on dark as MNIST, but up to the edges."""
    rows, columns = np.flatnonzero(digit.max(axis=1)), np.flatnonzero(digit.max(axis=0))
    box = Image.fromarray(digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    scale = 26 / max(box.size)
    box = box.resize((max(1, round(box.width * scale)), max(1, round(box.height * scale))), Image.Resampling.BICUBIC)
    canvas = Image.new("L", (28, 28))
    canvas.paste(box, (int(rng.integers(1, 28 - box.width)), int(rng.integers(1, 28 - box.height))))
    return encoded(np.repeat(np.asarray(canvas, dtype=np.float32)[:, :, None] / 255, 3, axis=2))


def photograph(digit: Digit, rng: Rng) -> tuple[bytes, str]:
    """Everything together: turned a little, uneven light, grain, blur, noise, JPEG."""
    ink = placed(enlarge(digit, 500), rng, room=1.2)
    turned = Image.fromarray(ink).rotate(rng.uniform(-8, 8), Image.Resampling.BILINEAR)
    ink = blur(np.asarray(turned), rng.uniform(0.5, 2.5))
    y, x = np.mgrid[-1 : 1 : ink.shape[0] * 1j, -1 : 1 : ink.shape[1] * 1j]
    light = 0.75 + rng.uniform(-0.12, 0.12) * x + rng.uniform(-0.12, 0.12) * y - rng.uniform(0, 0.15) * (x * x + y * y)
    pen = [(0.1, 0.1, 0.15), (0.1, 0.15, 0.55), (0.35, 0.35, 0.38)][rng.integers(3)]
    picture = painted(ink, pen, (1.0, 0.98, 0.93)) * light[:, :, None] + rng.normal(0, 0.025, (*ink.shape, 3))
    return encoded(picture.astype(np.float32), ".jpg", quality=int(rng.integers(50, 90)))


def ruled(digit: Digit, rng: Rng) -> tuple[bytes, str]:
    """Paper with pale blue lines across it."""
    ink = placed(enlarge(digit, 400), rng)
    paper = np.ones((*ink.shape, 3), dtype=np.float32)
    paper[int(rng.integers(10, 60)) :: int(rng.integers(70, 110))] = (0.6, 0.75, 0.95)
    return encoded(painted(ink, (0.1, 0.1, 0.2), paper))


def page_on_table(digit: Digit, rng: Rng) -> tuple[bytes, str]:
    """A white page on a dark table."""
    ink = placed(enlarge(digit, 300), rng)
    page = painted(ink, (0.15, 0.15, 0.2), (0.93, 0.92, 0.9))
    around = [(int(rng.integers(30, 120)), int(rng.integers(30, 120))) for _ in range(2)]
    desk = np.pad(page, (*around, (0, 0)), constant_values=0.25)
    return encoded((desk + rng.normal(0, 0.02, desk.shape)).astype(np.float32), ".jpg", quality=85)


def odd_format(digit: Digit, rng: Rng) -> tuple[bytes, str]:
    """1-bit, 16-bit, palette, CMYK, GIF, WebP, TIFF."""
    ink = placed(enlarge(digit, 250), rng)
    grey = Image.fromarray(np.rint((1 - ink) * 255).astype(np.uint8))
    choices: list[tuple[Image.Image, str, str]] = [
        (grey.convert("1"), "PNG", ".png"),
        (Image.fromarray(((1 - ink) * 65535).astype(np.uint16)), "PNG", ".png"),
        (grey.convert("P"), "PNG", ".png"),
        (grey.convert("RGB").convert("CMYK"), "JPEG", ".jpg"),
        (grey, "GIF", ".gif"),
        (grey.convert("RGB"), "WEBP", ".webp"),
        (grey, "TIFF", ".tif"),
    ]
    picture, name, suffix = choices[rng.integers(len(choices))]
    buffer = io.BytesIO()
    picture.save(buffer, format=name)
    return buffer.getvalue(), suffix


KINDS: dict[str, Kind] = {
    "280 px, black on white": inverted_280,
    "any size and place": any_size,
    "light on dark": light_on_dark,
    "coloured ink": coloured,
    "hairline": hairline,
    "fat brush": fat_brush,
    "rough paper, noise": textured,
    "gradient, vignette": shaded,
    "bad JPEG": bad_jpeg,
    "turned by EXIF": turned_by_exif,
    "transparent": transparent,
    "grey box on white": pasted,
    "28×28 pencil": tiny_pencil,
    "28×28 to the edges": filled_28,
    "photograph": photograph,
    "ruled paper": ruled,
    "page on a table": page_on_table,
    "odd formats": odd_format,
}

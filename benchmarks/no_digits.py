"""Makes images without a digit: each kind takes a generator and MNIST's digits, and returns an image file.

Marks that a reader may take for a digit are left out: the letters B D G I J O Q S Z and b g i j l o q s y z if they
stand alone, a circle, a bare stroke, halves such as the lower one of a 6 and the right one of a 3, a mirrored 2, a
turned 6.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw

from benchmarks.drawings import DRAWINGS, MARKS, SHAPES, Drawing, Line, by_hand, drawn, font, printed, through, warped
from benchmarks.hands import Labelled, any_hand, cropped, glyph
from benchmarks.papers import any_height, clouds, lit, margins, noise, plain
from benchmarks.wild import BLACK, WHITE, Colours, Ink, Rng, encoded, painted
from mnistcnn.ink.threshold import blur

Pool = Sequence[Labelled]
Picture = tuple[bytes, str]
Kind = Callable[[Rng, Pool], Picture]
LETTERS = "ACEFHKLMNPRTUVWXYacdefhkmnprtuvwx"
SCRIPT = [chr(0x1D4D0 + "ABCDEFGHIJKLMNOPQRSTUVWXYZ".index(letter)) for letter in "ACDEFGHKMNPRTUVWXY"]
SIGNS = "+=?!&#%@§*<>{}€£→←✓✗★♥♫∞∑√π~^¶±÷"
TEXT = """the house stands near a river where many people came to watch boats and trade their wares before winter when
snow fell upon mountain paths hello thanks milk bread butter from Martha Dear friend Monday Thursday Kitchen"""
WORDS = TEXT.split()
HALVES = {"top": (0, 3, 5), "bottom": (0, 2, 3, 5), "left": (0, 3, 4), "right": (0, 6)}
TURNS = [(3, "flip"), (7, "flip"), (9, "flip"), (4, "half"), (7, "half"), *[(digit, "quarter") for digit in (2, 3, 5)]]


def finished(ink: Ink, rng: Rng) -> Picture:
    """Put the ink on paper, a board or a photograph of any size."""
    ink = cropped(ink)
    scale = any_height(rng, 40, 220) / max(ink.shape[0], ink.shape[1] / 3)
    if scale < 1:
        ink = np.asarray(cv2.resize(ink, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.float32)
    ink = margins(ink, min(ink.shape), rng, 0.3, 1.2)
    way = rng.random()
    if way < 0.55:
        return encoded(plain(ink, rng))
    if way < 0.75:
        return encoded(painted(ink, WHITE, BLACK))
    page = lit(plain(ink, rng), rng, 0.2)
    return encoded(page + noise(page.shape, 0.015, rng), ".jpg", quality=80)


def letters(*names: str, hand: bool = False, alphabet: Sequence[str] = LETTERS) -> Kind:
    """One letter of one of these fonts."""

    def kind(rng: Rng, pool: Pool) -> Picture:
        ink = printed(alphabet[int(rng.integers(len(alphabet)))], names[int(rng.integers(len(names)))])
        return finished(by_hand(ink, rng) if hand else warped(ink, rng, 0.015), rng)

    return kind


def words(rng: Rng, pool: Pool) -> Picture:
    """One or two words by hand."""
    chosen = " ".join(rng.choice(WORDS, int(rng.integers(1, 3))))
    name = ["DejaVuSans", "STIXGeneralItalic", "cmss10"][rng.integers(3)]
    return finished(by_hand(printed(chosen, name, 90), rng, 6), rng)


def lines_of_text(rng: Rng, pool: Pool) -> Picture:
    """Three to eight lines in print."""
    name = ["DejaVuSerif", "DejaVuSans", "STIXGeneral", "cmtt10"][rng.integers(4)]
    rows = [" ".join(rng.choice(WORDS, 6)) for _ in range(rng.integers(3, 9))]
    face = font(name, int(rng.integers(18, 40)))
    page = Image.new("L", (int(max(face.getlength(line) for line in rows)) + 60, len(rows) * 56 + 60))
    ImageDraw.Draw(page).multiline_text((30, 30), "\n".join(rows), font=face, fill=255, spacing=12)
    return encoded(plain(np.asarray(page, np.float32) / np.float32(255), rng))


def signs(rng: Rng, pool: Pool) -> Picture:
    """A sign, in print or by hand."""
    ink = printed(SIGNS[rng.integers(len(SIGNS))], "DejaVuSans")
    return finished(by_hand(ink, rng) if rng.random() < 0.5 else ink, rng)


def sketched(drawings: dict[str, Drawing]) -> Kind:
    """One of these drawings."""

    def kind(rng: Rng, pool: Pool) -> Picture:
        lines = list(drawings.values())[rng.integers(len(drawings))](rng)
        return finished(drawn(lines, 160, rng.uniform(3, 14), rng), rng)

    return kind


def one_of(pool: Pool, labels: Sequence[int], rng: Rng, height: float = 120) -> Ink:
    """One of these digits in somebody's hand."""
    while True:
        digit, label = pool[int(rng.integers(len(pool)))]
        ink = glyph(digit, label, any_hand(rng), height, rng) if label in labels else None
        if ink is not None:
            return ink


def halves(rng: Rng, pool: Pool) -> Picture:
    """The upper, lower, left or right half of a digit."""
    half = list(HALVES)[rng.integers(4)]
    ink = one_of(pool, HALVES[half], rng)
    y, x = ink.shape[0] // 2, ink.shape[1] // 2
    return finished({"top": ink[:y], "bottom": ink[y:], "left": ink[:, :x], "right": ink[:, x:]}[half], rng)


def turned_digits(rng: Rng, pool: Pool) -> Picture:
    """A digit mirrored, upside down or on its side, unless that makes another digit."""
    label, way = TURNS[rng.integers(len(TURNS))]
    ink = one_of(pool, (label,), rng)
    turned = np.fliplr(ink) if way == "flip" else np.rot90(ink, 2 if way == "half" else 1)
    return finished(np.ascontiguousarray(turned), rng)


def two_in_one(rng: Rng, pool: Pool) -> Picture:
    """Two digits written over each other, so that neither hides the other; no 1 among them."""
    while True:
        first, second = (one_of(pool, (0, 2, 3, 4, 5, 6, 7, 8, 9), rng) for _ in range(2))
        shift = round(rng.uniform(0, 0.2) * min(first.shape[1], second.shape[1]))
        inks = np.zeros((2, max(len(first), len(second)), max(first.shape[1], shift + second.shape[1])), np.float32)
        inks[0, : len(first), : first.shape[1]] = first
        inks[1, -len(second) :, shift : shift + second.shape[1]] = second
        if np.minimum(*inks).sum() < 0.5 * min(first.sum(), second.sum()):
            return finished(inks.max(axis=0), rng)


def scribbles(rng: Rng, pool: Pool) -> Picture:
    """A long random curve, or some."""
    lines: list[Line] = []
    for _ in range(int(rng.integers(1, 3))):
        turns = np.linspace(0, 1, 300)[:, None]
        waves = rng.integers(1, 8, (5, 2)), rng.uniform(0, 1, (5, 2)), rng.normal(0, 0.22, (5, 2))
        lines.append(0.5 + sum(a * np.sin(2 * np.pi * (f * turns + p)) for f, p, a in zip(*waves, strict=True)))
    return finished(drawn(lines, 160, rng.uniform(2, 10), rng), rng)


def charts(rng: Rng, pool: Pool) -> Picture:
    """Axes with a curve or bars, without figures."""
    lines = [through((0, 0), (0, 1), (1.4, 1))]
    x = np.linspace(0.05, 1.35, 60)
    if rng.random() < 0.5:
        for _ in range(int(rng.integers(1, 4))):
            y = 0.5 + 0.4 * np.sin(rng.uniform(2, 6) * x + rng.uniform(0, 6)) * rng.uniform(0.3, 1)
            lines.append(np.stack([x, y], axis=1))
    else:
        for left in np.arange(0.1, 1.2, 0.22):
            top = rng.uniform(0.1, 0.85)
            lines.append(through((left, 1), (left, top), (left + 0.15, top), (left + 0.15, 1)))
    return finished(drawn(lines, 200, rng.uniform(2, 7), rng, 0.004), rng)


def textures(rng: Rng, pool: Pool) -> Picture:
    """Empty paper, noise, clouds, wood, weave."""
    height, width = (int(side) for side in rng.integers(100, 600, 2))
    y, x = np.mgrid[:height, :width].astype(np.float32)
    cloud = clouds((height, width), int(rng.integers(3, 12)), rng)[:, :, 0]
    fields: list[Callable[[], Ink]] = [
        lambda: np.full_like(x, 0.9),
        lambda: rng.uniform(0, 1, x.shape).astype(np.float32),
        lambda: 0.6 + 0.2 * cloud,
        lambda: 0.5 + 0.2 * np.sin(y / rng.uniform(3, 12) + 4 * cloud + x / 90),
        lambda: 0.6 + 0.2 * np.sign(np.sin(x / rng.uniform(3, 9)) * np.sin(y / rng.uniform(3, 9))),
        lambda: blur(rng.uniform(0, 1, x.shape).astype(np.float32), rng.uniform(1, 5)) * 2 - 0.5,
    ]
    grey: Ink = fields[rng.integers(len(fields))]()
    page: Colours = np.repeat(grey[:, :, None], 3, axis=2) + noise(grey.shape, rng.uniform(0, 0.04), rng)
    return encoded(page, ".jpg", quality=85)


KINDS: dict[str, Kind] = {
    "letters, sans serif": letters("DejaVuSans", "DejaVuSans-Bold", "DejaVuSansMono", "cmss10"),
    "letters, serif": letters("DejaVuSerif", "STIXGeneral", "cmr10", "DejaVuSerif-Italic"),
    "letters, script": letters("STIXGeneral", alphabet=SCRIPT),
    "letters by hand": letters("DejaVuSans", "cmss10", "cmmi10", "STIXGeneralItalic", "DejaVuSansMono", hand=True),
    "script by hand": letters("STIXGeneral", hand=True, alphabet=SCRIPT),
    "words by hand": words,
    "lines of print": lines_of_text,
    "signs": signs,
    "marks, arrows": sketched(MARKS),
    "shapes": sketched(SHAPES),
    "faces, houses": sketched(DRAWINGS),
    "halves of digits": halves,
    "turned, mirrored digits": turned_digits,
    "two digits in one": two_in_one,
    "scribbles": scribbles,
    "charts": charts,
    "textures": textures,
}

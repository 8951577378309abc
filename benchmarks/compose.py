"""Composes images of whole numbers from MNIST's test digits: the test set of `mnistcnn predict` for numbers.

Each kind takes digits as MNIST has them, with their labels, and a generator. It draws some of them in one hand, and
returns an image file as people have them: its bytes, its suffix and its text, rows joined by newlines.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import cv2
import numpy as np

from benchmarks.hands import Labelled, Spacing, any_hand, glyphs, row, written
from benchmarks.papers import (
    PENS,
    any_height,
    bent,
    clouds,
    framed,
    from_aside,
    lines,
    lit,
    margins,
    noise,
    on_table,
    pale,
    placed_on,
    plain,
    soiled,
)
from benchmarks.wild import BLACK, WHITE, Rng, encoded, on_its_side, painted

Pool = Sequence[Labelled]
Picture = tuple[bytes, str, str]
Kind = Callable[[Pool, Rng], Picture]
CLOSE = Spacing(touch=(0.06, 0.12))
TOUCHING = Spacing(touch=(-0.035, -0.01), share=0.6, gap=(0.06, 0.2))
OVERLAPPING = Spacing(touch=(-0.14, -0.06), share=0.5, gap=(0.06, 0.2))


def spaced(spacing: Spacing, length: tuple[int, int] = (2, 10)) -> Kind:
    """Make a kind that differs by its spacing alone."""

    def kind(pool: Pool, rng: Rng) -> Picture:
        height = any_height(rng)
        ink, text = written(pool, rng, height, spacing=spacing, length=length)
        return (*encoded(plain(margins(ink, height, rng), rng)), text)

    return kind


def circled(pool: Pool, rng: Rng) -> Picture:
    """A circle around the number, drawn by hand: not quite round, level or closed."""
    height = any_height(rng)
    ink, text = written(pool, rng, height, length=(2, 5))
    around = rng.uniform(1.45, 1.8)  # an ellipse through the corners is √2 times as wide and as tall
    down, across = (round((around - 1) * side / 2 + height / 4) for side in ink.shape)
    ink = np.pad(ink, ((down, down), (across, across)))
    middle, radii = np.array(ink.shape[::-1]) // 2, (np.array(ink.shape[::-1]) - height / 3) // 2
    start, pen = int(rng.integers(360)), max(2, round(height * rng.uniform(0.05, 0.1)))
    turn, end = int(rng.integers(-3, 4)), start + int(rng.integers(340, 361))
    points = np.asarray(cv2.ellipse2Poly(middle.tolist(), radii.astype(int).tolist(), turn, start, end, 5))
    cv2.polylines(ink, [points], False, 1.0, pen, cv2.LINE_AA)
    return (*encoded(plain(margins(ink, height, rng), rng)), text)


def slanted_line(pool: Pool, rng: Rng) -> Picture:
    """The line rises or falls by up to 12 degrees, or bends."""
    height = any_height(rng)
    ink, text = written(pool, rng, height, length=(3, 10))
    ink = margins(ink, height, rng, 0.5)
    return (*encoded(plain(bent(ink, height, rng), rng)), text)


def several_rows(pool: Pool, rng: Rng) -> Picture:
    """Two to five rows of different length."""
    height = any_height(rng, 30, 120)
    ink, text = written(pool, rng, height, rows=int(rng.integers(2, 6)))
    return (*encoded(plain(margins(ink, height, rng), rng)), text)


def ruled(pool: Pool, rng: Rng) -> Picture:
    """Ruled paper: digits on the lines, or across them; at times with a margin line."""
    height = any_height(rng, 30, 140)
    pitch = height * rng.uniform(1.1, 1.7)
    ink, text = written(pool, rng, height, rows=int(rng.integers(1, 4)), pitch=pitch)
    below, above, left = pitch * rng.uniform(0.4, 1.5), pitch * rng.uniform(0.3, 1.5), height * rng.uniform(0.5, 2)
    baseline = above + len(ink) + rng.normal(0, 0.12) * height
    ink = np.pad(ink, ((round(above), round(below)), (round(left), round(height * rng.uniform(0.4, 2)))))
    paper, width = np.ones((*ink.shape, 3), np.float32), max(1, round(height * rng.uniform(0.01, 0.035)))
    lines(paper, pitch, baseline, 0, pale(rng), width)
    if rng.random() < 0.25:
        lines(paper, 10 * ink.shape[1], left * 0.5, 1, np.array([0.9, 0.45, 0.45]), width)
    return (*encoded(painted(ink, PENS[rng.integers(3)], paper)), text)


def squared(pool: Pool, rng: Rng) -> Picture:
    """Squared paper, a digit half a square to two squares high."""
    height = any_height(rng, 30, 140)
    pitch = height * rng.uniform(0.5, 1.6)
    ink, text = written(pool, rng, height, rows=int(rng.integers(1, 3)))
    ink = margins(ink, height, rng, 0.4, 2)
    paper, colour, width = np.ones((*ink.shape, 3), np.float32), pale(rng), max(1, round(height * 0.02))
    for axis in (0, 1):
        lines(paper, pitch, rng.uniform(0, pitch), axis, colour, width)
    return (*encoded(painted(ink, PENS[rng.integers(3)], paper)), text)


def form(pool: Pool, rng: Rng) -> Picture:
    """Boxes of a form, a digit in each, apart or side by side; or one long frame around all."""
    height, hand = any_height(rng, 30, 120), any_hand(rng)
    inks, text = glyphs(pool, int(rng.integers(1, 11)), hand, height, rng)
    if rng.random() < 0.35:
        ink, text = row(inks, text, hand, height, Spacing(), rng)
        inks = [ink]
    else:
        text = " ".join(text)  # a border between cells is a space
    ink, printed = framed(inks, height, rng)
    colour = np.full(3, rng.uniform(0, 0.55)) if rng.random() < 0.6 else pale(rng)
    return (*encoded(painted(ink, PENS[rng.integers(3)], painted(printed, tuple(colour), WHITE))), text)


def shadow(pool: Pool, rng: Rng) -> Picture:
    """A gradient over the paper, or a shadow's edge across the number."""
    height = any_height(rng, 40, 160)
    ink, text = written(pool, rng, height, rows=int(rng.integers(1, 3)))
    page = lit(plain(margins(ink, height, rng, 0.5, 2), rng), rng, 0.7)
    return (*encoded(page + noise(page.shape, 0.012, rng), ".jpg", quality=85), text)


def thin_pencil(pool: Pool, rng: Rng) -> Picture:
    """Thin pale pencil on a large page."""
    height = any_height(rng, 60, 160)
    hand = any_hand(rng, (0.02, 0.04))
    ink, text = written(pool, rng, height, hand=replace(hand, own=False), rows=int(rng.integers(1, 4)))
    ink *= 1 + 0.25 * noise(ink.shape, 1, rng)[:, :, 0]
    page = placed_on((int(rng.integers(1400, 1700)), int(rng.integers(1900, 2200))), ink, 40, rng)
    paper = rng.uniform(0.8, 0.97)
    colours = painted(np.clip(page, 0, 1), (paper - rng.uniform(0.22, 0.5),) * 3, (paper,) * 3)
    return (*encoded(colours + noise(colours.shape, 0.012, rng), ".jpg", quality=90), text)


def dark_table(pool: Pool, rng: Rng) -> Picture:
    """A page at an angle on a dark table."""
    height = any_height(rng, 40, 130)
    ink, text = written(pool, rng, height, rows=int(rng.integers(1, 3)))
    page = painted(margins(ink, height, rng, 0.8, 2.5), PENS[rng.integers(3)], tuple(rng.uniform(0.85, 0.97, 3)))
    seen = lit(on_table(page, rng), rng, 0.2)
    return (*encoded(seen + noise(seen.shape, 0.015, rng), ".jpg", quality=85), text)


def light_on_dark(pool: Pool, rng: Rng) -> Picture:
    """Chalk on a blackboard, or a light pen on a dark screen."""
    height = any_height(rng, 40, 160)
    ink, text = written(pool, rng, height, hand=any_hand(rng, (0.07, 0.13)))
    ink = margins(ink, height, rng, 0.4, 2)
    if rng.random() < 0.4:
        return (*encoded(painted(ink, WHITE, [BLACK, (0.1, 0.1, 0.12)][rng.integers(2)])), text)
    chalk = np.clip(ink * (0.9 + 0.25 * noise(ink.shape, 1, rng)[:, :, 0]), 0, 1)
    board = painted(chalk, (0.92, 0.92, 0.88), (0.13, 0.2, 0.17)) + 0.02 * clouds(ink.shape, 6, rng)
    return (*encoded(board + noise(board.shape, 0.02, rng), ".jpg", quality=80), text)


def bad_jpeg(pool: Pool, rng: Rng) -> Picture:
    """JPEG at a quality where blocks show."""
    height = any_height(rng, 40, 120)
    ink, text = written(pool, rng, height)
    page = plain(margins(ink, height, rng), rng)
    return (*encoded(page, ".jpg", quality=int(rng.integers(8, 25))), text)


def small(pool: Pool, rng: Rng) -> Picture:
    """Digits of 12 to 20 pixels."""
    height = rng.uniform(12, 20)
    ink, text = written(pool, rng, height, spacing=Spacing((0.15, 0.35)))
    return (*encoded(painted(margins(ink, height, rng), PENS[rng.integers(2)], WHITE)), text)


def two_on_28(pool: Pool, rng: Rng) -> Picture:
    """Two digits on 28×28, dark on white or as MNIST has it."""
    ink, text = written(pool, rng, rng.uniform(14, 18), spacing=Spacing((0.15, 0.25)), length=(2, 2))
    scale = min(1.0, 25 / ink.shape[1], 25 / len(ink))
    size = round(ink.shape[1] * scale), round(len(ink) * scale)
    canvas = np.zeros((28, 28), np.float32)
    top, left = (int(rng.integers(1, 28 - side)) for side in size[::-1])
    canvas[top : top + size[1], left : left + size[0]] = cv2.resize(ink, size, interpolation=cv2.INTER_AREA)
    pen, paper = (BLACK, WHITE) if rng.random() < 0.5 else (WHITE, BLACK)
    return (*encoded(painted(np.clip(1.15 * canvas, 0, 1), pen, paper)), text)


def large(pool: Pool, rng: Rng) -> Picture:
    """A photograph of twelve megapixels, sharp, in good light."""
    height = any_height(rng, 200, 600)
    ink, text = written(pool, rng, height, length=(1, min(10, int(3400 / height))), rows=int(rng.integers(1, 3)))
    page = placed_on((3000, 4000), ink, 50, rng)
    seen = lit(painted(page, PENS[rng.integers(3)], (0.95, 0.94, 0.91)), rng, 0.2)
    return (*encoded(seen + noise(seen.shape, 0.01, rng), ".jpg", quality=90), text)


def specks(pool: Pool, rng: Rng) -> Picture:
    """Specks of dust, and smudges."""
    height = any_height(rng, 40, 160)
    ink, text = written(pool, rng, height, rows=int(rng.integers(1, 3)))
    page = plain(margins(ink, height, rng, 0.5, 2), rng)
    return (*encoded(soiled(page, height, rng), ".jpg", quality=90), text)


def uneven(pool: Pool, rng: Rng) -> Picture:
    """Digits of very different sizes, up and down."""
    height = any_height(rng, 50, 140)
    ink, text = written(pool, rng, height, hand=any_hand(rng, sizes=0.25, baseline=0.15), length=(2, 8))
    return (*encoded(plain(margins(ink, height, rng), rng)), text)


def flagged_ones(pool: Pool, rng: Rng) -> Picture:
    """Ones with a flag, more of them than other digits."""
    height, hand = any_height(rng, 40, 160), replace(any_hand(rng), own=False, flags=True)
    ones = [digit for digit in pool if digit[1] == 1]
    ink, text = written([*pool, *ones, *ones, *ones], rng, height, hand=hand, rows=int(rng.integers(1, 3)))
    return (*encoded(plain(margins(ink, height, rng), rng)), text)


def turned_by_exif(pool: Pool, rng: Rng) -> Picture:
    """Lying on its side, with an EXIF entry that says so."""
    height = any_height(rng, 40, 140)
    ink, text = written(pool, rng, height, rows=int(rng.integers(1, 3)))
    return (*on_its_side(plain(margins(ink, height, rng), rng), rng), text)


def photograph(pool: Pool, rng: Rng) -> Picture:
    """Everything together: an oblique view, uneven light, rough paper, a coloured pen, blur, noise, JPEG."""
    height = any_height(rng, 50, 160)
    ink, text = written(pool, rng, height, rows=int(rng.integers(1, 4)), hand=any_hand(rng, (0.045, 0.12)))
    ink = margins(ink, height, rng, 1, 4)
    paper = np.ones((*ink.shape, 3), np.float32) * rng.uniform(0.85, 1, 3).astype(np.float32)
    if rng.random() < 0.3:
        lines(
            paper, height * rng.uniform(1.1, 1.7), rng.uniform(0, height), 0, pale(rng), max(1, round(height * 0.015))
        )
    paper += 0.02 * clouds(paper.shape, 40, rng) + 0.01 * clouds(paper.shape, 200, rng)
    page = painted(ink, PENS[rng.integers(len(PENS))], paper)
    seen = cv2.GaussianBlur(lit(from_aside(page, rng), rng, 0.35), (0, 0), rng.uniform(0.5, 0.02 * height))
    return (*encoded(seen + noise(seen.shape, 0.02, rng), ".jpg", quality=int(rng.integers(50, 90))), text)


KINDS: dict[str, Kind] = {
    "wide": spaced(Spacing((0.35, 0.8), words=False)),
    "as usual": spaced(Spacing(), (1, 10)),
    "tight": spaced(CLOSE),
    "touching": spaced(TOUCHING),
    "overlapping": spaced(OVERLAPPING),
    "circled": circled,
    "slanted or bent line": slanted_line,
    "several rows": several_rows,
    "ruled paper": ruled,
    "squared paper": squared,
    "boxes of a form": form,
    "shadow": shadow,
    "thin pencil": thin_pencil,
    "dark table": dark_table,
    "light on dark": light_on_dark,
    "bad JPEG": bad_jpeg,
    "small": small,
    "two on 28×28": two_on_28,
    "large": large,
    "specks, smudges": specks,
    "uneven sizes": uneven,
    "ones with a flag": flagged_ones,
    "turned by EXIF": turned_by_exif,
    "photograph": photograph,
}

"""Makes images as people take them every day: signs between digits, faint inks, edges, boards, cheques, cells.

Each kind takes digits as MNIST has them, with their labels, and a generator, and returns an image file: its bytes, its
suffix and its text. A reader should return this text: rows joined by newlines, a space for a gap of more than a digit
and for a border between cells, and the signs of `signs.KEPT`; every other sign is a question mark.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from benchmarks.compose import Kind, Picture, Pool
from benchmarks.drawings import through
from benchmarks.hands import Hand, Spacing, any_hand, cropped, glyph, glyphs, legible, row, written
from benchmarks.papers import PENS, any_height, clouds, lines, lit, margins, noise, pale, placed_on, plain
from benchmarks.signs import KEPT, bowed, sign, strokes
from benchmarks.wild import BLACK, WHITE, Colours, Ink, Rng, encoded, enlarge, painted

_SPACE = (0.95, 1.6)  # heights of a digit


@dataclass(frozen=True, kw_only=True, slots=True)
class Placed:
    """One digit or sign of a row."""

    ink: Ink
    left: int
    top: int


def digit(label: int, pool: Pool, hand: Hand, height: float, rng: Rng) -> Ink:
    """This digit in this hand."""
    while True:
        image, its_label = pool[int(rng.integers(len(pool)))]
        ink = glyph(image, its_label, hand, height, rng) if its_label == label else None
        if ink is not None:
            return ink


def row_of(characters: str, pool: Pool, hand: Hand, height: float, rng: Rng) -> list[Placed]:
    """Draw digits, signs and spaces one after the other, on a baseline at 2 heights."""
    placed: list[Placed] = []
    usual = rng.uniform(0.08, 0.25)
    end, gap = 0, 0.0
    for character in characters:
        if character == " ":
            gap = rng.uniform(*_SPACE)
            continue
        if character.isdigit():
            ink = digit(int(character), pool, hand, height, rng)
            below = round(rng.normal(0, hand.baseline) * height)
        else:
            ink, below = sign(character, hand, height, rng)
        top = round(2 * height) + below - len(ink)
        start = end + round((gap + max(0.03, usual + rng.normal(0, 0.04))) * height) if placed else 0
        placed.append(Placed(ink=ink, left=start, top=top))
        end, gap = start + ink.shape[1], 0.0
    return placed


def together(placed: Sequence[Placed]) -> Ink:
    """Draw all of them on one canvas that ends where they do."""
    top = min(each.top for each in placed)
    left = min(each.left for each in placed)
    bottom = max(each.top + len(each.ink) for each in placed)
    right = max(each.left + each.ink.shape[1] for each in placed)
    canvas = np.zeros((bottom - top, right - left), np.float32)
    for each in placed:
        place = canvas[each.top - top :, each.left - left :][: len(each.ink), : each.ink.shape[1]]
        np.maximum(place, each.ink, out=place)
    return canvas


def text_of(characters: str) -> str:
    """Return the text that a reader should return for them."""
    return "".join(c if c.isdigit() or c in KEPT or c.isspace() else "?" for c in characters)


def pictured(page: Colours, rng: Rng) -> tuple[bytes, str]:
    """Make a scan, a screenshot, or a photograph in uneven light of the ink."""
    if rng.random() < 0.6:
        return encoded(page)
    return encoded(lit(page, rng, 0.15) + noise(page.shape, 0.012, rng), ".jpg", quality=int(rng.integers(70, 92)))


def any_digits(rng: Rng, low: int, high: int) -> str:
    """Draw so many random digits."""
    return "".join(str(x) for x in rng.integers(0, 10, int(rng.integers(low, high + 1))))


def marked(say: Callable[[Rng], str]) -> Kind:
    """Make a kind that differs by its text."""

    def kind(pool: Pool, rng: Rng) -> Picture:
        characters = say(rng)
        height = any_height(rng, 30, 160)
        ink = together(row_of(characters, pool, any_hand(rng), height, rng))
        return (*pictured(plain(margins(ink, height, rng), rng), rng), text_of(characters))

    return kind


def _date(rng: Rng) -> tuple[str, str, str]:
    day, month = f"{rng.integers(1, 32):02d}", f"{rng.integers(1, 13):02d}"
    year = str(rng.integers(1990, 2030))
    return day, month, year if rng.random() < 0.7 else year[2:]


def slashed_date(rng: Rng) -> str:
    """24/12/2026."""
    return "/".join(_date(rng))


def other_date(rng: Rng) -> str:
    """24.12.2026 or 2026-12-24."""
    parts = _date(rng)
    return ".".join(parts) if rng.random() < 0.5 else "-".join(parts[::-1])


def decimal(rng: Rng) -> str:
    """3.50 or 12,5."""
    return any_digits(rng, 1, 4) + ".,"[rng.integers(2)] + any_digits(rng, 1, 3)


def clock(rng: Rng) -> str:
    """12:30."""
    return f"{rng.integers(24):02d}:{rng.integers(60):02d}"


def negative(rng: Rng) -> str:
    """-42."""
    return "-" + any_digits(rng, 1, 5)


def telephone(rng: Rng) -> str:
    """+49 171 2345678, 0171/2345678, 030-123456."""
    way = int(rng.integers(3))
    if way == 0:
        return f"+49 {any_digits(rng, 3, 3)} {any_digits(rng, 6, 7)}"
    return f"0{any_digits(rng, 2, 3)}{'/-'[way - 1]}{any_digits(rng, 5, 7)}"


def amount(rng: Rng) -> str:
    """75%, €12, 3.50$."""
    number = any_digits(rng, 1, 3) if rng.random() < 0.6 else decimal(rng)
    currency = "%€$"[rng.integers(3)]
    return number + currency if currency == "%" or rng.random() < 0.5 else currency + number


def calculation(rng: Rng) -> str:
    """(12) or 3+4=7."""
    if rng.random() < 0.4:
        return f"({any_digits(rng, 1, 4)})"
    return f"{any_digits(rng, 1, 2)}{'+-'[rng.integers(2)]}{any_digits(rng, 1, 2)}={any_digits(rng, 1, 2)}"


def spaced(rng: Rng) -> str:
    """Two to four numbers in a row."""
    return " ".join(any_digits(rng, 1, 4) for _ in range(rng.integers(2, 5)))


def ruled_cells(pool: Pool, rng: Rng) -> Picture:
    """A table's row of two to five cells, a number in each, with a border between them."""
    height, hand = any_height(rng, 30, 110), any_hand(rng)
    numbers = [any_digits(rng, 1, 3) for _ in range(rng.integers(2, 6))]
    inks = [together(row_of(number, pool, hand, height, rng)) for number in numbers]
    tall = round(height * rng.uniform(1.5, 2.2)) + max(0, max(map(len, inks)) - round(height))
    border = max(1, round(height * rng.uniform(0.015, 0.04)))
    edges = [0]
    for ink in inks:
        edges.append(edges[-1] + ink.shape[1] + round(height * rng.uniform(0.5, 1.2)))
    page = np.zeros((tall, edges[-1] + border), np.float32)
    printed = np.zeros_like(page)
    for left, right, ink in zip(edges, edges[1:], inks, strict=False):
        start = left + border + (right - left - border - ink.shape[1]) // 2
        top = (tall - len(ink)) // 2
        page[top : top + len(ink), start : start + ink.shape[1]] = ink
        printed[:, left : left + border] = 1
    printed[:, -border:] = 1
    printed[:border] = 1
    printed[-border:] = 1
    around = ((round(0.4 * height),) * 2, (round(0.6 * height),) * 2)
    colour = np.full(3, rng.uniform(0, 0.6)) if rng.random() < 0.7 else pale(rng)
    paper = painted(np.pad(printed, around), tuple(colour), WHITE)
    return (*pictured(painted(np.pad(page, around), PENS[rng.integers(3)], paper), rng), " ".join(numbers))


INKS = {
    "yellow": (1.0, 0.9, 0.15),
    "pink": (1.0, 0.4, 0.7),
    "cyan": (0.15, 0.78, 0.88),
    "pencil": (0.55, 0.55, 0.55),
    "blue": (0.15, 0.23, 0.6),
    "orange": (1.0, 0.6, 0.1),
    "light green": (0.5, 0.85, 0.4),
}


def two_inks(names: Sequence[str]) -> Kind:
    """Black and one of these inks on one page: digit by digit, or number by number."""

    def kind(pool: Pool, rng: Rng) -> Picture:
        height = any_height(rng, 50, 160)
        characters = any_digits(rng, 3, 8) if rng.random() < 0.6 else f"{any_digits(rng, 2, 4)} {any_digits(rng, 2, 4)}"
        placed = row_of(characters, pool, any_hand(rng), height, rng)
        first = characters.index(" ") if " " in characters else 0
        turn = int(rng.integers(2))
        other = [i >= first if first else (i + turn) % 2 == 1 for i in range(len(placed))]
        around = np.rint(rng.uniform(0.3, 1.2, (2, 2)) * height).astype(int).tolist()
        inks = []
        for colour in (False, True):  # the other digits leave their places empty
            shown = [
                each if is_other == colour else replace(each, ink=np.zeros_like(each.ink))
                for each, is_other in zip(placed, other, strict=True)
            ]
            inks.append(np.pad(together(shown), around))
        paper = np.ones((*inks[0].shape, 3), np.float32) * (1.0 if rng.random() < 0.5 else rng.uniform(0.92, 1))
        page = painted(inks[0], (0.07, 0.07, 0.07), paper.astype(np.float32))
        page = painted(inks[1], INKS[names[int(rng.integers(len(names)))]], page)
        return (*pictured(page, rng), text_of(characters))

    return kind


def faint_pencil(pool: Pool, rng: Rng) -> Picture:
    """Thin and faint pencil on a large page."""
    height = any_height(rng, 45, 120)
    hand = replace(any_hand(rng, (0.025, 0.045)), own=False)
    ink, text = written(pool, rng, height, hand=hand, rows=int(rng.integers(1, 4)), length=(2, 8))
    ink = np.clip(ink * (1 + 0.25 * noise(ink.shape, 1, rng)[:, :, 0]), 0, 1)
    page = placed_on((int(rng.integers(1400, 1700)), int(rng.integers(1900, 2200))), ink, 60, rng)
    paper = rng.uniform(0.75, 0.95)
    colours = painted(page, (paper - rng.uniform(0.12, 0.25),) * 3, (paper,) * 3)
    return (*encoded(lit(colours, rng, 0) + noise(colours.shape, 0.008, rng), ".jpg", quality=90), text)


def upright_lines(pool: Pool, rng: Rng) -> Picture:
    """Paper with upright ruled lines: columns of an account book, or ruled paper that lies on its side."""
    height = any_height(rng, 30, 140)
    ink, text = written(pool, rng, height, rows=int(rng.integers(1, 4)), length=(2, 8))
    ink = margins(ink, height, rng, 0.5, 2)
    paper, width = np.ones((*ink.shape, 3), np.float32), max(1, round(height * rng.uniform(0.01, 0.03)))
    pitch = height * rng.uniform(0.9, 3)
    lines(paper, pitch, rng.uniform(0, pitch), 1, pale(rng), width)
    return (*pictured(painted(ink, PENS[rng.integers(3)], paper), rng), text)


def dark_edge(pool: Pool, rng: Rng) -> Picture:
    """A page whose edge is dark on one to four sides: the table, or a scanner's lid, straight or a little askew."""
    height = any_height(rng, 40, 130)
    ink, text = written(pool, rng, height, rows=int(rng.integers(1, 4)), length=(2, 8))
    page = plain(margins(ink, height, rng, 0.9, 2.5), rng)
    tall, wide = page.shape[:2]
    dark = np.zeros((tall, wide), np.float32)
    for side in rng.permutation(4)[: rng.integers(1, 5)]:
        near, far = rng.uniform(0.004, 0.05, 2) * min(tall, wide) + 1
        corners = (
            [(0, 0), (wide, 0), (wide, far), (0, near)] if side % 2 else [(0, 0), (0, tall), (near, tall), (far, 0)]
        )
        turned = [(wide - x, tall - y) if side >= 2 else (x, y) for x, y in corners]
        cv2.fillPoly(dark, [np.rint(turned).astype(np.int32)], 1.0, cv2.LINE_AA)
    tone = rng.uniform(0, 0.3)
    seen = painted(cv2.GaussianBlur(dark, (0, 0), 0.8).astype(np.float32), (tone, tone * 0.9, tone * 0.8), page)
    return (*pictured(seen, rng), text)


def _bordered(page: Colours, sides: Sequence[int], colour: tuple[float, float, float]) -> Colours:
    """Add a border of one colour: so many pixels above, below, at the left and at the right."""
    above, below, left, right = sides
    whole = np.empty((len(page) + above + below, page.shape[1] + left + right, 3), np.float32)
    whole[:] = colour
    whole[above : above + len(page), left : left + page.shape[1]] = page
    return whole


def whiteboard(pool: Pool, rng: Rng) -> Picture:
    """A whiteboard in its frame, with a marker's thin lines, a tray, pens on it and magnets."""
    height = any_height(rng, 45, 110)
    hand = replace(any_hand(rng, (0.03, 0.07)), own=False)
    ink, text = written(pool, rng, height, hand=hand, rows=int(rng.integers(1, 4)), length=(1, 6))
    ink = margins(ink, height, rng, 1.5, 4)
    pen = [(0.1, 0.25, 0.6), (0.08, 0.08, 0.1), (0.7, 0.12, 0.15), (0.05, 0.45, 0.25)][rng.integers(4)]
    tone = rng.uniform(0.72, 0.9)
    page = painted(ink, pen, (tone, tone * 0.98, tone * 0.97)) + 0.015 * clouds(ink.shape, 5, rng)
    tall, wide = ink.shape
    metal, wall = rng.uniform(0.2, 0.62), rng.uniform(0.45, 0.8)
    frame = [round(x) for x in rng.uniform(0.01, 0.05, 4) * min(tall, wide)]
    around = [round(x) for x in rng.uniform(0, 0.06, 4) * min(tall, wide)]
    page = _bordered(page, frame, (metal, metal, metal))
    page = _bordered(page, around, (wall, 0.97 * wall, 0.92 * wall))
    for _ in range(int(rng.integers(0, 5))):  # magnets, within a digit's height of an edge
        at = (
            int(rng.integers(wide)) + frame[2] + around[2],
            frame[0] + around[0] + round(rng.uniform(0.2, 0.6) * height),
        )
        cv2.circle(page, at, max(2, round(0.15 * height)), rng.uniform(0, 1, 3).tolist(), -1, cv2.LINE_AA)
    for _ in range(int(rng.integers(0, 4))):  # pens on the tray
        x, y = int(rng.integers(wide)), len(page) - around[1] - frame[1] // 2 - 1
        cv2.line(page, (x, y), (x + round(1.2 * height), y), rng.uniform(0, 1, 3).tolist(), max(2, frame[1] // 2))
    seen = lit(page, rng, 0.1)
    return (*encoded(seen + noise(seen.shape, 0.012, rng), ".jpg", quality=85), text)


def scattered(pool: Pool, rng: Rng) -> Picture:
    """Digits far apart, as on a keypad, each a little off its place."""
    height, hand = any_height(rng, 40, 110), any_hand(rng)
    rows, columns = int(rng.integers(2, 5)), int(rng.integers(2, 5))
    across = rng.uniform(2.2, 4)
    placed, text = [], []
    for i in range(rows):
        drawn, label = glyphs(pool, columns, hand, height, rng)
        text.append(" ".join(label))
        for j, ink in enumerate(drawn):
            x, y = (rng.uniform(-0.25, 0.25) for _ in range(2))
            placed.append(Placed(ink=ink, left=round((across * j + x) * height), top=round((2.3 * i + y) * height)))
    return (*pictured(plain(margins(together(placed), height, rng, 0.5, 3), rng), rng), "\n".join(text))


def column(pool: Pool, rng: Rng) -> Picture:
    """Three to eight digits one below the other."""
    height, hand = any_height(rng, 30, 110), any_hand(rng)
    drawn, label = glyphs(pool, int(rng.integers(3, 9)), hand, height, rng)
    pitch = rng.uniform(1.35, 2.5)
    placed = [
        Placed(ink=ink, left=round(rng.uniform(-0.15, 0.15) * height), top=round(pitch * i * height))
        for i, ink in enumerate(drawn)
    ]
    return (*pictured(plain(margins(together(placed), height, rng, 0.5, 3), rng), rng), "\n".join(label))


def cheque(pool: Pool, rng: Rng) -> Picture:
    """An amount on a cheque: fine waved lines over all of the paper, at times a printed box around."""
    height = any_height(rng, 40, 120)
    characters = any_digits(rng, 2, 6) + (".,"[rng.integers(2)] + any_digits(rng, 2, 2) if rng.random() < 0.4 else "")
    ink = margins(together(row_of(characters, pool, any_hand(rng), height, rng)), height, rng, 0.5, 1.5)
    tall, wide = ink.shape
    y, x = np.mgrid[:tall, :wide].astype(np.float32)
    fine = np.zeros(ink.shape, np.float32)
    for _ in range(int(rng.integers(1, 4))):
        pitch, wave, swing = (
            height * rng.uniform(0.08, 0.25),
            height * rng.uniform(0.5, 3),
            height * rng.uniform(0.1, 0.6),
        )
        bent = y + swing * np.sin(2 * np.pi * x / wave + rng.uniform(0, 6)) + rng.uniform(-0.6, 0.6) * x
        fine = np.maximum(fine, np.clip(1.2 - np.abs((bent % pitch) - pitch / 2), 0, 1))
    tint = rng.uniform(0.85, 1, 3)
    paper = painted(fine, tuple(tint * (1 - rng.uniform(0.08, 0.3))), tuple(tint))
    if rng.random() < 0.4:
        edge = round(0.2 * height)
        cv2.rectangle(paper, (edge, edge), (wide - edge, tall - edge), (0.3, 0.3, 0.35), max(1, round(0.02 * height)))
    return (*pictured(painted(ink, PENS[rng.integers(3)], paper), rng), text_of(characters))


def small_cells(pool: Pool, rng: Rng) -> Picture:
    """A small scan of a form: cells of 18 to 28 pixels, side by side, a digit in each."""
    side = int(rng.integers(18, 29))
    height, count = side * rng.uniform(0.5, 0.7), int(rng.integers(3, 11))
    drawn, text = glyphs(pool, count, any_hand(rng, (0.08, 0.14)), height, rng)
    page, printed = (np.zeros((side + 1, side * count + 1), np.float32) for _ in range(2))
    printed[[0, -1]] = 1
    printed[:, ::side] = 1
    for i, whole in enumerate(drawn):
        ink = whole[: side - 3, : side - 3]
        top = int(rng.integers(2, side - len(ink)))
        left = side * i + int(rng.integers(2, max(3, side - ink.shape[1])))
        page[top : top + len(ink), left : left + ink.shape[1]] = ink
    room = int(rng.integers(2, 8))
    paper = painted(np.pad(printed, room), (rng.uniform(0, 0.6),) * 3, WHITE)
    return (*encoded(painted(np.pad(page, room), PENS[rng.integers(3)], paper)), " ".join(text))


def at_the_edge(pool: Pool, rng: Rng) -> Picture:
    """The first or the last digit touches the picture's edge, or lies a pixel from it."""
    height = any_height(rng, 40, 160)
    ink, text = written(pool, rng, height, length=(2, 6), spacing=Spacing(words=False))
    before, after = int(rng.integers(2)), round(height * rng.uniform(0.3, 1.2))
    sides = (before, after) if rng.random() < 0.5 else (after, before)
    above = [round(x * height) for x in rng.uniform(0.3, 1, 2)]
    return (*pictured(plain(np.pad(ink, (above, sides)), rng), rng), text)


def cropped_number(pool: Pool, rng: Rng) -> Picture:
    """Cropped to the ink, as contour scripts crop, dark on light or light on dark."""
    height = any_height(rng, 30, 160)
    ink, text = written(pool, rng, height, length=(2, 6), spacing=Spacing(words=False))
    return (*_tight(ink, rng), text)


def _tight(ink: Ink, rng: Rng) -> tuple[bytes, str]:
    ink = np.pad(cropped(ink), int(rng.integers(0, 2)))
    if rng.random() < 0.5:
        ink = (ink > 0.5).astype(np.float32)
    return encoded(painted(ink, BLACK, WHITE) if rng.random() < 0.5 else painted(ink, WHITE, BLACK))


def _single(ink: Ink, height: float, rng: Rng) -> tuple[bytes, str]:
    return pictured(plain(margins(ink, height, rng), rng), rng)


def slashed_zero(pool: Pool, rng: Rng) -> Picture:
    """A 0 with a stroke through it."""
    height, hand = any_height(rng, 40, 160), replace(any_hand(rng), own=False)
    ink = digit(0, pool, hand, height, rng)
    wide = ink.shape[1] / len(ink)
    over = rng.uniform(-0.15, 0.12)
    bar, _ = strokes(
        [bowed((wide + over, -over), (-over, 1 + over), rng, 0.03)], replace(hand, slant=0.0), len(ink), rng
    )
    middle = [Placed(ink=each, left=-each.shape[1] // 2, top=-len(each) // 2) for each in (ink, bar)]
    return (*_single(together(middle), height, rng), "0")


def closed_four(pool: Pool, rng: Rng) -> Picture:
    """A 4 that is closed at its top."""
    height, hand = any_height(rng, 40, 160), replace(any_hand(rng), own=False)
    right, bar = rng.uniform(0.4, 0.55), rng.uniform(0.58, 0.72)
    top, left, reach = (
        (right + rng.normal(0, 0.02), rng.uniform(0, 0.04)),
        rng.uniform(0, 0.08),
        rng.uniform(0.06, 0.25),
    )
    shape = [
        bowed(top, (left, bar), rng),
        bowed((left, bar), (right + reach, bar + rng.normal(0, 0.02)), rng),
        bowed(top, (right + rng.normal(0, 0.02), 1.0), rng, 0.02),
    ]
    ink, _ = strokes(shape, hand, height, rng)
    return (*_single(ink, height, rng), "4")


def drawn_one(hand: Hand, height: float, rng: Rng) -> Ink:
    """A 1 with a foot, and mostly a flag."""
    reach, angle = rng.uniform(0.15, 0.4), np.radians(rng.uniform(25, 55))
    foot = rng.uniform(0.12, 0.35)
    shape = [
        bowed((0.5, 0), (0.5 + rng.normal(0, 0.02), 1), rng, 0.02),
        bowed((0.5 - foot, 1 + rng.normal(0, 0.02)), (0.5 + foot, 1 + rng.normal(0, 0.02)), rng, 0.03),
    ]
    if rng.random() < 0.8:
        shape.append(bowed((0.5, 0), (0.5 - reach * np.sin(angle), reach * np.cos(angle)), rng, 0.05))
    ink, _ = strokes(shape, hand, height, rng)
    return ink


def footed_one(pool: Pool, rng: Rng) -> Picture:
    """A 1 with a foot, and mostly a flag."""
    height, hand = any_height(rng, 40, 160), replace(any_hand(rng), own=False)
    return (*_single(drawn_one(hand, height, rng), height, rng), "1")


def footed_ones(pool: Pool, rng: Rng) -> Picture:
    """A number whose ones have a foot, and mostly a flag; two in five of its digits are ones."""
    height, hand = any_height(rng, 40, 160), replace(any_hand(rng), own=False)
    labels = [1 if rng.random() < 0.4 else int(rng.integers(10)) for _ in range(rng.integers(2, 8))]
    inks = [drawn_one(hand, height, rng) if x == 1 else digit(x, pool, hand, height, rng) for x in labels]
    ink, text = row(inks, "".join(map(str, labels)), hand, height, Spacing(words=False), rng)
    return (*pictured(plain(margins(ink, height, rng), rng), rng), text)


def cropped_digit(pool: Pool, rng: Rng) -> Picture:
    """Cropped to the ink, 24 to 240 pixels high, half of them with a broad pen: more ink than paper."""
    image, label = pool[int(rng.integers(len(pool)))]
    ink = cropped(enlarge(image, 240))
    if rng.random() < 0.5:
        side = 2 * int(rng.integers(2, 9)) + 1
        broad = cv2.dilate(np.pad(ink, side), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
        if legible(np.asarray(broad, np.float32), label):
            ink = cropped(np.asarray(broad, np.float32))
    scale = any_height(rng, 24, 240) / len(ink)
    size = max(4, round(ink.shape[1] * scale)), max(4, round(len(ink) * scale))
    return (*_tight(np.asarray(cv2.resize(ink, size, interpolation=cv2.INTER_AREA), np.float32), rng), str(label))


def stretched_digit(pool: Pool, rng: Rng) -> Picture:
    """Fills a binary square of 16 or 32 pixels from edge to edge, as some sets have their digits."""
    image, label = pool[int(rng.integers(len(pool)))]
    side, ink = int(rng.choice([16, 32])), cropped(enlarge(image, 240))
    wide = side if label != 1 else max(side // 4, round(side * min(1.0, 1.5 * ink.shape[1] / len(ink))))
    small = cv2.resize(ink, (wide, side), interpolation=cv2.INTER_AREA) > 0.5
    left = (side - wide) // 2
    square = np.pad(small.astype(np.float32), ((0, 0), (left, side - wide - left)))
    return (*encoded(painted(square, BLACK, WHITE)), str(label))


def digit_at_the_edge(pool: Pool, rng: Rng) -> Picture:
    """A digit that touches one or two edges of the picture, or lies a pixel from them."""
    image, label = pool[int(rng.integers(len(pool)))]
    ink = cropped(enlarge(image, int(any_height(rng, 40, 300))))
    room = [[round(x * len(ink)) for x in rng.uniform(0.25, 1, 2)] for _ in range(2)]
    for _ in range(int(rng.integers(1, 3))):
        room[rng.integers(2)][rng.integers(2)] = int(rng.integers(2))
    return (*encoded(plain(np.pad(ink, room), rng)), str(label))


def boxed_digit(pool: Pool, rng: Rng) -> Picture:
    """A digit in a box drawn by hand."""
    height, hand = any_height(rng, 40, 120), replace(any_hand(rng, (0.02, 0.06)), own=False)
    drawn, label = glyphs(pool, 1, hand, height, rng)
    wide, tall = rng.uniform(1.8, 3.5), rng.uniform(1.6, 2.4)
    corners = [
        (x + rng.normal(0, 0.08), y + rng.normal(0, 0.08)) for x, y in ((0, 0), (wide, 0), (wide, tall), (0, tall))
    ]
    sides = [bowed(a, b, rng, 0.01) for a, b in zip(corners, [*corners[1:], corners[0]], strict=True)]
    sides.append(through(corners[0], (corners[0][0] + rng.uniform(-0.1, 0.1), corners[0][1])))
    box, _ = strokes(sides, replace(hand, slant=0.0), height, rng)
    left = (box.shape[1] - drawn[0].shape[1]) // 2 + round(rng.normal(0, 0.15) * height)
    top = (len(box) - len(drawn[0])) // 2 + round(rng.normal(0, 0.08) * height)
    placed = [Placed(ink=box, left=0, top=0), Placed(ink=drawn[0], left=left, top=top)]
    return (*_single(together(placed), 0.4 * height, rng), label)


MARKED: dict[str, Kind] = {
    "dates with slashes": marked(slashed_date),
    "dates, points or dashes": marked(other_date),
    "decimals": marked(decimal),
    "times": marked(clock),
    "negative numbers": marked(negative),
    "telephone numbers": marked(telephone),
    "percent, currency": marked(amount),
    "brackets, sums": marked(calculation),
    "numbers in a row": marked(spaced),
    "ruled cells": ruled_cells,
}
NUMBERS: dict[str, Kind] = {
    "black and yellow": two_inks(["yellow"]),
    "black and pink, cyan": two_inks(["pink", "cyan", "orange", "light green"]),
    "black and pencil, blue": two_inks(["pencil", "blue"]),
    "faint pencil": faint_pencil,
    "upright lines": upright_lines,
    "dark edge": dark_edge,
    "whiteboard": whiteboard,
    "scattered": scattered,
    "column": column,
    "cheque": cheque,
    "small form cells": small_cells,
    "at the edge": at_the_edge,
    "cropped to the ink": cropped_number,
    "ones with a foot": footed_ones,
}
SINGLES: dict[str, Kind] = {
    "slashed 0": slashed_zero,
    "closed 4": closed_four,
    "1 with a foot": footed_one,
    "cropped to the ink": cropped_digit,
    "stretched, 16 or 32 px": stretched_digit,
    "at the edge": digit_at_the_edge,
    "in a drawn box": boxed_digit,
}

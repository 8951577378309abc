from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.wild import KINDS
from mnistcnn.components import find_components
from mnistcnn.data import synthetic
from mnistcnn.decoding import Colours
from mnistcnn.framing import Ink
from mnistcnn.paper import (
    blur,
    find_ink,
    find_page,
    flatten,
    otsu,
    remove_backdrop,
    to_ink,
)
from mnistcnn.picture import (
    NOTHING,
    SEVERAL,
    are_several,
    choose_parts,
    extract_ink,
    is_framed,
    read_picture,
    remove_rules,
)

DIGITS, LABELS = synthetic.render_digits(40, 3)


def paper(height: int = 100, width: int = 120, colour: tuple[float, float, float] = (1, 1, 1)) -> Colours:
    return np.tile(np.array(colour, dtype=np.float32), (height, width, 1))


def written(colours: Colours, colour: tuple[float, float, float] = (0, 0, 0)) -> Colours:
    """An L of strokes eight pixels wide."""
    colours = colours.copy()
    colours[20:80, 40:48] = colour
    colours[72:80, 40:80] = colour
    return colours


INK = np.zeros((100, 120), dtype=bool)
INK[20:80, 40:48] = INK[72:80, 40:80] = True


def agrees(ink: Ink | None) -> bool:
    return ink is not None and bool(((ink > 0.5) == INK).mean() > 0.99)


def save(colours: Colours, name: str = "p.png") -> Path:
    Image.fromarray(np.rint(np.clip(colours, 0, 1) * 255).astype(np.uint8)).save(name)
    return Path(name)


def test_a_picture_as_mnist_has_it_passes_untouched() -> None:
    framed = next(digit for digit in DIGITS if is_framed(digit))
    Image.fromarray(framed).save("digit.png")
    reading = read_picture(Path("digit.png"))
    assert np.array_equal(reading.frame, framed)
    assert reading.warning is None
    assert np.array_equal(read_picture(Path("digit.png"), invert=False).frame, framed)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda p: 255 - p,
        lambda p: np.roll(p, 4, axis=0),
        lambda p: p // 2,
        lambda p: np.pad(p, 1),
        lambda p: np.maximum(p, 3),
    ],
)
def test_what_is_not_quite_as_mnist_has_it_is_read(spoil: object) -> None:
    framed = next(digit for digit in DIGITS if is_framed(digit))
    assert not is_framed(spoil(framed))  # type: ignore[operator]


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_from_the_wild_comes_close_to_its_digit(kind: str) -> None:
    rng = np.random.default_rng(1)
    close = 0
    for digit in DIGITS[:12]:
        content, suffix = KINDS[kind](digit, rng)
        Path(f"p{suffix}").write_bytes(content)
        frame = read_picture(Path(f"p{suffix}")).frame.astype(float)
        seen, meant = blur(frame.astype(np.float32), 1.5).ravel(), blur(digit.astype(np.float32), 1.5).ravel()
        close += np.corrcoef(seen, meant)[0, 1] > 0.75
    assert close >= 11


@pytest.mark.parametrize(
    ("pen", "ground"),
    [
        ((0, 0, 0), (1, 1, 1)),
        ((1, 1, 1), (0, 0, 0)),
        ((1, 0.9, 0.1), (1, 1, 1)),
        ((1, 0, 0), (0, 0, 0)),
        ((0, 0, 0.5), (0.9, 0.95, 1)),
        ((0.55, 0.55, 0.55), (0.45, 0.45, 0.45)),
    ],
)
def test_ink_of_any_colour_is_found(pen: tuple[float, float, float], ground: tuple[float, float, float]) -> None:
    grey = find_ink(flatten(written(paper(colour=ground), pen)))
    assert agrees(to_ink(grey))
    assert abs(float(np.median(grey[~INK]))) < 0.02


def test_full_contrast_is_one() -> None:
    grey = find_ink(flatten(written(paper())))
    assert float(np.median(grey[INK])) == pytest.approx(1.0, abs=0.05)


def test_polarity_can_be_overridden() -> None:
    dark = written(paper(colour=(0.5, 0.5, 0.5)), (0, 0, 0))
    dark[5:10, 100:115] = 1  # and something light
    assert agrees(to_ink(np.where(find_ink(flatten(dark), invert=True) > 0, find_ink(flatten(dark), True), 0)))
    light = to_ink(find_ink(flatten(dark), invert=False))
    assert light is not None
    assert light[7, 107] > 0.5
    assert light[50, 44] < 0.1


def test_gradients_and_vignettes_are_flattened() -> None:
    y, x = np.mgrid[-1:1:100j, -1:1:120j]
    for light in (0.7 + 0.25 * x, 0.7 - 0.2 * y + 0.05 * x, 1 - 0.2 * (x * x + y * y)):
        colours = (written(paper()) * light[:, :, None]).astype(np.float32)
        flat = flatten(colours)
        assert np.abs(flat[~INK]).max() < 0.08
        assert flat[INK].max() < -0.3


def test_a_pasted_box_is_taken_away() -> None:
    colours = np.pad(written(paper(colour=(0.7, 0.7, 0.7))), ((30, 20), (10, 25), (0, 0)), constant_values=1.0)
    ink = to_ink(remove_backdrop(find_ink(flatten(colours))))
    assert ink is not None
    assert agrees(ink[30:-20, 10:-25])
    assert ink[:25].max() < 0.2


def test_nothing_is_taken_from_a_clean_picture() -> None:
    grey = find_ink(flatten(written(paper())))
    assert remove_backdrop(grey) is grey


def test_a_page_is_found_and_a_round_digit_is_none() -> None:
    desk = np.pad(written(paper()), ((40, 30), (50, 60), (0, 0)), constant_values=0.2)
    page = find_page(find_ink(flatten(desk)))
    assert page is not None
    assert (page[0].start, page[0].stop) == (44, 136)
    y, x = np.mgrid[-1:1:120j, -1:1:120j]
    ring = np.abs(np.hypot(x, y) - 0.6) < 0.25
    assert find_page(ring.astype(np.float32)) is None
    ink, _ = extract_ink(desk)
    assert ink is not None
    assert ink.shape == pytest.approx((60, 40), abs=2)


def test_grey_levels_of_edges_are_kept() -> None:
    grey = blur(INK.astype(np.float32), 1.5)
    ink = to_ink(grey)
    assert ink is not None
    assert len(np.unique(ink)) > 20
    assert (ink.min(), ink.max()) == (0, 1)


def test_otsu_parts_two_classes_in_the_middle() -> None:
    assert otsu(np.array([[0.1] * 50 + [0.9] * 50], dtype=np.float32)) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("noise", [0.0, 0.02, 0.1])
def test_a_picture_of_nothing_says_so(noise: float) -> None:
    colours = paper(300, 400, (0.8, 0.8, 0.75))
    colours = colours + np.random.default_rng(0).normal(0, noise, colours.shape).astype(np.float32)
    reading = read_picture(save(colours))
    assert reading.warning == NOTHING
    assert not reading.frame.any()


def side_by_side(*digits: int, gap: int = 8) -> Colours:
    parts = [next(d for d, label in zip(DIGITS, LABELS, strict=True) if label == digit) for digit in digits]
    boxes = [part[:, np.flatnonzero(part.max(axis=0))] for part in parts]
    row = np.hstack([np.pad(box, ((10, 10), (gap // 2, gap // 2))) for box in boxes])
    large = Image.fromarray(row).resize((row.shape[1] * 6, row.shape[0] * 6), Image.Resampling.BICUBIC)
    return np.pad(
        np.repeat(1 - np.asarray(large, dtype=np.float32)[:, :, None] / 255, 3, axis=2),
        ((0, 0), (40, 40), (0, 0)),
        constant_values=1,
    )


@pytest.mark.parametrize("digits", [(4, 2), (0, 0), (3, 6, 9)])
def test_several_digits_are_said_to_be_several(digits: tuple[int, ...]) -> None:
    assert read_picture(save(side_by_side(*digits))).warning == SEVERAL


@pytest.mark.parametrize("digit", range(10))
def test_one_digit_is_not_several(digit: int) -> None:
    assert read_picture(save(side_by_side(digit))).warning is None


def test_detached_strokes_are_kept_and_specks_dropped() -> None:
    mask = np.zeros((200, 200), dtype=bool)
    mask[60:160, 80:95] = True  # a stem
    mask[40:50, 80:140] = True  # a detached bar
    mask[20:22, 20:23] = mask[180:182, 150:152] = True  # specks
    parts = find_components(mask)
    kept = parts.mask(choose_parts(parts))
    assert kept[45, 100]
    assert kept[100, 90]
    assert not kept[21, 21]
    assert not kept[181, 151]
    assert not are_several(parts, choose_parts(parts))


def test_a_frame_around_the_picture_is_dropped() -> None:
    mask = np.zeros((200, 200), dtype=bool)
    mask[:3] = mask[-3:] = mask[:, :3] = mask[:, -3:] = True
    mask[60:160, 90:110] = True
    parts = find_components(mask)
    kept = parts.mask(choose_parts(parts))
    assert kept[100, 100]
    assert not kept[0, 0]


def test_a_digit_that_touches_the_edge_is_kept() -> None:
    mask = np.zeros((100, 60), dtype=bool)
    mask[:, 25:35] = True
    assert choose_parts(find_components(mask)).all()


def test_ruled_lines_are_taken_out_and_crossing_strokes_kept() -> None:
    ink = np.zeros((200, 300), dtype=np.float32)
    ink[40:160, 140:152] = 1
    ink[60:62] = ink[120:122] = 0.9
    cleaned = remove_rules(ink)
    assert not cleaned[60:62, 10:130].any()
    assert (cleaned[40:160, 142:150] > 0.5).all()
    turned = remove_rules(np.ascontiguousarray(ink.T))
    assert not turned[10:130, 60:62].any()


def test_one_pixel_is_nothing() -> None:
    Image.new("L", (1, 1), 200).save("p.png")
    assert read_picture(Path("p.png")).warning == NOTHING


def test_blur_keeps_the_mass_and_spreads_it() -> None:
    spot = np.zeros((31, 31), dtype=np.float32)
    spot[15, 15] = 1
    blurred = blur(spot, 2.0)
    assert blurred.sum() == pytest.approx(1.0, abs=1e-4)
    rows = np.arange(31) - 15
    assert float((blurred.sum(axis=1) * rows**2).sum()) == pytest.approx(4.0, rel=0.05)

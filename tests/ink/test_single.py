from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.wild import KINDS
from mnistcnn.data import synthetic
from mnistcnn.ink.decoding import Colours
from mnistcnn.ink.framing import is_framed
from mnistcnn.ink.single import NOTHING, SEVERAL, preprocess_file
from mnistcnn.ink.threshold import blur

DIGITS, LABELS = synthetic.render_digits(40, 3)


def paper(height: int = 100, width: int = 120, colour: tuple[float, float, float] = (1, 1, 1)) -> Colours:
    return np.tile(np.array(colour, dtype=np.float32), (height, width, 1))


def save(colours: Colours, name: str = "p.png") -> Path:
    Image.fromarray(np.rint(np.clip(colours, 0, 1) * 255).astype(np.uint8)).save(name)
    return Path(name)


def test_a_picture_as_mnist_has_it_passes_untouched() -> None:
    framed = next(digit for digit in DIGITS if is_framed(digit))
    Image.fromarray(framed).save("digit.png")
    reading = preprocess_file(Path("digit.png"))
    assert np.array_equal(reading.frame, framed)
    assert reading.warning is None
    assert np.array_equal(preprocess_file(Path("digit.png"), invert=False).frame, framed)


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_from_the_wild_comes_close_to_its_digit(kind: str) -> None:
    rng = np.random.default_rng(1)
    close = 0
    for digit in DIGITS[:12]:
        content, suffix = KINDS[kind](digit, rng)
        Path(f"p{suffix}").write_bytes(content)
        frame = preprocess_file(Path(f"p{suffix}")).frame.astype(float)
        seen, meant = blur(frame.astype(np.float32), 1.5).ravel(), blur(digit.astype(np.float32), 1.5).ravel()
        close += np.corrcoef(seen, meant)[0, 1] > 0.75
    assert close >= 11


@pytest.mark.parametrize("noise", [0.0, 0.02, 0.1])
def test_a_picture_of_nothing_says_so(noise: float) -> None:
    colours = paper(300, 400, (0.8, 0.8, 0.75))
    colours = colours + np.random.default_rng(0).normal(0, noise, colours.shape).astype(np.float32)
    reading = preprocess_file(save(colours))
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
    assert preprocess_file(save(side_by_side(*digits))).warning == SEVERAL


@pytest.mark.parametrize("digit", range(10))
def test_one_digit_is_not_several(digit: int) -> None:
    assert preprocess_file(save(side_by_side(digit))).warning is None


def test_one_pixel_is_nothing() -> None:
    Image.new("L", (1, 1), 200).save("p.png")
    assert preprocess_file(Path("p.png")).warning == NOTHING

"""Measures the shares of frames of other things, and of digits, that are doubted, by us and by two baselines.

    python -m benchmarks.outliers --count 200

The kinds differ from those that the detector was trained with (`recipes/counterexamples`): letters in printed
fonts, digits halved by a straight line, two test digits in one frame, mirrored digits, drawings, textures. The
baselines are the temperature-scaled probability and the energy of the logits (W. Liu et al., "Energy-based
out-of-distribution detection", 2020), each with a threshold that doubts as many validation images as the detector.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.font_manager import FontProperties, findfont
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from benchmarks.wild import KINDS as WILD
from mnistcnn import load_checkpoint, load_dataset
from mnistcnn.checkpoints.calibration import probabilities
from mnistcnn.checkpoints.checkpoint import PACKAGED
from mnistcnn.config import DatasetName, Split, TrainConfig
from mnistcnn.ink.decoding import Decoded, decode, open_decoded, read_file
from mnistcnn.ink.framing import center_digit
from mnistcnn.ink.ruled_lines import remove_rules
from mnistcnn.ink.sheet import Paper, find_sheet
from mnistcnn.reading.detector import load_detector
from mnistcnn.reading.network import Network
from mnistcnn.reading.whole import find_whole

Frame = NDArray[np.uint8]
Digits = NDArray[np.uint8]  # (N, 28, 28)
Rng = np.random.Generator
FONTS = ("DejaVu Serif", "DejaVu Sans Mono", "STIXGeneral", "cmr10", "cmtt10", "cmmi10")
LETTERS = "ACEFGHJKMNPRTUVWXYacdefhkmnprtuvwxy"  # many take the others for digits: O, I, l, S, Z, B, b, g, q, D
PICTURES = sorted((Path(__file__).parents[1] / "tests" / "pictures").iterdir())


def _page() -> tuple[Image.Image, ImageDraw.ImageDraw]:
    page = Image.new("L", (200, 200), 255)
    return page, ImageDraw.Draw(page)


def _read(page: Image.Image) -> Frame:
    return _frame(open_decoded(page, "A page"))


def _frame(decoded: Decoded) -> Frame:
    """Frame all ink of an image as one digit, (28, 28); empty if there is none."""
    sheet = find_sheet(decoded, Paper.SURFACE)
    whole = find_whole(remove_rules(sheet.ink)) if sheet else None
    return whole.segment.frame if whole else np.zeros((28, 28), dtype=np.uint8)


def _text(text: str, rng: Rng) -> Frame:
    font = ImageFont.truetype(
        findfont(FontProperties(family=[FONTS[rng.integers(len(FONTS))]])), int(rng.integers(60, 120))
    )
    page = Image.new("L", (140 + 90 * len(text), 200), 255)
    ImageDraw.Draw(page).text((60, 30), text, fill=int(rng.integers(0, 80)), font=font)
    page = page.rotate(rng.uniform(-10, 10), Image.Resampling.BILINEAR, fillcolor=255)
    return _read(page.filter(ImageFilter.GaussianBlur(rng.uniform(0, 2))))


def letter(digits: Digits, rng: Rng) -> Frame:
    """A letter in a printed font, a little turned and blurred."""
    return _text(LETTERS[rng.integers(len(LETTERS))], rng)


def word(digits: Digits, rng: Rng) -> Frame:
    """Two to four letters."""
    return _text("".join(rng.choice(list(LETTERS), size=rng.integers(2, 5))), rng)


def half(digits: Digits, rng: Rng) -> Frame:
    """The left or right half of a digit wider than a third of its height, cut at the middle of its box."""
    while True:
        digit = _cropped(digits, rng)
        height, width = digit.shape
        if width > height / 3:
            part = digit[:, : width // 2] if rng.random() < 0.5 else digit[:, width // 2 :]
            return center_digit(part)


def two(digits: Digits, rng: Rng) -> Frame:
    """Two digits next to each other, up to five pixels apart or overlapping."""
    left, right = _cropped(digits, rng), _cropped(digits, rng)
    gap, rise = int(rng.integers(-4, 6)), int(rng.integers(0, 5))
    both = np.zeros((32, left.shape[1] + right.shape[1] + max(gap, 0) + 4), np.float32)
    both[rise : rise + len(left), : left.shape[1]] = left
    x = max(left.shape[1] + gap, 0)
    place = both[2 : 2 + len(right), x : x + right.shape[1]]
    np.maximum(place, right, out=place)
    return center_digit(both)


def mirrored(digits: Digits, rng: Rng) -> Frame:
    """A mirrored digit; the digits given have no 0, 1 or 8."""
    return np.ascontiguousarray(digits[rng.integers(len(digits))][:, ::-1])


def face(digits: Digits, rng: Rng) -> Frame:
    """A face with eyes and mouth."""
    page, pen = _page()
    width = int(rng.integers(3, 9))
    pen.ellipse((30, 30, 170, int(rng.integers(150, 180))), outline=0, width=width)
    for x in np.array([75, 120]) + rng.integers(-6, 7, 2):
        pen.ellipse((x - 7, 75, x + 7, 89), outline=0, fill=0 if rng.random() < 0.5 else None, width=width)
    start = 20 if rng.random() < 0.7 else 200
    pen.arc((65, 90, 135, 145), start, start + 140, fill=0, width=width)
    return _read(page)


def house(digits: Digits, rng: Rng) -> Frame:
    """A house with a roof, a door or a window."""
    page, pen = _page()
    width, eaves, side = int(rng.integers(3, 9)), int(rng.integers(70, 110)), int(rng.integers(30, 60))
    pen.rectangle((side, eaves, 200 - side, 175), outline=0, width=width)
    pen.line((side, eaves, 100, 25, 200 - side, eaves), fill=0, width=width)
    if rng.random() < 0.7:
        pen.rectangle((85, 125, 115, 175), outline=0, width=width)
    if rng.random() < 0.5:
        pen.rectangle((side + 15, eaves + 12, side + 35, eaves + 32), outline=0, width=width)
    return _read(page)


def chart(digits: Digits, rng: Rng) -> Frame:
    """Axes with bars or a curve."""
    page, pen = _page()
    pen.line((30, 20, 30, 175, 180, 175), fill=0, width=int(rng.integers(2, 7)))
    heights = rng.uniform(20, 140, int(rng.integers(3, 7)))
    xs = np.linspace(42, 160, len(heights))
    if rng.random() < 0.5:
        for x, height in zip(xs, heights, strict=True):
            pen.rectangle((x, 175 - height, x + 14, 175), fill=0 if rng.random() < 0.7 else None, outline=0, width=3)
    else:
        pen.line([(x, 175 - height) for x, height in zip(xs, heights, strict=True)], fill=0, width=4)
    return _read(page)


def figure(digits: Digits, rng: Rng) -> Frame:
    """A heart, an arrow, a note, a cup: one figure in one stroke width."""
    page, pen = _page()
    width, which = int(rng.integers(4, 12)), rng.integers(4)
    t = np.linspace(0, 2 * np.pi, 80)
    if which == 0:
        heart = np.stack(
            [16 * np.sin(t) ** 3, 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)], 1
        )
        pen.line([(100 + 4 * x, 95 - 4 * y) for x, y in heart], fill=0, width=width)
    elif which == 1:
        pen.line((30, 100, 170, 100), fill=0, width=width)
        pen.line((130, 60, 170, 100, 130, 140), fill=0, width=width)
    elif which == 2:
        pen.line((60, 150, 60, 40, 140, 30, 140, 140), fill=0, width=width)
        pen.ellipse((35, 135, 65, 160), fill=0)
        pen.ellipse((115, 125, 145, 150), fill=0)
    else:
        pen.line((50, 50, 60, 150, 120, 150, 130, 50, 50, 50), fill=0, width=width)
        pen.arc((115, 65, 165, 120), 270, 120, fill=0, width=width)
    return _read(page.rotate(rng.uniform(-30, 30), Image.Resampling.BILINEAR, fillcolor=255))


def texture(digits: Digits, rng: Rng) -> Frame:
    """A photograph of wood, waves, checks or stones."""
    y, x = np.mgrid[:200, :200].astype(np.float32)
    which, period = rng.integers(4), rng.uniform(8, 60)
    if which == 0:
        grey = np.sin((x + 25 * np.sin(y / rng.uniform(15, 60))) / period * 6.28)
    elif which == 1:
        grey = np.sin(np.hypot(x - rng.uniform(0, 200), y - rng.uniform(0, 200)) / period * 6.28)
    elif which == 2:
        grey = np.sign(np.sin(x / period * 6.28) * np.sin(y / period * 6.28))
    else:
        seeds = rng.uniform(0, 200, (int(rng.integers(5, 30)), 2))
        distance = np.sort(np.hypot(x[..., None] - seeds[:, 0], y[..., None] - seeds[:, 1]), axis=2)
        grey = np.clip((distance[..., 1] - distance[..., 0]) / 4 - 1, -1, 1)
    noisy = 128 + 90 * grey + rng.normal(0, 8, grey.shape)
    return _read(Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)))


def _cropped(digits: Digits, rng: Rng) -> NDArray[np.float32]:
    digit = digits[rng.integers(len(digits))]
    rows, columns = np.flatnonzero(digit.max(1)), np.flatnonzero(digit.max(0))
    cropped = digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.asarray(cropped / 255, np.float32)


KINDS: dict[str, Callable[[Digits, Rng], Frame]] = {
    "letter in a printed font": letter,
    "several letters": word,
    "half of a digit": half,
    "two digits in one": two,
    "mirrored digit": mirrored,
    "face": face,
    "house": house,
    "chart": chart,
    "heart, arrow, note, cup": figure,
    "texture": texture,
}


def frames_by_kind(images: Digits, labels: NDArray[np.int64], count: int, seed: int) -> dict[str, dict[str, Digits]]:
    """Make frames of digits and of other things, by kind: (N, 28, 28) uint8."""
    rng = np.random.default_rng(seed)
    asymmetric = images[~np.isin(labels, (0, 1, 8))]
    wild = {
        name: np.stack([_frame(decode(kind(images[i], rng)[0], name)) for i in rng.choice(len(images), count)])
        for name, kind in WILD.items()
    }
    return {
        "digits": {
            "MNIST, test": images,
            "tests/pictures": np.stack([_frame(decode(read_file(path), path.name)) for path in PICTURES]),
            **wild,
        },
        "no digit": {
            name: np.stack([kind(asymmetric if kind is mirrored else images, rng) for _ in range(count)])
            for name, kind in KINDS.items()
        },
    }


def main() -> None:
    """Score every kind in three ways and print the shares that are doubted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200, help="frames of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--checkpoint", type=Path, default=PACKAGED)
    arguments = parser.parse_args()
    checkpoint = load_checkpoint(arguments.checkpoint)
    network, detector, config = Network(checkpoint.weights), load_detector(), checkpoint.config or TrainConfig()
    splits = (Split.VALIDATION, Split.TEST)
    data = load_dataset(DatasetName.MNIST, splits=splits, seed=config.seed, validation_size=config.validation_size)

    def scores(frames: Digits) -> NDArray[np.float64]:
        logits = network.logits(frames)
        sure = probabilities(logits, checkpoint.temperature).max(axis=1)
        energy = np.logaddexp.reduce(logits, axis=1)
        return np.stack([detector.log_odds(frames), sure, energy])

    validation = scores(data.validation.images[:, 0].numpy())
    share = float((validation[0] < detector.threshold).mean())
    thresholds = np.quantile(validation, share, axis=1, keepdims=True)
    thresholds[0] = detector.threshold
    test, labels = data.test.images[:, 0].numpy(), data.test.labels.numpy()
    for heading, kinds in frames_by_kind(test, labels, arguments.count, arguments.seed).items():
        print(f"\n{heading + ', doubted':<28} {'detector':>9} {'probability':>12} {'energy':>7}")
        rows = {name: (scores(frames) < thresholds).mean(axis=1) for name, frames in kinds.items()}
        rows |= {"all kinds": np.mean(list(rows.values()), axis=0)}
        for name, (ours, sure, energy) in rows.items():
            print(f"{name:<28} {ours:>9.1%} {sure:>12.1%} {energy:>7.1%}", flush=True)


if __name__ == "__main__":
    main()

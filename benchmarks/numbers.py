"""Measures how well whole numbers are read, by us and by the usual recipe, and how images without digits are.

    python -m benchmarks.numbers models/mnist_cnn.pth --count 50
    python -m benchmarks.numbers --speed

A whole number is right if all its digits are right and in order; spaces and the ends of rows don't count, but rows
have their own column. Without a checkpoint, the network in the package is measured. `--no-digits` and `--speed` measure
only that.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks import compose, no_digits, wild
from benchmarks.hands import Labelled, Spacing, any_hand, written
from benchmarks.measure import page_answers, peak_memory, seconds
from benchmarks.papers import margins
from benchmarks.reading import SURE, digits_of, read, recipe, scores, sure_right
from benchmarks.table import Rows, row, spread
from mnistcnn import load_checkpoint, load_dataset
from mnistcnn.checkpoints.checkpoint import find_checkpoint
from mnistcnn.config import Split
from mnistcnn.reading.prediction import Options, predict_each
from mnistcnn.reading.reader import Predictor

FRAMES = "28×28 of MNIST"


def generator(seed: int, kind: str) -> np.random.Generator:
    """Make a kind's own generator, so that its images don't depend on what else is measured."""
    return np.random.default_rng([seed, zlib.crc32(kind.encode())])


def saved(folder: Path, kind: str, i: int, content: bytes, suffix: str) -> Path:
    """Save an image; return its file."""
    path = folder / f"{kind.replace(' ', '_').replace(',', '')}_{i:04d}{suffix}"
    path.write_bytes(content)
    return path


def numbers(pool: Sequence[Labelled], predictor: Predictor, options: argparse.Namespace, folder: Path) -> Rows:
    """Measure for each kind of number the shares that are right, by us and by the recipe."""
    rows: Rows = []
    kinds = [kind for kind in options.kinds or compose.KINDS if kind in compose.KINDS]
    if kinds:
        print(f"\n{'kind':<22} {'whole':>7} {'errors':>7} {'rows':>7} {'wrong, sure':>12} {'recipe':>8} {'errors':>7}")
    for kind in kinds:
        rng, paths, texts = generator(options.seed, kind), [], []
        for i in range(options.count):
            content, suffix, text = compose.KINDS[kind](pool, rng)
            paths.append(saved(folder, kind, i, content, suffix))
            texts.append(text)
        answers = read(paths, predictor)
        naive = [recipe(path, predictor) for path in paths]
        rows.append({"kind": kind, **scores(answers, naive, texts)})
        rows[-1]["missed"] = [
            {"picture": path.name, "written": text, "read": a.text, "confidence": a.confidence, "warned": a.warned}
            for path, text, a in zip(paths, texts, answers, strict=True)
            if digits_of(a.text) != digits_of(text)
        ]
        print(line(rows[-1]), flush=True)
        clear(paths, options)
    if rows:
        keys = [key for key, value in rows[0].items() if isinstance(value, float)]
        print(line({"kind": "mean", **{key: float(np.nanmean([row[key] for row in rows])) for key in keys}}))
        print(f"of those read with {SURE} and more, without a warning, right: {sure_right(rows):.1%}")
    return rows


def line(scored: dict[str, Any]) -> str:
    """Format a row of the table."""
    return (
        f"{scored['kind']:<22} {scored['whole']:>7.1%} {scored['errors']:>7.1%} {scored['rows']:>7.1%} "
        f"{scored['wrong, sure']:>12.1%} {scored['recipe']:>8.1%} {scored['recipe errors']:>7.1%}"
    )


def clear(paths: Sequence[Path], options: argparse.Namespace) -> None:
    """Remove the images of a kind, unless they should be kept."""
    if options.save is None:
        for path in paths:
            path.unlink()


def without_digits(pool: Sequence[Labelled], predictor: Predictor, options: argparse.Namespace, folder: Path) -> Rows:
    """Measure for each kind of image without a digit the shares that are doubted, and surely read as a number."""
    rows: Rows = []
    kinds = [kind for kind in options.kinds or no_digits.KINDS if kind in no_digits.KINDS]
    if kinds:
        print(f"\n{'no digit on it':<22} {'doubted':>8} {'or warned':>10} {'sure':>7}")
    for kind in kinds:
        rng = generator(options.seed, kind)
        paths = [saved(folder, kind, i, *no_digits.KINDS[kind](rng, pool)) for i in range(options.count)]
        answers = read(paths, predictor)
        shares = {key: float(np.mean([getattr(a, key) for a in answers])) for key in ("doubted", "warned", "sure")}
        rows.append({"kind": kind, **shares})
        rows[-1]["missed"] = [
            {"picture": p.name, "read": a.text} for p, a in zip(paths, answers, strict=True) if not a.doubted
        ]
        print(f"{kind:<22} {shares['doubted']:>8.1%} {shares['warned']:>10.1%} {shares['sure']:>7.1%}", flush=True)
        clear(paths, options)
    if rows:
        doubted, warned, sure = (np.mean([row[key] for row in rows]) for key in ("doubted", "warned", "sure"))
        print(f"{'mean':<22} {doubted:>8.1%} {warned:>10.1%} {sure:>7.1%}")
    return rows


def single(pool: Sequence[Labelled], predictor: Predictor, options: argparse.Namespace, folder: Path) -> Rows:
    """Measure the shares of MNIST's own frames and of single digits that are doubted, and that are right."""
    rows: Rows = []
    kinds = [kind for kind in (FRAMES, *wild.KINDS) if kind in (options.kinds or (FRAMES, *wild.KINDS))]
    if kinds:
        print(f"\n{'one digit':<22} {'doubted':>8} {'right':>8}")
    for kind in kinds:
        rng, labels = generator(options.seed, kind), [label for _, label in pool]
        pictures: list[Path | Image.Image] = [Image.fromarray(digit) for digit, _ in pool]
        if kind in wild.KINDS:
            chosen = rng.choice(len(pool), size=options.count, replace=False)
            labels = [labels[i] for i in chosen]
            pictures = [saved(folder, kind, i, *wild.KINDS[kind](pool[i][0], rng)) for i in chosen.tolist()]
        answers = read(pictures, predictor)
        doubted = float(np.mean([a.doubted for a in answers]))
        right = float(np.mean([a.text == str(label) for a, label in zip(answers, labels, strict=True)]))
        rows.append({"kind": kind, "doubted": doubted, "right": right})
        print(f"{kind:<22} {doubted:>8.2%} {right:>8.2%}", flush=True)
        clear([picture for picture in pictures if isinstance(picture, Path)], options)
    return rows


def speed(pool: Sequence[Labelled], predictor: Predictor, count: int = 30) -> Rows:
    """Measure the milliseconds for one digit, ten and a page of a hundred: median, least, greatest."""
    rows: Rows = []
    for name, lines_, columns in (("one digit", 1, 1), ("ten digits", 1, 10), ("a page of 100 digits", 10, 10)):
        rng = generator(1, name)
        hand, spacing = any_hand(rng), Spacing(words=False)
        ink, _ = written(pool, rng, 60, hand=hand, rows=lines_, length=(columns, columns), spacing=spacing)
        content, _ = wild.encoded(wild.painted(margins(ink, 60, rng), wild.BLACK, wild.WHITE))
        times = []
        for _ in range(count + 3):
            started = time.perf_counter()
            list(predict_each(predictor, Image.open(io.BytesIO(content)), Options()))
            times.append(1000 * (time.perf_counter() - started))
        row(rows, f"{name}: predict, ms", spread(times[3:]), ms=times[3:])
        if lines_ == 1:
            row(rows, f"{name}: answer of the drawing page, ms", spread(page_answers(content, count)))
    return rows


def folders(pool: Sequence[Labelled]) -> Rows:
    """Measure the time and the peak memory of `mnistcnn predict` on folders of 100 and of 1,000 images."""
    rows: Rows = []
    one, number = list(wild.KINDS.values()), list(compose.KINDS.values())
    painters: dict[str, Callable[[int, np.random.Generator], tuple[bytes, str]]] = {
        "single digits": lambda i, rng: one[i % len(one)](pool[i][0], rng),
        "numbers": lambda i, rng: number[i % len(number)](pool, rng)[:2],
    }
    for sort, paint in painters.items():
        rng, seconds_, memory = generator(1, sort), {}, {}
        pictures = [paint(i, rng) for i in range(200)]
        with tempfile.TemporaryDirectory() as folder:
            for i in range(1000):
                saved(Path(folder), sort, i, *pictures[i % len(pictures)])
                if i + 1 in (100, 1000):
                    command = [sys.executable, "-m", "mnistcnn", "predict", folder, "--json"]
                    seconds_[i + 1], memory[i + 1] = seconds(*command), peak_memory(*command) / 2**20
        each = 1000 * (seconds_[1000] - seconds_[100]) / 900
        row(rows, f"{sort}: predict, ms a picture", f"{each:.1f}", seconds=seconds_)
        row(rows, f"{sort}: peak memory, 100 and 1,000, MB", f"{memory[100]:,.0f} and {memory[1000]:,.0f}")
    return rows


def main() -> None:
    """Print the tables, and write them as JSON if requested."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, nargs="?", help="default: the one in the package")
    parser.add_argument("--count", type=int, default=50, help="pictures of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", nargs="+", metavar="KIND", help="only these kinds, of numbers or others")
    parser.add_argument("--no-digits", action="store_true", help="only the pictures without a digit")
    parser.add_argument("--speed", action="store_true", help="only the time it takes")
    parser.add_argument("--data-dir", type=Path, help="folder of MNIST's files")
    parser.add_argument("--save", type=Path, metavar="DIR", help="folder to keep the pictures in")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    unknown = set(options.kinds or ()) - {FRAMES, *compose.KINDS, *no_digits.KINDS, *wild.KINDS}
    if unknown:
        parser.error(f"no such kind: {', '.join(sorted(unknown))}")
    predictor = Predictor(load_checkpoint(find_checkpoint(options.checkpoint)))
    test = load_dataset(data_dir=options.data_dir, splits=(Split.TEST,)).split(Split.TEST)
    pool = list(zip(test.images[:, 0].numpy(), test.labels.tolist(), strict=True))
    if options.speed:
        tables = {"speed": speed(pool, predictor), "folders": folders(pool)}
    else:
        parts = {"no digits": without_digits} if options.no_digits else PARTS
        with tempfile.TemporaryDirectory() as temporary:
            tables = {}
            for name, part in parts.items():
                folder = (options.save or Path(temporary)) / name.replace(" ", "_")
                folder.mkdir(parents=True, exist_ok=True)
                tables[name] = part(pool, predictor, options, folder)
    if options.json:
        options.json.write_text(json.dumps(tables, indent=2) + "\n", encoding="utf-8")


PARTS = {"numbers": numbers, "no digits": without_digits, "one digit": single}

if __name__ == "__main__":
    main()

"""The images of the gate: rendered ones of every kind and seed, and a folder of real ones."""

from __future__ import annotations

import csv
import io
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks import compose, everyday, no_digits, wild
from benchmarks.compose import Kind, Picture, Pool

FRAMES = "28×28 of MNIST"
CHECKED_HANDS_SHARE = 5  # a convention: one hand in five is kept to check parameters that were fitted to the others
SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One image and its labels."""

    part: str  # such as "rendered numbers" or "real singles"; its last word is the kind of text on it
    kind: str
    seed: int  # 0 for real images
    index: int  # in its part, kind and seed
    name: str
    content: bytes | Path
    text: str  # rows joined by newlines, spaces and marks between digits; empty if there is no digit
    hand: str = ""  # the writer; empty for rendered images

    @property
    def digits(self) -> str:
        """The digits alone, in reading order."""
        return "".join(character for character in self.text if character.isdigit())


def generator(seed: int, kind: str, index: int) -> np.random.Generator:
    """Make an image's own generator, so that it doesn't depend on the number of other images."""
    return np.random.default_rng([seed, zlib.crc32(kind.encode()), index])


def _frame_of(digit: wild.Digit, rng: wild.Rng) -> tuple[bytes, str]:
    """Write MNIST's own image as a file."""
    buffer = io.BytesIO()
    Image.fromarray(digit).save(buffer, format="PNG")
    return buffer.getvalue(), ".png"


def _single(kind: wild.Kind) -> Kind:
    """Make a kind of `wild` take its digit from the pool."""

    def picture(pool: Pool, rng: wild.Rng) -> Picture:
        digit, label = pool[int(rng.integers(len(pool)))]
        return (*kind(digit, rng), str(label))

    return picture


def _without_digit(kind: no_digits.Kind) -> Kind:
    """Make a kind of `no_digits` return an empty text."""

    def picture(pool: Pool, rng: wild.Rng) -> Picture:
        return (*kind(rng, pool), "")

    return picture


RENDERED: dict[str, dict[str, Kind]] = {
    "rendered singles": {name: _single(kind) for name, kind in ({FRAMES: _frame_of} | wild.KINDS).items()},
    "everyday singles": everyday.SINGLES,
    "rendered numbers": compose.KINDS,
    "everyday numbers": everyday.NUMBERS,
    "marked numbers": everyday.MARKED,
    "rendered none": {name: _without_digit(kind) for name, kind in no_digits.KINDS.items()},
}


def rendered(part: str, kind: str, seed: int, index: int, pool: Pool) -> Sample:
    """Render one image from the digits in `pool`."""
    content, suffix, text = RENDERED[part][kind](pool, generator(seed, kind, index))
    name = f"{kind}_{seed}_{index:03d}{suffix}"
    return Sample(part=part, kind=kind, seed=seed, index=index, name=name, content=content, text=text)


def real(folder: Path) -> Iterator[Sample]:
    """Find the images in `singles`, `numbers` and `none`, each with its `labels.csv`, and in the folders of `sets`.

    The name of an image of a set ends with an underscore and its digit. A hand is the owner of the repository that an
    image comes from; a set doesn't name its writers, so each image counts as a different hand.
    """
    for task, column in (("singles", "label"), ("numbers", "digits"), ("none", None)):
        labels = folder / task / "labels.csv"
        if not labels.is_file():
            continue
        with labels.open(newline="", encoding="utf-8") as lines:
            counts: Counter[str] = Counter()
            for row in csv.DictReader(lines):
                name = row.get("file") or row["name"]
                touching = " touching" if row.get("touching") == "1" else ""
                owner = row["repo"].partition("/")[0] if "repo" in row else name.rpartition("_")[2].partition(".")[0]
                kind = row["kind"] + touching
                yield Sample(
                    part=f"real {task}",
                    kind=kind,
                    seed=0,
                    index=counts[kind],
                    name=name,
                    content=folder / task / name,
                    text=row[column] if column else "",
                    hand=owner,
                )
                counts[kind] += 1
    for inside in sorted(path for path in (folder / "sets").glob("*") if path.is_dir()):
        pictures = sorted(path for path in inside.iterdir() if path.suffix.lower() in SUFFIXES)
        for index, path in enumerate(pictures):
            yield Sample(
                part=f"set {inside.name}",
                kind=inside.name,
                seed=0,
                index=index,
                name=path.name,
                content=path,
                text=path.stem.rpartition("_")[2],
                hand=path.stem,
            )


def is_checked(sample: Sample) -> bool:
    """Whether a real image's hand is kept to check parameters that were fitted to the others."""
    return zlib.crc32(sample.hand.encode()) % CHECKED_HANDS_SHARE == 0

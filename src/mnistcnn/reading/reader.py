"""A trained network kept ready to read images: one digit on each, or whole numbers."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from mnistcnn.calibration import probabilities
from mnistcnn.checkpoint import Checkpoint
from mnistcnn.errors import PictureError
from mnistcnn.ink.framing import Frame
from mnistcnn.ink.single import PreprocessedImage, preprocess
from mnistcnn.reading.decide import doubted_digits, may_be_several, number_wins, plausible, reaches_edge
from mnistcnn.reading.detector import load_detector
from mnistcnn.reading.layout import Layout, PixelBox, find_layout
from mnistcnn.reading.network import Network
from mnistcnn.reading.scores import RowReading, Scores, read_rows
from mnistcnn.reading.sources import Source

_BATCH = os.cpu_count() or 1  # images that are looked at before the first of them is read: one for each core
_GAP, _WIDER = 0.9, 2.2  # between words: in heights, and in usual gaps
TOO_MANY = "too many marks; only the largest were looked at"

if TYPE_CHECKING:
    from mnistcnn.device_network import DeviceNetwork

T = TypeVar("T")
S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Seen:
    """An image as it is looked at: as one digit, and in rows of marks, where there may be several digits."""

    source: Source
    image: PreprocessedImage
    layout: Layout | None


@dataclass(frozen=True, slots=True)
class ReadDigit:
    """One digit as it was read: its frame, probabilities (10,), whether it may be none at all, place and row."""

    frame: Frame
    probabilities: list[float]
    doubted: bool
    box: PixelBox
    row: int
    space: bool  # there is a gap between words before it


@dataclass(frozen=True, slots=True)
class Reading:
    """The digits of an image in reading order, how sure it is that they are right, and what is odd."""

    image: PreprocessedImage
    digits: list[ReadDigit]
    confidence: float | None
    warning: str | None

    @property
    def frames(self) -> list[Frame]:
        """What the network saw: a frame for each digit; what there is where there is none."""
        return [digit.frame for digit in self.digits] or [self.image.frame]


class Predictor:
    """A trained network kept ready to read images; use it from one thread at a time."""

    def __init__(self, checkpoint: Checkpoint, device: str = "auto") -> None:
        """`auto` is the CPU, which is ready sooner than a GPU starts. Raises `DeviceError`."""
        self.checkpoint = checkpoint
        in_numpy = device in ("auto", "cpu")
        self.network = Network(checkpoint.weights) if in_numpy else _on_device(checkpoint, device)
        self.detector = load_detector()

    def score(self, frames: Sequence[Frame]) -> Scores:
        """Calibrated probabilities of the ten digits for each frame, and whether it is one digit at all."""
        if not frames:
            return Scores(np.zeros((0, 10)), np.zeros(0), np.zeros(0, dtype=bool))
        images = np.stack(frames)
        logits = self.network.logits(images)
        shares = probabilities(logits, self.checkpoint.temperature)
        log_odds = self.detector.log_odds(images).astype(np.float64)
        return Scores(shares, log_odds, log_odds < self.detector.threshold)

    def read(
        self, sources: Iterable[Source], *, invert: bool | None = None, single: bool = False
    ) -> Iterator[tuple[Source, Reading | PictureError]]:
        """Read images one after the other; with `single` there is exactly one digit on each.

        `invert` true says that digits are darker than their paper, false that they are lighter; None finds out.
        """

        def look(source: Source) -> Seen | PictureError:
            try:
                decoded = source.decode()
                image = preprocess(decoded, invert)
                several = may_be_several(image)
                layout = None if single or not (several or reaches_edge(image)) else find_layout(decoded, invert)
            except PictureError as error:
                return error
            except MemoryError:
                return PictureError(f"{source.name} is too large for the memory that is left.")
            # Something cut off by the edge is no shadow if it is ink beside its paper, too.
            return Seen(source, image, layout if several or (layout and not layout.runs_off) else None)

        rest = iter(sources)
        while batch := list(islice(rest, _BATCH)):
            looked = _in_threads(look, batch)
            seen = [each for each in looked if isinstance(each, Seen)]
            readings = iter(self._read(seen, invert, single))
            for source, each in zip(batch, looked, strict=True):
                yield (each.source, next(readings)) if isinstance(each, Seen) else (source, each)

    def _read(self, seen: list[Seen], invert: bool | None, single: bool) -> Iterator[Reading]:
        scores = self.score([each.image.frame for each in seen])
        layouts = [each.layout for each in seen]
        if not single:
            # What looks like one digit at first sight, but hardly so to the network, may be several.
            unsure = [
                i for i, odds in enumerate(scores.log_odds) if odds < 0 and not (layouts[i] or seen[i].image.framed)
            ]
            for i, layout in zip(unsure, _layouts_again([seen[i] for i in unsure], invert), strict=True):
                layouts[i] = layout
        rows = self._read_layouts(layouts)
        if invert is None:
            # Where no digits are found, light beside a shadow or a table may have been taken for ink.
            blank = [i for i, layout in enumerate(layouts) if layout and not rows[i]]
            dark = _layouts_again([seen[i] for i in blank], invert=True, inside=True)
            for i, layout, found in zip(blank, dark, self._read_layouts(dark), strict=True):
                if found:
                    layouts[i], rows[i] = layout, found
        for i, each in enumerate(seen):
            looked = replace(each, layout=layouts[i])
            several = layouts[i] and number_wins(each.image, rows[i], scores[[i]])
            yield read_number(looked, rows[i]) if several else read_digit(looked, scores[[i]])

    def _read_layouts(self, layouts: Sequence[Layout | None]) -> list[list[RowReading]]:
        """The rows of each layout that are digits, most likely; all of them are read together."""
        found = iter(read_rows([row for layout in layouts if layout for row in layout.rows], self.score))
        return [plausible(list(islice(found, len(layout.rows) if layout else 0))) for layout in layouts]


def _on_device(checkpoint: Checkpoint, device: str) -> DeviceNetwork:
    from mnistcnn.device_network import DeviceNetwork  # noqa: PLC0415 - PyTorch, which reading on the CPU never loads

    return DeviceNetwork(checkpoint.weights, device)


def _layouts_again(seen: Sequence[Seen], invert: bool | None, *, inside: bool = False) -> list[Layout | None]:
    """The layouts of images that have been decoded before; None where they can't be any more."""

    def again(source: Source) -> Layout | None:
        try:
            return find_layout(source.decode(), invert, inside=inside)
        except PictureError:
            return None

    return _in_threads(again, [each.source for each in seen])


def read_digit(seen: Seen, scores: Scores) -> Reading:
    """An image of one digit, with the scores of its frame."""
    warning = TOO_MANY if seen.layout is not None and seen.layout.too_many else seen.image.warning
    if seen.image.box is None:
        return Reading(seen.image, [], None, warning)
    rows, columns = seen.image.box
    scale = seen.image.size[0] / seen.image.original.shape[1]
    box = tuple(round(scale * edge) for edge in (columns.start, rows.start, columns.stop, rows.stop))
    shares = scores.probabilities[0].tolist()
    digit = ReadDigit(seen.image.frame, shares, bool(scores.doubted[0]), box, 0, space=False)
    return Reading(seen.image, [digit], max(shares), warning)


def read_number(seen: Seen, rows: Sequence[RowReading]) -> Reading:
    """An image of several digits, from the readings of the rows of its layout."""
    assert seen.layout is not None
    confidence = float(np.prod(np.concatenate([row.confidences for row in rows])))
    digits = []
    for number, row in enumerate(rows):
        spaces, doubted = _spaces(row), doubted_digits(row).tolist()
        for i, segment in enumerate(row.segments):
            mark = segment.mark
            box = seen.layout.box(mark.left, mark.top, mark.right, mark.bottom)
            shares = row.scores.probabilities[i].tolist()
            digits.append(ReadDigit(segment.frame, shares, doubted[i], box, number, spaces[i]))
    return Reading(seen.image, digits, confidence, TOO_MANY if seen.layout.too_many else None)


def _spaces(row: RowReading) -> list[bool]:
    """Before which digits of a row there is a gap between words."""
    marks = [segment.mark for segment in row.segments]
    gaps = [after.left - before.right for before, after in pairwise(marks)]
    least = max(_GAP * row.height, _WIDER * max(float(np.median(gaps)), 0.0)) if len(gaps) > 1 else math.inf
    return [False, *(gap > least for gap in gaps)]


def _in_threads(function: Callable[[S], T], items: Sequence[S]) -> list[T]:
    if len(items) < 2:  # here, so that Ctrl-C ends the wait for standard input
        return [function(item) for item in items]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(function, items))

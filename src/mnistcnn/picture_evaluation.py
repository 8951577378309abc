"""Measures a network on the user's labelled digits: images, read as `predict` reads them, or IDX files."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnistcnn.accuracy import DigitScore, digit_scores, wilson_interval
from mnistcnn.checkpoints.checkpoint import find_checkpoint, load_checkpoint
from mnistcnn.data.verified_files import DamagedError, decode_idx, decode_qmnist_labels, gunzip
from mnistcnn.errors import DataError, PictureError
from mnistcnn.events import Note, Observer, Transfer, ignore
from mnistcnn.plots import MOST_MISTAKES, MistakePicture, draw_mistakes, plot_confusion
from mnistcnn.reading.prediction import Options, summarise_reading
from mnistcnn.reading.reader import Predictor
from mnistcnn.reading.sources import Source, find_images, find_sources
from mnistcnn.results import Environment, Result

NO_ANSWER = 10  # the column of a confusion matrix for images that were not read as one digit
MOST_IDX_BYTES = 256 << 20  # the limit of an unpacked file; the largest of EMNIST's digits has 188 MB
_DIGITS = [str(digit) for digit in range(10)]
_IDX_BATCH = 1_000  # images
_THUMBNAIL_PIXELS = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake(Result):
    """An image that was not read as the digit that it shows."""

    path: str
    digit: int  # the digit that it shows
    text: str | None  # the text that `predict` gives: a wrong digit, several digits, a `?`, or None
    confidence: float | None
    would_be: int | None  # the likeliest digit, if it is exactly one
    doubted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureEvaluation(Result):
    """The measurements of a network on labelled images.

    `confusion_matrix[t][p]` counts digits t that were read as p; its eleventh column counts images that were doubted,
    or read as nothing or as several digits.
    """

    checkpoint: str
    trained_on: str | None
    pictures: str
    count: int
    accuracy: float
    accuracy_interval: tuple[float, float]  # Wilson's 95 %
    confusion_matrix: list[list[int]]
    per_digit: list[DigitScore]
    doubted: int
    doubted_right: int  # doubted images that `accept_doubted` would read correctly
    not_one_digit: int  # read as nothing or as several digits
    mistakes: list[Mistake]  # the most confident first, images without an answer last
    unreadable: list[str]  # the reason for each file that could not be read; such files are not in `count`
    seconds: float
    pictures_per_second: float
    environment: Environment
    files: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """The reading of one labelled image, or the reason why it can't be read."""

    source: Source
    digit: int
    text: str | None = None
    answer: int | None = None
    confidence: float | None = None
    would_be: int | None = None
    doubted: bool = False
    error: str | None = None


def evaluate_pictures(
    pictures: Path | str,
    checkpoint: Path | str | None = None,
    *,
    device: str = "auto",
    single: bool = False,
    output_dir: Path | None = None,
    observer: Observer = ignore,
) -> PictureEvaluation:
    """Measure a checkpoint on the labelled digits in a folder; if `output_dir` is given, draw two plots there.

    `pictures` is a folder with a subfolder of images for each digit, `0` to `9`; they are read as `predict` reads
    them (with `single`, as exactly one digit each). Or it has IDX files of images (n, 28, 28) uint8, framed as
    MNIST's are, and of their labels. If `checkpoint` is None, `checkpoints.checkpoint.find_checkpoint` chooses one.
    Raises `DataError`, `PictureError`, `CheckpointError`, `DeviceError` and `OutputError`.
    """
    pictures = Path(pictures)
    try:
        labelled = _find_labelled(pictures)
        idx = [] if labelled else _read_idx(pictures)
    except OSError as error:
        raise DataError(f"{pictures} can't be read: {error.strerror or error}.") from error
    total = len(labelled) or sum(len(labels) for _, _, labels in idx)
    if not total:
        raise DataError(
            f"{pictures} has neither folders 0 to 9 with pictures nor IDX files.",
            "Sort your pictures into a folder for each digit, such as digits/0/a.png and digits/7/b.png.",
        )
    loaded = load_checkpoint(find_checkpoint(checkpoint, observer))
    predictor = Predictor(loaded, device)
    confusion = [[0] * (NO_ANSWER + 1) for _ in range(10)]
    mistakes: list[Mistake] = []
    plotted: list[_Read] = []
    unreadable: list[str] = []
    doubted = 0
    doubted_right = 0
    not_one_digit = 0
    started = time.perf_counter()
    reads = _read_pictures(predictor, labelled, single) if labelled else _score_idx(predictor, idx)
    for number, read in enumerate(reads, start=1):
        observer(Transfer("pictures", number, max(total, number)))
        if read.error is not None:
            unreadable.append(read.error)
            observer(Note(read.error, warning=True))
            continue
        confusion[read.digit][NO_ANSWER if read.answer is None else read.answer] += 1
        doubted += read.doubted
        doubted_right += read.doubted and read.would_be == read.digit
        not_one_digit += read.answer is None and not read.doubted
        if read.answer != read.digit:
            mistakes.append(
                Mistake(
                    path=read.source.name,
                    digit=read.digit,
                    text=read.text,
                    confidence=read.confidence,
                    would_be=read.would_be,
                    doubted=read.doubted,
                )
            )
            if output_dir is not None:
                plotted.append(read)
                plotted.sort(key=_worst_first)
                del plotted[MOST_MISTAKES:]
    seconds = time.perf_counter() - started
    count = sum(map(sum, confusion))
    if not count:
        raise PictureError(f"None of the pictures in {pictures} can be read.", unreadable[0])
    accuracy = sum(confusion[digit][digit] for digit in range(10)) / count
    files = []
    if output_dir is not None:
        title = f"digits in {pictures.resolve().name}"
        files.append(plot_confusion(output_dir, confusion, title))
        files.append(draw_mistakes(output_dir, [_draw(read) for read in plotted], title))
    return PictureEvaluation(
        checkpoint=str(loaded.path),
        trained_on=loaded.trained_on,
        pictures=str(pictures),
        count=count,
        accuracy=accuracy,
        accuracy_interval=wilson_interval(accuracy, count),
        confusion_matrix=confusion,
        per_digit=digit_scores(confusion),
        doubted=doubted,
        doubted_right=doubted_right,
        not_one_digit=not_one_digit,
        mistakes=sorted(mistakes, key=_worst_first),
        unreadable=unreadable,
        seconds=seconds,
        pictures_per_second=count / seconds,
        environment=predictor.scorer.network.environment(),
        files=[str(path) for path in files],
    )


def _worst_first(read: _Read | Mistake) -> tuple[bool, float]:
    return read.text is None or read.doubted, -(read.confidence or 0.0)


def _find_labelled(folder: Path) -> list[tuple[int, Path]]:
    """List the images in the folders `0` to `9`, each with its digit."""
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder.")
    return [
        (int(name), path)
        for name in _DIGITS
        if (folder / name).is_dir() and any((folder / name).iterdir())
        for path in find_images([folder / name])
    ]


def _read_pictures(predictor: Predictor, labelled: list[tuple[int, Path]], single: bool) -> Iterator[_Read]:
    digits: list[int] = []

    def sources() -> Iterator[Source]:
        for digit, path in labelled:
            for source in find_sources(path):
                digits.append(digit)
                yield source

    for number, (source, reading) in enumerate(predictor.read(sources(), single=single)):
        if isinstance(reading, PictureError):
            yield _Read(source=source, digit=digits[number], error=reading.message)
            continue
        made = summarise_reading(source.name, reading, Options(top_k=1, single=single))
        alone = made.digits[0] if len(made.digits) == 1 else None
        yield _Read(
            source=source,
            digit=digits[number],
            text=made.text,
            answer=made.digit,
            confidence=made.confidence,
            would_be=alone.top[0].digit if alone else None,
            doubted=any(digit.doubted for digit in made.digits),
        )


def _read_idx(folder: Path) -> list[tuple[str, NDArray[np.uint8], NDArray[Any]]]:
    """Return the name, images (n, 28, 28) uint8 and labels (n,) of each pair of IDX files in a folder."""
    pairs = []
    for path in sorted(folder.iterdir()):
        if "images" not in path.name or ("-idx3" not in path.name and ".idx3" not in path.name):
            continue
        named = path.name.replace("images", "labels")
        other = path.with_name(named.replace("idx3", "idx1"))
        qmnist = path.with_name(named.replace("idx3-ubyte", "idx2-int"))
        if not other.is_file() and not qmnist.is_file():
            raise DataError(f"The labels of {path} are missing.", f"Put them next to it as {other.name}.")
        images = _decode(path, decode_idx)
        labels: NDArray[Any] = _decode(other, decode_idx) if other.is_file() else _decode(qmnist, decode_qmnist_labels)
        if images.shape[1:] != (28, 28) or labels.shape != images.shape[:1]:
            raise DataError(f"{path} and {other.name} do not hold pictures of 28×28 pixels with one label each.")
        if labels.min(initial=0) < 0 or labels.max(initial=0) > 9:
            raise DataError(f"{other} has labels that are not digits 0 to 9.")
        if path.name.startswith("emnist"):  # EMNIST stores its images transposed
            images = images.transpose(0, 2, 1)
        pairs.append((str(path), images, labels))
    return pairs


def _decode(path: Path, decoder: Callable[[bytes], NDArray[Any]]) -> NDArray[Any]:
    try:
        with path.open("rb") as stream:
            content = stream.read(MOST_IDX_BYTES)
        return decoder(gunzip(content, path, MOST_IDX_BYTES) if path.suffix == ".gz" else content)
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror}.") from error
    except DamagedError as error:
        raise DataError(f"{error}.") from error
    except ValueError as error:
        raise DataError(f"{path}: {error}.") from error


def _score_idx(predictor: Predictor, pairs: list[tuple[str, NDArray[np.uint8], NDArray[Any]]]) -> Iterator[_Read]:
    """Read images that are framed as MNIST's are; the network gets them unchanged."""
    for name, images, labels in pairs:
        for start in range(0, len(images), _IDX_BATCH):
            frames = images[start : start + _IDX_BATCH]
            scores = predictor.scorer.score_as_is(list(frames))
            for i, frame in enumerate(frames):
                best = int(scores.probabilities[i].argmax())
                doubted = bool(scores.doubted[i])
                yield _Read(
                    source=Source(f"{name}[{start + i}]", Image.fromarray(255 - frame)),
                    digit=int(labels[start + i]),
                    text=None if doubted else str(best),
                    answer=None if doubted else best,
                    confidence=float(scores.probabilities[i, best]),
                    would_be=best,
                    doubted=doubted,
                )


def _draw(read: _Read) -> MistakePicture:
    image = read.source.decode().colours(_THUMBNAIL_PIXELS)
    if read.text is None or read.doubted:
        caption = f"{read.digit} not read" + (f"\nwould be {read.would_be}" if read.would_be is not None else "")
    else:
        shown = read.text.replace("\n", " ")
        caption = f"{read.digit} read as {shown[:9]}\n{100 * (read.confidence or 0):.1f} % sure"
    return MistakePicture(image, caption)

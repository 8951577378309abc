"""Reads images for `predict`: finds them, reads them one by one, and applies the options to their readings."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from mnistcnn.checkpoints.checkpoint import Checkpoint, find_checkpoint, load_checkpoint
from mnistcnn.errors import PictureError
from mnistcnn.ink.framing import SIDE
from mnistcnn.reading.annotate import annotated
from mnistcnn.reading.reader import Predictor
from mnistcnn.reading.results import (
    DOUBTED,
    PARTLY_DOUBTED,
    TOO_MANY,
    PredictedDigit,
    Prediction,
    Reading,
    UnreadMark,
)
from mnistcnn.reading.sources import ImageLike, find_sources
from mnistcnn.system.storage import write_atomically

TOP_K = 2
MISSING = "?"  # it stands in a text for a digit that is unsure or doubted


def predict(
    images: ImageLike | Iterable[ImageLike],
    checkpoint: Path | str | Checkpoint | None = None,
    *,
    device: str = "auto",
    top_k: int = TOP_K,
    invert: bool | None = None,
    min_confidence: float = 0.0,
    save_input: Path | None = None,
    single: bool = False,
    accept_doubted: bool = False,
    annotate: Path | None = None,
    recursive: bool = True,
) -> list[Prediction]:
    """Read the digits on one or several images; return a prediction for each image or page, in order.

    `images` is one of the following, or an iterable of them: the path of an image file, whose pages are all read; the
    path of a folder, for the images in it and, if `recursive`, in its subfolders; a PIL image; a NumPy array (H, W),
    (H, W, 3) or (H, W, 4), grey, RGB or RGBA, uint8 or float in 0 … 1; or an object that `numpy.asarray` converts to
    one, such as a tensor.

    If `checkpoint` is None, `checkpoints.checkpoint.find_checkpoint` chooses one. `top_k` (1 … 10) is the number of
    candidates for each digit. `invert` true means that digits are darker than the paper, false that they are lighter,
    None that this is detected. A digit whose confidence is below `min_confidence` (0 … 1) is unsure. A mark that is
    unlike any digit is doubted, unless `accept_doubted`. The `digit` of both is None. `single` means that each image
    has exactly one digit. `save_input` is a folder for the network's inputs, a PNG for each digit; `annotate` is a
    folder for the images with their digits marked.

    An image that can't be read gets an `error`, and the others are still read. Raises `UsageError` for an object that
    isn't an image, `PictureError` for a folder without images, `CheckpointError`, `DeviceError` and `OutputError`.
    """
    loaded = checkpoint if isinstance(checkpoint, Checkpoint) else load_checkpoint(find_checkpoint(checkpoint))
    options = Options(
        top_k=top_k,
        invert=invert,
        min_confidence=min_confidence,
        save_input=save_input,
        single=single,
        accept_doubted=accept_doubted,
        annotate=annotate,
    )
    made = predict_each(Predictor(loaded, device), images, options, recursive=recursive)
    return [prediction for prediction, _ in made]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of reading; `predict` explains them."""

    top_k: int = TOP_K
    invert: bool | None = None
    min_confidence: float = 0.0
    save_input: Path | None = None
    single: bool = False
    accept_doubted: bool = False
    annotate: Path | None = None


def predict_each(
    predictor: Predictor, images: ImageLike | Iterable[ImageLike], options: Options, *, recursive: bool = True
) -> Iterator[tuple[Prediction, Reading | None]]:
    """Yield each prediction of `predict` as soon as it is made, with its reading (None if it can't be read)."""
    sources = find_sources(images, recursive=recursive)
    readings = predictor.read(sources, invert=options.invert, single=options.single)
    for number, (source, reading) in enumerate(readings, start=1):
        if isinstance(reading, PictureError):
            yield Prediction(path=source.name, error=reading.message, hint=reading.hint), None
            continue
        prediction = summarise_reading(source.name, reading, options)
        if options.save_input is not None:
            _save_frames(options.save_input, number, source.name, reading)
        if options.annotate is not None:
            try:
                image = annotated(source.decode(), prediction)
            except PictureError as error:  # the file has been removed since it was read
                yield Prediction(path=source.name, error=error.message), None
                continue
            _save_png(options.annotate, number, source.name, "_marked", image)
        yield prediction, reading


def summarise_reading(name: str, reading: Reading, options: Options) -> Prediction:
    """Make the prediction of an image called `name` from its reading."""
    digits = [_digit(digit, options) for digit in reading.digits]
    if not digits:
        return Prediction(path=name, warning=reading.warning)
    text = _write_text(digits, reading.marks)
    doubted = [digit.doubted for digit in digits]
    unnamed = any(mark.text is None and _is_between(mark, digits) for mark in reading.marks)
    warning = reading.warning
    if (any(doubted) or unnamed) and warning != TOO_MANY:
        warning = DOUBTED if all(doubted) else PARTLY_DOUBTED
    one = digits[0] if len(digits) == 1 else None
    return Prediction(
        path=name,
        digit=one.digit if one else None,
        confidence=reading.confidence,
        top=one.top if one else [],
        warning=warning,
        unsure=any(digit.digit is None and not digit.doubted for digit in digits),
        text=None if all(doubted) else text,
        digits=digits,
        marks=reading.marks,
    )


def _write_text(digits: list[PredictedDigit], marks: list[UnreadMark]) -> str:
    """The whole text: rows joined by newlines, with the signs between digits and the spaces between words.

    A mark without a name is a `?` between digits, and only listed elsewhere.
    """
    signs = [mark.text or (MISSING if _is_between(mark, digits) else "") for mark in marks]
    text = ""
    for i, digit in enumerate(digits):
        before = [(mark.row, sign) for mark, sign in zip(marks, signs, strict=True) if mark.digits_before == i]
        text += "".join(sign for row, sign in before if row < digit.row)
        if i and digit.row > digits[i - 1].row:
            text += "\n"
        text += "".join(sign for row, sign in before if row == digit.row) or (" " if digit.space else "")
        text += MISSING if digit.digit is None else str(digit.digit)
    return text + "".join(sign for mark, sign in zip(marks, signs, strict=True) if mark.digits_before == len(digits))


def _is_between(mark: UnreadMark, digits: list[PredictedDigit]) -> bool:
    """Whether a mark stands between two digits of its row."""
    at = mark.digits_before
    return 0 < at < len(digits) and digits[at - 1].row == mark.row == digits[at].row


def _digit(read: PredictedDigit, options: Options) -> PredictedDigit:
    """A digit as it was read, with the options applied."""
    doubted = read.doubted and not options.accept_doubted
    sure = not doubted and read.confidence >= options.min_confidence
    digit = read.top[0].digit if sure else None
    return replace(read, digit=digit, top=read.top[: options.top_k], doubted=doubted)


def _save_frames(folder: Path, number: int, name: str, reading: Reading) -> None:
    frames = reading.frames or [np.zeros((SIDE, SIDE), dtype=np.uint8)]  # an empty one where there is nothing
    for i, frame in enumerate(frames, start=1):
        suffix = f"_{i:02d}" if len(frames) > 1 else ""
        _save_png(folder, number, name, suffix, Image.fromarray(frame))


def _save_png(folder: Path, number: int, name: str, suffix: str, image: Image.Image) -> None:
    """Write an image to `folder`; its name is numbered because images from several folders may share theirs."""
    stem = "".join(c if c.isalnum() or c in "-_." else "_" for c in Path(name).stem)[:80] or "stdin"
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    write_atomically(folder / f"{number:05d}_{stem}{suffix}.png", buffer.getvalue())

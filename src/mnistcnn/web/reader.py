"""A network kept ready to read one drawing after another, and to show what it sees of each."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnistcnn.checkpoints.checkpoint import find_checkpoint, load_checkpoint
from mnistcnn.errors import PictureError
from mnistcnn.events import Observer, ignore
from mnistcnn.ink.decoding import has_more_pages
from mnistcnn.ink.framing import SIDE, Frame
from mnistcnn.reading.prediction import Options, summarise_reading
from mnistcnn.reading.reader import Predictor
from mnistcnn.reading.results import Prediction
from mnistcnn.reading.sources import Source
from mnistcnn.results import Result

FIRST_PAGE = "only the first page of the file was read"
# A file as MNIST frames a 1, which takes the shortest way through all that has to be loaded for the first picture.
_FRAMED_ONE = b"P5 28 28 255\n" + bytes(4 * 28) + 20 * (bytes(13) + b"\xff\xff" + bytes(13)) + bytes(4 * 28)


@dataclass(frozen=True, slots=True)
class DrawnDigit(Result):
    """One digit of a drawing, and what the network saw of it on the way."""

    digit: int | None  # None where it is doubted
    confidence: float
    probabilities: list[float]  # of the ten digits
    box: tuple[int, int, int, int]  # left, top, right and bottom edge in pixels of the drawing
    doubted: bool  # it may be no digit at all
    frame: list[list[int]]  # 28 rows of 28, 0 paper … 255 ink
    responses: list[list[list[int]]]  # of the 25 filters of the first layer, 9 rows of 9, 0 … 255 the strongest


@dataclass(frozen=True, slots=True)
class Drawing(Result):
    """What a drawing was read as: one digit, or a number; `digits` is empty where there is nothing to read."""

    text: str | None  # rows joined by newlines, a ? for each doubted digit; None where there is nothing else
    confidence: float | None  # that all of it is right
    digits: list[DrawnDigit]
    warning: str | None
    note: str | None  # what of the file was not read
    seconds: float


class Reader:
    """A trained network that reads the content of image files; use it from one thread at a time."""

    def __init__(
        self, checkpoint: Path | str | None = None, *, device: str = "auto", observer: Observer = ignore
    ) -> None:
        """Load a network and warm it up; without a `checkpoint`, see `checkpoint.find_checkpoint`."""
        self._predictor = Predictor(load_checkpoint(find_checkpoint(checkpoint, observer)), device)
        self.read(_FRAMED_ONE)

    def read(self, content: bytes) -> Drawing:
        """Read an image file's content exactly as `predict` reads the file. Raises `PictureError`."""
        started = time.perf_counter()
        ((source, reading),) = self._predictor.read([Source("The file", content)])
        if isinstance(reading, PictureError):
            raise reading
        prediction = summarise_reading(source.name, reading, Options(top_k=10))
        return Drawing(
            text=prediction.text,
            confidence=prediction.confidence,
            digits=self._digits(prediction, [digit.frame for digit in reading.digits]),
            warning=prediction.warning,
            note=FIRST_PAGE if has_more_pages(content) else None,
            seconds=time.perf_counter() - started,
        )

    def _digits(self, prediction: Prediction, frames: list[Frame]) -> list[DrawnDigit]:
        responses = self._responses(np.stack(frames) if frames else np.zeros((0, SIDE, SIDE), np.uint8))
        return [
            DrawnDigit(
                digit=digit.digit,
                confidence=digit.confidence,
                probabilities=[c.confidence for c in sorted(digit.top, key=lambda candidate: candidate.digit)],
                box=digit.box,
                doubted=digit.doubted,
                frame=frame.tolist(),
                responses=response,
            )
            for digit, frame, response in zip(prediction.digits, frames, responses, strict=True)
        ]

    def _responses(self, frames: NDArray[np.uint8]) -> list[list[list[list[int]]]]:
        """The first layer's responses to frames (N, 28, 28): of each 25 filters, 9 rows of 9, 0 … 255 the strongest."""
        first = self._predictor.scorer.network.first_layer(frames)
        strongest = np.maximum(first.max(axis=(1, 2, 3), keepdims=True), 1e-6)
        shown = np.rint(first * (255 / strongest)).astype(np.uint8)
        responses: list[list[list[list[int]]]] = shown.transpose(0, 3, 1, 2).tolist()
        return responses

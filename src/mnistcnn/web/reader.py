"""Reads one drawing after another with a loaded network, and returns the network's inputs and activations, too."""

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
# A PGM file of a 1, framed as MNIST's: reading it loads everything that the first drawing needs, in the least time.
_FRAMED_ONE = b"P5 28 28 255\n" + bytes(4 * 28) + 20 * (bytes(13) + b"\xff\xff" + bytes(13)) + bytes(4 * 28)


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnDigit(Result):
    """One digit of a drawing, with the network's input and first activations."""

    digit: int | None  # None where it is doubted
    confidence: float
    probabilities: list[float]  # of the ten digits
    box: tuple[int, int, int, int]  # left, top, right and bottom edge in pixels of the drawing
    doubted: bool  # it may not be a digit at all
    frame: list[list[int]]  # 28 rows of 28, 0 paper … 255 ink
    responses: list[list[list[int]]]  # of each of the first layer's 25 filters: 9 rows of 9, 0 … 255 (the strongest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing(Result):
    """The reading of a drawing: one digit or a number; `digits` is empty if there is nothing to read."""

    text: str | None  # rows joined by newlines, a ? for each doubted digit; None if all digits are doubted
    confidence: float | None  # the probability that all of `text` is right
    digits: list[DrawnDigit]
    warning: str | None
    note: str | None  # the part of the file that was not read
    seconds: float


class Reader:
    """Reads the content of image files with a trained network; use it from one thread at a time."""

    def __init__(
        self, checkpoint: Path | str | None = None, *, device: str = "auto", observer: Observer = ignore
    ) -> None:
        """Load a network and warm it up; `find_checkpoint` chooses one if `checkpoint` is None.

        Raises `CheckpointError` and `DeviceError`.
        """
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
        """Scale the first layer's activations for frames (N, 28, 28) uint8 to 0 … 255, each frame's strongest.

        The result has 25 filters of 9 rows of 9 for each frame.
        """
        first = self._predictor.scorer.network.first_layer(frames)
        strongest = np.maximum(first.max(axis=(1, 2, 3), keepdims=True), 1e-6)
        shown = np.rint(first * (255 / strongest)).astype(np.uint8)
        responses: list[list[list[list[int]]]] = shown.transpose(0, 3, 1, 2).tolist()
        return responses

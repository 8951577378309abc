"""Reads one drawing after another with a loaded network, and returns the network's inputs and activations, too."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mnistcnn.checkpoints.checkpoint import find_checkpoint, load_checkpoint
from mnistcnn.errors import PictureError
from mnistcnn.events import Observer, ignore
from mnistcnn.ink.decoding import has_more_pages
from mnistcnn.ink.framing import Frame
from mnistcnn.reading.prediction import Options, summarise_reading
from mnistcnn.reading.reader import Predictor
from mnistcnn.reading.results import PredictedDigit
from mnistcnn.reading.sources import Source
from mnistcnn.results import Result

FIRST_PAGE = "only the first page of the file was read"
# A PGM file of a 1, framed as MNIST's: reading it loads everything that the first drawing needs, in the least time.
_FRAMED_ONE = b"P5 28 28 255\n" + bytes(4 * 28) + 20 * (bytes(13) + b"\xff\xff" + bytes(13)) + bytes(4 * 28)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing(Result):
    """The digits of a drawing, and what the network saw of each; all empty where there is nothing to read."""

    text: str | None  # rows joined by newlines, a ? for each doubted digit; None where there is nothing else
    confidence: float | None  # the probability that all of it is right
    digits: list[PredictedDigit]  # `top` has all ten; boxes are in pixels of the drawing
    frames: list[list[list[int]]]  # of each digit 28 rows of 28, 0 paper … 255 ink
    responses: list[list[list[list[int]]]]  # of each digit and 25 filters of the first layer 9 rows of 9, 0 … 255
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
            digits=prediction.digits,
            frames=[frame.tolist() for frame in reading.frames],
            responses=self._responses(reading.frames),
            warning=prediction.warning,
            note=FIRST_PAGE if has_more_pages(content) else None,
            seconds=time.perf_counter() - started,
        )

    def _responses(self, frames: list[Frame]) -> list[list[list[list[int]]]]:
        """The first layer's responses to each frame: of each of 25 filters 9 rows of 9, 0 … 255 the strongest."""
        if not frames:
            return []
        first = self._predictor.scorer.network.first_layer(np.stack(frames))
        strongest = np.maximum(first.max(axis=(1, 2, 3), keepdims=True), 1e-6)
        shown = np.rint(first * (255 / strongest)).astype(np.uint8)
        responses: list[list[list[list[int]]]] = shown.transpose(0, 3, 1, 2).tolist()
        return responses

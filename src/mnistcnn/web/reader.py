"""A network kept ready to read one drawing after another, and to show what it sees of each."""

import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn import functional as F

from mnistcnn.checkpoint import find_checkpoint, load_checkpoint
from mnistcnn.device import strict_float32
from mnistcnn.events import Observer, ignore
from mnistcnn.model import normalise
from mnistcnn.prediction import Predictor
from mnistcnn.preprocessing import NOTHING, preprocess_bytes
from mnistcnn.preprocessing.centering import Frame
from mnistcnn.results import Result


@dataclass(frozen=True, slots=True)
class Drawing(Result):
    """What a drawing was read as, and what the network saw of it on the way."""

    digit: int | None  # None, like `confidence`, where there is nothing to read
    confidence: float | None
    probabilities: list[float]  # of the ten digits; empty where there is nothing to read
    warning: str | None  # nothing on it, or no single digit
    frame: list[list[int]]  # 28 rows of 28, 0 paper … 255 ink
    responses: list[list[list[int]]]  # of the 25 filters of the first layer, 9 rows of 9, 0 … 255 the strongest
    seconds: float


class Reader:
    """A trained network that reads the content of image files; use it from one thread at a time."""

    def __init__(
        self, checkpoint: Path | str | None = None, *, device: str = "auto", observer: Observer = ignore
    ) -> None:
        """Load a network and warm it up; without a `checkpoint`, see `checkpoint.find_checkpoint`."""
        self._predictor = Predictor(load_checkpoint(find_checkpoint(checkpoint, observer)), device)
        self._predictor.probabilities([preprocess_bytes(b"P5 1 1 255\n\0")])

    def read(self, content: bytes) -> Drawing:
        """Read an image file's content exactly as `predict` reads the file; where there is `NOTHING`, no digit.

        Raises `PictureError`.
        """
        started = time.perf_counter()
        image = preprocess_bytes(content)
        shares = [] if image.warning == NOTHING else self._predictor.probabilities([image])[0]
        confidence = max(shares, default=None)
        return Drawing(
            digit=None if confidence is None else shares.index(confidence),
            confidence=confidence,
            probabilities=shares,
            warning=image.warning,
            frame=image.frame.tolist(),
            responses=self._responses(image.frame).tolist(),
            seconds=time.perf_counter() - started,
        )

    def _responses(self, frame: Frame) -> torch.Tensor:
        """The first layer's responses (25, 9, 9) uint8 to a frame."""
        with torch.inference_mode(), strict_float32():
            inputs = normalise(torch.from_numpy(frame)[None, None].to(self._predictor.compute.device))
            first = F.relu(self._predictor.model.conv1(inputs))[0].cpu()
        return (first * (255 / first.max().clamp(min=1e-6))).round().to(torch.uint8)

"""A network kept ready to read one image after another: what the drawing page asks for."""

from __future__ import annotations

import time
from pathlib import Path

import torch
from torch.nn import functional as F

from mnistcnn.checkpoint import find_checkpoint, load_checkpoint
from mnistcnn.device import resolve_device
from mnistcnn.inference import probabilities
from mnistcnn.model import normalise
from mnistcnn.picture import NOTHING, read_content
from mnistcnn.results import Drawing, Observer, ignore


class Reader:
    """A trained network that reads the content of image files; use it from one thread at a time."""

    def __init__(
        self, checkpoint: Path | str | None = None, *, device: str = "auto", observer: Observer = ignore
    ) -> None:
        """Load a network and warm it up; without a `checkpoint`, see `checkpoint.find_checkpoint`."""
        loaded = load_checkpoint(find_checkpoint(checkpoint, observer))
        self._compute = resolve_device(device)
        self._model, self._temperature = loaded.build_model(self._compute), loaded.temperature
        self._see(torch.zeros(1, 1, 28, 28))

    def read(self, content: bytes) -> Drawing:
        """Read an image file's content exactly as `predict` reads the file; where there is `NOTHING`, no digit.

        Raises `PictureError`.
        """
        started = time.perf_counter()
        reading = read_content(content)
        logits, responses = self._see(torch.from_numpy(reading.frame)[None, None])
        shares: list[float] = [] if reading.warning == NOTHING else probabilities(logits, self._temperature)[0].tolist()
        confidence = max(shares, default=None)
        return Drawing(
            digit=None if confidence is None else shares.index(confidence),
            confidence=confidence,
            probabilities=shares,
            warning=reading.warning,
            frame=reading.frame.tolist(),
            responses=responses.tolist(),
            seconds=time.perf_counter() - started,
        )

    def _see(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits (1, 10) float32 and the first layer's responses (25, 9, 9) uint8 to an image (1, 1, 28, 28) uint8."""
        with torch.inference_mode():
            inputs = normalise(image.to(self._compute.device))
            logits = self._model(inputs).cpu()
            first = F.relu(self._model.conv1(inputs))[0].cpu()
        return logits, (first * (255 / first.max().clamp(min=1e-6))).round().to(torch.uint8)

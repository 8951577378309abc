"""One picture after another, read at once by a network kept ready: what the drawing page asks for."""

from __future__ import annotations

import time
from pathlib import Path

import torch
from torch.nn import functional as F

from mnistcnn.checkpoint import find_checkpoint, load_checkpoint
from mnistcnn.config import TrainConfig
from mnistcnn.device import resolve_device
from mnistcnn.inference import probabilities
from mnistcnn.model import normalise
from mnistcnn.picture import read_content
from mnistcnn.results import Drawing, Observer, ignore


class Reader:
    """A trained network that reads the content of picture files; use it from one thread at a time."""

    def __init__(
        self, checkpoint: Path | str | None = None, *, device: str = "auto", observer: Observer = ignore
    ) -> None:
        """Load a network and warm it up; without a `checkpoint`, see `checkpoint.find_checkpoint`."""
        loaded = load_checkpoint(find_checkpoint(checkpoint, observer))
        self._compute = resolve_device(device, (loaded.config or TrainConfig()).precision)
        self._model, self._temperature = loaded.build_model(self._compute), loaded.temperature
        self._see(torch.zeros(1, 1, 28, 28))

    def read(self, content: bytes) -> Drawing:
        """Read a picture file's content, exactly as `predict` reads the file. Raises `PictureError`."""
        started = time.perf_counter()
        reading = read_content(content)
        logits, responses = self._see(torch.from_numpy(reading.frame)[None, None])
        shares: list[float] = probabilities(logits, self._temperature)[0].tolist()
        digit = max(range(len(shares)), key=shares.__getitem__)
        return Drawing(
            digit=digit,
            confidence=shares[digit],
            probabilities=shares,
            warning=reading.warning,
            frame=reading.frame.tolist(),
            responses=responses.tolist(),
            seconds=time.perf_counter() - started,
        )

    def _see(self, picture: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits (1, 10) and the first layer's responses (25, 9, 9) uint8 of a picture (1, 1, 28, 28)."""
        with torch.inference_mode(), self._compute.autocast():
            inputs = normalise(picture.to(self._compute.device))
            logits = self._model(inputs).float().cpu()
            first = F.relu(self._model.conv1(inputs))[0].float().cpu()
        strongest = first.max().clamp(min=1e-6)
        return logits, (first * (255 / strongest)).round().to(torch.uint8)

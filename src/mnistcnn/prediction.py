"""Images → digits: preprocessed, read in batches; memory stays flat however many there are."""

import io
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from mnistcnn.calibration import probabilities
from mnistcnn.checkpoint import Checkpoint, find_checkpoint, load_checkpoint
from mnistcnn.device import resolve_device
from mnistcnn.errors import PictureError
from mnistcnn.metrics import predict_logits
from mnistcnn.preprocessing import NOTHING, PreprocessedImage, preprocess_file
from mnistcnn.preprocessing.decoding import SUFFIXES
from mnistcnn.results import Result
from mnistcnn.storage import write_atomically

TOP_K = 2
_BATCH = 256  # images preprocessed before they are read


@dataclass(frozen=True, slots=True)
class Candidate(Result):
    """A digit and its probability."""

    digit: int
    confidence: float


@dataclass(frozen=True, slots=True)
class Prediction(Result):
    """What one image was read as. `digit` is None where there was an error, nothing to read, or it is unsure."""

    path: str
    digit: int | None = None
    confidence: float | None = None
    top: list[Candidate] = field(default_factory=list)
    warning: str | None = None  # nothing on it, or no single digit
    error: str | None = None
    unsure: bool = False


class Predictor:
    """A trained network kept ready to read images; use it from one thread at a time."""

    def __init__(self, checkpoint: Checkpoint, device: str = "auto") -> None:
        """Raises `DeviceError`."""
        self.checkpoint = checkpoint
        self.compute = resolve_device(device)
        self.model = checkpoint.build_model(self.compute)

    def probabilities(self, images: Sequence[PreprocessedImage]) -> list[list[float]]:
        """The calibrated probabilities of the ten digits for each image."""
        if not images:
            return []
        frames = torch.from_numpy(np.stack([image.frame for image in images])[:, None])
        logits = predict_logits(self.model, frames, self.compute)
        rows: list[list[float]] = probabilities(logits, self.checkpoint.temperature).tolist()
        return rows

    def predict(
        self,
        paths: Iterable[Path],
        *,
        top_k: int = TOP_K,
        invert: bool | None = None,
        min_confidence: float = 0.0,
        save_input: Path | None = None,
    ) -> Iterator[tuple[Prediction, PreprocessedImage | None]]:
        """One prediction an image, in order, with what was seen of it (None where it can't be read).

        An image that can't be read gets its `error`, and the others are still done. Less than `min_confidence`
        sure (0 … 1) is `unsure`, without a digit. `save_input` is a folder that gets what the network saw, one
        PNG an image.
        """
        number = 0
        rest = iter(paths)
        while batch := list(islice(rest, _BATCH)):
            images = _preprocess_all(batch, invert)
            rows = iter(self.probabilities([image for image in images if isinstance(image, PreprocessedImage)]))
            for path, image in zip(batch, images, strict=True):
                number += 1
                if isinstance(image, PictureError):
                    yield Prediction(str(path), error=image.message), None
                    continue
                if save_input is not None:
                    _save_frame(save_input, number, path, image)
                yield _prediction(path, next(rows), top_k, min_confidence, image.warning), image


def predict(
    paths: Iterable[Path | str],
    checkpoint: Path | str | Checkpoint | None = None,
    *,
    device: str = "auto",
    top_k: int = TOP_K,
    invert: bool | None = None,
    min_confidence: float = 0.0,
    save_input: Path | None = None,
) -> list[Prediction]:
    """Read the digits on images; see `Predictor.predict`. A folder stands for the images in it.

    Without a `checkpoint`, see `checkpoint.find_checkpoint`.
    """
    loaded = checkpoint if isinstance(checkpoint, Checkpoint) else load_checkpoint(find_checkpoint(checkpoint))
    predicted = Predictor(loaded, device).predict(
        find_images(paths),
        top_k=top_k,
        invert=invert,
        min_confidence=min_confidence,
        save_input=save_input,
    )
    return [prediction for prediction, _ in predicted]


def find_images(paths: Iterable[Path | str]) -> list[Path]:
    """The files among `paths` and, sorted by name, the images (by suffix) in the folders among them.

    Raises `PictureError` for a folder without any, and for an address.
    """
    found: list[Path] = []
    for given in paths:
        if "://" in str(given):
            raise PictureError(f"{given} is an address.", "Pictures are read from files: save it as one first.")
        path = Path(given)
        if not path.is_dir():
            found.append(path)
            continue
        try:
            inside = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file())
        except OSError as error:
            raise PictureError(f"{path} can't be read: {error.strerror}.") from error
        if not inside:
            raise PictureError(f"{path} is a folder without pictures.")
        found += inside
    return found


def _preprocess_all(paths: Sequence[Path], invert: bool | None) -> list[PreprocessedImage | PictureError]:
    def preprocess(path: Path) -> PreprocessedImage | PictureError:
        try:
            return preprocess_file(path, invert)
        except PictureError as error:
            return error

    if len(paths) == 1:
        return [preprocess(paths[0])]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(preprocess, paths))


def _prediction(path: Path, row: list[float], top_k: int, min_confidence: float, warning: str | None) -> Prediction:
    if warning == NOTHING:
        return Prediction(str(path), warning=warning)
    ranked = sorted(range(len(row)), key=row.__getitem__, reverse=True)
    top = [Candidate(digit, row[digit]) for digit in ranked[:top_k]]
    unsure = top[0].confidence < min_confidence
    digit = None if unsure else top[0].digit
    return Prediction(str(path), digit, top[0].confidence, top, warning, unsure=unsure)


def _save_frame(folder: Path, number: int, path: Path, image: PreprocessedImage) -> None:
    """Numbered, because images from several folders may share their names."""
    stem = "".join(c if c.isalnum() or c in "-_." else "_" for c in path.stem)[:80] or "stdin"
    buffer = io.BytesIO()
    Image.fromarray(image.frame).save(buffer, format="PNG")
    write_atomically(folder / f"{number:05d}_{stem}.png", buffer.getvalue())

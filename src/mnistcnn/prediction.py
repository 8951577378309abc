"""Images → digits: preprocessed, read in batches; memory stays flat however many there are."""

import io
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from mnistcnn.calibration import probabilities
from mnistcnn.checkpoint import Checkpoint, find_checkpoint, load_checkpoint
from mnistcnn.device import resolve_device
from mnistcnn.errors import PictureError, UsageError
from mnistcnn.metrics import predict_logits
from mnistcnn.preprocessing import NOTHING, PreprocessedImage, preprocess_file, preprocess_image
from mnistcnn.preprocessing.decoding import SUFFIXES, image_from_array
from mnistcnn.results import Result
from mnistcnn.storage import write_atomically

TOP_K = 2
_BATCH = 256  # images preprocessed before they are read

ImageLike = str | os.PathLike[str] | Image.Image | NDArray[Any] | torch.Tensor


@dataclass(frozen=True, slots=True)
class Candidate(Result):
    """A digit and its probability."""

    digit: int
    confidence: float


@dataclass(frozen=True, slots=True)
class Prediction(Result):
    """What one image was read as. `digit` is None where there was an error, nothing to read, or it is unsure."""

    path: str  # `image 1` for the first of the images given, if it has none
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
        images: ImageLike | Iterable[ImageLike],
        *,
        top_k: int = TOP_K,
        invert: bool | None = None,
        min_confidence: float = 0.0,
        save_input: Path | None = None,
    ) -> Iterator[tuple[Prediction, PreprocessedImage | None]]:
        """`mnistcnn.predict`, one after the other, each with what was seen of the image (None if it can't be read)."""
        number = 0
        rest = _each(images)
        while batch := list(islice(rest, _BATCH)):
            seen = _preprocess_all(batch, invert)
            rows = iter(self.probabilities([image for image in seen if isinstance(image, PreprocessedImage)]))
            for (name, _), image in zip(batch, seen, strict=True):
                number += 1
                if isinstance(image, PictureError):
                    yield Prediction(name, error=image.message), None
                    continue
                if save_input is not None:
                    _save_frame(save_input, number, name, image)
                yield _prediction(name, next(rows), top_k, min_confidence, image.warning), image


def predict(
    images: ImageLike | Iterable[ImageLike],
    checkpoint: Path | str | Checkpoint | None = None,
    *,
    device: str = "auto",
    top_k: int = TOP_K,
    invert: bool | None = None,
    min_confidence: float = 0.0,
    save_input: Path | None = None,
) -> list[Prediction]:
    """Read the digit on each of `images`; one prediction an image, in order.

    `images` is one of these, or an iterable of them: the path of an image file, or of a folder, which stands for
    the images in it; a PIL image; a numpy array (H, W), (H, W, 3) or (H, W, 4), grey, RGB or RGBA, uint8 or float
    in 0 … 1, or what `numpy.asarray` makes one, such as a tensor.

    Without a `checkpoint`, see `checkpoint.find_checkpoint`. `invert` true says that the digit is darker than its
    paper, false that it is lighter; None finds out. An image that can't be read gets its `error`, and the others
    are still done. Less than `min_confidence` sure (0 … 1) is `unsure`, without a digit. `save_input` is a folder
    that gets what the network saw, one PNG an image. Raises `UsageError` for what is no image, `PictureError` for
    a folder without images, `CheckpointError` and `DeviceError`.
    """
    loaded = checkpoint if isinstance(checkpoint, Checkpoint) else load_checkpoint(find_checkpoint(checkpoint))
    predicted = Predictor(loaded, device).predict(
        images, top_k=top_k, invert=invert, min_confidence=min_confidence, save_input=save_input
    )
    return [prediction for prediction, _ in predicted]


def find_images(paths: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """The files among `paths` and, sorted by name, the images (by suffix) in the folders among them.

    Raises `PictureError` for a folder without any, and for an address.
    """
    found: list[Path] = []
    for given in paths:
        if "://" in str(given):
            raise PictureError(f"{given} is a web address.", "Save the picture to a file first.")
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


def _each(images: ImageLike | Iterable[ImageLike]) -> Iterator[tuple[str, Path | Image.Image]]:
    """The single images, each with the name that its prediction gets."""
    alone = isinstance(images, str | os.PathLike | Image.Image) or hasattr(images, "__array__")
    for number, image in enumerate([images] if alone or not isinstance(images, Iterable) else images, start=1):
        name = f"image {number}"
        if isinstance(image, str | os.PathLike):
            yield from ((str(path), path) for path in find_images([image]))
        elif isinstance(image, Image.Image):
            yield name, image
        elif hasattr(image, "__array__"):
            try:
                array = np.asarray(image)
            except (TypeError, ValueError, RuntimeError) as error:  # a tensor on another device, say
                raise UsageError(f"{name} can't be made a numpy array: {error}") from error
            yield name, image_from_array(array, name)
        else:
            raise UsageError(f"{name} is of type {type(image).__name__}, not a path, a PIL image or an array.")


def _preprocess_all(
    images: Sequence[tuple[str, Path | Image.Image]], invert: bool | None
) -> list[PreprocessedImage | PictureError]:
    def preprocess(named: tuple[str, Path | Image.Image]) -> PreprocessedImage | PictureError:
        name, image = named
        try:
            return preprocess_file(image, invert) if isinstance(image, Path) else preprocess_image(image, invert, name)
        except PictureError as error:
            return error

    if len(images) == 1:  # here, so that Ctrl-C ends the wait for standard input
        return [preprocess(images[0])]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(preprocess, images))


def _prediction(name: str, row: list[float], top_k: int, min_confidence: float, warning: str | None) -> Prediction:
    if warning == NOTHING:
        return Prediction(name, warning=warning)
    ranked = sorted(range(len(row)), key=row.__getitem__, reverse=True)
    top = [Candidate(digit, row[digit]) for digit in ranked[:top_k]]
    unsure = top[0].confidence < min_confidence
    digit = None if unsure else top[0].digit
    return Prediction(name, digit, top[0].confidence, top, warning, unsure=unsure)


def _save_frame(folder: Path, number: int, name: str, image: PreprocessedImage) -> None:
    """Numbered, because images from several folders may share their names."""
    stem = "".join(c if c.isalnum() or c in "-_." else "_" for c in Path(name).stem)[:80] or "stdin"
    buffer = io.BytesIO()
    Image.fromarray(image.frame).save(buffer, format="PNG")
    write_atomically(folder / f"{number:05d}_{stem}.png", buffer.getvalue())

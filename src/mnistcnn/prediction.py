"""Pictures → digits: read, framed, inferred in batches; memory stays flat however many there are."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from mnistcnn.checkpoint import Checkpoint, find_checkpoint, load_checkpoint
from mnistcnn.config import TrainConfig
from mnistcnn.device import resolve_device
from mnistcnn.errors import PictureError
from mnistcnn.inference import infer, probabilities
from mnistcnn.preprocessing import PreprocessedImage, preprocess_file
from mnistcnn.preprocessing.decoding import SUFFIXES
from mnistcnn.results import Candidate, Prediction
from mnistcnn.storage import write_atomically

TOP_K = 2
_BATCH = 256  # pictures read before they are inferred


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
    """Read the digits on pictures; see `predict_each`. A folder stands for the pictures in it.

    Without a `checkpoint`, see `checkpoint.find_checkpoint`.
    """
    loaded = checkpoint if isinstance(checkpoint, Checkpoint) else load_checkpoint(find_checkpoint(checkpoint))
    found = find_pictures([Path(path) for path in paths])
    each = predict_each(
        found,
        loaded,
        device=device,
        top_k=top_k,
        invert=invert,
        min_confidence=min_confidence,
        save_input=save_input,
    )
    return [prediction for prediction, _ in each]


def predict_each(
    paths: Sequence[Path],
    checkpoint: Checkpoint,
    *,
    device: str = "auto",
    top_k: int = TOP_K,
    invert: bool | None = None,
    min_confidence: float = 0.0,
    save_input: Path | None = None,
) -> Iterator[tuple[Prediction, PreprocessedImage | None]]:
    """One prediction a picture, in order, with what was seen of it (None where it can't be read).

    A picture that can't be read gets its `error`, and the others are still done. Less than `min_confidence`
    sure (0 … 1) is `unsure`, without a digit. `save_input` is a folder that gets what the network saw, one
    PNG a picture.
    """
    config = checkpoint.config or TrainConfig()
    compute = resolve_device(device, config.precision)
    model = checkpoint.build_model(compute)
    for number, part in enumerate(_batches(paths)):
        readings = _read_all(part, invert)
        frames = [r.frame for r in readings if isinstance(r, PreprocessedImage)]
        tensor = torch.from_numpy(np.stack(frames)[:, None]) if frames else torch.empty(0, 1, 28, 28)
        rows = iter(probabilities(infer(model, tensor, compute), checkpoint.temperature))
        for i, (path, reading) in enumerate(zip(part, readings, strict=True)):
            if isinstance(reading, PictureError):
                yield Prediction(str(path), None, None, [], error=reading.message), None
                continue
            if save_input is not None:
                _save_frame(save_input, number * _BATCH + i, path, reading)
            yield _prediction(path, next(rows), top_k, min_confidence, reading.warning), reading


def find_pictures(paths: Sequence[Path]) -> list[Path]:
    """The files among `paths` and, sorted by name, the pictures (by suffix) in the folders among them.

    Raises `PictureError` for a folder without any.
    """
    found: list[Path] = []
    for path in paths:
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


def _batches(paths: Sequence[Path]) -> Iterator[list[Path]]:
    rest = iter(paths)
    while part := list(islice(rest, _BATCH)):
        yield part


def _read_all(paths: Sequence[Path], invert: bool | None) -> list[PreprocessedImage | PictureError]:
    def read(path: Path) -> PreprocessedImage | PictureError:
        try:
            return preprocess_file(path, invert)
        except PictureError as error:
            return error

    if len(paths) == 1:
        return [read(paths[0])]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(read, paths))


def _prediction(path: Path, row: torch.Tensor, top_k: int, min_confidence: float, warning: str | None) -> Prediction:
    confidence, digits = row.topk(top_k)
    top = [Candidate(int(d), float(c)) for d, c in zip(digits, confidence, strict=True)]
    unsure = top[0].confidence < min_confidence
    return Prediction(
        str(path), None if unsure else top[0].digit, top[0].confidence, top, warning=warning, unsure=unsure
    )


def _save_frame(folder: Path, number: int, path: Path, reading: PreprocessedImage) -> None:
    """Numbered, because pictures from several folders may share their names."""
    stem = "".join(c if c.isalnum() or c in "-_." else "_" for c in path.stem)[:80] or "stdin"
    buffer = io.BytesIO()
    Image.fromarray(reading.frame).save(buffer, format="PNG")
    write_atomically(folder / f"{number + 1:05d}_{stem}.png", buffer.getvalue())

"""The data sets: `load_dataset` gives train, validation and test pictures as tensors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mnistcnn.config import DatasetName, Split
from mnistcnn.data import files, idx
from mnistcnn.data.cache import read_files
from mnistcnn.errors import DataError, UsageError
from mnistcnn.events import Observer, ignore

__all__ = ["Dataset", "Pictures", "load_dataset"]


@dataclass(frozen=True, slots=True)
class Pictures:
    """Pictures with their digits: `images` (N, 1, 28, 28) uint8, 0 paper … 255 ink; `labels` (N,) int64."""

    images: torch.Tensor
    labels: torch.Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device) -> Pictures:
        """The same on `device`."""
        return Pictures(self.images.to(device), self.labels.to(device))


@dataclass(frozen=True, slots=True)
class Dataset:
    """The splits that were asked for; the others are empty."""

    name: DatasetName
    folder: Path
    train: Pictures
    validation: Pictures
    test: Pictures

    def split(self, split: Split) -> Pictures:
        """One of the three by its name."""
        return {Split.TRAIN: self.train, Split.VALIDATION: self.validation, Split.TEST: self.test}[split]

    def describe(self) -> dict[str, Any]:
        """What a report or checkpoint says about the data; plain types."""
        counts = {str(split): len(self.split(split)) for split in Split}
        return {"dataset": str(self.name), "folder": str(self.folder), **counts}


def load_dataset(
    name: DatasetName = DatasetName.MNIST,
    *,
    data_dir: Path | None = None,
    mirror: str | None = None,
    seed: int = 0,
    validation_size: int = 5_000,
    splits: tuple[Split, ...] = tuple(Split),
    observer: Observer = ignore,
) -> Dataset:
    """Load a data set, fetching it on the first use; see `data.cache` for where it comes from and goes.

    The training pictures are split by a permutation that follows from `seed` into train and
    `validation_size` validation pictures. Only the files that `splits` need are read. Raises `DataError`,
    and `UsageError` where `validation_size` leaves nothing to train on.
    """
    names: tuple[str, ...] = ()
    if Split.TRAIN in splits or Split.VALIDATION in splits:
        names += files.TRAIN_FILES
    if Split.TEST in splits:
        names += files.TEST_FILES
    contents, folder = read_files(name, names, data_dir, mirror, observer)
    train = validation = test = _empty()
    if files.TRAIN_FILES[0] in contents:
        together = _pictures(contents, files.TRAIN_FILES)
        if validation_size >= len(together):
            raise UsageError(
                f"--validation-size {validation_size} leaves nothing of {len(together):,} pictures to train on."
            )
        order = torch.randperm(len(together), generator=torch.Generator().manual_seed(seed))
        held_out, kept = order[:validation_size], order[validation_size:]
        if Split.TRAIN in splits:
            train = Pictures(together.images[kept], together.labels[kept])
        if Split.VALIDATION in splits:
            validation = Pictures(together.images[held_out], together.labels[held_out])
    if files.TEST_FILES[0] in contents:
        test = _pictures(contents, files.TEST_FILES)
    return Dataset(name, folder, train, validation, test)


def _pictures(contents: dict[str, bytes], names: tuple[str, str]) -> Pictures:
    try:
        images, labels = (idx.decode(bytearray(contents.pop(name))) for name in names)
    except ValueError as error:
        raise DataError(f"{names[0]} or {names[1]}: {error}.") from error
    if images.shape[1:] != (28, 28) or labels.shape != images.shape[:1] or labels.max(initial=0) > 9:
        raise DataError(f"{names[0]} and {names[1]} do not hold 28×28 pictures with a digit each.")
    return Pictures(torch.from_numpy(images)[:, None], torch.from_numpy(labels).long())


def _empty() -> Pictures:
    return Pictures(torch.empty(0, 1, 28, 28, dtype=torch.uint8), torch.empty(0, dtype=torch.int64))

"""Loads a data set as tensors, split into train, validation and test images."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import torch

from mnistcnn.config import DatasetName, Split, check_mirror
from mnistcnn.data import verified_files
from mnistcnn.data.cache import read_files
from mnistcnn.errors import UsageError
from mnistcnn.events import Observer, ignore


@dataclass(frozen=True, slots=True)
class ImageDataset:
    """Images with their digits: `images` (N, 1, 28, 28) uint8, 0 paper … 255 ink; `labels` (N,) int64."""

    images: torch.Tensor
    labels: torch.Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device) -> Self:
        """Copy the images and labels to `device`, unless they are there already."""
        return replace(self, images=self.images.to(device), labels=self.labels.to(device))


_EMPTY = ImageDataset(torch.empty(0, 1, 28, 28, dtype=torch.uint8), torch.empty(0, dtype=torch.int64))


@dataclass(frozen=True, slots=True)
class DataSplits:
    """The requested splits of a data set; the others are empty."""

    name: DatasetName
    folder: Path
    train: ImageDataset = _EMPTY
    validation: ImageDataset = _EMPTY
    test: ImageDataset = _EMPTY

    def split(self, split: Split) -> ImageDataset:
        """Return one of the three splits by its name."""
        return {Split.TRAIN: self.train, Split.VALIDATION: self.validation, Split.TEST: self.test}[split]

    def describe(self) -> dict[str, Any]:
        """Describe the data for a report or checkpoint: name, folder and counts, in plain types."""
        return {"dataset": str(self.name), "folder": str(self.folder), **{str(s): len(self.split(s)) for s in Split}}


def load_dataset(
    name: DatasetName | str = DatasetName.MNIST,
    *,
    data_dir: Path | str | None = None,
    mirror: str | None = None,
    seed: int = 0,
    validation_size: int = 5_000,
    splits: tuple[Split, ...] = tuple(Split),
    observer: Observer = ignore,
) -> DataSplits:
    """Load a data set; `data.cache` downloads it when it is first used.

    The training images are split into train and `validation_size` validation images by a permutation that `seed`
    determines. Only the files that `splits` need are read. Raises `DataError`, and `UsageError` if `mirror` isn't an
    http(s) address or `validation_size` leaves no images for training.
    """
    name = DatasetName(name)
    wants_train = Split.TRAIN in splits or Split.VALIDATION in splits
    wants_test = Split.TEST in splits
    names = (verified_files.TRAIN_FILES if wants_train else ()) + (verified_files.TEST_FILES if wants_test else ())
    folder = None if data_dir is None else Path(data_dir)
    contents, folder = read_files(name, names, folder, check_mirror(mirror), observer)
    found = {}
    if wants_train:
        both = _decode(contents, verified_files.TRAIN_FILES)
        count = len(both)
        if validation_size >= count:
            raise UsageError(f"--validation-size {validation_size} leaves none of the {count:,} pictures for training.")
        order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
        parts = {Split.TRAIN: order[validation_size:], Split.VALIDATION: order[:validation_size]}
        found = {s: ImageDataset(both.images[part], both.labels[part]) for s, part in parts.items() if s in splits}
    if wants_test:
        found[Split.TEST] = _decode(contents, verified_files.TEST_FILES)
    return DataSplits(name, folder, **found)


def _decode(contents: dict[str, bytes], names: tuple[str, str]) -> ImageDataset:
    images, labels = verified_files.decode_pair(contents, names)
    return ImageDataset(torch.from_numpy(images)[:, None], torch.from_numpy(labels).long())

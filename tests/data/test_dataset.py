import shutil
from pathlib import Path

import pytest

from mnistcnn.config import DatasetName, Split
from mnistcnn.data import verified_files
from mnistcnn.data.dataset import load_dataset
from mnistcnn.errors import UsageError


def test_the_split_follows_from_the_seed(tiny: Path) -> None:
    def split(seed: int, size: int = 100) -> tuple[bytes, bytes]:
        data = load_dataset(DatasetName.SYNTHETIC, data_dir=tiny, seed=seed, validation_size=size)
        assert (len(data.train), len(data.validation), len(data.test)) == (300 - size, size, 100)
        return data.train.images.numpy().tobytes(), data.validation.images.numpy().tobytes()

    assert split(0) == split(0)
    assert split(0) != split(1)
    train, validation = split(0)
    size = 28 * 28
    together = {part[i : i + size] for part in (train, validation) for i in range(0, len(part), size)}
    assert len(together) == 300  # no picture is in both


def test_only_what_is_asked_for_is_read(tiny: Path, tmp_path: Path) -> None:
    home = tmp_path / "given"
    home.mkdir()
    for name in (*verified_files.TEST_FILES, verified_files.SUMS):
        shutil.copy(tiny / name, home)
    data = load_dataset(DatasetName.SYNTHETIC, data_dir=home, splits=(Split.TEST,))
    assert len(data.split(Split.TEST)) == 100
    assert len(data.split(Split.TRAIN)) == 0
    assert data.describe()["test"] == 100


@pytest.mark.parametrize("name", DatasetName)
def test_what_is_no_mirror_is_refused_although_it_is_not_needed(name: DatasetName, tiny: Path) -> None:
    with pytest.raises(UsageError, match="--mirror 'ftp://x' is not an http"):
        load_dataset(name, data_dir=tiny, mirror="ftp://x")


def test_a_validation_set_that_leaves_nothing_is_refused(tiny: Path) -> None:
    with pytest.raises(UsageError, match="--validation-size 300 leaves none"):
        load_dataset(DatasetName.SYNTHETIC, data_dir=tiny, validation_size=300)

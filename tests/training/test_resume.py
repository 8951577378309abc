import os
from pathlib import Path
from typing import Any

import pytest
import torch

from mnistcnn.archive import load_archive, save_archive
from mnistcnn.data import load_dataset
from mnistcnn.device import Compute
from mnistcnn.errors import CheckpointError, OutputError
from mnistcnn.storage import Files
from mnistcnn.training.resume import UnfinishedRun, load_unfinished, save_unfinished
from mnistcnn.training.trainer import Trainer
from tests.conftest import TINY_CONFIG


@pytest.fixture(scope="module")
def path(tiny: Path, compute: Compute, tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = load_dataset(TINY_CONFIG.dataset, data_dir=tiny, validation_size=100)
    training = Trainer(TINY_CONFIG, compute, data.train, data.validation)
    for _ in zip(range(2), training.run(), strict=False):
        pass
    saved = tmp_path_factory.mktemp("unfinished") / "net.pth.unfinished"
    save_unfinished(saved, UnfinishedRun(TINY_CONFIG, data.describe(), 1.5, training.state_dict()))
    return saved


def test_it_lies_beside_the_checkpoint() -> None:
    assert Files(Path("models/net.pth")).unfinished == Path("models/net.pth.unfinished")


def test_all_comes_back(path: Path) -> None:
    run = load_unfinished(path)
    assert run.config == TINY_CONFIG
    assert run.seconds == 1.5
    assert run.data["train"] == 200
    assert len(run.state.history) == 1
    assert len(run.state.optimizer) == 8


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda c: c.update(format=1), "another format"),
        (lambda c: c.update(kind="mnistcnn checkpoint"), "another format"),
        (lambda c: c.update(config={}), "settings"),
        (lambda c: c.update(state=None), "no state"),
        (lambda c: c["state"].pop("history"), "history"),
        (lambda c: c["state"].update(epoch=1, step=-1), "add up"),
        (lambda c: c["state"].update(weights={}), "missing or unknown"),
        (lambda c: c["state"]["optimizer"].clear(), "exp_avg of conv1.weight"),
        (lambda c: c["state"]["optimizer"][0].update(exp_avg=torch.zeros(3)), "exp_avg of conv1.weight"),
    ],
)
def test_damage_is_refused_with_a_way_out(damage: Any, why: str, path: Path, tmp_path: Path) -> None:
    content = load_archive(path)
    damage(content)
    save_archive(tmp_path / "bad", content)
    with pytest.raises(CheckpointError, match=why) as caught:
        load_unfinished(tmp_path / "bad")
    assert caught.value.hint is not None
    assert "--restart" in caught.value.hint


def test_a_full_disk_is_told_with_what_is_there_to_continue(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, saved = load_unfinished(path), tmp_path / "net.pth.unfinished"

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=r"No space left on device\. Nothing was saved before\.$") as caught:
        save_unfinished(saved, run)
    assert caught.value.hint == "Free some space."
    saved.write_bytes(path.read_bytes())
    with pytest.raises(OutputError, match=r"What was saved before is in .*net\.pth\.unfinished\.$") as caught:
        save_unfinished(saved, run)
    assert caught.value.hint == "Free some space. `mnistcnn train --resume` continues."

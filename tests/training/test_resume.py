import os
from pathlib import Path
from typing import Any

import pytest
import torch

from mnistcnn.checkpoints.archive import load_archive
from mnistcnn.data.dataset import load_dataset
from mnistcnn.errors import CheckpointError, OutputError
from mnistcnn.network.device import Compute
from mnistcnn.network.tensors import save_archive
from mnistcnn.system.storage import Files
from mnistcnn.training.resume import UnfinishedRun, load_unfinished, save_unfinished
from mnistcnn.training.trainer import Trainer
from tests.conftest import TINY_CONFIG


@pytest.fixture(scope="module")
def path(tiny: Path, compute: Compute, tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = load_dataset(TINY_CONFIG.dataset, data_dir=tiny, validation_size=100)
    training = Trainer(TINY_CONFIG, compute, data.train, data.validation)
    for _ in zip(range(3), training.run(), strict=False):
        pass
    saved = tmp_path_factory.mktemp("unfinished") / "net.pth.unfinished"
    run = UnfinishedRun(config=TINY_CONFIG, data=data.describe(), seconds=1.5, state=training.state_dict())
    save_unfinished(saved, run)
    return saved


def test_it_lies_beside_the_checkpoint() -> None:
    assert Files(Path("models/net.pth")).unfinished == Path("models/net.pth.unfinished")


def test_all_comes_back(path: Path) -> None:
    run = load_unfinished(path)
    assert run.config == TINY_CONFIG
    assert run.seconds == 1.5
    assert run.data["train"] == 200
    assert len(run.state.history) == 1
    assert run.state.step > 0
    assert run.state.running.count == run.state.step * TINY_CONFIG.batch_size
    assert len(run.state.optimizer) == 8


def test_pytorch_reads_it_too(path: Path) -> None:
    content = torch.load(path, weights_only=True)
    assert set(content["state"]["weights"]) == set(load_unfinished(path).state.weights)


def test_the_state_may_be_changed_without_changing_the_file(path: Path) -> None:
    before = path.read_bytes()
    state = load_unfinished(path).state
    for tensor in (*state.weights.values(), *state.best_weights.values(), state.sampler["losses"]):
        tensor.add_(1)
    assert path.read_bytes() == before


def first_epoch(content: Any) -> Any:
    return content["state"]["history"][0]


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda c: c.update(format=1), "another format"),
        (lambda c: c.update(kind="mnistcnn checkpoint"), "another format"),
        (lambda c: c.update(config={}), "settings"),
        (lambda c: c.update(data={}), "count of train pictures"),
        (lambda c: c["data"].update(train=10**8), "add up"),
        (lambda c: c["data"].update(validation=7), "add up"),
        (lambda c: c.update(seconds=float("nan")), "its time"),
        (lambda c: c.update(seconds="1"), "its time"),
        (lambda c: c.update(seconds=-1.0), "its time"),
        (lambda c: c.update(seconds=1e300), "its time"),
        (lambda c: c.update(state=None), "no state"),
        (lambda c: c["state"].pop("history"), "history"),
        (lambda c: c["state"].update(history={}), "history"),
        (lambda c: c["state"].update(history=[1]), "no epoch"),
        (lambda c: c["state"]["history"].append(first_epoch(c)), "add up"),
        (lambda c: c["state"].update(history=[first_epoch(c)] * 3), "history"),
        (lambda c: c["state"].update(history=[]), "add up"),
        (lambda c: first_epoch(c).update(more=1), "epoch are invalid"),
        (lambda c: first_epoch(c).update(epoch=2), "add up"),
        (lambda c: first_epoch(c).update(learning_rate=None), "learning rate"),
        (lambda c: first_epoch(c).update(learning_rate=float("inf")), "learning rate"),
        (lambda c: first_epoch(c).update(train=None), "train metrics"),
        (lambda c: first_epoch(c)["train"].update(count=199), "add up"),
        (lambda c: first_epoch(c)["validation"].update(accuracy=2.0), "validation accuracy"),
        (lambda c: first_epoch(c)["validation"].update(loss=float("nan")), "validation loss"),
        (lambda c: first_epoch(c).update(seconds=None), "its time"),
        (lambda c: first_epoch(c).update(pictures_per_second=0.0), "its speed"),
        (lambda c: c["state"].update(epoch=1), "add up"),
        (lambda c: c["state"].update(best_epoch=2), "add up"),
        (lambda c: c["state"].update(step=-1), "its step"),
        (lambda c: c["state"].update(step=1.0), "its step"),
        (lambda c: c["state"].update(step=16), "its step"),
        (lambda c: c["state"].update(step=3), "its tally"),
        (lambda c: c["state"].update(tally=[1.0]), "its tally"),
        (lambda c: c["state"]["tally"].__setitem__(0, float("nan")), "its tally"),
        (lambda c: c["state"]["tally"].__setitem__(1, 10**6), "its tally"),
        (lambda c: c["state"]["tally"].__setitem__(2, 1), "its tally"),
        (lambda c: c["state"]["tally"].__setitem__(3, -1.0), "its tally"),
        (lambda c: c["state"].update(weights={}), "missing or unknown"),
        (lambda c: c["state"].update(best_weights={}), "missing or unknown"),
        (
            lambda c: c["state"].update(losses=torch.zeros(3, 199)),
            r"losses is float32 \(3, 199\), not",
        ),
        (lambda c: c["state"].update(losses=torch.full((3, 200), float("nan"))), "losses has values that are not"),
        (lambda c: c["state"].update(losses=torch.full((3, 200), -1.0)), "losses are invalid"),
        (lambda c: c["state"].update(optimizer=[]), "no optimizer"),
        (lambda c: c["state"]["optimizer"].clear(), "no optimizer's state of conv1.weight"),
        (lambda c: c["state"]["optimizer"].update({8: {}}), "optimizer are invalid"),
        (lambda c: c["state"]["optimizer"][0].update(exp_avg=torch.zeros(3)), "exp_avg of conv1.weight"),
        (lambda c: c["state"]["optimizer"][1].update(exp_avg_sq=torch.full((25,), -1.0)), "state of conv1.bias"),
        (lambda c: c["state"]["optimizer"][1].update(exp_avg=torch.full((25,), float("nan"))), "exp_avg of conv1.bias"),
        (lambda c: c["state"]["optimizer"][2].update(step=torch.tensor(-1.0)), "state of conv2.weight"),
        (lambda c: c["state"]["optimizer"][2].update(step=torch.zeros(2)), "step of conv2.weight"),
        (lambda c: c["state"]["optimizer"][2].pop("step"), "step of conv2.weight is not a tensor"),
    ],
)
def test_damage_is_refused_with_a_way_out(damage: Any, why: str, path: Path, tmp_path: Path) -> None:
    content = load_archive(path)
    damage(content)
    save_archive(tmp_path / "bad", content)
    with pytest.raises(CheckpointError, match=why) as caught:
        load_unfinished(tmp_path / "bad")
    assert len(caught.value.message) < 500
    assert caught.value.hint is not None
    assert "--restart" in caught.value.hint


def test_a_full_disk_is_told_with_what_is_there_to_continue(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, saved = load_unfinished(path), tmp_path / "net.pth.unfinished"

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=r"No space left on device\. No state was saved before\.$") as caught:
        save_unfinished(saved, run)
    assert caught.value.hint == "Free some space."
    saved.write_bytes(path.read_bytes())
    with pytest.raises(OutputError, match=r"The state saved before is in .*net\.pth\.unfinished\.$") as caught:
        save_unfinished(saved, run)
    assert caught.value.hint == "Free some space. `mnistcnn train --resume` continues."


@pytest.mark.parametrize("length", [0, 10, 1_000, -1])
def test_a_file_that_was_cut_off_is_refused_with_a_way_out(length: int, path: Path, tmp_path: Path) -> None:
    (tmp_path / "bad").write_bytes(path.read_bytes()[:length])
    with pytest.raises(CheckpointError, match=r"is empty|is not an unfinished run") as caught:
        load_unfinished(tmp_path / "bad")
    assert "--restart" in (caught.value.hint or "")

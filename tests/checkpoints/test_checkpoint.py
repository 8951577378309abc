import json
import re
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mnistcnn.checkpoints.archive import load_archive
from mnistcnn.checkpoints.checkpoint import PACKAGED, find_checkpoint, load_checkpoint
from mnistcnn.config import DEFAULT_CHECKPOINT, Precision, TrainConfig
from mnistcnn.errors import CheckpointError
from mnistcnn.events import Note
from mnistcnn.network.device import Compute
from mnistcnn.network.model import MnistCNN, build_model
from mnistcnn.network.tensors import save_archive, save_checkpoint
from tests.conftest import TINY_CONFIG


def test_a_checkpoint_says_all_about_itself(trained: Path) -> None:
    loaded = load_checkpoint(trained)
    assert loaded.config == replace(TINY_CONFIG, precision=Precision.FLOAT32, threads=torch.get_num_threads())
    assert loaded.trained_on == "synthetic"
    assert loaded.data["train"] == 200
    assert set(loaded.metrics) == {"train", "validation", "test", "best_epoch"}
    assert loaded.environment.torch == torch.__version__
    assert loaded.created.startswith("20")
    assert loaded.temperature > 0


def test_the_file_holds_only_tensors_and_plain_types(trained: Path) -> None:
    content = torch.load(trained, weights_only=True)
    tensors = content.pop("weights").values()
    assert all(type(tensor) is torch.Tensor and tensor.device.type == "cpu" for tensor in tensors)
    assert json.loads(json.dumps(content)) == content
    assert content["format"] == 1


def test_a_bare_state_dict_will_do(tmp_path: Path, compute: Compute) -> None:
    model = MnistCNN(torch.Generator().manual_seed(1)).eval()
    torch.save(model.state_dict(), tmp_path / "bare.pth")
    loaded = load_checkpoint(tmp_path / "bare.pth")
    assert loaded.config is None
    assert loaded.trained_on is None
    picture = torch.zeros(1, 1, 28, 28)
    torch.testing.assert_close(build_model(loaded.weights, compute)(picture), model(picture))


def test_building_a_model_leaves_the_weights_their_own(trained: Path, compute: Compute) -> None:
    loaded = load_checkpoint(trained)
    before = loaded.weights["fc2.bias"].copy()
    with torch.no_grad():
        build_model(loaded.weights, compute).fc2.bias.add_(1)
    np.testing.assert_array_equal(loaded.weights["fc2.bias"], before)


def damaged(content: dict[Any, Any], **changes: Any) -> dict[Any, Any]:
    return {**content, **changes}


def weights_with(content: dict[Any, Any], name: str, tensor: Any) -> dict[Any, Any]:
    return damaged(content, weights={**content["weights"], name: tensor})


def measured(content: dict[Any, Any], **changes: Any) -> dict[Any, Any]:
    return damaged(content, metrics={**content["metrics"], "test": {**content["metrics"]["test"], **changes}})


def nested() -> torch.Tensor:
    with warnings.catch_warnings(action="ignore"):  # they are a prototype
        return torch.nested.nested_tensor([torch.zeros(10)])


def doubled() -> list[Any]:
    """A list of two lists, each of which has two, and so on: 60 lists that have 2⁶⁰ leaves."""
    web: list[Any] = []
    for _ in range(60):
        web = [web, web]
    return web


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda c: damaged(c, format=2), "format 2, but this mnistcnn reads formats up to 1; upgrade"),
        (lambda c: damaged(c, format=True), "format number"),
        (lambda c: damaged(c, kind="another"), "not a mnistcnn checkpoint"),
        (lambda c: {"format": 1, "kind": c["kind"]}, "has no weights"),
        (lambda c: weights_with(c, "fc2.bias", torch.full((10,), float("nan"))), "fc2.bias has values"),
        (lambda c: weights_with(c, "fc2.bias", torch.zeros(11)), r"fc2.bias is float32 \(11,\), not float32 \(10,\)"),
        (lambda c: weights_with(c, "fc2.bias", torch.zeros(10).long()), r"fc2.bias is int64 \(10,\), not float32"),
        (lambda c: weights_with(c, "fc2.bias", torch.full((10,), 3e38)), "fc2.bias has values beyond ±1,000,000"),
        (lambda c: weights_with(c, "fc2.bias", torch.full((10,), 1e300, dtype=torch.float64)), "that are not finite"),
        (lambda c: weights_with(c, "fc2.bias", torch.zeros(10).to_sparse()), "a sparse tensor"),
        (lambda c: weights_with(c, "fc2.bias", torch.zeros(10, device="meta")), "a tensor without values"),
        (lambda c: weights_with(c, "fc2.bias", nested()), "a nested tensor"),
        (lambda c: weights_with(c, "fc2.bias", torch.zeros(1).expand(10)), "more values than there are"),
        (lambda c: weights_with(c, "fc2.bias", 3), "fc2.bias is not a tensor"),
        (lambda c: weights_with(c, "fc3.bias", torch.zeros(1)), "missing or unknown: fc3.bias"),
        (lambda c: weights_with(c, "conv1.weight", torch.zeros(25, 1, 12, 13)), "conv1.weight"),
        (lambda c: damaged(c, temperature=-1.0), "temperature"),
        (lambda c: damaged(c, temperature=float("nan")), "temperature"),
        (lambda c: damaged(c, temperature=5e-324), "temperature"),
        (lambda c: damaged(c, temperature=21.0), "temperature"),
        (lambda c: damaged(c, temperature="1"), "temperature"),
        (lambda c: damaged(c, temperature=True), "temperature"),
        (lambda c: damaged(c, config=None), "no settings"),
        (lambda c: damaged(c, config={**c["config"], "epochs": 0}), "settings are invalid"),
        (lambda c: damaged(c, config={**c["config"], "x" * 3_000_000: 1}), "settings are invalid"),
        (lambda c: damaged(c, config={**c["config"], "precision": "x" * 3_000_000}), "settings are invalid"),
        (lambda c: damaged(c, config={**c["config"], "precision": [1]}), "settings are invalid"),
        (lambda c: damaged(c, config={**c["config"], "device": "here"}), "settings are invalid"),
        (lambda c: damaged(c, config={**c["config"], "lr": float("nan")}), "settings are invalid"),
        (lambda c: damaged(c, metrics=[1]), "no metrics"),
        (lambda c: damaged(c, metrics=None), "no metrics"),
        (lambda c: damaged(c, metrics={"more": 1}), "metrics are invalid"),
        (lambda c: damaged(c, metrics={"test": None}), "no test metrics"),
        (lambda c: measured(c, accuracy=None), "test accuracy"),
        (lambda c: measured(c, accuracy="0.99"), "test accuracy"),
        (lambda c: measured(c, accuracy=1.5), "test accuracy"),
        (lambda c: measured(c, loss=float("inf")), "test loss"),
        (lambda c: measured(c, loss=-1.0), "test loss"),
        (lambda c: measured(c, loss=10**400), "more than 64 bits"),
        (lambda c: measured(c, count=0), "test count"),
        (lambda c: measured(c, count=10**18), "test count"),
        (lambda c: damaged(c, metrics={**c["metrics"], "best_epoch": "1"}), "best epoch"),
        (lambda c: damaged(c, data={"x": 1}), "data are invalid"),
        (lambda c: damaged(c, data={**c["data"], "folder": "y" * 5_000}), "folder is invalid"),
        (lambda c: damaged(c, data={**c["data"], "folder": "y" * 5_000_000}), "is too large"),
        (lambda c: damaged(c, data={**c["data"], "train": torch.zeros(1)}), "count of train pictures"),
        (lambda c: damaged(c, data={**c["data"], "dataset": "x"}), "not a valid DatasetName"),
        (lambda c: damaged(c, environment={"threads": -1}), "number of threads"),
        (lambda c: damaged(c, environment={"torch": "2" * 1_000}), "its torch is invalid"),
        (lambda c: damaged(c, environment={"more": ""}), "environment are invalid"),
        (lambda c: damaged(c, created=["2026"]), "time of creation"),
        (lambda c: damaged(c, created="2" * 100), "time of creation"),
        (lambda c: damaged(c, created=doubled()), "is too large"),
        (lambda c: {"net.weight": torch.zeros(3)}, "missing or unknown"),
        (lambda c: {1: 2}, "missing or unknown"),
    ],
)  # fmt: skip
def test_every_damage_is_refused_by_name(make: Any, why: str, trained: Path, tmp_path: Path) -> None:
    path = tmp_path / "bad.pth"
    save_archive(path, make(load_archive(trained)))
    with pytest.raises(CheckpointError, match=why) as caught:
        load_checkpoint(path)
    assert str(path) in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod."])
@pytest.mark.parametrize("wrapper", [None, "state_dict", "model_state_dict", "model"])
def test_weights_as_other_programs_save_them(
    wrapper: str | None, prefix: str, dtype: torch.dtype, tmp_path: Path
) -> None:
    model = MnistCNN(torch.Generator().manual_seed(1)).to(dtype)
    content: dict[str, Any] = {f"{prefix}{name}": tensor for name, tensor in model.state_dict().items()}
    if wrapper is not None:
        content = {"epoch": 3, wrapper: content, "optimizer": {"state": {0: torch.zeros(3)}}, "loss": torch.tensor(0.1)}
    torch.save(content, tmp_path / "net.pth")
    loaded = load_checkpoint(tmp_path / "net.pth")
    for name, tensor in model.state_dict().items():
        assert loaded.weights[name].dtype == np.float32
        np.testing.assert_array_equal(loaded.weights[name], tensor.float().numpy())


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ({"state_dict": {}}, "weights missing or unknown"),
        ({"state_dict": [1]}, "weights missing or unknown: conv1.bias, conv1.weight, conv2.bias, conv2.weight, …"),
        ({"module.fc2.bias": torch.zeros(10), "fc2.weight": torch.zeros(1)}, "missing or unknown: conv1.bias"),
        ({"x" * 1_000_000: torch.zeros(10)}, "x{40}, …|, …"),
        (MnistCNN(torch.Generator()), "Save only the `state_dict\\(\\)`"),
    ],
    ids=["empty", "list", "mixed", "long", "whole"],
)
def test_what_other_programs_save_besides(content: Any, why: str, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "net.pth")
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(tmp_path / "net.pth")
    assert re.search(why, f"{caught.value.message} {caught.value.hint}")
    assert len(caught.value.message) < 500


def test_a_folder_that_may_not_be_searched_is_said_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, **_: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:  # root may search every folder
        patch.setattr(Path, "stat", refuse)
        with pytest.raises(CheckpointError, match=r"models/mnist_cnn.pth can't be read: Permission denied"):
            load_checkpoint(find_checkpoint(None))


def test_the_network_in_the_package_has_a_name(trained: Path) -> None:
    assert load_checkpoint("packaged").path == PACKAGED
    assert load_checkpoint(find_checkpoint(Path("packaged"))).path == PACKAGED
    Path("folder").mkdir()
    Path("folder/packaged").write_bytes(trained.read_bytes())
    assert load_checkpoint("folder/packaged").path == Path("folder/packaged")


def test_the_network_in_the_package_is_sound_and_small_enough() -> None:
    packaged = load_checkpoint(PACKAGED)
    assert PACKAGED.stat().st_size <= 5_500_000
    assert packaged.config is not None
    assert packaged.config == TrainConfig(seed=packaged.config.seed, epochs=15), "`python -m recipes.network`"
    assert packaged.metrics["test"]["accuracy"] > 0.994
    assert not packaged.environment.platform


def test_a_network_at_chance_is_used_only_if_it_is_named(trained: Path) -> None:
    told: list[Note] = []
    loaded = load_checkpoint(trained)
    DEFAULT_CHECKPOINT.parent.mkdir()
    poor = {**loaded.metrics, "validation": {"accuracy": 0.1, "loss": 2.3, "count": 5000}}
    save_checkpoint(replace(loaded, path=DEFAULT_CHECKPOINT, metrics=poor))
    assert find_checkpoint(None, told.append) == PACKAGED  # type: ignore[arg-type]
    assert told[0].warning and "reads no better than chance" in told[0].message
    assert find_checkpoint(DEFAULT_CHECKPOINT) == DEFAULT_CHECKPOINT
    save_checkpoint(replace(loaded, path=DEFAULT_CHECKPOINT))
    assert find_checkpoint(None) == DEFAULT_CHECKPOINT
    DEFAULT_CHECKPOINT.write_bytes(b"broken")
    assert find_checkpoint(None) == DEFAULT_CHECKPOINT  # loading it says so

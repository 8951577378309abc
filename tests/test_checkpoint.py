from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from mnistcnn.archive import check_plain, load_archive, save_archive
from mnistcnn.checkpoint import PACKAGED, load_checkpoint
from mnistcnn.config import TrainConfig
from mnistcnn.device import Compute
from mnistcnn.errors import CheckpointError
from mnistcnn.model import MnistCNN


def test_a_checkpoint_says_all_about_itself(trained: Path, config: TrainConfig) -> None:
    loaded = load_checkpoint(trained)
    assert loaded.config == replace(config, threads=torch.get_num_threads())
    assert loaded.trained_on == "synthetic"
    assert loaded.data["train"] == 200
    assert set(loaded.metrics) == {"train", "validation", "test", "best_epoch"}
    assert loaded.environment.torch == torch.__version__
    assert loaded.created.startswith("20")
    assert loaded.temperature > 0


def test_the_file_holds_only_tensors_and_plain_types(trained: Path) -> None:
    content = load_archive(trained)
    tensors = [*content.pop("weights").values(), *content.pop("outliers").values()]
    assert all(type(tensor) is torch.Tensor and tensor.device.type == "cpu" for tensor in tensors)
    check_plain(content, "content")
    assert content["format"] == 1


def test_a_bare_state_dict_will_do(tmp_path: Path, compute: Compute) -> None:
    model = MnistCNN(torch.Generator().manual_seed(1)).eval()
    torch.save(model.state_dict(), tmp_path / "bare.pth")
    loaded = load_checkpoint(tmp_path / "bare.pth")
    assert loaded.config is None
    assert loaded.trained_on is None
    picture = torch.zeros(1, 1, 28, 28)
    torch.testing.assert_close(loaded.build_model(compute)(picture), model(picture))


def test_building_a_model_leaves_the_weights_their_own(trained: Path, compute: Compute) -> None:
    loaded = load_checkpoint(trained)
    before = loaded.weights["fc2.bias"].clone()
    with torch.no_grad():
        loaded.build_model(compute).fc2.bias.add_(1)
    assert torch.equal(loaded.weights["fc2.bias"], before)


def damaged(content: dict[Any, Any], **changes: Any) -> dict[Any, Any]:
    return {**content, **changes}


def weights_with(content: dict[Any, Any], name: str, tensor: Any) -> dict[Any, Any]:
    return damaged(content, weights={**content["weights"], name: tensor})


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda c: damaged(c, format=2), "format 2, but this mnistcnn reads formats up to 1; upgrade"),
        (lambda c: damaged(c, format=True), "format number"),
        (lambda c: damaged(c, kind="another"), "not a mnistcnn checkpoint"),
        (lambda c: {"format": 1, "kind": c["kind"]}, "holds no weights"),
        (lambda c: weights_with(c, "fc2.bias", torch.full((10,), float("nan"))), "fc2.bias has values"),
        (lambda c: weights_with(c, "fc2.bias", torch.zeros(11)), r"fc2.bias is float32 \(11,\), not float32 \(10,\)"),
        (lambda c: weights_with(c, "fc2.bias", torch.zeros(10).double()), "float64"),
        (lambda c: weights_with(c, "fc2.bias", torch.zeros(10).to_sparse()), "not a plain tensor"),
        (lambda c: weights_with(c, "fc2.bias", 3), "not a plain tensor"),
        (lambda c: weights_with(c, "fc3.bias", torch.zeros(1)), "missing or unknown: fc3.bias"),
        (lambda c: weights_with(c, "conv1.weight", torch.zeros(1).expand(25, 1, 12, 13)), "conv1.weight"),
        (lambda c: damaged(c, temperature=-1.0), "temperature"),
        (lambda c: damaged(c, temperature=float("nan")), "temperature"),
        (lambda c: damaged(c, config=None), "no settings"),
        (lambda c: damaged(c, config={**c["config"], "epochs": 0}), "settings are invalid"),
        (lambda c: damaged(c, metrics=[1]), "no metrics"),
        (lambda c: damaged(c, data={"x": "y" * 5_000_000}), "too large"),
        (lambda c: damaged(c, data={"x": torch.zeros(1)}), "Tensor is not JSON serializable"),
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


def test_a_web_of_shared_lists_is_not_followed_for_ever() -> None:
    web: list[Any] = []
    for _ in range(60):
        web = [web, web]
    with pytest.raises(ValueError, match="too large"):
        check_plain({"x": web}, "data")


def test_the_network_in_the_package_is_sound_and_small_enough() -> None:
    packaged = load_checkpoint(PACKAGED)
    assert PACKAGED.stat().st_size <= 5_500_000
    assert packaged.config is not None
    assert packaged.config == TrainConfig(seed=packaged.config.seed, epochs=15, neighbours=0.4, flags=0.7), (
        "`python -m benchmarks.packaged`"
    )
    assert packaged.metrics["test"]["accuracy"] > 0.994
    assert not packaged.environment.platform

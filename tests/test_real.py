"""The main job on real MNIST, if its archives lie in `shared/mnist` next to the project; it takes minutes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import onnxruntime
import pytest
import torch
from PIL import Image

from mnistcnn.checkpoints.calibration import probabilities
from mnistcnn.checkpoints.checkpoint import PACKAGED, load_checkpoint
from mnistcnn.config import DatasetName, Precision, Split
from mnistcnn.data import verified_files
from mnistcnn.data.dataset import load_dataset
from mnistcnn.evaluation import confusion_matrix, evaluate
from mnistcnn.exporting import export
from mnistcnn.network.device import Compute
from mnistcnn.network.inference import predict_logits
from mnistcnn.network.model import build_model
from mnistcnn.reading.prediction import predict
from mnistcnn.web.reader import Reader
from tests.conftest import REAL_MNIST, invoke
from tests.server import serving

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not REAL_MNIST.exists(), reason="no real MNIST beside the project"),
]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory, precision: Precision) -> Path:
    """One epoch on the real training pictures, from the archives as they are.

    In bfloat16, which most processors emulate at an eighth of the speed, on a third of them.
    """
    folder = tmp_path_factory.mktemp("real")
    command = [sys.executable, "-m", "mnistcnn", "train", "--epochs", "1", "--json", "--data-dir", str(REAL_MNIST)]
    command += ["--precision", str(precision)]
    command += ["--validation-size", "40000"] if precision is Precision.BFLOAT16 else []
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (folder / "train.json").write_text(done.stdout, encoding="utf-8")
    return folder / "models" / "mnist_cnn.pth"


def test_one_epoch_reads_nearly_all(network: Path, precision: Precision) -> None:
    result = json.loads(network.parent.parent.joinpath("train.json").read_text(encoding="utf-8"))
    least = 0.975 if precision is Precision.BFLOAT16 else 0.985
    assert least < result["test"]["accuracy"] < 0.9999  # all would be suspicious
    measured = evaluate(network, data_dir=REAL_MNIST)
    assert measured.accuracy == result["test"]["accuracy"]
    assert measured.calibration_error < 0.01


def test_the_network_in_the_package_is_as_good_as_it_says() -> None:
    recorded = load_checkpoint(PACKAGED).metrics["test"]["accuracy"]
    assert evaluate(PACKAGED, data_dir=REAL_MNIST).accuracy == pytest.approx(recorded, abs=2e-4)  # two pictures


def test_a_checkpoint_gives_one_answer(network: Path, tmp_path: Path, compute: Compute) -> None:
    """`evaluate`, `predict` with each of PyTorch's instruction sets, the drawing page and ONNX: within 1e-5."""
    test = load_dataset(DatasetName.MNIST, data_dir=REAL_MNIST, splits=(Split.TEST,)).test
    checkpoint = load_checkpoint(network)
    logits = predict_logits(build_model(checkpoint.weights, compute), test.images, compute)
    expected = torch.from_numpy(probabilities(logits.numpy(), checkpoint.temperature))
    evaluated = evaluate(network, data_dir=REAL_MNIST)
    assert evaluated.confusion_matrix == confusion_matrix(logits, test.labels)

    session = onnxruntime.InferenceSession(export(tmp_path / "net.onnx", network).path)
    (exported,) = session.run(None, {"pictures": test.images.numpy()})
    agree(torch.from_numpy(exported), expected)

    folder = tmp_path / "exported"
    folder.mkdir()
    for i in range(1000):
        Image.fromarray(test.images[i, 0].numpy()).save(folder / f"{i:04d}.png")
    command = [sys.executable, "-m", "mnistcnn", "predict", str(folder), "-c", str(network), "--top-k", "10", "--json"]
    for capability in (
        {"ATEN_CPU_CAPABILITY": "default"},
        {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"},
        {},
    ):
        done = subprocess.run(command, env={**os.environ, **capability}, capture_output=True, text=True, check=True)
        agree(table(json.loads(done.stdout)["predictions"]), expected[:1000])

    reader = Reader(network, device="cpu")
    drawn = [reader.read((folder / f"{i:04d}.png").read_bytes()).digits[0].top for i in range(1000)]
    by_digit = [[one.confidence for one in sorted(top, key=lambda one: one.digit)] for top in drawn]
    agree(torch.tensor(by_digit, dtype=torch.float64), expected[:1000])


def agree(found: torch.Tensor, expected: torch.Tensor) -> None:
    assert torch.equal(found.argmax(1), expected.argmax(1))
    assert (found - expected).abs().max() < 1e-5


def table(predictions: list[dict[str, Any]]) -> torch.Tensor:
    """(N, 10) float64: the probabilities of each digit."""
    rows = [{one["digit"]: one["confidence"] for one in made["top"]} for made in predictions]
    return torch.tensor([[row[digit] for digit in range(10)] for row in rows], dtype=torch.float64)


def test_pictures_from_the_wild(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from benchmarks import pictures
    from benchmarks.wild import KINDS

    monkeypatch.setattr(pictures, "load_dataset", lambda name, **more: load_dataset(name, data_dir=REAL_MNIST, **more))
    rows = pictures.measure(PACKAGED, 60, 11, list(KINDS))
    shares = [float(str(row["as evaluate"])) for row in rows]
    assert min(shares) >= 0.95, capsys.readouterr().out
    assert sum(shares) / len(shares) >= 0.985


def test_pictures_drawn_by_hand_are_all_read() -> None:
    made = predict([Path(__file__).with_name("pictures")], PACKAGED)
    assert len(made) == 14
    assert {Path(one.path).name: one.digit for one in made} == {
        Path(one.path).name: int(Path(one.path).name[0]) for one in made
    }
    assert not [one.warning for one in made if one.warning]


def test_a_loopback_mirror_fills_the_cache_and_a_flipped_byte_is_repaired(network: Path) -> None:
    archives = {f"{name}.gz": (REAL_MNIST / f"{name}.gz").read_bytes() for name in verified_files.FILES}
    with serving(archives) as (url, asked):
        first = invoke("evaluate", network, "--mirror", url, "--json")
        assert first.exit_code == 0, first.stderr
        requests = len(asked)
        assert requests
        again = invoke("evaluate", network, "--mirror", url, "--json")
        assert len(asked) == requests
        damaged = Path(os.environ["MNISTCNN_CACHE_DIR"]) / "mnist" / verified_files.TEST_FILES[0]
        content = bytearray(damaged.read_bytes())
        content[-1] ^= 1
        damaged.write_bytes(content)
        repaired = invoke("evaluate", network, "--mirror", url, "--json")
        assert "downloading it again" in repaired.stderr
    accuracies = {json.loads(result.stdout)["accuracy"] for result in (first, again, repaired)}
    assert len(accuracies) == 1


def test_synthetic_digits_alone_teach_to_read_most_of_mnist(precision: Precision) -> None:
    assert invoke("train", "--dataset", "synthetic", "--epochs", "2", "--precision", precision).exit_code == 0
    result = invoke("evaluate", "--dataset", "mnist", "--data-dir", REAL_MNIST, "--min-accuracy", "0.85", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["trained_on"] == "synthetic"

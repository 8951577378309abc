from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image
from safetensors import safe_open

from mnistcnn import exporting
from mnistcnn.checkpoints.checkpoint import PACKAGED, load_checkpoint
from mnistcnn.config import ExportFormat, InputType
from mnistcnn.errors import OutputError, UsageError
from mnistcnn.exporting import Export, export
from mnistcnn.reading.prediction import predict
from tests.conftest import invoke

PICTURES = sorted((Path(__file__).parent / "pictures").iterdir())


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Export:
    """Export the packaged network as ONNX."""
    return export(tmp_path_factory.mktemp("onnx") / "net.onnx", PACKAGED)


def test_the_exported_network_reads_pictures_as_predict_does(exported: Export) -> None:
    session = onnxruntime.InferenceSession(exported.path)
    made = predict(PICTURES, PACKAGED, top_k=10, single=True, save_input=Path("seen"))
    paths = sorted(Path("seen").iterdir())
    frames = np.stack([np.asarray(Image.open(path)) for path in paths])
    (found,) = session.run(["probabilities"], {"pictures": frames[:, None]})
    framed = predict(paths, PACKAGED, top_k=10)  # they are as MNIST's are, and read by the network alone
    for row, expected, alone in zip(found, made, framed, strict=True):
        assert row.argmax() == expected.digit
        for candidate in alone.top:
            assert abs(row[candidate.digit] - candidate.confidence) < 1e-5


def test_it_is_valid_says_what_it_is_and_nothing_of_this_machine(exported: Export) -> None:
    content = Path(exported.path).read_bytes()
    model = onnx.load_from_string(content)
    onnx.checker.check_model(model, full_check=True)
    assert {entry.key: entry.value for entry in model.metadata_props} == exported.metadata
    assert json.loads(exported.metadata["classes"]) == list(range(10))
    assert float(exported.metadata["test_accuracy"]) > 0.99
    assert [entry.version for entry in model.opset_import if not entry.domain] == [exported.opset]
    assert str(Path(__file__).parents[1]).encode() not in content
    assert exported.size == len(content) < 4_500_000
    assert exported.largest_difference is not None and exported.largest_difference < 1e-5


@pytest.mark.parametrize("count", [0, 1, 17])
def test_the_number_of_pictures_is_free(exported: Export, count: int) -> None:
    pictures = np.zeros((count, 1, 28, 28), np.uint8)
    (found,) = onnxruntime.InferenceSession(exported.path).run(None, {"pictures": pictures})
    assert found.shape == (count, 10) and np.allclose(found.sum(axis=1), 1)


def test_it_can_take_floats(trained: Path, tmp_path: Path) -> None:
    result = export(tmp_path / "net.bin", trained, format=ExportFormat.ONNX, input_type=InputType.FLOAT32)
    session = onnxruntime.InferenceSession(result.path)
    assert session.get_inputs()[0].type == "tensor(float)"
    assert session.run(None, {"pictures": np.full((1, 1, 28, 28), 255, np.float32)})[0].shape == (1, 10)


def test_safetensors_hold_the_weights_and_what_is_known_of_them(trained: Path, tmp_path: Path) -> None:
    result = export(tmp_path / "net.safetensors", trained)
    loaded = load_checkpoint(trained)
    with safe_open(result.path, "np") as found:
        assert set(found.keys()) == set(loaded.weights)
        assert all(np.array_equal(found.get_tensor(name), array) for name, array in loaded.weights.items())
        assert found.metadata() == result.metadata
    assert result.metadata["trained_on"] == "synthetic"


def test_a_network_that_came_out_different_is_not_written(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "TOLERANCE", -1.0)
    with pytest.raises(OutputError, match="nothing was written"):
        export(tmp_path / "net.onnx", trained)
    assert not list(tmp_path.glob("*.onnx"))


def test_a_suffix_that_says_nothing_is_refused(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="neither") as caught:
        export(tmp_path / "net.tflite", trained)
    assert caught.value.hint is not None
    assert all(f"--format {name}" in caught.value.hint for name in ExportFormat)


def test_the_command_prints_what_it_wrote(trained: Path, tmp_path: Path) -> None:
    for name in ("net.safetensors", "net.onnx"):
        result = invoke("export", tmp_path / name, "-c", trained, "--json")
        assert result.exit_code == 0
        assert json.loads(result.stdout)["size"] == (tmp_path / name).stat().st_size
    shown = invoke("export", tmp_path / "net.safetensors", "-c", trained)
    assert "safetensors" in shown.stdout and not shown.stderr
    assert invoke("export", tmp_path, "-c", trained, "--format", "safetensors").exit_code == 1

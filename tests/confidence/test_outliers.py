from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mnistcnn.archive import load_archive
from mnistcnn.checkpoint import PACKAGED, load_checkpoint
from mnistcnn.confidence.activations import predict_activations
from mnistcnn.confidence.outliers import OutlierDetector, describe_topology, detector_inputs
from mnistcnn.data import synthetic
from mnistcnn.device import Compute
from mnistcnn.ink.single import preprocess_file
from mnistcnn.model import MnistCNN, build_model
from mnistcnn.tensors import save_archive
from mnistcnn.training.counterexamples import draw_counterexamples

PICTURES = sorted((Path(__file__).parents[1] / "pictures").iterdir())
DRAWN = torch.from_numpy(synthetic.render_digits(300, 7)[0])[:, None]


@pytest.fixture(scope="module")
def packaged() -> tuple[MnistCNN, OutlierDetector]:
    checkpoint = load_checkpoint(PACKAGED)
    assert checkpoint.outliers is not None
    return build_model(checkpoint.weights), OutlierDetector.from_dict(checkpoint.outliers)


def test_the_packaged_detector_doubts_no_picture_of_a_digit(packaged: tuple[MnistCNN, OutlierDetector]) -> None:
    model, detector = packaged
    frames = np.stack([preprocess_file(path).frame for path in PICTURES])
    scores = detector.score(predict_activations(model, torch.from_numpy(frames)[:, None]))
    assert scores.log_odds.dtype is torch.float32
    assert scores.doubted.tolist() == [False] * len(PICTURES)


def test_the_packaged_detector_doubts_what_is_no_digit(packaged: tuple[MnistCNN, OutlierDetector]) -> None:
    model, detector = packaged
    digits, labels = synthetic.render_digits(100, 5)
    drawn = draw_counterexamples(digits, labels.tolist(), 300, np.random.default_rng(5))
    others = detector.score(predict_activations(model, torch.from_numpy(drawn)[:, None]))
    real = detector.score(predict_activations(model, DRAWN))
    assert others.doubted.float().mean() > 0.78
    assert real.doubted.float().mean() < 0.1
    assert real.log_odds.median() > 3 > -3 > others.log_odds.median()


def test_it_is_small(packaged: tuple[MnistCNN, OutlierDetector]) -> None:
    assert sum(tensor.nbytes for tensor in packaged[1].to_dict().values()) <= 1_000_000


@pytest.mark.parametrize("batch", [1, 7])
def test_a_frame_gets_its_score_in_any_batch(batch: int, packaged: tuple[MnistCNN, OutlierDetector]) -> None:
    model, detector = packaged
    scores = detector.score(predict_activations(model, DRAWN)).log_odds
    parts = [detector.score(predict_activations(model, part)).log_odds for part in DRAWN.split(batch)]
    torch.testing.assert_close(torch.cat(parts), scores, atol=1e-3, rtol=1e-4)


def test_no_frames_get_no_scores(packaged: tuple[MnistCNN, OutlierDetector]) -> None:
    model, detector = packaged
    assert detector.score(predict_activations(model, DRAWN[:0])).doubted.shape == (0,)


def test_a_training_leaves_one_in_the_checkpoint(trained: Path, compute: Compute, tmp_path: Path) -> None:
    checkpoint = load_checkpoint(trained)
    assert checkpoint.outliers is not None
    assert "outliers" not in checkpoint.describe()
    content = load_archive(trained)
    del content["outliers"]
    save_archive(tmp_path / "older.pth", content)
    assert load_checkpoint(tmp_path / "older.pth").outliers is None


@pytest.mark.parametrize(
    ("name", "tensor", "why"),
    [
        ("threshold", torch.tensor(float("nan")), "threshold has values that are not finite"),
        ("spreads", torch.zeros(2, 3), r"spreads is float32 \(2, 3\), not float32"),
        ("axes", torch.zeros(2, 1024, 128), "axes is float32 .* not float16"),
        ("more", torch.zeros(1), "tensors of an outlier detector missing or unknown: more"),
    ],
)
def test_a_damaged_detector_is_refused_by_name(name: str, tensor: torch.Tensor, why: str) -> None:
    content = load_archive(PACKAGED)
    with pytest.raises(ValueError, match=why):
        OutlierDetector.from_dict({**content["outliers"], name: tensor.numpy()})


def test_a_detector_from_before_it_saw_the_topology_judges_as_it_did(
    packaged: tuple[MnistCNN, OutlierDetector],
) -> None:
    model, detector = packaged
    tensors, seen = detector.to_dict(), predict_activations(model, DRAWN)
    older = {**tensors, "unit_weights": tensors["unit_weights"][:, :-21]}
    loaded = OutlierDetector.from_dict(older)
    blind = replace(seen, images=torch.zeros_like(seen.images))
    assert torch.equal(loaded.score(seen).log_odds, loaded.score(blind).log_odds)
    assert not torch.equal(loaded.score(seen).log_odds, detector.score(seen).log_odds)
    assert torch.equal(loaded.unit_weights[:, :-21], older["unit_weights"])
    with pytest.raises(ValueError, match="unit_weights has values that are not finite"):
        OutlierDetector.from_dict({**older, "unit_weights": older["unit_weights"] + float("nan")})


def test_a_detector_from_before_it_told_digits_apart_judges_as_it_did(
    packaged: tuple[MnistCNN, OutlierDetector],
) -> None:
    model, detector = packaged
    tensors, seen = detector.to_dict(), predict_activations(model, DRAWN)
    weights, bias = tensors["output_weights"][3], tensors["output_bias"][3]
    loaded = OutlierDetector.from_dict({**tensors, "output_weights": weights, "output_bias": bias})
    inputs = detector_inputs(detector.means, detector.axes, detector.spreads, detector.residuals, seen)
    units = (inputs @ detector.unit_weights.T + detector.unit_biases).relu()
    torch.testing.assert_close(loaded.score(seen).log_odds, units @ weights + bias)
    with pytest.raises(ValueError, match=r"output_weights is float32 \(384,\), not float32 \(11, 384\)"):
        OutlierDetector.from_dict({**tensors, "output_weights": weights})
    older = {"unit_weights": tensors["unit_weights"][:, :-21], "output_weights": weights, "output_bias": bias}
    assert OutlierDetector.from_dict({**tensors, **older}).unit_weights.shape == tensors["unit_weights"].shape


def test_the_threshold_is_of_the_log_odds(packaged: tuple[MnistCNN, OutlierDetector]) -> None:
    model, detector = packaged
    seen = predict_activations(model, DRAWN)
    assert replace(detector, threshold=torch.tensor(1e9)).score(seen).doubted.all()
    assert not replace(detector, threshold=torch.tensor(-1e9)).score(seen).doubted.any()


RING = np.pad(np.zeros((4, 4), np.uint8), 6, constant_values=200)  # 16×16 pixels


@pytest.mark.parametrize(
    ("inks", "parts_less_holes"),
    [([], 0), ([RING], 0), ([RING[:, :8]], 1), ([RING[:, :3], RING[:4, 8:]], 2), ([RING[8:], RING[:8]], 1)],
    ids=["paper", "ring", "bow", "bow and dash", "bows back to back"],
)
def test_the_topology_counts_parts_and_holes(inks: list[np.ndarray], parts_less_holes: int) -> None:
    frame, top = torch.zeros(1, 1, 28, 28, dtype=torch.uint8), 2
    for ink in inks:
        frame[0, 0, top : top + len(ink), 5 : 5 + ink.shape[1]] = torch.from_numpy(ink.copy())
        top += len(ink) + (1 if len(inks[0]) != 8 else 0)
    assert describe_topology(frame)[0, :3].tolist() == [parts_less_holes] * 3


def test_the_topology_counts_ink_that_is_dark_enough_and_joins_corners() -> None:
    frame = torch.zeros(1, 1, 28, 28, dtype=torch.uint8)
    frame[0, 0, 5, 5], frame[0, 0, 6, 6], frame[0, 0, 20, 20] = 255, 120, 80
    assert describe_topology(frame)[0, :3].tolist() == [2, 1, 1]


def test_the_topology_follows_rows_and_columns() -> None:
    frame = torch.zeros(1, 1, 28, 28, dtype=torch.uint8)
    frame[0, 0, 4:24, [6, 12, 18]] = 255  # an E on its back: three strokes down to a bar, and none of it closed
    frame[0, 0, 22:24, 6:19] = 255
    rows, columns = describe_topology(frame)[0, 3:].view(2, 9).tolist()
    assert rows == [0, 3, 3, 3, 3, 3, 3, 1, 1]
    assert columns == [0, 1, 1, 1, 1, 1, 1, 1, 1]
    assert describe_topology(frame.mT)[0, 3:].view(2, 9).tolist() == [columns, rows]

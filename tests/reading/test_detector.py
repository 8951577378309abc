from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from mnistcnn.checkpoints.checkpoint import Checkpoint
from mnistcnn.data.synthetic import render_digits
from mnistcnn.errors import MnistCnnError
from mnistcnn.reading import detector as module
from mnistcnn.reading.detector import NONE, PACKAGED, SHAPES, Detector, load_detector, read_detector
from mnistcnn.reading.reader import Predictor
from mnistcnn.reading.results import Reading
from mnistcnn.reading.sources import find_sources

PICTURES = sorted((Path(__file__).parents[1] / "pictures").iterdir())
DRAWN = render_digits(300, 7)[0]


def test_its_file_is_small_and_holds_float16() -> None:
    assert PACKAGED.stat().st_size <= 500_000
    with np.load(PACKAGED, allow_pickle=False) as file:
        assert {name: file[name].dtype for name in file} == dict.fromkeys(SHAPES, np.dtype(np.float16))


def by_torch(detector: Detector, frames: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits and log odds, computed by PyTorch in float64."""

    def tensor(name: str) -> torch.Tensor:
        return torch.from_numpy(getattr(detector, name)).double()

    images = torch.from_numpy(frames)[:, None].double() / 255
    for number in (1, 2, 3):
        weights = tensor(f"conv{number}_weights").permute(3, 2, 0, 1)
        padding = weights.shape[2] // 2
        images = F.relu(F.conv2d(images, weights, tensor(f"conv{number}_bias"), stride=2, padding=padding))
    units = F.relu(images.permute(0, 2, 3, 1).flatten(1) @ tensor("fc1_weights") + tensor("fc1_bias"))
    logits = units @ tensor("fc2_weights") + tensor("fc2_bias")
    return logits, logits[:, :NONE].logsumexp(dim=1) - logits[:, NONE]


def test_it_computes_what_torch_does() -> None:
    detector = load_detector()
    frames = np.concatenate([DRAWN, np.random.default_rng(1).integers(0, 256, (40, 28, 28), dtype=np.uint8)])
    logits, log_odds = by_torch(detector, frames)
    assert detector.logits(frames).dtype == detector.log_odds(frames).dtype == np.float32
    np.testing.assert_allclose(detector.logits(frames), logits.numpy(), atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(detector.log_odds(frames), log_odds.numpy(), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("batch", [1, 7, 300])
def test_a_frame_gets_its_score_in_any_batch(batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = load_detector().logits(DRAWN)
    monkeypatch.setattr(module, "_BATCH", batch)
    np.testing.assert_allclose(load_detector().logits(DRAWN), expected, atol=1e-5, rtol=1e-5)


def test_no_frames_get_no_scores() -> None:
    assert load_detector().logits(DRAWN[:0]).shape == (0, NONE + 1)
    assert load_detector().log_odds(DRAWN[:0]).shape == (0,)


def test_it_knows_which_digit_it_is() -> None:
    images, labels = render_digits(300, 11)
    assert (load_detector().logits(images)[:, :NONE].argmax(axis=1) == labels).mean() > 0.95


def test_it_doubts_no_picture_of_a_digit(packaged: Checkpoint) -> None:
    detector = load_detector()
    made = Predictor(packaged, "cpu").read(find_sources(PICTURES), single=True)
    frames = np.stack([frame for _, reading in made if isinstance(reading, Reading) for frame in reading.frames])
    assert len(frames) == len(PICTURES)
    assert (detector.log_odds(frames) >= detector.threshold).all()
    assert (detector.log_odds(DRAWN) < detector.threshold).mean() < 0.05


def test_it_doubts_what_is_not_a_digit() -> None:
    detector = load_detector()
    two = np.maximum(np.roll(DRAWN[:150], -5, axis=2), np.roll(DRAWN[150:], 5, axis=2))
    star = np.zeros((28, 28), np.uint8)
    star[13:15, 4:24] = star[4:24, 13:15] = 255
    np.fill_diagonal(star[4:24, 4:24], 255)
    np.fill_diagonal(star[4:24, 23:3:-1], 255)
    assert (detector.log_odds(two) < detector.threshold).mean() > 0.7
    assert detector.log_odds(star[None])[0] < detector.threshold - 2


def arrays() -> dict[str, Any]:
    with np.load(PACKAGED, allow_pickle=False) as file:
        return dict(file)


@pytest.mark.parametrize(
    "damage", ["missing", "empty", "cut off", "text", "no bias", "shape", "not finite", "pickle", "one array"]
)
def test_a_missing_or_damaged_file_is_named(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "detector.npz"
    content = arrays()
    if damage == "empty":
        path.write_bytes(b"")
    elif damage == "cut off":
        path.write_bytes(PACKAGED.read_bytes()[:100_000])
    elif damage == "text":
        path.write_text("no archive")
    elif damage == "one array":
        with path.open("wb") as stream:
            np.save(stream, content["fc1_bias"])
    elif damage != "missing":
        if damage == "no bias":
            del content["fc1_bias"]
        if damage == "shape":
            content["fc1_bias"] = content["fc1_bias"][:-1]
        if damage == "not finite":
            content["conv1_weights"][0, 0, 0, 0] = np.inf
        if damage == "pickle":
            content["fc1_bias"] = np.array([None, 1], dtype=object)
        np.savez(path, **content)
    with pytest.raises(MnistCnnError, match=r"detector\.npz is missing or damaged") as caught:
        read_detector(path)
    assert caught.value.hint == "Install mnistcnn again."


def test_it_is_read_once() -> None:
    assert load_detector() is load_detector()

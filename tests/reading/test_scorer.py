from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mnistcnn.checkpoints.calibration import probabilities
from mnistcnn.checkpoints.checkpoint import Checkpoint
from mnistcnn.reading import scorer as module
from mnistcnn.reading.detector import load_detector
from mnistcnn.reading.network import Network
from mnistcnn.reading.scorer import Scorer, slanted
from tests.writing import digit_ink


def frame(digit: int) -> NDArray[np.uint8]:
    made = np.zeros((28, 28), np.uint8)
    ink = digit_ink(digit, 20)
    left = 14 - ink.shape[1] // 2
    made[4:24, left : left + ink.shape[1]] = 255 * ink
    return made


@pytest.fixture(scope="module")
def scorer(packaged: Checkpoint) -> Scorer:
    return Scorer(packaged, "cpu")


def upright() -> NDArray[np.uint8]:
    """A frame with an upright line in its middle."""
    made = np.zeros((1, 28, 28), np.uint8)
    made[0, :, 13:15] = 255
    return made


def columns(frame: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The middle of the ink in each row."""
    return np.asarray((frame @ np.arange(28.0)) / frame.sum(axis=1))


@pytest.mark.parametrize("slant", [0.15, 0.3])
def test_rows_are_moved_in_proportion_to_how_far_they_are_from_the_middle(slant: float) -> None:
    moved = columns(slanted(upright(), slant)[0]) - 13.5
    assert np.abs(moved) == pytest.approx(slant * np.abs(np.arange(28) - 13.5), abs=0.05)
    assert moved[0] == pytest.approx(-moved[-1])


def test_a_slanted_frame_leans_to_the_left() -> None:
    top, *_, bottom = columns(slanted(upright(), 0.3)[0])
    assert top < 13.5 < bottom


def test_probabilities_are_those_of_the_leaning_frame_and_of_the_detector(scorer: Scorer, packaged: Checkpoint) -> None:
    frames = np.stack([np.maximum(frame(digit), frame((digit + 3) % 10) // 2) for digit in range(10)])  # ambiguous
    leaning = probabilities(Network(packaged.weights).logits(slanted(frames, 0.15)), packaged.temperature)
    classes = probabilities(load_detector().logits(frames)[:, :10], 1.0)
    expected = (leaning + 1e-6) ** 0.6 * (classes + 1e-6) ** 0.4
    expected /= expected.sum(axis=1, keepdims=True)
    found = scorer.score(list(frames)).probabilities
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert not np.allclose(found, leaning, atol=0.01)
    assert not np.allclose(found, classes, atol=0.01)


@pytest.mark.parametrize("sure", ["network", "detector"])
def test_neither_network_rules_a_digit_out_by_itself(
    scorer: Scorer, monkeypatch: pytest.MonkeyPatch, sure: str
) -> None:
    logits = {name: np.zeros((1, count), np.float32) for name, count in (("network", 10), ("detector", 11))}
    logits[sure][0, 3] = 1e4
    monkeypatch.setattr(type(scorer.network), "logits", lambda _, frames: logits["network"].repeat(len(frames), axis=0))
    monkeypatch.setattr(type(scorer.detector), "logits", lambda _, frames: logits["detector"])
    found = scorer.score([frame(8)]).probabilities[0]
    assert found.argmax() == 3 and 0 < found[8] < 0.1


def test_a_frame_as_it_is_gets_what_the_network_alone_says(scorer: Scorer, packaged: Checkpoint) -> None:
    frames = [frame(2), frame(7)]
    alone = probabilities(Network(packaged.weights).logits(np.stack(frames)), packaged.temperature)
    np.testing.assert_allclose(scorer.score_as_is(frames).probabilities, alone, atol=1e-6)


def test_whether_it_is_a_digit_at_all_is_asked_of_the_frame_as_it_is(
    scorer: Scorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow = [cv2.resize(frame(digit), (9, 28), interpolation=cv2.INTER_AREA) for digit in (2, 5, 6)]
    several = np.hstack([np.asarray(each, dtype=np.uint8) for each in narrow])
    frames = [frame(3), np.pad(several, ((0, 0), (0, 1)))]
    found = scorer.score(frames)
    assert found.doubted.tolist() == [False, True]
    assert found.log_odds[0] > 0 > found.log_odds[1]
    monkeypatch.setattr(module, "PARAMS", replace(module.PARAMS, slant_columns=0.0))
    alone = scorer.score(frames)
    np.testing.assert_allclose(found.log_odds, alone.log_odds, rtol=1e-5)
    assert not np.allclose(found.probabilities, alone.probabilities)


def test_the_network_sees_no_frame_that_is_hardly_a_digit(scorer: Scorer, monkeypatch: pytest.MonkeyPatch) -> None:
    classes = np.zeros((3, 11), np.float32)
    classes[1, 10] = 30
    seen = []

    def logits(frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        seen.append(len(frames))
        return np.eye(10, dtype=np.float32)[[4] * len(frames)]

    monkeypatch.setattr(scorer, "network", SimpleNamespace(logits=logits))
    monkeypatch.setattr(type(scorer.detector), "logits", lambda _, frames: classes[: len(frames)])
    found = scorer.score([frame(2), frame(5), frame(7)])
    assert seen == [2]
    assert found.digits[0] == found.digits[2] == 4
    assert found.probabilities[1] == pytest.approx(np.full(10, 0.1), abs=1e-6)
    assert found.doubted.tolist() == [False, True, False]


def test_no_frames_have_no_scores(scorer: Scorer) -> None:
    scores = scorer.score([])
    assert (scores.probabilities.shape, scores.log_odds.shape, scores.doubted.shape) == ((0, 10), (0,), (0,))

import math

import numpy as np
import pytest

from mnistcnn.checkpoints.architecture import CLASSES, HIDDEN, MEAN, SHAPES, STD
from mnistcnn.checkpoints.calibration import MIN_TEMPERATURE, probabilities
from mnistcnn.checkpoints.fields import (
    MOST_WEIGHT,
    check_array,
    check_config,
    check_integer,
    check_number,
    check_text,
    check_weights,
)
from mnistcnn.config import TrainConfig
from mnistcnn.reading.network import Network


def test_numbers_within_their_bounds_come_back_as_floats() -> None:
    assert check_number(0.5, "x", 0, 1) == 0.5
    assert type(check_number(1, "x", 0, 1)) is float
    assert check_integer(3, "x", 3, 3) == 3


@pytest.mark.parametrize("value", [None, "1", True, math.nan, math.inf, -1e-9, 1.1, [], np.float32(0.5)])
def test_other_numbers_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match="its x is invalid"):
        check_number(value, "x", 0, 1)
    with pytest.raises(ValueError, match="its x is invalid"):
        check_integer(value, "x", 0, 1)


def test_no_bound_lets_infinity_in() -> None:
    with pytest.raises(ValueError, match="its x is invalid"):
        check_number(math.inf, "x", 0, math.inf)


def test_texts_are_bounded() -> None:
    assert check_text("abc", "x", 3) == "abc"
    for value in ("abcd", b"abc", None):
        with pytest.raises(ValueError, match="its x is invalid"):
            check_text(value, "x", 3)


def test_arrays_come_back_contiguous_in_float32() -> None:
    array = check_array(np.arange(12.0).reshape(3, 4).T, "x", (4, 3))
    assert array.dtype == np.float32
    assert array.flags.c_contiguous
    unaligned = np.frombuffer(b"\0" * 13, np.float32, 3, offset=1)
    assert check_array(unaligned, "x", (3,)).flags.aligned


def test_settings_come_back() -> None:
    config = TrainConfig(epochs=3, device="cuda:1")
    assert check_config(config.to_dict()) == config


def test_the_largest_weights_give_probabilities() -> None:
    weights = {name: np.full(shape, MOST_WEIGHT, np.float32) for name, shape in SHAPES.items()}
    weights["fc2.weight"][::2] *= -1
    logits = Network(check_weights(weights)).logits(np.full((1, 28, 28), 255, np.uint8))
    assert np.isfinite(logits).all()
    assert np.isfinite(probabilities(logits, MIN_TEMPERATURE)).all()
    largest = (1 - MEAN) / STD * 144 * 625 * HIDDEN * HIDDEN * MOST_WEIGHT**4
    assert logits.shape == (1, CLASSES)
    assert np.abs(logits).max() <= 1.1 * largest < np.finfo(np.float32).max

import json
import math
from pathlib import Path

from mnistcnn.events import EpochResult
from mnistcnn.results import Metrics, to_json


def test_json_is_valid_whatever_is_in_it() -> None:
    text = to_json(
        {
            "nan": math.nan,
            "inf": [math.inf, (-math.inf, 1.5)],
            "path": Path("a") / "b",
            "odd": "\x1b[31m\ud800",
        }
    )
    document = json.loads(text, parse_constant=pytest_fail)
    assert document == {
        "schema": 1,
        "nan": None,
        "inf": [None, [None, 1.5]],
        "path": "a/b",
        "odd": "\x1b[31m\ud800",
    }
    assert text.isascii()


def pytest_fail(name: str) -> None:
    raise AssertionError(f"{name} is not JSON")


def test_numbers_keep_their_full_precision() -> None:
    assert json.loads(to_json({"x": 0.1 + 0.2}))["x"] == 0.1 + 0.2


def test_results_become_nested_plain_types() -> None:
    result = EpochResult(
        epoch=1,
        learning_rate=0.5,
        train=Metrics(accuracy=0.9, loss=0.1, count=10),
        validation=Metrics(accuracy=0.8, loss=math.nan, count=5),
        seconds=1.0,
        pictures_per_second=2.0,
    )
    assert result.to_dict()["train"] == {"accuracy": 0.9, "loss": 0.1, "count": 10}
    assert result.to_dict()["validation"]["loss"] is None

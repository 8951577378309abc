import re
from dataclasses import replace

import pytest

from mnistcnn.accuracy import digit_scores
from mnistcnn.cli.evaluate import show_evaluation
from mnistcnn.evaluation import Evaluation
from mnistcnn.results import Environment

CONFUSION = [[6742 if t == p else 1 + 10 * t + p if p > 4 else 0 for p in range(10)] for t in range(10)]
ENVIRONMENT = Environment(device="cpu", device_name="X", precision="float32", threads=2)
EVALUATION = Evaluation(
    checkpoint="net.pth", dataset="mnist", trained_on=None, split="train", count=67420, accuracy=0.9712,
    accuracy_interval=(0.97, 0.98), loss=0.1, confusion_matrix=CONFUSION, per_digit=digit_scores(CONFUSION),
    calibration_error=0.01, temperature=1.0, calibrated=True,
    seconds=1.0, pictures_per_second=67420.0, environment=ENVIRONMENT,
    files=["a.png"],
)  # fmt: skip


@pytest.mark.parametrize("width", [60, 80, 120])
def test_every_count_of_the_confusion_matrix_is_there_however_narrow_it_is(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    show_evaluation(EVALUATION)
    out = capsys.readouterr().out
    rows = [re.sub("·", "0", line).split() for line in out.splitlines() if re.match(r" \d .*6742", line)]
    assert [[int(cell) for cell in row[1:]] for row in rows] == CONFUSION
    assert "…" not in out


def test_the_accuracy_is_the_last_line(capsys: pytest.CaptureFixture[str]) -> None:
    show_evaluation(EVALUATION)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "accuracy    97.12 %   (95 % interval 97.00 % to 98.00 %)"
    names = ["Confusion", "Per digit", "checkpoint", "trained on", "measured on", "written", "speed", "calibration"]
    found = [line for line in lines if line[:1].isalpha()]
    assert all(line.startswith(name) for line, name in zip(found, [*names, "loss", "accuracy"], strict=True))


def test_a_temperature_at_its_bound_means_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    show_evaluation(replace(EVALUATION, temperature=20.0, calibrated=False))
    assert (
        "(temperature 20.000); the temperature is at a bound of its search, so the confidence is not calibrated"
        in capsys.readouterr().out
    )

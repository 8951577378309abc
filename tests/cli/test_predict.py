import json
from pathlib import Path

import pytest

from mnistcnn.cli.predict import show_prediction
from mnistcnn.prediction import Prediction
from mnistcnn.prediction.results import Candidate
from tests.conftest import invoke


def test_a_prediction_is_one_line_however_long(capsys: pytest.CaptureFixture[str]) -> None:
    made = Prediction("a" * 150 + ".png", 7, 0.987, [Candidate(7, 0.987), Candidate(1, 0.01)], text="7")
    show_prediction(made, 20)
    out = capsys.readouterr().out
    assert len(out.splitlines()) == 1
    assert "7  ██████████  98.7 %  then 1 1.0 %" in out


def test_an_unsure_prediction_names_the_candidates(capsys: pytest.CaptureFixture[str]) -> None:
    made = Prediction("p.png", None, 0.4, [Candidate(7, 0.4), Candidate(1, 0.3)], unsure=True, text="?")
    show_prediction(made, 5)
    assert "?  ████░░░░░░  40.0 %  unsure: 7 40.0 % 1 30.0 %" in capsys.readouterr().out


def test_runners_up_that_round_to_nothing_are_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    show_prediction(Prediction("p.png", 7, 0.9996, [Candidate(7, 0.9996), Candidate(1, 0.0004)], text="7"), 5)
    show_prediction(
        Prediction("p.png", 7, 0.99935, [Candidate(7, 0.99935), Candidate(1, 0.00051), Candidate(2, 0.0)], text="7"), 5
    )
    first, second = capsys.readouterr().out.splitlines()
    assert first == "p.png  7  ██████████ 100.0 %"
    assert second == "p.png  7  ██████████  99.9 %  then 1 0.1 %"


def test_where_there_is_no_digit_there_is_a_dash_and_one_warning(capsys: pytest.CaptureFixture[str]) -> None:
    show_prediction(Prediction("p.png", warning="nothing but background"), 7)
    assert capsys.readouterr() == ("p.png    –\n", "Warning: p.png: nothing but background.\n")


def test_warnings_and_errors_of_pictures_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    show_prediction(Prediction("p.png", 7, 0.4, [Candidate(7, 0.4)], text="7", warning="nothing but background"), 5)
    show_prediction(Prediction("q.png", None, None, [], error="q.png is empty."), 5)
    out, err = capsys.readouterr()
    assert out.startswith("p.png  7")
    assert err.splitlines() == ["Warning: p.png: nothing but background.", "Error: q.png is empty."]


def test_the_samples_are_read_and_named_shortly() -> None:
    result = invoke("predict", "--sample")
    assert result.exit_code == 0
    lines = [line.split()[:2] for line in result.stdout.splitlines()]
    assert lines == [["2_chalkboard.jpg", "2"], ["7_squared_paper.png", "7"]]
    document = json.loads(invoke("predict", "--sample", "--json").stdout)
    assert all(Path(made["path"]).is_file() for made in document["predictions"])


@pytest.mark.parametrize("arguments", [[], ["x.png", "--sample"]])
def test_either_pictures_or_the_samples(arguments: list[str]) -> None:
    result = invoke("predict", *arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: Give either IMAGE... or --sample.")

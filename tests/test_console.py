import io
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnistcnn import console
from mnistcnn.errors import MnistCnnError
from mnistcnn.prediction import Candidate, Prediction


@given(st.text() | st.binary().map(lambda b: b.decode("utf-8", "surrogateescape")))
def test_any_name_is_harmless_in_a_terminal(name: str) -> None:
    shown = console.printable(name)
    assert shown.isprintable()
    shown.encode()


def test_printable_names_stay_as_they_are() -> None:
    assert console.printable("Bücher/数字 [red].png") == "Bücher/数字 [red].png"


def test_errors_are_one_line_and_a_hint_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    console.show_error(MnistCnnError("a [red]name[/red]\n\x1b[31m " + "x" * 200, "do [b]this[/b]"))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == ["Error: a [red]name[/red]\\n\\x1b[31m " + "x" * 200, "Hint: do [b]this[/b]"]


def test_a_prediction_is_one_line_however_long(capsys: pytest.CaptureFixture[str]) -> None:
    made = Prediction("a" * 150 + ".png", 7, 0.987, [Candidate(7, 0.987), Candidate(1, 0.01)])
    console.show_prediction(made, 20)
    out = capsys.readouterr().out
    assert len(out.splitlines()) == 1
    assert "7  ██████████  98.7 %  then 1 1.0 %" in out


def test_an_unsure_prediction_names_the_candidates(capsys: pytest.CaptureFixture[str]) -> None:
    made = Prediction("p.png", None, 0.4, [Candidate(7, 0.4), Candidate(1, 0.3)], unsure=True)
    console.show_prediction(made, 5)
    assert "?  ████░░░░░░  40.0 %  unsure: 7 40.0 % 1 30.0 %" in capsys.readouterr().out


def test_warnings_and_errors_of_pictures_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    console.show_prediction(Prediction("p.png", 7, 0.4, [Candidate(7, 0.4)], warning="nothing but background"), 5)
    console.show_prediction(Prediction("q.png", None, None, [], error="q.png is empty."), 5)
    out, err = capsys.readouterr()
    assert out.startswith("p.png  7")
    assert err.splitlines() == ["Warning: p.png: nothing but background.", "Error: q.png is empty."]


def test_frames_are_drawn_beside_the_original(capsys: pytest.CaptureFixture[str]) -> None:
    frame = np.zeros((28, 28), dtype=np.uint8)
    frame[10, 5] = 255
    console.show_frames(frame, np.full((50, 100), 255, dtype=np.uint8))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 28
    assert lines[10].startswith("│" + " " * 10 + "██" + " ")
    assert lines[0].endswith("██")


def test_json_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    console.show_json({"a": float("nan")})
    assert capsys.readouterr().out == '{\n  "schema": 1,\n  "a": null\n}\n'


def test_percentages() -> None:
    assert console.percent(0.99531) == "99.53 %"
    assert console.percent(1.0, 1) == "100.0 %"


def test_consoles_write_to_the_streams_of_the_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    console.show_note("hello")
    assert stream.getvalue() == "hello\n"

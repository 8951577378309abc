import io
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from mnistcnn.cli import output
from mnistcnn.errors import Interrupted, MnistCnnError


@given(st.text() | st.binary().map(lambda b: b.decode("utf-8", "surrogateescape")))
def test_any_name_is_harmless_in_a_terminal(name: str) -> None:
    shown = output.printable(name)
    assert shown.isprintable()
    shown.encode()


def test_printable_names_stay_as_they_are() -> None:
    assert output.printable("Bücher/数字 [red].png") == "Bücher/数字 [red].png"


def test_errors_are_one_line_and_a_hint_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    output.show_error(MnistCnnError("a [red]name[/red]\n\x1b[31m " + "x" * 200, "do [b]this[/b]"))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == ["Error: a [red]name[/red]\\n\\x1b[31m " + "x" * 200, "Hint: do [b]this[/b]"]


def test_an_interrupt_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    output.show_error(Interrupted("Interrupted in epoch 2.", "Go on."))
    assert capsys.readouterr().err.splitlines() == ["Interrupted in epoch 2.", "Hint: Go on."]


def test_on_a_terminal_lines_break_between_words_and_paths_stay_whole() -> None:
    stream, path = io.StringIO(), "/home/someone-else/" + "x" * 30
    console = Console(file=stream, width=40, force_terminal=True, color_system=None, _environ={})
    output.print_line(console, f"{path} can't be written: it is in the way of something.", "Error: ")
    output.print_line(console, f"epochs 5, {path}, seed 0, and a self-evident end", "settings    ", "bold", 12)
    assert stream.getvalue().splitlines() == [
        f"Error: {path}",
        "can't be written: it is in the way of",
        "something.",
        "settings    epochs 5,",
        f"            {path},",
        "            seed 0, and a self-evident",
        "            end",
    ]


def test_json_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    output.show_json({"a": float("nan")})
    assert capsys.readouterr().out == '{\n  "schema": 1,\n  "a": null\n}\n'


def test_percentages() -> None:
    assert output.percent(0.99531) == "99.53 %"
    assert output.percent(1.0, 1) == "100.0 %"


def test_consoles_write_to_the_streams_of_the_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    output.show_note("hello")
    assert stream.getvalue() == "hello\n"

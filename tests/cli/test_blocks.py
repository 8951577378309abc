import io
import re

import numpy as np
import pytest
from rich.console import Console

from mnistcnn.cli import blocks
from mnistcnn.cli.blocks import show_frames

FRAME = np.random.default_rng(0).integers(0, 256, (28, 28), dtype=np.uint8)


def shown(monkeypatch: pytest.MonkeyPatch, original: np.ndarray, frame: np.ndarray = FRAME, **console: object) -> str:
    stream = io.StringIO()
    made = Console(file=stream, **{"width": 80, "_environ": {}, **console})  # type: ignore[arg-type]
    monkeypatch.setattr(blocks, "stdout", lambda: made)
    show_frames([frame], original)
    return stream.getvalue()


def test_without_colours_light_pixels_are_blocks_two_a_character(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = np.zeros((28, 28), dtype=np.uint8)
    frame[10, 5] = frame[11, 6] = 255
    frame[12:14, 7] = 200
    lines = shown(monkeypatch, np.full((50, 50), 255, dtype=np.uint8), frame).splitlines()
    assert [len(line) for line in lines] == [30 + 3 + 28] * 14
    assert lines[5] == "│     ▀▄" + " " * 21 + "│   " + "█" * 28
    assert lines[6].startswith("│       █ ")
    assert set(lines[0]) == set("│ █")


def test_what_is_dark_and_light_is_told_by_the_picture_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    paper = np.full((28, 28), 110, dtype=np.uint8)
    paper[:, 14:] = 60
    lines = shown(monkeypatch, paper).splitlines()
    assert all(line.endswith("│   " + "█" * 14 + " " * 14) for line in lines)


@pytest.mark.parametrize("shape", [(28, 28), (640, 480), (480, 640), (100, 640), (1, 640), (640, 1), (9, 9), (27, 31)])
@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_both_fit_whatever_their_shape(shape: tuple[int, int], width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for colours in (None, "truecolor"):
        drawn = shown(
            monkeypatch, np.zeros(shape, dtype=np.uint8), width=width, color_system=colours, force_terminal=True
        )
        lines = re.sub(r"\x1b\[[0-9;]*m", "", drawn).splitlines()
        assert max(map(len, lines)) <= width
        assert len(lines) == 14 or (width < 80 and len(lines) <= 29 and lines[14] == "")
        assert sum(line.startswith("│") for line in lines) == 14


def test_with_colours_every_pixel_has_its_grey(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = shown(monkeypatch, FRAME[::-1].copy(), color_system="truecolor", force_terminal=True)
    cells = re.findall(r"\x1b\[38;2;(\d+);\1;\1;48;2;(\d+);\2;\2m(▀+)", drawn)
    greys = np.array([(up, down) for up, down, run in cells for _ in run], dtype=np.uint8)
    lines = greys.reshape(14, 2, 28, 2)  # line, picture, column, half
    both = lines.transpose(1, 0, 3, 2).reshape(2, 28, 28)
    assert np.array_equal(both[0], FRAME)
    assert np.array_equal(both[1], FRAME[::-1])


def test_where_colours_are_unwanted_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = shown(monkeypatch, FRAME, color_system="truecolor", force_terminal=True, no_color=True)
    assert plain == shown(monkeypatch, FRAME)
    assert "▄" in plain and "\x1b" not in plain


def test_the_frames_of_a_number_stand_side_by_side_and_then_below(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    made = Console(file=stream, width=80, _environ={})
    monkeypatch.setattr(blocks, "stdout", lambda: made)
    show_frames([FRAME] * 3, np.zeros((28, 28), dtype=np.uint8))
    lines = stream.getvalue().splitlines()
    assert [line.count("│") for line in lines] == [4] * 14 + [0] + [2] * 14
    assert max(map(len, lines)) <= 80

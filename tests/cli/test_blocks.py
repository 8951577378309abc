import numpy as np
import pytest

from mnistcnn.cli.blocks import show_frames


def test_frames_are_drawn_beside_the_original(capsys: pytest.CaptureFixture[str]) -> None:
    frame = np.zeros((28, 28), dtype=np.uint8)
    frame[10, 5] = 255
    show_frames(frame, np.full((50, 100), 255, dtype=np.uint8))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 28
    assert lines[10].startswith("│" + " " * 10 + "██" + " ")
    assert lines[0].endswith("██")

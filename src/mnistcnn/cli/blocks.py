"""Grey pictures as block characters."""

from __future__ import annotations

from typing import Any

from rich.text import Text

from mnistcnn.cli.output import stdout

_SHADES = " ░▒▓█"


def show_frames(frame: Any, original: Any = None) -> None:
    """Draw what the network saw, (28, 28) uint8, and beside it the original's luminance, as block characters."""
    console = stdout()
    right = None if original is None else _shaded(original, 28)
    left = _shaded(frame, 28)
    for i, row in enumerate(left):
        line = Text("│" + row + "│")
        if right is not None and i < len(right):
            line.append("   " + right[i], style="dim")
        console.print(line, soft_wrap=True)


def _shaded(picture: Any, rows: int) -> list[str]:
    """A grey picture as `rows` lines, two characters a pixel; light is dense, as on a dark terminal."""
    height, width = picture.shape
    columns = max(1, min(round(rows * width / height), 2 * rows))
    down = [int((i + 0.5) * height / rows) for i in range(rows)]
    across = [int((i + 0.5) * width / columns) for i in range(columns)]
    return ["".join(_SHADES[int(picture[y, x]) * len(_SHADES) // 256] * 2 for x in across) for y in down]

"""What the commands print with: results go to stdout, everything else to stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mnistcnn.errors import MnistCnnError
from mnistcnn.results import to_json


def stdout() -> Console:
    """The console of results; plain text of whatever width it takes where it isn't a terminal."""
    return Console(file=sys.stdout, highlight=False, markup=False, emoji=False, soft_wrap=False)


def stderr() -> Console:
    """The console of everything else."""
    return Console(file=sys.stderr, highlight=False, markup=False, emoji=False)


def printable(text: object) -> str:
    """Text that does nothing to a terminal: control characters and broken Unicode as escapes."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))
    return shown.encode("utf-8", "backslashreplace").decode()


def show_json(document: Mapping[str, Any]) -> None:
    """One JSON document on stdout."""
    sys.stdout.write(to_json(document) + "\n")


def show_error(error: MnistCnnError) -> None:
    """One `Error:` line on stderr, and a `Hint:` line where there is a hint."""
    console = stderr()
    console.print(Text("Error: ", style="bold red") + Text(printable(error.message), style=""), soft_wrap=True)
    if error.hint:
        console.print(Text("Hint: ", style="bold cyan") + Text(printable(error.hint), style=""), soft_wrap=True)


def show_note(message: str, *, warning: bool = False, console: Console | None = None) -> None:
    """One line on stderr; warnings begin with `Warning:`."""
    line = Text("Warning: ", style="bold yellow") if warning else Text()
    (console or stderr()).print(line + Text(printable(message), style="" if warning else "dim"), soft_wrap=True)


def percent(fraction: float, digits: int = 2) -> str:
    """`0.9953` → `99.53 %`."""
    return f"{100 * fraction:.{digits}f} %"


def show_pairs(pairs: Iterable[tuple[str, str]]) -> None:
    """Lines of a name and a value on stdout that are never cut, so that paths can be copied from them."""
    pairs, console = list(pairs), stdout()
    width = max(12, *(len(name) + 1 for name, _ in pairs)) if pairs else 0
    for name, value in pairs:
        console.print(Text(f"{name:<{width}}", style="bold") + Text(printable(value), style=""), soft_wrap=True)


def written(files: Iterable[str]) -> list[tuple[str, str]]:
    """The pairs that name the files which a command has written."""
    return [("" if i else "written", name) for i, name in enumerate(files)]


def new_table(title: str, *headings: str, words: int = 1) -> Table:
    """An empty table; its first `words` columns hold words, the others numbers."""
    table = Table(box=SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    for i, heading in enumerate(headings):
        table.add_column(heading, justify="left" if i < words else "right")
    return table


def data_name(name: str) -> str:
    """What a report calls a data set."""
    return {"mnist": "MNIST", "synthetic": "synthetic digits (drawn by mnistcnn)"}.get(name, name)

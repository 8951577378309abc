"""Prints for the commands: results go to stdout, everything else to stderr."""

import sys
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mnistcnn.errors import Interrupted, MnistCnnError
from mnistcnn.results import to_json


def stdout() -> Console:
    """Return the console for results."""
    return Console(file=sys.stdout, highlight=False, markup=False, emoji=False)


def stderr() -> Console:
    """Return the console for everything else."""
    return Console(file=sys.stderr, highlight=False, markup=False, emoji=False)


def printable(text: object) -> str:
    """Escape control characters and broken Unicode, so that a text can't control the terminal."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))
    return shown.encode("utf-8", "backslashreplace").decode()


def show_json(document: Mapping[str, Any]) -> None:
    """Print a JSON document on stdout."""
    sys.stdout.write(to_json(document) + "\n")


def show_json_line(document: Mapping[str, Any]) -> None:
    """Print a JSON document in one line on stdout; the line is flushed, also into a pipe."""
    sys.stdout.write(to_json(document, indent=None) + "\n")
    sys.stdout.flush()


def print_line(console: Console, text: object, name: str = "", style: str = "", indent: int = 0) -> None:
    """Print a name and a text in one line.

    A terminal's lines are broken between words, but never within a word, which may be a path. `style` applies to the
    name, or to the text if there is no name.
    """
    shown = printable(text)
    if console.is_terminal:
        wrapper = textwrap.TextWrapper(
            console.width, name, " " * indent, break_long_words=False, break_on_hyphens=False
        )
        shown = wrapper.fill(shown)[len(name) :]
    console.print(Text.assemble((name, style), (shown, "" if name else style)), soft_wrap=True)


def show_error(error: MnistCnnError | Interrupted) -> None:
    """Print an `Error:` line on stderr, and a `Hint:` line if there is a hint; an interrupt isn't called an error."""
    name, style = ("", "bold yellow") if isinstance(error, Interrupted) else ("Error: ", "bold red")
    print_line(stderr(), error.message, name, style)
    if error.hint:
        print_line(stderr(), error.hint, "Hint: ", "bold cyan")


def show_note(message: str, *, warning: bool = False, console: Console | None = None) -> None:
    """Print a line on stderr; warnings begin with `Warning:`."""
    name = "Warning: " if warning else ""
    style = "bold yellow" if warning else "dim"
    print_line(console or stderr(), message, name, style)


def percent(fraction: float, digits: int = 2) -> str:
    """Format a fraction: `0.9953` → `99.53 %`."""
    return f"{100 * fraction:.{digits}f} %"


def show_pairs(pairs: Iterable[tuple[str, str]]) -> None:
    """Print a line for each name and value on stdout."""
    pairs = list(pairs)
    indent = max([12, *(len(name) + 1 for name, _ in pairs)])
    for name, value in pairs:
        print_line(stdout(), value, f"{name:<{indent}}", "bold", indent)


def written(files: Iterable[str]) -> list[tuple[str, str]]:
    """Return the pairs for `show_pairs` that name the files a command has written."""
    return [("" if i else "written", name) for i, name in enumerate(files)]


def new_table(title: str, *headings: str, words: int = 1) -> Table:
    """Make an empty table; its first `words` columns hold words, the others numbers."""
    table = Table(box=SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False, collapse_padding=True)
    for i, heading in enumerate(headings):
        table.add_column(heading, justify="left" if i < words else "right")
    return table


def data_name(name: str) -> str:
    """Return the name of a data set for reports."""
    return {"mnist": "MNIST", "synthetic": "synthetic digits (drawn by mnistcnn)"}.get(name, name)

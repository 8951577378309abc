"""What the commands print with: results go to stdout, everything else to stderr."""

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
    """The console of results; plain text of whatever width it takes where it isn't a terminal."""
    return Console(file=sys.stdout, highlight=False, markup=False, emoji=False)


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


def show_json_line(document: Mapping[str, Any]) -> None:
    """One JSON document in one line on stdout, at once, also into a pipe."""
    sys.stdout.write(to_json(document, indent=None) + "\n")
    sys.stdout.flush()


def print_line(console: Console, text: object, name: str = "", style: str = "", indent: int = 0) -> None:
    """A name and a text in one line; on a terminal broken between words, but never within one: it may be a path.

    `style` is that of the name, or of the text where there is no name.
    """
    shown = printable(text)
    if console.is_terminal:
        wrapper = textwrap.TextWrapper(
            console.width, name, " " * indent, break_long_words=False, break_on_hyphens=False
        )
        shown = wrapper.fill(shown)[len(name) :]
    console.print(Text.assemble((name, style), (shown, "" if name else style)), soft_wrap=True)


def show_error(error: MnistCnnError | Interrupted) -> None:
    """One `Error:` line on stderr, and a `Hint:` line where there is a hint; an interrupt isn't called an error."""
    name, style = ("", "bold yellow") if isinstance(error, Interrupted) else ("Error: ", "bold red")
    print_line(stderr(), error.message, name, style)
    if error.hint:
        print_line(stderr(), error.hint, "Hint: ", "bold cyan")


def show_note(message: str, *, warning: bool = False, console: Console | None = None) -> None:
    """One line on stderr; warnings begin with `Warning:`."""
    print_line(console or stderr(), message, *("Warning: ", "bold yellow") if warning else ("", "dim"))


def percent(fraction: float, digits: int = 2) -> str:
    """`0.9953` → `99.53 %`."""
    return f"{100 * fraction:.{digits}f} %"


def show_pairs(pairs: Iterable[tuple[str, str]]) -> None:
    """Lines of a name and a value on stdout."""
    pairs = list(pairs)
    indent = max([12, *(len(name) + 1 for name, _ in pairs)])
    for name, value in pairs:
        print_line(stdout(), value, f"{name:<{indent}}", "bold", indent)


def written(files: Iterable[str]) -> list[tuple[str, str]]:
    """The pairs that name the files which a command has written."""
    return [("" if i else "written", name) for i, name in enumerate(files)]


def new_table(title: str, *headings: str, words: int = 1) -> Table:
    """An empty table; its first `words` columns hold words, the others numbers."""
    table = Table(box=SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False, collapse_padding=True)
    for i, heading in enumerate(headings):
        table.add_column(heading, justify="left" if i < words else "right")
    return table


def data_name(name: str) -> str:
    """What a report calls a data set."""
    return {"mnist": "MNIST", "synthetic": "synthetic digits (drawn by mnistcnn)"}.get(name, name)

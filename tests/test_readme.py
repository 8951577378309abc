"""The README says what the program does. `python -m tests.test_readme` writes its tables anew."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer
from typer.core import TyperArgument, TyperGroup, TyperOption

from mnistcnn.cli import app
from mnistcnn.errors import ExitCode

README = Path(__file__).resolve().parents[1] / "README.md"
COMMANDS = ("train", "evaluate", "predict", "summary", "draw", "export")
BLOCK = r"(<!-- options: {} -->\n).*?(<!-- end -->)"


def table(command: str) -> str:
    """The options of a command as its `--help` has them, as a Markdown table."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    lines = ["| option | default | meaning |", "|---|---|---|"]
    for parameter in group.commands[command].params:
        if isinstance(parameter, TyperArgument):
            name = f"`{(parameter.metavar or parameter.name or '').upper()}`"
        elif isinstance(parameter, TyperOption):
            name = ", ".join(f"`{flag}`" for flag in (*parameter.opts, *parameter.secondary_opts))
        else:
            continue
        default = parameter.show_default if isinstance(parameter.show_default, str) else parameter.default
        shown = "" if default in (None, False, ()) or parameter.required else f"{default}"
        meaning = (parameter.help or "").replace("|", "\\|")
        variable = f" (`{parameter.envvar}`)" if parameter.envvar else ""
        lines.append(f"| {name} | {shown} | {meaning}{variable} |")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_the_tables_of_options_are_those_of_the_program(command: str) -> None:
    found = re.search(BLOCK.format(command), README.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    block = found[0].removeprefix(found[1]).removesuffix(found[2])
    assert block == table(command), "run `python -m tests.test_readme`"


def test_every_exit_code_is_in_the_readme() -> None:
    text = README.read_text(encoding="utf-8")
    for code in ExitCode:
        assert re.search(rf"^\| {int(code)} \|", text, re.MULTILINE), code


def test_every_test_named_in_what_it_survives_exists() -> None:
    text = README.read_text(encoding="utf-8")
    named = re.findall(r"`(test_\w+)`", text)
    assert len(named) > 20
    written = "\n".join(path.read_text(encoding="utf-8") for path in README.parent.joinpath("tests").rglob("test_*.py"))
    missing = [name for name in named if f"def {name}(" not in written]
    assert not missing


def test_the_plan_of_the_rooms_names_every_file() -> None:
    text = README.read_text(encoding="utf-8")
    source = README.parent / "src" / "mnistcnn"
    for path in source.rglob("*.py"):
        assert f"`{path.relative_to(source)}`" in text, path


if __name__ == "__main__":
    text = README.read_text(encoding="utf-8")
    for name in COMMANDS:
        text = re.sub(BLOCK.format(name), lambda m, name=name: m[1] + table(name) + m[2], text, flags=re.DOTALL)  # type: ignore[misc]
    README.write_text(text, encoding="utf-8")

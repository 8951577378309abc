"""The documents say what the program does. `python -m tests.test_docs` writes their tables of options anew."""

import importlib.util
import re
import shlex
import tomllib
from pathlib import Path

import pytest
import typer
from typer.core import TyperArgument, TyperGroup, TyperOption

import mnistcnn
from mnistcnn.cli import app
from mnistcnn.data.cache import CACHE_VARIABLE
from mnistcnn.errors import ExitCode
from tests.conftest import write_tiny

ROOT = Path(__file__).resolve().parents[1]
README, API, ARCHITECTURE, RELIABILITY = (
    ROOT / name for name in ("README.md", "docs/api.md", "docs/architecture.md", "docs/reliability.md")
)
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("benchmarks/*.md")])
TEXTS = {path: path.read_text(encoding="utf-8") for path in DOCUMENTS}
OPTIONS = r"(<!-- options: {} -->\n).*?(<!-- end -->)"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FIGURES = re.compile(r"<!-- figures: (.*?) -->")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
GROUP = typer.main.get_command(app)
assert isinstance(GROUP, TyperGroup)
COMMANDS = GROUP.commands


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def options_table(command: str) -> str:
    """The options of a command as its `--help` has them, as a Markdown table."""
    lines = ["| option | default | meaning |", "|---|---|---|"]
    for parameter in COMMANDS[command].params:
        if isinstance(parameter, TyperArgument):
            option = f"`{(parameter.metavar or parameter.name or '').upper()}`"
        elif isinstance(parameter, TyperOption):
            option = ", ".join(f"`{flag}`" for flag in (*parameter.opts, *parameter.secondary_opts))
        else:
            continue
        default = parameter.show_default if isinstance(parameter.show_default, str) else parameter.default
        shown = "on" if default is True else "" if default in (None, ()) or default is False else f"{default}"
        meaning = (parameter.help or "").replace("|", "\\|")
        variable = f" (`{parameter.envvar}`)" if parameter.envvar else ""
        lines.append(f"| {option} | {shown} | {meaning}{variable} |")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_the_tables_of_options_are_those_of_the_program(command: str) -> None:
    found = [m for text in TEXTS.values() for m in re.finditer(OPTIONS.format(command), text, re.DOTALL)]
    assert len(found) == 1
    block = found[0][0].removeprefix(found[0][1]).removesuffix(found[0][2])
    assert block == options_table(command), "run `python -m tests.test_docs`"


def test_every_exit_code_is_documented() -> None:
    for code in ExitCode:
        assert re.search(rf"^\| {int(code)} \|", TEXTS[RELIABILITY], re.MULTILINE), code


def test_every_environment_variable_is_documented() -> None:
    variables = {p.envvar for command in COMMANDS.values() for p in command.params if p.envvar} | {CACHE_VARIABLE}
    assert len(variables) == 3
    for variable in variables:
        assert f"| `{variable}` |" in TEXTS[RELIABILITY]


def test_every_test_named_in_what_it_survives_exists() -> None:
    named = re.findall(r"`(test_\w+)`", TEXTS[RELIABILITY])
    assert len(named) > 20
    written = "\n".join(path.read_text(encoding="utf-8") for path in ROOT.joinpath("tests").rglob("test_*.py"))
    assert not [test for test in named if f"def {test}(" not in written]


def test_the_architecture_names_every_file_and_no_other() -> None:
    source = ROOT / "src" / "mnistcnn"
    files = {path.relative_to(source).as_posix() for path in source.rglob("*.py")}
    _, _, modules = TEXTS[ARCHITECTURE].partition("## Modules")
    table = "\n".join(line for line in modules.splitlines() if line.startswith("|"))
    assert set(re.findall(r"`([\w/]+\.py)`", table)) == files
    order = TEXTS[ARCHITECTURE].partition("## Modules")[0]
    assert set(re.findall(r"`([\w/]+\.py)`", order)) <= files


def test_the_readme_is_short() -> None:
    assert len(TEXTS[README].splitlines()) <= 200


def slug(heading: str) -> str:
    """The anchor that GitHub makes of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in LINK.findall(FENCE.sub("", TEXTS[path])):
        if target.startswith(("http://", "https://")):
            continue
        file, _, anchor = target.partition("#")
        other = (path.parent / file).resolve() if file else path
        assert other.is_file(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", FENCE.sub("", TEXTS[other]), re.MULTILINE)
            assert anchor in map(slug, headings), target


def command_lines(text: str) -> list[str]:
    """The commands in a document's shell blocks, and those that print its figures."""
    blocks = [content for language, content in FENCE.findall(text) if language == "sh"]
    return [line for block in blocks for line in block.splitlines()] + re.split(";", ";".join(FIGURES.findall(text)))


def check_command(words: list[str]) -> None:
    """Fail unless a command of ours parses, or a module run with `python -m` exists."""
    module = words[words.index("-m") + 1] if "-m" in words[:-1] and "python" in words[0] else None
    if module is not None:
        assert importlib.util.find_spec(module), module
    ours = [i for i, word in enumerate(words) if Path(word).name == "mnistcnn"]
    if ours:
        command, *arguments = words[ours[0] + 1 :]
        COMMANDS[command].make_context(command, arguments)


@pytest.mark.parametrize(
    "path",
    [path for path in DOCUMENTS if command_lines(TEXTS[path]) != [""]],
    ids=name,
)
def test_commands_parse(path: Path) -> None:
    for line in command_lines(TEXTS[path]):
        reader = shlex.shlex(line, posix=True, punctuation_chars="&|>")
        reader.whitespace_split = True
        words: list[str] = []
        for word in [*reader, "&&"]:
            if word not in ("&&", "|", ">"):
                words.append(word)
            elif words:
                check_command(words)
                words = []


@pytest.mark.parametrize(("path", "output"), [(README, "7\n1103539\n"), (ROOT / "docs/images.md", "7 "), (API, "")])
def test_examples_run(path: Path, output: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The Python blocks of a document, one after another, in an empty folder; the synthetic digits are a few."""
    write_tiny(tmp_path / "cache" / "synthetic")
    namespace: dict[str, object] = {"__name__": "example"}
    text = TEXTS[path]
    for block in FENCE.finditer(text):
        if block[1] == "python":
            above = text[: block.start(2)].count("\n")  # so that a traceback names the line in the document
            exec(compile("\n" * above + block[2], path, "exec", dont_inherit=True), namespace)
    assert capsys.readouterr().out.startswith(output)


def test_every_public_name_has_an_example() -> None:
    code = "\n".join(content for language, content in FENCE.findall(TEXTS[API]) if language == "python")
    for public in [*mnistcnn.__all__, "__version__"]:
        assert re.search(rf"^from mnistcnn import .*\b{public}\b|\bmnistcnn\.{public}\b", code, re.MULTILINE), public


def test_what_the_package_index_shows_needs_no_file_of_the_repository() -> None:
    hook = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["metadata"]["hooks"]
    text = TEXTS[README]
    for change in hook["fancy-pypi-readme"]["substitutions"]:
        text = re.sub(change["pattern"], change["replacement"], text)
    assert "![" not in text and "Documentation" in text
    assert all(target.startswith("https://") for target in LINK.findall(text))


def test_pre_commit_runs_what_ci_runs() -> None:
    hooks = re.findall(r"entry: (.+)", (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    steps = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert len(hooks) == 3
    for entry in hooks:
        assert re.search(rf"^ +{re.escape(entry)}( |$)", steps, re.MULTILINE), entry


def write_tables() -> None:
    """Replace each table of options by that of the program."""
    for path, text in TEXTS.items():
        for command in COMMANDS:
            table = options_table(command)
            text = re.sub(OPTIONS.format(command), lambda m, t=table: m[1] + t + m[2], text, flags=re.DOTALL)  # type: ignore[misc]  # noqa: PLW2901
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_tables()

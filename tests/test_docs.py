"""The documents say what the program does. `python -m tests.test_docs` writes their tables of options."""

import functools
import importlib
import importlib.util
import re
import shlex
import tomllib
from pathlib import Path

import pytest
import typer
from typer.core import TyperArgument, TyperGroup, TyperOption

import mnistcnn
from mnistcnn import summarise
from mnistcnn.cli import app
from mnistcnn.data.cache import CACHE_VARIABLE
from mnistcnn.errors import ExitCode
from tests.conftest import invoke, write_tiny

ROOT = Path(__file__).resolve().parents[1]
README, API, ARCHITECTURE, READING, RELIABILITY = (
    ROOT / name
    for name in ("README.md", "docs/api.md", "docs/architecture.md", "docs/reading.md", "docs/reliability.md")
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


def test_every_test_that_the_reliability_page_names_exists() -> None:
    named = re.findall(r"`(test_\w+)`", TEXTS[RELIABILITY])
    assert len(named) > 20
    written = "\n".join(path.read_text(encoding="utf-8") for path in ROOT.joinpath("tests").rglob("test_*.py"))
    assert not [test for test in named if f"def {test}(" not in written]


def test_the_architecture_names_every_room_and_module_in_the_order_of_the_layers() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    layers = [set(layer.split(" | ")) for layer in contracts[0]["layers"]]
    table = TEXTS[ARCHITECTURE].partition("## Rooms")[2].partition("\n## ")[0]
    rooms = [
        re.findall(r"`(\w+)(?:/|\.py)`", line.split("|")[1]) for line in table.splitlines() if line.startswith("|")
    ]
    named = [room for row in rooms for room in row]
    assert named.pop(0) == "__init__"
    for layer in layers:
        assert set(named[: len(layer)]) == layer
        del named[: len(layer)]
    assert not named


def test_the_files_that_the_architecture_names_exist() -> None:
    source = ROOT / "src" / "mnistcnn"
    named = re.findall(r"`([\w/]+\.py)`", TEXTS[ARCHITECTURE])
    assert len(named) > 30
    assert not [file for file in named if not (source / file).is_file() and not (ROOT / file).is_file()]


def test_the_functions_that_the_reader_names_exist() -> None:
    table = re.findall(r"`((?:ink|reading)\.[\w.]+)`", TEXTS[READING])
    assert len(table) > 8
    for named in table:
        room, module, *attributes = named.split(".")
        found = importlib.import_module(f"mnistcnn.{room}.{module}")
        assert functools.reduce(getattr, attributes, found)


def test_the_readme_is_short() -> None:
    assert len(TEXTS[README].splitlines()) <= 200


def test_the_readme_shows_what_is_read_in_the_samples() -> None:
    shown = re.search(r"<!-- figures: mnistcnn predict --sample -->\n```\n(.*?)```", TEXTS[README], re.DOTALL)
    assert shown is not None
    printed = invoke("predict", "--sample", "--quiet").stdout
    assert len(shown[1].splitlines()) == len(printed.splitlines()) == 2
    for line, ours in zip(shown[1].splitlines(), printed.splitlines(), strict=True):
        *words, percent, _ = line.split()
        *our_words, our_percent, _ = ours.split()
        assert words == our_words
        assert float(percent) == pytest.approx(float(our_percent), abs=0.5)  # packages decode JPEGs differently


def test_the_readme_shows_the_layers_of_the_network() -> None:
    table = TEXTS[README].partition("## The network")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines() if line.startswith("|")]
    shown = [(name, output, parameters) for name, _, output, parameters in rows[2:-1]]
    layers = summarise().layers
    assert [name for name, _, _ in shown] == [layer.name for layer in layers]
    assert [output for _, output, _ in shown] == ["×".join(map(str, layer.output)) for layer in layers]
    assert [count for _, _, count in shown] == [
        f"{layer.parameters:,}" if layer.parameters else "–" for layer in layers
    ]
    assert f"{sum(layer.parameters for layer in layers):,}" in rows[-1][-1]


def test_the_readme_names_the_small_build_of_pytorch_before_it_installs() -> None:
    text = TEXTS[README]
    assert 0 < text.index("https://download.pytorch.org/whl/cpu") < text.index("pip install")
    lines = [line for line in command_lines(text) if line.startswith("git clone")]
    assert [re.findall(r"pip install (?:-e )?(\S+)", line) for line in lines] == [["."], ["'.[test]'"]]


def test_ci_runs_the_tests_by_the_command_of_the_readme() -> None:
    (command,) = {line.rpartition("&& ")[2] for line in command_lines(TEXTS[README]) if "pytest" in line}
    steps = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert [line for line in steps if "pytest" in line and not line.strip().startswith("#")] == [
        line for line in steps if line.startswith(f"    {command} ")
    ]
    assert sum("pytest -n" in line for line in steps) == 1


def test_the_changelog_begins_with_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    newest = re.search(r"^## \[(.+?)\] – \d{4}-\d\d-\d\d$", TEXTS[ROOT / "CHANGELOG.md"], re.MULTILINE)
    assert newest is not None
    assert newest[1] == version


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
    if words[0] in ("git", "cd"):  # their arguments may be called mnistcnn
        return
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

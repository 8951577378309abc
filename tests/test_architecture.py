"""The plan of the rooms, enforced."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src" / "mnistcnn"
TESTS = Path(__file__).resolve().parent
COMMANDS = ("train", "evaluate", "predict", "summary", "draw", "export")
FLOORS = [
    {"errors", "results", "world"},
    {"config", "signals", "storage", "convolution"},
    {
        "device",
        "model",
        "preprocessing.decoding",
        "preprocessing.centering",
        "archive",
        "extras",
        "data.idx",
        "data.files",
    },
    {"data.order", "data.mirrors", "data.package_index", "preprocessing.morphology", "distributed"},
    {"preprocessing.segmentation", "inference"},
    {"preprocessing.background"},
    {"preprocessing"},
    {"data.synthetic"},
    {"data.sources"},
    {"data.cache"},
    {"data"},
    {"data.batches", "checkpoint", "plots"},
    {"unfinished"},
    {"training", "evaluation", "prediction", "summary", "drawing", "exporting"},
    {"finish", "server"},
    {"run"},
    {"options", "console"},
    {"progress"},
    {"commands", *(f"commands.{name}" for name in COMMANDS)},
    {"cli"},
    {"__main__"},
    {"__init__"},
]
HEIGHT = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
TORCH_FREE = {
    "errors",
    "world",
    "config",
    "results",
    "signals",
    "storage",
    "preprocessing",
    *(f"preprocessing.{name}" for name in ("decoding", "background", "segmentation", "morphology", "centering")),
    "options",
    "console",
    "progress",
    "cli",
    "extras",
    "commands",
    *(f"commands.{name}" for name in COMMANDS),
    "data.idx",
    "data.synthetic",
    "data.files",
}
ROOMS = {
    str(path.relative_to(SOURCE).with_suffix("")).replace("/", ".").removesuffix(".__init__"): path
    for path in SOURCE.rglob("*.py")
}


def imports(path: Path) -> set[str]:
    """What a file imports at its top or for its types: full module names."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            rooms = {name for name in inner if name.removeprefix("mnistcnn.") in ROOMS}
            found |= rooms or {node.module}
    return found


def own_imports(path: Path) -> set[str]:
    names = {name.removeprefix("mnistcnn.") for name in imports(path) if name.startswith("mnistcnn.")}
    return {name for name in names if name in ROOMS}


def test_every_room_has_a_floor() -> None:
    assert set(ROOMS) == set(HEIGHT)


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_imports_point_downwards(room: str) -> None:
    for other in own_imports(ROOMS[room]):
        assert HEIGHT[other] < HEIGHT[room], f"{room} imports {other}"


@pytest.mark.parametrize("room", sorted(TORCH_FREE))
def test_rooms_without_torch_stay_so(room: str) -> None:
    if room.startswith(("cli", "commands.")):
        return  # the commands import inside; test_cli looks at what is loaded
    seen, open_ = set(), [room]
    while open_:
        one = open_.pop()
        seen.add(one)
        assert not {name.partition(".")[0] for name in imports(ROOMS[one])} & {"torch", "torchvision"}, one
        open_ += [other for other in own_imports(ROOMS[one]) - seen if other != "data"]


@pytest.mark.parametrize("room", sorted(set(ROOMS) - {"__init__"}))
def test_tests_mirror_the_source(room: str) -> None:
    known = {"errors": "test_cli.py", "options": "test_cli.py", "__main__": "test_cli.py", "data": "data/test_cache.py",
             "preprocessing": "preprocessing/test_preprocessing.py", "finish": "test_run.py",
             "commands": "test_cli.py", **{f"commands.{name}": "test_cli.py" for name in COMMANDS}}  # fmt: skip
    *folders, name = room.split(".")
    path = TESTS.joinpath(*folders, f"test_{name}.py")
    assert (TESTS / known[room] if room in known else path).exists()


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_files_and_functions_stay_small(room: str) -> None:
    text = ROOMS[room].read_text(encoding="utf-8")
    commands = room.startswith("commands.")  # as long as there are options
    assert len(text.splitlines()) <= 320
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef) and not commands:
            assert (node.end_lineno or 0) - node.lineno < 60, f"{room}.{node.name}"


@pytest.mark.parametrize("room", sorted(set(ROOMS) - {"console"}))
def test_only_the_console_prints(room: str) -> None:
    for node in ast.walk(ast.parse(ROOMS[room].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "print"

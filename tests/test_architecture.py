"""Rules beyond the import contract of pyproject.toml: which modules print, and that tests mirror the source."""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
SOURCE = TESTS.parent / "src" / "mnistcnn"
FILES = sorted(SOURCE.rglob("*.py"))
# These modules are tested by the file of another module.
ELSEWHERE = {
    "__init__.py": "test_api.py",
    "__main__.py": "cli/test_app.py",
    "checkpoints/__init__.py": "checkpoints/test_checkpoint.py",
    "checkpoints/architecture.py": "network/test_model.py",
    "events.py": "cli/test_progress.py",
    "data/__init__.py": "data/test_dataset.py",
    "reading/__init__.py": "reading/test_convolution.py",
    "training/__init__.py": "training/test_run.py",
    "training/finish.py": "training/test_run.py",
    "system/__init__.py": "system/test_storage.py",
    "web/__init__.py": "web/test_server.py",
    "ink/__init__.py": "ink/test_sheet.py",
    "network/__init__.py": "network/test_model.py",
    "reading/results.py": "reading/test_prediction.py",
}


def name(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


@pytest.mark.parametrize("path", FILES, ids=name)
def test_tests_mirror_the_source(path: Path) -> None:
    relative = path.relative_to(SOURCE)
    mirrored = relative.with_name(f"test_{relative.name}")
    if relative.parts[0] == "cli" and not (TESTS / mirrored).exists():
        mirrored = Path("cli/test_app.py")
    assert (TESTS / ELSEWHERE.get(name(path), mirrored)).exists()


@pytest.mark.parametrize("path", [path for path in FILES if "cli" not in path.parts], ids=name)
def test_only_the_command_line_prints(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "print"

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import mnistcnn


def test_everything_public_can_be_imported() -> None:
    for name in mnistcnn.__all__:
        assert getattr(mnistcnn, name).__doc__
    with pytest.raises(AttributeError, match="nonsense"):
        _ = mnistcnn.nonsense


def test_completion_finds_every_public_name() -> None:
    assert {*mnistcnn.__all__, "__version__"} <= set(dir(mnistcnn))


def test_the_version_is_that_of_the_distribution() -> None:
    assert mnistcnn.__version__ == metadata.version("mnistcnn")


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import sys, mnistcnn; print([m for m in ('torch', 'numpy', 'rich', 'typer') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_types_are_shipped() -> None:
    assert Path(mnistcnn.__file__).with_name("py.typed").exists()

import pytest

from mnistcnn import errors
from mnistcnn.errors import MissingPackageError
from tests.conftest import invoke


def test_what_is_installed_is_enough() -> None:
    errors.require("This", "test", "json", "pytest")


def test_what_is_missing_is_named_with_the_line_that_installs_it() -> None:
    with pytest.raises(MissingPackageError) as caught:
        errors.require("This", "thing", "json", "no_such_thing", "nor_this")
    assert caught.value.message == "This needs the extra [thing]: pip install no_such_thing nor_this"


@pytest.mark.parametrize(
    ("command", "packages"),
    [
        (["draw", "--no-open"], "starlette uvicorn"),
        (["export", "net.onnx"], "onnx onnxscript onnxruntime"),
        (["export", "net.safetensors"], "safetensors"),
    ],
)
def test_a_command_without_its_extra_says_so_in_one_line(
    command: list[str], packages: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errors, "find_spec", lambda name: None)
    result = invoke(*command)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ") and result.stderr.endswith(f"pip install {packages}\n")
    assert result.stderr.count("\n") == 1 and not result.stdout

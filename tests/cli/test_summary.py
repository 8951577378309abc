import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from mnistcnn.checkpoints.checkpoint import load_checkpoint
from mnistcnn.network.tensors import save_checkpoint
from tests.conftest import invoke


def test_every_figure_is_there_at_sixty_columns(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    out = invoke("summary", trained).stdout
    assert "…" not in out
    for shown in ("multiply-adds", "1,103,539", "4,590,416", "3,240,000", "25×9×9"):
        assert shown in out


def test_only_means_have_a_sign(trained: Path) -> None:
    table = invoke("summary", trained).stdout.partition("Weights now")[2]
    rows = re.findall(r"^ (?:conv|fc)\d +(\S+) +(\S+) +(\S+) +(\S+)", table, re.MULTILINE)
    assert len(rows) == 4
    for mean, deviation, first_mean, first_deviation in rows:
        assert mean[0] in "+-" and first_mean[0] in "+-"
        assert re.fullmatch(r"0\.0\d{3}", deviation) and re.fullmatch(r"0\.0\d{3}", first_deviation)


def test_settings_are_wrapped_also_in_a_pipe() -> None:
    lines = invoke("summary").stdout.splitlines()
    assert sum(line.startswith("settings") for line in lines) == 1
    first = next(i for i, line in enumerate(lines) if line.startswith("settings"))
    assert lines[first + 1].startswith(" " * 12)
    assert max(map(len, lines[first : first + 6])) <= 80
    assert "batch_size 200" in " ".join(lines[first : first + 6])


@pytest.mark.parametrize("command", ["summary", "evaluate"])
def test_the_network_is_an_argument_or_an_option(
    command: str, trained: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = ["--data-dir", tiny] if command == "evaluate" else []

    def shown(*arguments: object) -> str:
        result = invoke(command, *arguments, *more, "--json")
        assert result.exit_code == 0, result.stderr
        found = json.loads(result.stdout)["checkpoint"]
        return str(found["path"] if command == "summary" else found)

    assert shown(trained) == shown("--checkpoint", trained) == shown("-c", trained) == str(trained)
    assert shown(trained, "-c", trained) == str(trained)
    two = invoke(command, trained, "-c", "other.pth")
    assert two.exit_code == 2
    assert f"CHECKPOINT {trained} and --checkpoint other.pth name two networks" in two.stderr
    monkeypatch.setenv("MNISTCNN_CHECKPOINT", "other.pth")
    assert shown(trained) == str(trained)
    assert invoke(command).exit_code == 1


def test_a_temperature_at_its_bound_means_nothing(trained: Path) -> None:
    assert "a bound of its search" not in invoke("summary", trained).stdout
    save_checkpoint(replace(load_checkpoint(trained), path=Path("bound.pth"), temperature=20.0))
    said = "20.000, at a bound of its search, so the confidence is not calibrated"
    assert said in invoke("summary", "bound.pth").stdout

import re

import pytest
import typer
from typer.core import TyperGroup, TyperOption

from mnistcnn.cli import app
from tests.conftest import invoke

GROUP = typer.main.get_command(app)
assert isinstance(GROUP, TyperGroup)
COMMANDS = GROUP.commands


@pytest.mark.parametrize("command", COMMANDS)
def test_at_sixty_columns_every_option_is_whole_and_no_type_is_shown(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", 60)
    shown = invoke(command, "--help").stdout
    assert max(map(len, shown.splitlines())) <= 60
    for parameter in COMMANDS[command].params:
        if isinstance(parameter, TyperOption):
            for name in (*parameter.opts, *parameter.secondary_opts):
                assert re.search(rf"{re.escape(name)}\s", shown), name
    assert "<" not in shown
    assert "…" not in shown


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("train --epochs three", "--epochs must be a whole number, not 'three'."),
        ("train --epochs 2.5", "--epochs must be a whole number, not '2.5'."),
        ("train --lr fast", "--lr must be a number, not 'fast'."),
        ("train --precision half", "--precision must be one of auto, float32, bfloat16, not 'half'."),
        ("evaluate --split all", "--split must be one of train, validation, test, not 'all'."),
        ("evaluate --min-accuracy 2", "--min-accuracy must be at least 0 and at most 1, not 2."),
        ("evaluate --min-accuracy nan", "--min-accuracy must be at least 0 and at most 1, not nan."),
        ("evaluate --batch-size 0", "--batch-size must be at least 1, not 0."),
        ("predict --top-k 99 x", "--top-k must be at least 1 and at most 10, not 99."),
        ("draw --port x", "--port must be a whole number, not 'x'."),
        ("predict --jsno x", "No such option '--jsno'. Did you mean '--json'"),
        ("train --epoch 3", "No such option '--epoch'. Did you mean '--epochs'?"),
        ("trian", "No such command 'trian'. Did you mean 'train'?"),
    ],
)
def test_mistakes_are_told_in_our_own_sentences(line: str, said: str) -> None:
    result = invoke(*line.split())
    assert result.exit_code == 2
    assert result.stderr.splitlines()[0].startswith(f"Error: {said}")

import re
from pathlib import Path

import pytest

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

from pathlib import Path

import pytest

from tests.conftest import invoke


def test_every_figure_is_there_at_sixty_columns(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    out = invoke("summary", trained).stdout
    assert "…" not in out
    for shown in ("multiply-adds", "1,103,539", "4,590,416", "3,240,000", "25×9×9"):
        assert shown in out

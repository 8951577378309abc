import gzip
import hashlib
from pathlib import Path

import pytest

from mnistcnn.data import files
from mnistcnn.data.files import DamagedError, find_folder, move_in, read_sums, read_verified, write_sums

NAME = files.FILES[0]
CONTENT = b"0123456789" * 100
SUM = hashlib.sha256(CONTENT).hexdigest()


def test_raw_and_packed_files_are_read(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_verified(tmp_path, NAME, SUM)
    (tmp_path / f"{NAME}.gz").write_bytes(gzip.compress(CONTENT))
    assert read_verified(tmp_path, NAME, SUM) == CONTENT
    (tmp_path / NAME).write_bytes(CONTENT)
    assert read_verified(tmp_path, NAME, SUM) == CONTENT


@pytest.mark.parametrize("damage", [b"", CONTENT[:-1], CONTENT[:-1] + b"x", CONTENT + b"x"])
def test_one_wrong_byte_is_damage(damage: bytes, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(damage)
    with pytest.raises(DamagedError, match="SHA-256"):
        read_verified(tmp_path, NAME, SUM)


@pytest.mark.parametrize("content", [gzip.compress(CONTENT)[:-9], b"not gzip", gzip.compress(CONTENT)[:20] + bytes(40)])
def test_a_broken_archive_is_damage(content: bytes, tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.gz").write_bytes(content)
    with pytest.raises(DamagedError):
        read_verified(tmp_path, NAME, SUM)


def test_an_archive_that_unpacks_without_end_is_cut_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST_BYTES", 10_000)
    (tmp_path / f"{NAME}.gz").write_bytes(gzip.compress(bytes(10_000_000)))
    with pytest.raises(DamagedError, match="SHA-256"):
        read_verified(tmp_path, NAME, SUM)


def test_torchvisions_layout_is_found(tmp_path: Path) -> None:
    assert find_folder(tmp_path) is None
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    (raw / f"{NAME}.gz").write_bytes(b"")
    assert find_folder(tmp_path) == raw
    (tmp_path / NAME).write_bytes(b"")
    assert find_folder(tmp_path) == tmp_path


def test_sums_are_written_and_read(tmp_path: Path) -> None:
    write_sums(tmp_path, dict.fromkeys(files.FILES, CONTENT))
    assert read_sums(tmp_path) == dict.fromkeys(files.FILES, SUM)
    (tmp_path / files.SUMS).write_bytes(b"\xff\x00 nonsense")
    with pytest.raises(DamagedError, match="does not list"):
        read_sums(tmp_path)


def test_files_are_moved_whole(tmp_path: Path) -> None:
    work, home = tmp_path / "work_", tmp_path / "home"
    work.mkdir()
    home.mkdir()
    (work / NAME).write_bytes(CONTENT)
    (home / NAME).write_bytes(b"old")
    move_in(work, home, (NAME,))
    assert (home / NAME).read_bytes() == CONTENT
    assert not list(work.iterdir())

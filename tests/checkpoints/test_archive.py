import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mnistcnn.checkpoints import archive
from mnistcnn.checkpoints.archive import load_archive
from mnistcnn.errors import CheckpointError
from mnistcnn.network.tensors import save_archive
from tests.conftest import posix


def test_tensors_and_plain_types_come_back(tmp_path: Path) -> None:
    content = {"a": torch.arange(5), "b": [1, 2.5, "x", None, True, {"c": (1, 2)}]}
    save_archive(tmp_path / "file", content)
    loaded = load_archive(tmp_path / "file")
    np.testing.assert_array_equal(loaded.pop("a"), np.arange(5))
    assert loaded == {"b": content["b"]}


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch pwned",)


def saved(content: object, **options: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return buffer.getvalue()


def repacked(compression: int, changes: dict[str, bytes | None]) -> bytes:
    """Pack the files of an archive again, with files added, changed and left out."""
    with zipfile.ZipFile(io.BytesIO(saved({"a": 1}))) as old:
        files: dict[str, bytes | None] = {name: old.read(name) for name in old.namelist()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as new:
        for name, content in {**files, **changes}.items():
            if content is not None:
                new.writestr(name, content)
    return buffer.getvalue()


def test_an_archive_that_a_stranger_packed_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(repacked(zipfile.ZIP_STORED, {}))
    assert load_archive(tmp_path / "file") == {"a": 1}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (b"hello", "is not a checkpoint"),
        (b"PK\3\4 and no more", "is not a checkpoint, or is damaged"),
        (saved({"a": 1}, _use_new_zipfile_serialization=False), "format of PyTorch before version 1.6"),
        (repacked(zipfile.ZIP_STORED, {"archive/byteorder": b"big"}), "big-endian"),
        (pickle.dumps(Evil()), "not a checkpoint"),
        (saved({"a": Evil()}), "more than tensors and plain types"),
        (saved({"a": torch.ones(1000)})[:-200], "not a checkpoint, or is damaged: its directory is missing"),
        (saved([1, 2]), "holds a list"),
        (repacked(zipfile.ZIP_DEFLATED, {"archive/bomb": bytes(10_000_000)}), "compressed"),
        (repacked(zipfile.ZIP_STORED, {"archive/data.pkl": None}), "has no data.pkl"),
    ],
)
def test_what_is_no_archive_of_ours_is_refused_unread(content: bytes, why: str, tmp_path: Path) -> None:
    path = tmp_path / "file.pth"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=why) as caught:
        load_archive(path)
    assert str(path) in caught.value.message
    assert "\n" not in caught.value.message
    assert not Path("pwned").exists()


def test_size_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_archive(tmp_path / "file", {"a": torch.ones(100_000)})
    monkeypatch.setattr(archive, "MOST_BYTES", 10_000)
    with pytest.raises(CheckpointError, match="too large"):
        load_archive(tmp_path / "file")


@posix
def test_folders_devices_pipes_and_nothing_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, why in [
        (tmp_path, "not a file"),
        (Path("/dev/zero"), "not a file"),
        (tmp_path / "pipe", "not a file"),
        (tmp_path / "none", "There is no checkpoint"),
        (Path("a\0b"), "can't be read"),
        (Path("x" * 5000), "can't be read"),
    ]:
        with pytest.raises(CheckpointError, match=why):
            load_archive(path)

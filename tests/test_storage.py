import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from mnistcnn.errors import OutputError
from mnistcnn.storage import check_writable, held, write_atomically


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_a_file_is_written_with_its_folders(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a" / "b" / "file", b"new")
    assert (tmp_path / "a" / "b" / "file").read_bytes() == b"new"
    assert names(tmp_path / "a" / "b") == ["file"]


def test_a_failed_write_leaves_the_old_content_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "out"
    write_atomically(folder / "file", b"old")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=r"file can't be written: No space left on device"):
        write_atomically(folder / "file", b"new")
    assert (folder / "file").read_bytes() == b"old"
    assert names(folder) == ["file"]


def test_a_full_disk_leaves_the_old_content(tmp_path: Path) -> None:
    """A real limit on file sizes, in a process of its own."""
    code = (
        "import resource, signal, sys; from pathlib import Path; from mnistcnn.storage import write_atomically\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "write_atomically(Path(sys.argv[1]), bytes(2000))\n"
    )
    target = tmp_path / "out" / "file"
    write_atomically(target, b"old")
    done = subprocess.run([sys.executable, "-c", code, str(target)], capture_output=True, text=True, check=False)
    assert "OutputError" in done.stderr
    assert "File too large" in done.stderr
    assert target.read_bytes() == b"old"
    assert names(target.parent) == ["file"]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 1000


def test_the_trial_leaves_nothing(tmp_path: Path) -> None:
    check_writable(tmp_path / "new" / "folder" / "file")
    assert names(tmp_path) == ["work"]


def test_what_is_in_the_way_is_found_out(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match="not a file is in the way"):
        check_writable(tmp_path / "folder")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="can't be written"):
        check_writable(tmp_path / "file" / "below")


def test_a_lock_is_held_by_one_and_goes_away(tmp_path: Path) -> None:
    target = tmp_path / "out" / "net.pth"
    target.parent.mkdir()
    code = "import sys; from pathlib import Path; from mnistcnn.storage import held\nwith held(Path(sys.argv[1])): pass"
    with held(target):
        other = subprocess.run([sys.executable, "-c", code, str(target)], capture_output=True, text=True, check=False)
        assert "Another training run is writing" in other.stderr
    assert names(target.parent) == []
    with held(target):
        pass
    with held(tmp_path / "new" / "net.pth"):
        assert names(tmp_path / "new") == ["net.pth.lock"]
    assert not (tmp_path / "new").exists()


def test_a_lock_that_can_not_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="can't be written"), held(tmp_path / "file" / "net.pth"):
        pass


def test_what_a_killed_writer_left_is_removed() -> None:
    Path(".file.tmp").write_bytes(b"half")
    check_writable(Path("file"))
    check_writable(Path("file"))
    assert names(Path()) == []

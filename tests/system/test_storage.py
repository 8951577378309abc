import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from mnistcnn.errors import OutputError
from mnistcnn.system import storage
from mnistcnn.system.storage import check_writable, exists, held, remove_leftovers, write_atomically
from tests.conftest import posix


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
    with pytest.raises(OutputError, match=r"file can't be written: No space left on device") as caught:
        write_atomically(folder / "file", b"new")
    assert caught.value.hint == "Free some space."
    assert (folder / "file").read_bytes() == b"old"
    assert names(folder) == ["file"]


def test_a_full_disk_leaves_the_old_content(tmp_path: Path) -> None:
    """A separate process has a real limit on file sizes."""
    pytest.importorskip("resource")
    code = (
        "import resource, signal, sys; from pathlib import Path; from mnistcnn.system.storage import write_atomically\n"
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


def test_the_trial_leaves_nothing(tmp_path: Path) -> None:
    check_writable(tmp_path / "new" / "folder" / "file")
    assert names(tmp_path) == ["work"]


def test_what_is_in_the_way_is_found_out(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match="folder can't be written: it is a folder"):
        check_writable(tmp_path / "folder")
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "file" / "below", tmp_path / "file" / "further" / "below"):
        for write in (check_writable, lambda path: write_atomically(path, b"new")):
            with pytest.raises(OutputError, match=f"{path} can't be written: {tmp_path}/file is not a folder"):
                write(path)
    with pytest.raises(OutputError, match="File name too long"):
        check_writable(tmp_path / ("x" * 300))


@posix
def test_names_as_long_as_the_system_allows(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    for name in ("x" * 255, "ä" * 127):
        check_writable(folder / name)
        write_atomically(folder / name, b"new")
    assert len(names(folder)) == 2


@posix
def test_a_pipe_in_the_place_of_the_file_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OutputError, match="neither a file nor a folder"):
        check_writable(tmp_path / "pipe")


def test_the_names_of_temporary_files_can_not_be_foreseen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    replace = Path.replace

    def watch(self: Path, target: Path) -> Path:
        seen.append(self.name)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", watch)
    for _ in range(2):
        write_atomically(tmp_path / "file", b"new")
    assert len(set(seen)) == 2


@posix
@pytest.mark.parametrize("planted", ["link", "pipe"])
def test_what_is_planted_at_the_temporary_name_is_not_followed(
    planted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, victim = tmp_path / "out", tmp_path / "victim"
    victim.write_bytes(b"mine")
    folder.mkdir()
    monkeypatch.setattr("secrets.token_hex", lambda length: "0" * 2 * length)
    trap = folder / f".file.{'0' * 16}.tmp"
    trap.symlink_to(victim) if planted == "link" else os.mkfifo(trap)
    for write in (check_writable, lambda path: write_atomically(path, b"new")):
        with pytest.raises(OutputError):
            write(folder / "file")
    assert victim.read_bytes() == b"mine"


@posix
def test_a_link_stays_one_and_its_target_is_replaced(tmp_path: Path) -> None:
    disk, folder = tmp_path / "disk", tmp_path / "models"
    disk.mkdir()
    folder.mkdir()
    (folder / "net.pth").symlink_to(disk / "net.pth")
    for content in (b"first", b"second"):  # the link leads nowhere at first
        check_writable(folder / "net.pth")
        write_atomically(folder / "net.pth", content)
        assert (disk / "net.pth").read_bytes() == content
        assert (folder / "net.pth").is_symlink()
    assert names(folder) == names(disk) == ["net.pth"]


@posix
def test_permissions_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "file"
    umask = os.umask(0o022)
    try:
        write_atomically(path, b"first")
        assert stat.S_IMODE(path.stat().st_mode) == 0o644
        path.chmod(0o600)
        check_writable(path)
        write_atomically(path, b"second")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    finally:
        os.umask(umask)


def test_the_trial_is_what_writing_does_and_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path("file")
    path.write_bytes(b"old")
    os.utime(path, ns=(1, 2))
    check_writable(path)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (b"old", 2)

    def immutable(self: Path, target: Path) -> Path:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "replace", immutable)
    with pytest.raises(OutputError, match=r"^file can't be written: Operation not permitted"):
        check_writable(Path(path.name))
    assert names(Path()) == ["file"]


def test_on_windows_a_file_that_is_open_elsewhere_is_tried_again_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "_WINDOWS", True)
    monkeypatch.setattr(storage, "_WINDOWS_TRY_SECONDS", 0.0)
    replace, left = Path.replace, [3]

    def busy(self: Path, target: Path) -> Path:
        left[0] -= 1
        if left[0]:
            raise PermissionError(13, "Access is denied")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", busy)
    write_atomically(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"
    left[0] = -1
    with pytest.raises(OutputError, match="another program has it open") as caught:
        write_atomically(tmp_path / "file", b"newer")
    assert "space" not in str(caught.value.hint)


def test_something_is_there_where_the_system_does_not_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not exists(tmp_path / "none")
    assert exists(tmp_path)
    assert exists(tmp_path / ("x" * 300))

    def forbidden(self: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "stat", forbidden)
    assert exists(tmp_path / "none")


def test_a_lock_is_held_by_one_and_goes_away(tmp_path: Path) -> None:
    target = tmp_path / "out" / "net.pth"
    target.parent.mkdir()
    code = (
        "import sys; from pathlib import Path; from mnistcnn.system.storage import held\n"
        "with held(Path(sys.argv[1]), '--out'): pass"
    )
    with held(target, "--out"):
        other = subprocess.run([sys.executable, "-c", code, str(target)], capture_output=True, text=True, check=False)
        assert f"Another training run is writing {target}" in other.stderr
    assert names(target.parent) == []
    with held(target, "--out"):
        pass
    with held(tmp_path / "new" / "net.pth", "--out"):
        assert names(tmp_path / "new") == ["net.pth.lock"]
    assert not (tmp_path / "new").exists()


def test_a_lock_that_can_not_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="can't be written"), held(tmp_path / "file" / "net.pth", "--out"):
        pass


def test_what_a_killed_writer_left_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    others = [".file.tmp", ".file.0123456789abcdef.tmp~", ".other.0123456789abcdef.tmp", "file"]
    for name in (*others, ".file.0123456789abcdef.tmp"):
        (folder / name).write_bytes(b"half")
    remove_leftovers(folder / "file")
    assert names(folder) == sorted(others)
    remove_leftovers(tmp_path / "none" / "file")


@posix
def test_a_writer_that_is_killed_leaves_what_is_removed(tmp_path: Path) -> None:
    target = tmp_path / "out" / "file"
    code = (
        "import os, signal, sys; from pathlib import Path; from mnistcnn.system import storage\n"
        "Path.replace = lambda *paths: os.kill(os.getpid(), signal.SIGKILL)\n"
        "storage.write_atomically(Path(sys.argv[1]), b'new')\n"
    )
    subprocess.run([sys.executable, "-c", code, str(target)], check=False)
    assert len(names(target.parent)) == 1
    remove_leftovers(target)
    assert names(target.parent) == []

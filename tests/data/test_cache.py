import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mnistcnn.config import DatasetName
from mnistcnn.data import cache, verified_files
from mnistcnn.data.cache import cache_dir, read_files
from mnistcnn.data.dataset import load_dataset
from mnistcnn.errors import DataError
from mnistcnn.events import Event, Note, Transfer
from tests.conftest import posix
from tests.server import serving

MNIST_NAME = DatasetName.MNIST


def read(data_dir: Path | None = None, mirror: str | None = None, told: list[Event] | None = None) -> dict[str, bytes]:
    return read_files(MNIST_NAME, verified_files.FILES, data_dir, mirror, (told if told is not None else []).append)[0]


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(p): (p.stat().st_mtime_ns, p.stat().st_size) for p in sorted(folder.rglob("*"))}


def test_an_empty_cache_is_filled_once(archives: dict[str, bytes], tmp_path: Path) -> None:
    with serving(archives) as (url, asked):
        first = read(mirror=url)
        requests = len(asked)
        assert read(mirror=url) == first
    assert requests
    assert len(asked) == requests
    home = tmp_path / "cache" / "mnist"
    assert sorted(p.name for p in home.iterdir() if not p.name.startswith(".")) == sorted(verified_files.FILES)
    assert not list(home.glob(".mnistcnn-*"))  # no work folder is left


def test_one_flipped_byte_is_repaired_and_told(archives: dict[str, bytes], tmp_path: Path) -> None:
    told: list[Event] = []
    with serving(archives) as (url, _):
        first = read(mirror=url)
        damaged = tmp_path / "cache" / "mnist" / verified_files.FILES[0]
        content = bytearray(damaged.read_bytes())
        content[5000] ^= 1
        damaged.write_bytes(content)
        assert read(mirror=url, told=told) == first
    warnings = [event.message for event in told if isinstance(event, Note) and event.warning]
    assert any(str(damaged) in warning and "downloading it again" in warning for warning in warnings)
    assert damaged.read_bytes() == first[verified_files.FILES[0]]


@pytest.mark.parametrize("fault", ["truncate", "corrupt", "close", "500", "continue"])
def test_after_a_bad_mirror_the_next_run_works(
    fault: str, archives: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched, serving(archives, fault) as (url, _), pytest.raises(DataError):
        patched.setattr("mnistcnn.data.download.DEADLINE", 0.5)
        read(mirror=url)
    assert not any((tmp_path / "cache" / "mnist" / name).exists() for name in verified_files.FILES)
    with serving(archives) as (url, _):
        assert set(read(mirror=url)) == set(verified_files.FILES)


@pytest.mark.parametrize("layout", ["raw", "gz", "torchvision", "dots", "kaggle"])
def test_a_given_folder_is_read_and_left_alone(
    layout: str, archives: dict[str, bytes], tiny: Path, tmp_path: Path
) -> None:
    home = tmp_path / "given"
    folder = home / "MNIST" / "raw" if layout == "torchvision" else home
    folder.mkdir(parents=True)
    for name in verified_files.FILES:
        if layout == "raw":
            shutil.copy(tiny / name, folder)
        elif layout == "dots":
            shutil.copy(tiny / name, folder / name.replace("-idx", ".idx"))
        elif layout == "kaggle":
            (folder / name).mkdir()
            shutil.copy(tiny / name, folder / name)
        else:
            (folder / f"{name}.gz").write_bytes(archives[f"{name}.gz"])
    before = snapshot(home)
    assert read(home)[verified_files.FILES[0]] == (tiny / verified_files.FILES[0]).read_bytes()
    assert snapshot(home) == before


def test_a_given_folder_with_other_things_is_never_written_to(archives: dict[str, bytes], tmp_path: Path) -> None:
    home = tmp_path / "given"
    home.mkdir()
    (home / "thesis.txt").write_text("mine", encoding="ascii")
    with (
        serving(archives) as (url, asked),
        pytest.raises(DataError, match=f"has {verified_files.FILES[0]}, raw or .gz"),
    ):
        read(home, url)
    assert not asked
    assert [p.name for p in home.iterdir()] == ["thesis.txt"]


def test_a_damaged_file_in_a_given_folder_is_named_and_kept(archives: dict[str, bytes], tmp_path: Path) -> None:
    home = tmp_path / "given"
    with serving(archives) as (url, _):
        read(home, url)
        (home / verified_files.FILES[2]).write_bytes(b"damaged")
        with pytest.raises(DataError, match=verified_files.FILES[2]):
            read(home, url)
    assert (home / verified_files.FILES[2]).read_bytes() == b"damaged"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("0/a.png", "has a folder for each class, not"),
        ("mnist.npz", "has mnist.npz, a NumPy archive, not"),
        ("emnist-digits-train-images-idx3-ubyte.gz", "has emnist-digits-train-images-idx3-ubyte.gz, an IDX file of"),
        ("mnist_train.csv", "has mnist_train.csv, a table, not"),
    ],
)
def test_other_data_are_named_and_refused(name: str, said: str, tmp_path: Path) -> None:
    home = tmp_path / "given"
    for each in (name, name.replace("0/", "1/")):
        (home / each).parent.mkdir(parents=True, exist_ok=True)
        (home / each).write_bytes(b"x")
    for given in (home, home / name) if "/" not in name else (home,):
        with pytest.raises(DataError) as caught:
            read(given)
        assert said in caught.value.message
        assert "train` is for MNIST alone" in str(caught.value.hint)
        assert "evaluate --pictures FOLDER" in str(caught.value.hint)


def test_other_data_under_the_names_of_mnist_are_refused(tiny: Path) -> None:
    with pytest.raises(DataError, match="fails its SHA-256 check: it is damaged, or not a file of MNIST") as caught:
        read(tiny)
    assert "evaluate --pictures FOLDER" in str(caught.value.hint)


@pytest.mark.parametrize("there", [False, True])
def test_a_given_folder_that_is_empty_or_missing_is_filled(
    there: bool, archives: dict[str, bytes], tmp_path: Path
) -> None:
    home = tmp_path / "given"
    if there:
        home.mkdir()
    with serving(archives) as (url, _):
        assert set(read(home, url)) == set(verified_files.FILES)
    assert (home / verified_files.FILES[0]).is_file()


def test_a_given_folder_whose_filling_was_interrupted_is_filled(
    archives: dict[str, bytes], tiny: Path, tmp_path: Path
) -> None:
    home = tmp_path / "given"
    (home / cache._WORK / "0").mkdir(parents=True)
    shutil.copy(tiny / verified_files.FILES[0], home)
    with serving(archives) as (url, _):
        assert set(read(home, url)) == set(verified_files.FILES)
    assert not (home / cache._WORK).exists()


def test_a_cache_that_can_not_be_written_says_so(
    archives: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("MNISTCNN_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(DataError, match=r"can't be written to .*: .*/file is not a folder"):
        read()


def test_a_full_cache_is_not_written_to(archives: dict[str, bytes], tmp_path: Path) -> None:
    """Reading must change nothing, not even a lock, as on a read-only disk; permissions don't stop root."""
    with serving(archives) as (url, _):
        read(mirror=url)
    (tmp_path / "cache" / "mnist" / cache._LOCK).unlink(missing_ok=True)
    before = snapshot(tmp_path / "cache")
    read()
    assert snapshot(tmp_path / "cache") == before


def test_the_cache_is_the_users_unless_a_variable_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MNISTCNN_CACHE_DIR")
    assert cache_dir().name == "mnistcnn"
    monkeypatch.setenv("MNISTCNN_CACHE_DIR", "elsewhere")
    assert cache_dir() == Path("elsewhere")


# A module stands for torchvision, which takes seconds to import.
FETCH = """
import sys, hashlib
from types import SimpleNamespace
from pathlib import Path
sys.modules["torchvision"] = SimpleNamespace()
sys.modules["torchvision.datasets"] = SimpleNamespace(MNIST=SimpleNamespace(mirrors=[]))
from mnistcnn.data import verified_files, cache
from mnistcnn.config import DatasetName
tiny, url = sys.argv[1:]
sums = {n: hashlib.sha256((Path(tiny) / n).read_bytes()).hexdigest() for n in verified_files.FILES}
verified_files.MNIST_SHA256 = sums
contents, _ = cache.read_files(DatasetName.MNIST, verified_files.FILES, None, url, lambda event: None)
assert len(contents) == 4
"""
Fetch = Callable[[str], subprocess.Popen[bytes]]


@pytest.fixture
def fetch(tiny: Path) -> Iterator[Fetch]:
    """Starts a process that downloads the data from an address; it is ended with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def fetch(url: str) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen([sys.executable, "-c", FETCH, str(tiny), url]))
        return started[-1]

    yield fetch
    for process in started:
        process.kill()
        process.wait()


def test_several_processes_at_once_fetch_once(archives: dict[str, bytes], fetch: Fetch) -> None:
    with serving(archives, "slow") as (url, asked):
        processes = [fetch(url) for _ in range(4)]
        assert [process.wait() for process in processes] == [0] * 4
    assert len(asked) == 4


@posix
@pytest.mark.parametrize("name", ["SIGKILL", pytest.param("SIGSTOP", marks=pytest.mark.slow)])
def test_a_process_that_holds_the_lock_and_dies_stops_nobody(
    name: str, archives: dict[str, bytes], fetch: Fetch, tmp_path: Path
) -> None:
    with serving(archives, "hang") as (url, asked):
        first = fetch(url)
        while not asked:
            assert first.poll() is None
            time.sleep(0.02)
        first.send_signal(getattr(signal, name))
        with serving(archives) as (good, _):
            second = fetch(good)
            if name == "SIGSTOP":
                with pytest.raises(subprocess.TimeoutExpired):  # it waits, and says so
                    second.wait(6)
                first.kill()
            assert second.wait() == 0
    assert not (tmp_path / "cache" / "mnist" / cache._WORK).exists()


def test_synthetic_digits_are_drawn_into_the_cache_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mnistcnn.data.synthetic.TRAIN_COUNT", 500)
    monkeypatch.setattr("mnistcnn.data.synthetic.TEST_COUNT", 250)
    told: list[Event] = []
    first = load_dataset(DatasetName.SYNTHETIC, validation_size=100, observer=told.append)
    assert (len(first.train), len(first.validation), len(first.test)) == (400, 100, 250)
    assert Transfer("digits drawn", 750, 750) in told
    monkeypatch.setattr("mnistcnn.data.synthetic.render_digits", None)
    again = load_dataset(DatasetName.SYNTHETIC, validation_size=100)
    assert again.train.images.equal(first.train.images)
    assert (tmp_path / "cache" / "synthetic" / verified_files.SUMS).is_file()

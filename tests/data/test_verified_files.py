import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from mnistcnn.data import verified_files
from mnistcnn.data.verified_files import (
    DamagedError,
    decode_idx,
    decode_qmnist_labels,
    encode_idx,
    find_folder,
    read_sums,
    read_verified,
    write_sums,
)

NAME = verified_files.FILES[0]
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


@pytest.mark.parametrize(
    "content",
    [gzip.compress(CONTENT)[:-9], b"not gzip", gzip.compress(CONTENT)[:20] + bytes(40)],
    ids=["short", "text", "zeros"],
)
def test_a_broken_archive_is_damage(content: bytes, tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.gz").write_bytes(content)
    with pytest.raises(DamagedError):
        read_verified(tmp_path, NAME, SUM)


def test_an_archive_that_unpacks_without_end_is_cut_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verified_files, "MAX_BYTES", 10_000)
    (tmp_path / f"{NAME}.gz").write_bytes(gzip.compress(bytes(10_000_000)))
    with pytest.raises(DamagedError, match="SHA-256"):
        read_verified(tmp_path, NAME, SUM)


@pytest.mark.parametrize(
    "where",
    ["train-images.idx3-ubyte", f"{NAME}/{NAME}", f"{NAME}/train-images.idx3-ubyte", "train-images.idx3-ubyte/x"],
)
def test_names_of_other_programs_are_found(where: str, tmp_path: Path) -> None:
    path = tmp_path / where.replace("/x", "/train-images.idx3-ubyte")
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(CONTENT)
    assert find_folder(tmp_path) == tmp_path
    assert read_verified(tmp_path, NAME, SUM) == CONTENT
    path.rename(path.with_name(f"{path.name}.gz"))
    path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(CONTENT))
    assert read_verified(tmp_path, NAME, SUM) == CONTENT


def test_torchvisions_layout_is_found(tmp_path: Path) -> None:
    assert find_folder(tmp_path) == tmp_path
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    (raw / f"{NAME}.gz").write_bytes(b"")
    assert find_folder(tmp_path) == raw
    (tmp_path / NAME).write_bytes(b"")
    assert find_folder(tmp_path) == tmp_path


def test_sums_are_written_and_read(tmp_path: Path) -> None:
    write_sums(tmp_path, dict.fromkeys(verified_files.FILES, CONTENT))
    assert read_sums(tmp_path) == dict.fromkeys(verified_files.FILES, SUM)
    (tmp_path / verified_files.SUMS).write_bytes(b"\xff\x00 nonsense")
    with pytest.raises(DamagedError, match="does not list"):
        read_sums(tmp_path)


@given(arrays(np.uint8, array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=6)))
def test_what_is_encoded_is_decoded(array: NDArray[np.uint8]) -> None:
    decoded = decode_idx(encode_idx(array))
    assert decoded.shape == array.shape
    assert np.array_equal(decoded, array)


def test_the_bytes_are_those_of_the_format() -> None:
    assert encode_idx(np.array([[1, 2], [3, 4]], dtype=np.uint8)) == bytes(
        [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4]
    )


@given(st.binary(max_size=40))
def test_random_bytes_are_refused_or_an_array(content: bytes) -> None:
    try:
        array = decode_idx(content)
    except ValueError:
        return
    assert encode_idx(array) == content


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not an IDX"),
        (b"\x00\x00\x0d\x01\x00\x00\x00\x00", "of bytes"),
        (b"\x00\x00\x08\x04" + bytes(16), "dimensions"),
        (b"\x00\x00\x08\x03\x00", "truncated"),
        (b"\x00\x00\x08\x01\x00\x00\x00\x05abc", "3 bytes of data where the header says 5"),
        (b"\x00\x00\x08\x03" + b"\xff" * 12, "where the header says"),
    ],
)
def test_damage_is_named(content: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        decode_idx(content)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (encode_idx(np.zeros(3, np.uint8)), "of 32-bit integers"),
        (b"\0\0\x0c\1\0\0\0\1" + bytes(4), "table"),
        (b"\0\0\x0c\2\0\0\0\1\0\0\0\0", "table"),
        (b"\0\0\x0c\2\0\0\0\1\0\0\0\1" + bytes(3), "3 bytes of data where the header says 4"),
    ],
)
def test_damaged_labels_of_qmnist_are_named(content: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        decode_qmnist_labels(content)


def test_only_bytes_are_encoded() -> None:
    with pytest.raises(ValueError, match="uint8"):
        encode_idx(np.zeros(3))  # type: ignore[arg-type]

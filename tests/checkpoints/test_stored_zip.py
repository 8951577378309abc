import io
import struct
import zipfile
from collections.abc import Callable

import pytest
import torch

from mnistcnn.checkpoints.stored_zip import MOST_ENTRIES, read_stored_zip

FILES = {"a/data.pkl": b"a pickle", "a/data/0": bytes(range(200)), "a/version": b"3"}


def packed(files: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def unpacked(content: bytes) -> dict[str, bytes]:
    return {name: bytes(data) for name, data in read_stored_zip(content).items()}


def test_an_archive_of_python_is_read() -> None:
    assert unpacked(packed(FILES)) == FILES


def test_an_archive_of_pytorch_is_read_as_python_reads_it() -> None:
    buffer = io.BytesIO()
    torch.save({"a": torch.arange(1_000)}, buffer)
    with zipfile.ZipFile(buffer) as archive:
        expected = {name: archive.read(name) for name in archive.namelist()}
    assert unpacked(buffer.getvalue()) == expected


def test_an_archive_written_to_a_stream_is_read() -> None:
    """Its sizes follow each entry, and the entry before the descriptor has none."""

    class Stream(io.RawIOBase):
        def __init__(self) -> None:
            self.content = bytearray()

        def writable(self) -> bool:
            return True

        def write(self, data: bytes) -> int:  # type: ignore[override]
            self.content += data
            return len(data)

    stream = Stream()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in FILES.items():
            archive.writestr(name, content)
    assert unpacked(bytes(stream.content)) == FILES


def changed(at: bytes, offset: int, new: bytes, number: int = 0) -> bytes:
    """A good archive with some bytes changed, `offset` bytes after where `at` stands for the `number`th time."""
    content = bytearray(packed(FILES))
    place = -1
    for _ in range(number + 1):
        place = content.index(at, place + 1)
    content[place + offset : place + offset + len(new)] = new
    return bytes(content)


LOCAL, CENTRAL, END = b"PK\3\4", b"PK\1\2", b"PK\5\6"


def short(number: int) -> bytes:
    return struct.pack("<H", number)


def long(number: int) -> bytes:
    return struct.pack("<L", number)


def with_gap() -> bytes:
    """Two archives one after the other: Python's reader takes the second, others the first."""
    return packed({"a/data.pkl": b"another"}) + packed(FILES)


def with_overlap() -> bytes:
    """Two entries of the directory that share their content."""
    content = packed({"a/x": bytes(100), "a/y": bytes(100)})
    start = content.index(CENTRAL)
    second = content.index(CENTRAL, start + 1)
    first_entry = bytearray(content[start:second])
    end = content.index(END)
    return content[:second] + bytes(first_entry) + content[end:]


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: b"PK", "too short"),
        (lambda: packed(FILES)[:-1], "directory is missing"),
        (lambda: packed(FILES) + b"x", "directory is missing"),
        (lambda: packed(FILES, zipfile.ZIP_DEFLATED), "compressed"),
        (lambda: changed(b"a pickle", 0, b"A"), "checksum of a/data.pkl"),
        (with_gap, "directory is invalid"),
        (with_overlap, "overlap"),
        (lambda: packed(FILES)[:0] + b"x" * 10 + packed(FILES), "directory is invalid"),
        (lambda: changed(LOCAL, 8, short(8)), "disagree"),
        (lambda: changed(LOCAL, 18, long(5)), "disagree"),
        (lambda: changed(LOCAL, 30, b"b"), "disagree"),
        (lambda: changed(LOCAL, 28, short(5)), "overlap|checksum|larger"),
        (lambda: changed(LOCAL, 28, short(0xFFFF)), "larger"),
        (lambda: changed(LOCAL, 6, short(8)), "disagree"),
        (lambda: changed(CENTRAL, 8, short(1)), "encrypted"),
        (lambda: changed(CENTRAL, 8, short(8)), "disagree"),
        (lambda: changed(CENTRAL, 10, short(8)), "compressed"),
        (lambda: changed(CENTRAL, 20, long(2**31)), "compressed"),
        (lambda: changed(CENTRAL, 20, long(2**31) * 2), "disagree"),
        (lambda: changed(CENTRAL, 20, long(2**32 - 1) * 2), "not as PyTorch writes it"),
        (lambda: changed(CENTRAL, 42, long(10)), "overlap"),
        (lambda: changed(CENTRAL, 42, long(10**6)), "gaps"),
        (lambda: changed(CENTRAL, 28, short(0xFFFF)), "invalid"),
        (lambda: changed(CENTRAL, 0, b"x"), "invalid"),
        (lambda: changed(CENTRAL, 46, b"\0", 1), "name in it is invalid"),
        (lambda: changed(END, 8, short(2) * 2), "too long"),
        (lambda: changed(END, 8, short(9) * 2), "too short"),
        (lambda: changed(END, 8, short(9)), "directory is invalid"),
        (lambda: changed(END, 16, long(0)), "directory is invalid"),
        (lambda: packed({f"{i}": b"" for i in range(MOST_ENTRIES + 1)}), "directory is invalid"),
    ],
)
def test_what_two_programs_may_read_differently_is_refused(make: Callable[[], bytes], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_stored_zip(make())


def test_a_name_that_comes_twice_is_refused() -> None:
    content = packed({"a/x": b"one", "a/y": b"two"}).replace(b"a/y", b"a/x")
    with pytest.raises(ValueError, match="it has a/x twice"):
        read_stored_zip(content)


@pytest.mark.parametrize("at", [0, 8, 16, 24, 32, 40, 48])
def test_the_directory_for_large_archives_says_the_same(at: int) -> None:
    buffer = io.BytesIO()
    torch.save({"a": 1}, buffer)
    content = bytearray(buffer.getvalue())
    place = content.index(b"PK\6\6") + at
    content[place : place + 8] = b"\x07" * 8
    with pytest.raises(ValueError, match="directories disagree"):
        read_stored_zip(bytes(content))

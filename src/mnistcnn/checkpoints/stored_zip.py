"""Reads uncompressed zip files so strictly that no other program can read them differently. Imports nothing heavy.

Source: PKWARE, "APPNOTE.TXT, .ZIP file format specification" (6.3.10), as `torch.save` and Python's `zipfile` use it.
"""

import struct
import zlib
from dataclasses import dataclass

MOST_ENTRIES = 10_000
_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")
_DESCRIBED = 1 << 3  # the flag of an entry whose sizes follow its content
_UTF8 = 1 << 11  # the flag of a name in UTF-8
_ELSEWHERE = 0xFFFFFFFF  # it stands in place of a size of 64 bits, which an extra field holds


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """One file's entry in the central directory."""

    name: bytes
    flags: int
    checksum: int  # CRC-32
    size: int  # bytes
    start: int  # the position of its local header, in bytes


def read_stored_zip(content: bytes) -> dict[str, memoryview]:
    """Return views of the files in a zip archive by name.

    Raises `ValueError` with the reason unless local headers, directory and sizes agree, the files fill the archive
    without a gap or an overlap, none is compressed or encrypted, and the checksums are right.
    """
    directory_start, directory_end, count = _find_directory(content)
    entries = _read_directory(content[directory_start:directory_end], count)
    found: dict[str, memoryview] = {}
    position = 0
    for entry in sorted(entries, key=lambda entry: entry.start):
        if entry.start != position:
            raise ValueError("its entries overlap or leave gaps")
        start = _check_local_header(content, entry)
        end = start + entry.size
        position = _check_descriptor(content, entry, end) if entry.flags & _DESCRIBED else end
        if position > directory_start:
            raise ValueError("an entry is larger than the file")
        data = memoryview(content)[start:end]
        name = entry.name.decode()
        if zlib.crc32(data) != entry.checksum:
            raise ValueError(f"the checksum of {name[:80]} is wrong")
        if name in found:
            raise ValueError(f"it has {name[:80]} twice")
        found[name] = data
    if position != directory_start:
        raise ValueError("its entries leave gaps")
    return found


def _find_directory(content: bytes) -> tuple[int, int, int]:
    """Return the positions where the central directory begins and ends, and the number of its entries."""
    end = len(content) - _END.size
    if end < 0:
        raise ValueError("it is too short")
    signature, disk, first_disk, here, count, size, start, comment = _END.unpack_from(content, end)
    if signature != b"PK\5\6" or comment:
        raise ValueError("its directory is missing")
    fields = (disk, first_disk, here, count, size, start)
    locator = end - _LOCATOR_64.size
    if locator >= 0 and content[locator : locator + 4] == b"PK\6\7":
        # PyTorch always adds the record for archives of more than 4 GB; it must agree, and lie where the locator says.
        end = locator - _END_64.size
        _, record_disk, record_start, disks = _LOCATOR_64.unpack_from(content, locator)
        if end < 0 or (record_disk, record_start, disks) != (0, end, 1):
            raise ValueError("its directory is missing")
        signature, length, _, _, *fields_64 = _END_64.unpack_from(content, end)
        if signature != b"PK\6\6" or length != _END_64.size - 12 or tuple(fields_64) != fields:
            raise ValueError("its directories disagree")
    if disk or first_disk or here != count or count > MOST_ENTRIES or start + size != end:
        raise ValueError("its directory is invalid")
    return start, end, count


def _read_directory(directory: bytes, count: int) -> list[_Entry]:
    entries = []
    position = 0
    for _ in range(count):
        if position + _CENTRAL.size > len(directory):
            raise ValueError("its directory is too short")
        (
            signature, _, _, flags, method, _, _, checksum, packed, size,
            name_length, extra_length, comment_length, disk, _, _, start,
        ) = _CENTRAL.unpack_from(directory, position)  # fmt: skip
        position += _CENTRAL.size
        name = directory[position : position + name_length]
        position += name_length
        if signature != b"PK\1\2" or len(name) != name_length:
            raise ValueError("its directory is invalid")
        if method != 0 or packed != size:
            raise ValueError("it is compressed")
        if flags & ~(_DESCRIBED | _UTF8):
            raise ValueError("it is encrypted, or uses a feature that PyTorch does not use")
        if extra_length or comment_length or disk or _ELSEWHERE in (size, start):
            raise ValueError("its directory is not as PyTorch writes it")
        if not name.isascii() or b"\0" in name:
            raise ValueError("a name in it is invalid")
        entries.append(_Entry(name=name, flags=flags, checksum=checksum, size=size, start=start))
    if position != len(directory):
        raise ValueError("its directory is too long")
    return entries


def _check_local_header(content: bytes, entry: _Entry) -> int:
    """Return the position of an entry's content. Raises `ValueError` if its header disagrees with the directory."""
    if entry.start + _LOCAL.size > len(content):
        raise ValueError("an entry is larger than the file")
    (
        signature, _, flags, method, _, _, checksum, packed, size, name_length, extra_length,
    ) = _LOCAL.unpack_from(content, entry.start)  # fmt: skip
    name_start = entry.start + _LOCAL.size
    name = content[name_start : name_start + name_length]
    said = (checksum, packed, size)
    expected = (entry.checksum, entry.size, entry.size)
    not_yet_known = entry.flags & _DESCRIBED and said == (0, 0, 0)
    if (signature, flags, method, name) != (b"PK\3\4", entry.flags, 0, entry.name):
        raise ValueError("an entry and the directory disagree")
    if said != expected and not not_yet_known:
        raise ValueError("an entry and the directory disagree")
    return int(name_start + name_length + extra_length)


def _check_descriptor(content: bytes, entry: _Entry, start: int) -> int:
    """Return the end of the descriptor after an entry. Raises `ValueError` if it disagrees with the directory."""
    said = (b"PK\7\x08", entry.checksum, entry.size, entry.size)
    for layout in ("<4s3L", "<4sL2Q"):
        descriptor = struct.pack(layout, *said)
        if content[start : start + len(descriptor)] == descriptor:
            return start + len(descriptor)
    raise ValueError("an entry and the directory disagree")

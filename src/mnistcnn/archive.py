"""Tensors and plain types in a file: `torch.save`'s zip format, read with nothing but mistrust."""

from __future__ import annotations

import io
import pickle
import stat
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch

from mnistcnn.errors import CheckpointError
from mnistcnn.storage import write_atomically

MOST_BYTES = 128 << 20  # of a file, packed or unpacked; ours have 4.4 and 18 MB


def save_archive(path: Path, content: dict[str, Any]) -> None:
    """Write tensors and plain types to `path`, atomically. Raises `OutputError`."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_atomically(path, buffer.getvalue())


def load_archive(path: Path) -> dict[Any, Any]:
    """What `save_archive` wrote, with its tensors on the CPU; nothing in the file is executed.

    Raises `CheckpointError` naming file and reason for anything that isn't an uncompressed `torch.save`
    archive of tensors and plain types in a dict, at most 128 MB.
    """
    content = _read_regular(path)
    _check_zip(path, content)
    try:
        with warnings.catch_warnings():  # torch's advice about odd content is not for users
            warnings.simplefilter("ignore")
            loaded = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(f"{path} holds more than tensors and plain types; it was not opened.") from error
    except Exception as error:  # whatever a damaged file makes torch's reader raise
        raise CheckpointError(f"{path} is damaged: {_first_line(error)}") from error
    if not isinstance(loaded, dict):
        raise CheckpointError(f"{path} is not a checkpoint: it holds a {type(loaded).__name__}.")
    return loaded


def _read_regular(path: Path) -> bytes:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise CheckpointError(f"{path} is not a file.")
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except FileNotFoundError as error:
        raise CheckpointError(
            f"There is no checkpoint {path}.", "Make one with `mnistcnn train`, or name another."
        ) from error
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise CheckpointError(f"{path} can't be read: {reason}.") from error
    if len(content) > MOST_BYTES:
        raise CheckpointError(f"{path} is too large for a checkpoint of this network.")
    if not content:
        raise CheckpointError(f"{path} is empty.")
    return content


def _check_zip(path: Path, content: bytes) -> None:
    """Refuse what isn't a zip archive, and one that would unpack to more than it is."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OverflowError) as error:
        raise CheckpointError(f"{path} is not a checkpoint, or is truncated.") from error
    if any(m.compress_type != zipfile.ZIP_STORED for m in members):
        raise CheckpointError(f"{path} is not a checkpoint: it is compressed.")
    if sum(m.file_size for m in members) > MOST_BYTES:
        raise CheckpointError(f"{path} claims to hold more than a checkpoint of this network can.")


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]

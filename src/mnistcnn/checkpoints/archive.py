"""Reads files of `torch.save` with NumPy alone: arrays and plain types, without running anything in the file."""

import stat
from pathlib import Path
from typing import Any

from mnistcnn.checkpoints.pickled import UnknownNameError, read_pickle
from mnistcnn.checkpoints.stored_zip import read_stored_zip
from mnistcnn.errors import CheckpointError

MOST_BYTES = 64 << 20  # the limit of a file; checkpoints have 4.4 MB, unfinished runs 18 MB, twice that in float64
_OLD = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # the first bytes of files of PyTorch before version 1.6


def load_archive(path: Path, what: str = "a checkpoint", hint: str | None = None) -> dict[str | int, Any]:
    """Read a dict of plain types and tensors, which become read-only arrays; bfloat16 becomes float32.

    Raises `CheckpointError`, which names file and reason, unless the file is an uncompressed `torch.save` archive of
    tensors and plain types in a dict, at most 64 MB. The message says that the file is not `what`; `hint` is for a
    file that is damaged or something else.
    """
    content = _read_file(path)
    if not content:
        raise CheckpointError(f"{path} is empty.", hint)
    if content.startswith(_OLD):
        raise CheckpointError(f"{path} has the format of PyTorch before version 1.6.", "Save it with a newer PyTorch.")
    if not content.startswith(b"PK\3\4"):
        raise CheckpointError(f"{path} is not {what}.", hint)
    try:
        files = read_stored_zip(content)
        loaded = _read_files(files)
    except UnknownNameError as error:
        message = f"{path} holds more than tensors and plain types ({error}); it was not opened."
        raise CheckpointError(message, hint or "Save only the `state_dict()` of a network.") from error
    except ValueError as error:
        raise CheckpointError(f"{path} is not {what}, or is damaged: {error}.", hint) from error
    if not isinstance(loaded, dict):
        raise CheckpointError(f"{path} is not {what}: it holds a {type(loaded).__name__}.", hint)
    return loaded


def _read_file(path: Path) -> bytes:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise CheckpointError(f"{path} is not a file.")
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except FileNotFoundError as error:
        hint = "Make one with `mnistcnn train`, or give another path."
        raise CheckpointError(f"There is no checkpoint {path}.", hint) from error
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} can't be read: {getattr(error, 'strerror', None) or error}.") from error
    if len(content) > MOST_BYTES:
        raise CheckpointError(f"{path} is too large for a checkpoint of this network.")
    return content


def _read_files(files: dict[str, memoryview]) -> object:
    """Decode the archive's files: `NAME/data.pkl`, and the values of each tensor in `NAME/data/KEY`."""
    root = next(iter(files), "").partition("/")[0]
    if f"{root}/data.pkl" not in files:
        raise ValueError("it has no data.pkl")
    if bytes(files.get(f"{root}/byteorder", b"little")) != b"little":
        raise ValueError("it was written on a big-endian machine")
    folder = f"{root}/data/"
    storages = {name.removeprefix(folder): data for name, data in files.items() if name.startswith(folder)}
    return read_pickle(bytes(files[f"{root}/data.pkl"]), storages)

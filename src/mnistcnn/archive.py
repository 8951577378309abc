"""Tensors and plain types in a file: `torch.save`'s zip format, and what is checked before any of it is used."""

import io
import json
import pickle
import stat
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from mnistcnn.config import TrainConfig
from mnistcnn.errors import CheckpointError, MnistCnnError, first_line
from mnistcnn.model import MnistCNN
from mnistcnn.storage import write_atomically

MOST_BYTES = 128 << 20  # of a file, packed or unpacked; ours have 4.4 and 18 MB
MOST_TEXT = 4 << 20  # characters, as JSON, of what a file says about itself; 16,000 epochs of history fit


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
    content = _read_zip(path)
    try:
        with warnings.catch_warnings(action="ignore"):  # torch's advice about odd content is not for users
            loaded = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(f"{path} holds more than tensors and plain types; it was not opened.") from error
    except Exception as error:  # whatever a damaged file makes torch's reader raise
        raise CheckpointError(f"{path} is damaged: {first_line(error)}") from error
    if not isinstance(loaded, dict):
        raise CheckpointError(f"{path} is not a checkpoint: it holds a {type(loaded).__name__}.")
    return loaded


def _read_zip(path: Path) -> bytes:
    """The content of a regular file that is a zip archive and wouldn't unpack to more than it is."""
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
    if not content:
        raise CheckpointError(f"{path} is empty.")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OverflowError) as error:
        raise CheckpointError(f"{path} is not a checkpoint, or is truncated.") from error
    if any(m.compress_type != zipfile.ZIP_STORED for m in members):
        raise CheckpointError(f"{path} is not a checkpoint: it is compressed.")
    if sum(m.file_size for m in members) > MOST_BYTES:
        raise CheckpointError(f"{path} claims to hold more than a checkpoint of this network can.")
    return content


def check_weights(weights: object) -> dict[str, torch.Tensor]:
    """`weights` if they are a finite float32 `state_dict` of `MnistCNN`, made contiguous; else `ValueError`."""
    return check_tensors(weights, MnistCNN(torch.Generator()).state_dict(), "weights")


def check_tensors(value: object, expected: Mapping[str, torch.Tensor], what: str) -> dict[str, torch.Tensor]:
    """`value` if it has finite tensors of the names, shapes and dtypes of `expected`, contiguous; else `ValueError`."""
    if not isinstance(value, dict):
        raise ValueError(f"it holds no {what}")
    if set(value) != set(expected):
        names = sorted(str(name)[:40] for name in set(value) ^ set(expected))
        raise ValueError(f"{what} missing or unknown: {', '.join(names[:4])}{', …' * (len(names) > 4)}")
    checked = {}
    for name, like in expected.items():
        tensor = value[name]
        if not isinstance(tensor, torch.Tensor) or tensor.layout != torch.strided or tensor.device.type != "cpu":
            raise ValueError(f"{name} is not a plain tensor")
        if tensor.shape != like.shape or tensor.dtype != like.dtype:
            found, wanted = (f"{str(x.dtype).removeprefix('torch.')} {tuple(x.shape)}" for x in (tensor, like))
            raise ValueError(f"{name} is {found}, not {wanted}")
        if not torch.isfinite(tensor).all():
            raise ValueError(f"{name} has values that are not finite")
        checked[name] = tensor.detach().contiguous()
    return checked


def check_config(value: object) -> TrainConfig:
    """The settings in `value`, as `TrainConfig.to_dict` makes it; else `ValueError`."""
    if not isinstance(value, dict):
        raise ValueError("it holds no settings")
    try:
        return TrainConfig.from_dict(value)
    except (ValueError, TypeError, MnistCnnError) as error:
        raise ValueError(f"its settings are invalid ({error})") from error


def check_plain(value: object, what: str) -> dict[str, Any]:
    """`value` if it is a dict of plain types, at most 4 MB as JSON; else `ValueError`."""
    if not isinstance(value, dict):
        raise ValueError(f"it holds no {what}")
    text = ""
    try:
        for piece in json.JSONEncoder(allow_nan=False).iterencode(value):
            text += piece
            if len(text) > MOST_TEXT:
                raise ValueError("too large")
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"its {what} are invalid ({error})") from error
    return dict(json.loads(text))

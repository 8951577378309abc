"""The base of the results that functions return: frozen dataclasses of plain values. Imports nothing heavy.

Every `loss` is a mean cross-entropy in nats, every `accuracy` and probability a fraction in [0, 1],
every `seconds` wall-clock time.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path, PurePath
from typing import Any, Self

SCHEMA = 1  # the version of every JSON document: raised when a key changes its meaning or is removed


def plain(value: Any) -> Any:
    """Convert to plain JSON types: paths and enumerations to strings, tuples to lists, NaN and infinities to None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, str | PurePath) else value


def cpu_name() -> str:
    """Return the processor's name, or its architecture if the system doesn't name it."""
    import platform  # noqa: PLC0415 - some milliseconds of every start

    about = Path("/proc/cpuinfo")  # only Linux has it
    text = about.read_text(encoding="utf-8", errors="replace") if about.exists() else ""
    named = re.search(r"^model name\s*:(.*)", text, re.MULTILINE)
    return named[1].strip() if named else platform.processor() or platform.machine()


def to_json(document: Mapping[str, Any], indent: int | None = 2) -> str:
    """Return a valid JSON document in ASCII; `"schema"` comes first. It is one line if `indent` is None."""
    return json.dumps(plain({"schema": SCHEMA, **document}), indent=indent, allow_nan=False)


@dataclass(frozen=True, slots=True)
class Result:
    """The base of all results."""

    def to_dict(self) -> dict[str, Any]:
        """Return the fields by name, in plain JSON types."""
        return dict(plain(asdict(self)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics(Result):
    """The accuracy and the loss on `count` images."""

    accuracy: float
    loss: float
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment(Result):
    """The hardware and the software of a computation, recorded so that it can be repeated."""

    device: str = ""
    device_name: str = ""
    device_reason: str = ""  # why this device was chosen
    precision: str = ""
    threads: int = 0
    torch: str = ""
    python: str = ""
    mnistcnn: str = ""
    platform: str = ""

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Make it from what `to_dict` returns; missing fields stay empty, unknown ones are ignored."""
        return cls(**{field.name: values[field.name] for field in fields(cls) if field.name in values})

    def __str__(self) -> str:
        """Return the device in one line: `cpu (AMD EPYC), float32, 2 threads`."""
        line = f"{self.device} ({self.device_name}), {self.precision}"
        return f"{line}, {self.threads} thread{'s' * (self.threads != 1)}" if self.device == "cpu" else line

"""Devices: resolves their names, chooses the precision and the threads, and derives seeds."""

import hashlib
import os
import platform
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import torch

from mnistcnn.config import DEVICE_SPELLING, DEVICES, Precision
from mnistcnn.errors import DeviceError, UsageError, first_line
from mnistcnn.results import Environment, cpu_name
from mnistcnn.system.container import cpu_count

KINDS = ("cuda", "mps", "xpu", "cpu")  # in the order in which `auto` takes them


@dataclass(frozen=True, slots=True)
class Compute:
    """A device that works, and the precision of training on it."""

    device: torch.device
    name: str
    precision: Precision  # never AUTO
    reason: str  # why this device was chosen

    @property
    def dtype(self) -> torch.dtype:
        """The type that training steps compute in; the weights themselves are float32."""
        return torch.bfloat16 if self.precision is Precision.BFLOAT16 else torch.float32

    def environment(self) -> Environment:
        """Describe the device and the software for a report."""
        return Environment(
            device=str(self.device),
            device_name=self.name,
            device_reason=self.reason,
            precision=str(self.precision),
            threads=torch.get_num_threads(),
            torch=str(torch.__version__),
            python=platform.python_version(),
            mnistcnn=metadata.version("mnistcnn"),
            platform=platform.platform(),
        )


@contextmanager
def cpu_threads(count: int) -> Iterator[int]:
    """Compute with `count` threads on the CPU while the context lasts; yield their number.

    If `count` is 0, PyTorch's choice is taken, or the CPU quota if that is less.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(count or min(before, cpu_count()))
    try:
        yield torch.get_num_threads()
    finally:
        torch.set_num_threads(before)


@contextmanager
def strict_float32() -> Iterator[None]:
    """Compute float32 convolutions and matrix products in full precision while the context lasts.

    By default cuDNN's convolutions use TF32, with 10 bits of mantissa; a program may have allowed more such shortcuts.
    """
    backends: Any = torch.backends  # its type stubs lack these attributes
    settings = (backends.cudnn.conv, backends.cuda.matmul, backends.mkldnn.conv, backends.mkldnn.matmul)
    before = [setting.fp32_precision for setting in settings]
    try:
        for setting in settings:
            setting.fp32_precision = "ieee"
        yield
    finally:
        for setting, precision in zip(settings, before, strict=True):
            setting.fp32_precision = precision


def resolve_device(name: str = "auto", precision: Precision = Precision.FLOAT32) -> Compute:
    """Find the device, and check by a small computation that it works.

    `name` is `auto` (CUDA, then MPS, then XPU, then the CPU), `cpu`, `cuda`, `cuda:N`, `mps`, `xpu` or `xpu:N`. Raises
    `UsageError` for another spelling, `DeviceError` for a device that isn't there or doesn't work.
    """
    if not re.fullmatch(DEVICE_SPELLING, name):
        raise UsageError(f"--device {name!r} is not a known device.", f"Use {DEVICES}.")
    present = available_devices()
    taken = present[0] if name == "auto" else f"{name}:0" if name in ("cuda", "xpu") else name
    if taken not in present:
        message = f"Device {name} is not available here; available: {', '.join(reversed(present))}."
        if taken.startswith("cuda") and "cuda:0" not in present:
            message += f" {_explain_missing_cuda()}"
        raise DeviceError(message, "Leave out --device to use the best available.")
    device = torch.device(taken)
    _try_out(device)
    better = ", ".join(f"no {kind.upper()}" for kind in KINDS[: KINDS.index(device.type)])
    reason = f"auto: {better or 'best available'}" if name == "auto" else f"--device {name}"
    if precision is Precision.AUTO:
        precision = Precision.BFLOAT16 if _native_bfloat16(device) else Precision.FLOAT32
    return Compute(device, _device_name(device), precision, reason)


def available_devices() -> list[str]:
    """List the devices of this machine, best first, such as `["cuda:0", "cuda:1", "cpu"]`."""
    found = []
    with warnings.catch_warnings(action="ignore"):  # PyTorch warns of an old driver; `_explain_missing_cuda` says it
        for kind in KINDS[:-1]:
            backend = getattr(torch, kind)
            count = backend.device_count() if backend.is_available() else 0
            found += [kind] * count if kind == "mps" else [f"{kind}:{i}" for i in range(count)]
    return [*found, "cpu"]


def _explain_missing_cuda() -> str:
    """Explain in a sentence why there is no CUDA device: the build, the driver, hidden cards or no card."""
    if not torch.backends.cuda.is_built():
        return f"This torch, {torch.__version__}, is built without CUDA."
    reason = "No CUDA GPUs are available"
    try:
        with warnings.catch_warnings(action="ignore"):
            torch.cuda.init()
    except (RuntimeError, AssertionError) as error:
        reason = first_line(error)
    if "no NVIDIA driver" in reason:
        return "No NVIDIA driver was found."
    if "too old" in reason:
        found = re.search(r"found version (\d+)", reason)
        newest = f", for CUDA {int(found[1]) // 1000}.{int(found[1]) % 1000 // 10} at most" if found else ""
        return f"The NVIDIA driver is too old{newest}; this torch is built for CUDA {torch.version.cuda}."
    if "No CUDA GPUs" not in reason:
        return f"CUDA does not start: {reason}."
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    return "There is no CUDA card." if hidden is None else f"CUDA_VISIBLE_DEVICES={hidden} leaves no card."


def _try_out(device: torch.device) -> None:
    try:
        ones = torch.ones(2, 2, device=device)
        right = (ones @ ones).sum().item() == 8.0
    except (RuntimeError, NotImplementedError) as error:
        raise DeviceError(f"Device {device} does not work: {first_line(error)}", "Use --device cpu.") from error
    if not right:
        raise DeviceError(f"Device {device} computes wrong results.", "Use --device cpu.")


def _native_bfloat16(device: torch.device) -> bool:
    """Whether the hardware multiplies bfloat16 matrices itself; emulated bfloat16 would be slower than float32."""
    if device.type in ("cuda", "xpu"):
        return bool(getattr(torch, device.type).is_bf16_supported(including_emulation=False))
    flags = torch.cpu.get_capabilities() if device.type == "cpu" else {}
    return bool(flags.get("avx512_bf16") or flags.get("amx_bf16"))


def _device_name(device: torch.device) -> str:
    if device.type in ("cuda", "xpu"):
        return str(getattr(torch, device.type).get_device_name(device))
    if device.type == "mps":
        return f"Apple {platform.machine()}"
    return cpu_name()


def derive_seed(seed: int, purpose: str, number: int = 0) -> int:
    """Derive a seed in [0, 2⁶³) for a purpose and number, so that no two purposes share their random numbers."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{purpose}/{number}".encode()).digest()[:8], "big") >> 1

"""The CPU quota and the memory limit of the container that this process runs in. Imports nothing heavy.

Linux keeps both in files of control groups, versions 1 and 2: `man 7 cgroups`, and "Control Group v2" in the kernel's
documentation.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from mnistcnn.errors import TrainingError

MEMBERSHIP = Path("/proc/self/cgroup")
MOUNT = Path("/sys/fs/cgroup")
_UNLIMITED_BYTES = 1 << 60  # version 1 gives a number near 2⁶³ if there is no limit
# Memory that the system can't reclaim, unlike that of mapped files; one thread, measured with torch 2.14.
_TORCH_BYTES = 100 << 20  # PyTorch built without CUDA; a guess
_TORCH_CUDA_BYTES = 290 << 20  # PyTorch built with CUDA
_RUN_BYTES = 170 << 20  # the images, the network, its optimizer, validation, plots
_IMAGE_BYTES = 105_000  # activations and gradients for each image of a batch, in float32


def cpu_count() -> int:
    """Count the CPUs that this process may use: the machine's, or its quota's if less, rounded down; at least 1."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    count = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, min([count, *(int(quota) for quota in _cpu_quotas())]))


def memory_limit() -> int | None:
    """Return the memory limit of this process's container in bytes; None without a limit."""
    found = []
    for folder in _groups("memory"):
        for name in ("memory.max", "memory.limit_in_bytes"):  # in version 2, in version 1
            with suppress(OSError, ValueError):  # the file is missing, or it says "max"
                found.append(int((folder / name).read_text()))
    least = min(found, default=_UNLIMITED_BYTES)
    return least if least < _UNLIMITED_BYTES else None


def check_memory(batch_size: int) -> None:
    """Raise `TrainingError` if the container's memory limit is less than a training needs at least."""
    limit = memory_limit()
    needed = training_bytes(batch_size)
    if limit is not None and limit < needed:
        message = f"Training needs {needed >> 20:,} MB of memory, and this container has {limit >> 20:,} MB."
        raise TrainingError(message, "Start the container with more memory, or train with a smaller --batch-size.")


def training_bytes(batch_size: int) -> int:
    """Estimate the least memory, in bytes, that suffices to load PyTorch and to train, test and plot an epoch."""
    spec = find_spec("torch")
    libraries = Path(spec.origin).parent / "lib" if spec and spec.origin else Path()
    with_cuda = any((libraries / name).exists() for name in ("libtorch_cuda.so", "torch_cuda.dll"))
    return (_TORCH_CUDA_BYTES if with_cuda else _TORCH_BYTES) + _RUN_BYTES + _IMAGE_BYTES * batch_size


def _cpu_quotas() -> Iterator[float]:
    """Yield the CPU quotas of the process's control group and of the groups above it."""
    for folder in _groups("cpu"):
        with suppress(OSError, ValueError):
            quota, period = (folder / "cpu.max").read_text().split()  # version 2; "max 100000" without a quota
            yield int(quota) / int(period)
        with suppress(OSError, ValueError):
            quota, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
            if int(quota) > 0:  # version 1; -1 without a quota
                yield int(quota) / int(period)


def _groups(controller: str) -> Iterator[Path]:
    """Yield the folders of the process's control group and of the groups above it, for `controller` in either version.

    A container may see its group under the host's name although its own group is mounted: then only the mount exists.
    """
    with suppress(OSError):
        for line in MEMBERSHIP.read_text().splitlines():
            number, controllers, group = line.split(":", 2)
            if number == "0":
                mount = MOUNT
            elif controller in controllers.split(","):
                mount = MOUNT / controllers
            else:
                continue
            folder = mount / group.lstrip("/")
            yield from (path for path in (folder, *folder.parents) if path.is_relative_to(mount))

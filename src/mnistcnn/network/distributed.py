"""Several processes started by torchrun train as one: PyTorch's process groups and DistributedDataParallel."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import torch
from torch import distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from mnistcnn.errors import TrainingError, UsageError
from mnistcnn.network.world import World

T = TypeVar("T")
TIMEOUT = timedelta(minutes=10)  # longer than a download of the data, for which the others wait
_LOST = re.compile(r"gloo|nccl|connection|socket|timed out|timeout|store|peer", re.IGNORECASE)


@contextmanager
def process_group(world: World) -> Iterator[None]:
    """Join the processes: gloo between CPUs, nccl between CUDA devices. `TrainingError` where they are lost."""
    if world.size == 1:
        yield
        return
    try:
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        dist.init_process_group(backend, timeout=TIMEOUT)
        yield
    except RuntimeError as error:
        if not _LOST.search(f"{type(error).__name__} {error}"):
            raise
        hint = "Its saved state is kept: continue with `mnistcnn train --resume`, with any number of processes."
        raise TrainingError("Another process of this run ended or can't be reached.", hint) from error
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def local_device(name: str, world: World) -> str:
    """The device of this process: `cuda` becomes `cuda:LOCAL_RANK`. `UsageError` if there are too few."""
    processes = world.local_size
    if processes > 1 and ":" in name:
        raise UsageError(f"--device {name} is one device for {processes} processes.", "Leave out its number.")
    for kind in ("cuda", "xpu") if world.size > 1 else ():
        count = getattr(torch, kind).device_count()
        if name in ("auto", kind) and count:
            if processes > count:
                raise UsageError(f"{processes} processes are more than the {count} {kind.upper()} devices here.")
            return f"{kind}:{world.local_rank}"
    return name


def broadcast(world: World, value: T) -> T:
    """The value that rank 0 has; the others wait for it."""
    if world.size == 1:
        return value
    box = [value]
    dist.broadcast_object_list(box, src=0)
    return box[0]


def barrier(world: World) -> None:
    """Wait until every process is here."""
    all_reduce(world, torch.zeros(()))


def all_reduce(world: World, values: torch.Tensor) -> torch.Tensor:
    """The sum over all processes of `values`, changed in place."""
    if world.size > 1:
        dist.all_reduce(values)
    return values


def all_gather(world: World, shard: torch.Tensor) -> torch.Tensor:
    """The shards (n_i, …) of all processes, one after another."""
    if world.size == 1:
        return shard
    shards: list[torch.Tensor] = [shard] * world.size
    dist.all_gather_object(shards, shard)
    return torch.cat(shards)


def data_parallel(model: nn.Module, world: World, device: torch.device) -> nn.Module:
    """`model` with its gradients averaged over the processes."""
    if world.size == 1:
        return model
    if device.type == "cuda":
        torch.cuda.set_device(device)
    device_ids = None if device.type == "cpu" else [device]
    # Gradients that are views of what is exchanged need not be copied there and back.
    return DistributedDataParallel(model, device_ids=device_ids, gradient_as_bucket_view=True)

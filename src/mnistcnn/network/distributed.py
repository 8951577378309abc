"""Lets several processes that torchrun has started train one network, with DistributedDataParallel."""

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
TIMEOUT = timedelta(minutes=10)  # longer than the download of the data, for which all but one process wait
_LOST = re.compile(r"gloo|nccl|connection|socket|timed out|timeout|store|peer", re.IGNORECASE)


@contextmanager
def process_group(world: World) -> Iterator[None]:
    """Connect the processes while the context lasts: by gloo between CPUs, by NCCL between CUDA devices.

    Raises `TrainingError` if another process ended or can't be reached.
    """
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
        hint = "The saved state is kept: `mnistcnn train --resume` continues, with any number of processes."
        raise TrainingError("Another process of this run ended or can't be reached.", hint) from error
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def local_device(name: str, world: World) -> str:
    """Return the name of this process's device: `cuda` becomes `cuda:LOCAL_RANK`.

    Raises `UsageError` if there are fewer devices than processes.
    """
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
    """Return the value of rank 0; the other processes wait for it."""
    if world.size == 1:
        return value
    box = [value]
    dist.broadcast_object_list(box, src=0)
    return box[0]


def barrier(world: World) -> None:
    """Wait until every process has called this."""
    all_reduce(world, torch.zeros(()))


def all_reduce(world: World, values: torch.Tensor) -> torch.Tensor:
    """Sum `values` over all processes, in place."""
    if world.size > 1:
        dist.all_reduce(values)
    return values


def all_gather(world: World, shard: torch.Tensor) -> torch.Tensor:
    """Concatenate the shards (n_i, …) of all processes, by rank."""
    if world.size == 1:
        return shard
    shards: list[torch.Tensor] = [shard] * world.size
    dist.all_gather_object(shards, shard)
    return torch.cat(shards)


def data_parallel(model: nn.Module, world: World, device: torch.device) -> nn.Module:
    """Wrap `model` so that its gradients are averaged over the processes."""
    if world.size == 1:
        return model
    if device.type == "cuda":
        torch.cuda.set_device(device)
    device_ids = None if device.type == "cpu" else [device]
    # Gradients that are views of the exchanged buckets need not be copied there and back.
    return DistributedDataParallel(model, device_ids=device_ids, gradient_as_bucket_view=True)

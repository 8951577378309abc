"""The rank of this process and the number of processes, as torchrun sets them. Imports nothing heavy."""

import os
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class World:
    """The rank of this process and the number of processes that train together."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0  # on its own machine
    local_size: int = 1

    @classmethod
    def from_environment(cls) -> Self:
        """Read torchrun's environment variables; without them, this process is alone."""
        if "TORCHELASTIC_RUN_ID" not in os.environ:
            return cls()
        return cls(
            rank=int(os.environ["RANK"]),
            size=int(os.environ["WORLD_SIZE"]),
            local_rank=int(os.environ["LOCAL_RANK"]),
            local_size=int(os.environ["LOCAL_WORLD_SIZE"]),
        )

    @property
    def is_main(self) -> bool:
        """Whether this process prints and writes."""
        return self.rank == 0

    def shard(self, count: int) -> slice:
        """Return this process's share of `count` rows: the shards are consecutive and nearly equal."""
        return slice(self.rank * count // self.size, (self.rank + 1) * count // self.size)


ALONE = World()

"""Which of how many processes this one is, from torchrun's environment variables. Imports nothing heavy."""

import os
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class World:
    """This process among those that train together; by itself it is a world of one."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0  # on its own machine
    local_size: int = 1

    @classmethod
    def from_environment(cls) -> Self:
        """What torchrun has set; a world of one where nothing is set."""
        if "TORCHELASTIC_RUN_ID" not in os.environ:
            return cls()
        names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
        return cls(*(int(os.environ[name]) for name in names))

    @property
    def is_main(self) -> bool:
        """Whether this process prints and writes."""
        return self.rank == 0

    def shard(self, count: int) -> slice:
        """This process's rows of `count`: consecutive shards, as equal as can be, none left out."""
        return slice(self.rank * count // self.size, (self.rank + 1) * count // self.size)


ALONE = World()

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnistcnn.network.world import World


@given(st.integers(1, 40), st.integers(0, 300))
def test_every_row_is_in_exactly_one_share(size: int, count: int) -> None:
    shares = [World(rank, size).shard(count) for rank in range(size)]
    rows = [row for share in shares for row in range(count)[share]]
    assert rows == list(range(count))
    lengths = [share.stop - share.start for share in shares]
    assert max(lengths) - min(lengths) <= 1


def test_torchrun_says_who_one_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "3")
    assert World.from_environment() == World()  # not by torchrun
    for name, value in {"WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    world = World.from_environment()
    assert world == World(3, 8, 1, 2)
    assert not world.is_main
    assert World().is_main

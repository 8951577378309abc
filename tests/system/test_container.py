import os
from pathlib import Path

import pytest

from mnistcnn.errors import TrainingError
from mnistcnn.system import container
from mnistcnn.system.container import check_memory, cpu_count, memory_limit, training_bytes

MB = 1 << 20


@pytest.fixture(autouse=True)
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight CPUs and no container."""
    monkeypatch.setattr(container, "MEMBERSHIP", tmp_path / "membership")
    monkeypatch.setattr(container, "MOUNT", tmp_path / "mount")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


def write(tmp_path: Path, membership: str, **values: str) -> None:
    """The membership of this process, and files below the mount: `__` stands for a slash, `_0_` for a dot."""
    (tmp_path / "membership").write_text(membership)
    for name, value in values.items():
        path = tmp_path / "mount" / name.replace("__", "/").replace("_0_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(value + "\n")


def test_outside_of_containers_there_are_no_limits() -> None:
    assert (cpu_count(), memory_limit()) == (8, None)
    check_memory(60_000)


def test_version_2(tmp_path: Path) -> None:
    write(tmp_path, "0::/\n", cpu_0_max="250000 100000", memory_0_max=str(512 * MB))
    assert (cpu_count(), memory_limit()) == (2, 512 * MB)
    write(tmp_path, "0::/\n", cpu_0_max="max 100000", memory_0_max="max")
    assert (cpu_count(), memory_limit()) == (8, None)


def test_version_1(tmp_path: Path) -> None:
    membership = "7:cpu,cpuacct:/docker/ab\n4:memory:/docker/ab\n1:name=systemd:/docker/ab\n"  # names of the host
    cpu = {"cpu,cpuacct__cpu_0_cfs_quota_us": "300000", "cpu,cpuacct__cpu_0_cfs_period_us": "100000"}
    write(tmp_path, membership, **cpu, memory__memory_0_limit_in_bytes=str(256 * MB))
    assert (cpu_count(), memory_limit()) == (3, 256 * MB)
    cpu["cpu,cpuacct__cpu_0_cfs_quota_us"] = "-1"
    write(tmp_path, membership, **cpu, memory__memory_0_limit_in_bytes=str(2**63 - 4096))
    assert (cpu_count(), memory_limit()) == (8, None)


def test_the_least_of_all_groups_above_counts(tmp_path: Path) -> None:
    limits = {"memory_0_max": "max", "a__memory_0_max": str(300 * MB), "a__b__memory_0_max": str(400 * MB)}
    cpus = {"a__cpu_0_max": "400000 100000", "a__b__cpu_0_max": "150000 50000"}
    write(tmp_path, "0::/a/b\n", **limits, **cpus, other__memory_0_max="5", other__cpu_0_max="1000 100000")
    assert (cpu_count(), memory_limit()) == (3, 300 * MB)


def test_less_than_a_cpu_is_one_thread(tmp_path: Path) -> None:
    write(tmp_path, "0::/\n", cpu_0_max="50000 100000")
    assert cpu_count() == 1


def test_more_than_there_are_is_what_there_is(tmp_path: Path) -> None:
    write(tmp_path, "0::/\n", cpu_0_max="6400000 100000")
    assert cpu_count() == 8


def test_too_little_memory_is_an_error_that_says_how_much_is_needed(tmp_path: Path) -> None:
    needed = training_bytes(200)
    assert needed < 512 * MB
    assert training_bytes(2_000) - needed == 1_800 * 105_000
    write(tmp_path, "0::/\n", memory_0_max=str(needed))
    check_memory(200)
    write(tmp_path, "0::/\n", memory_0_max=str(needed - MB))
    with pytest.raises(TrainingError, match=f"needs {needed >> 20} MB of memory, .* has {(needed - MB) >> 20} MB"):
        check_memory(200)


@pytest.mark.parametrize(("library", "more"), [("libtorch_cuda.so", 190 * MB), ("libtorch_cpu.so", 0)])
def test_a_build_with_cuda_takes_more(library: str, more: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "torch"
    (folder / "lib").mkdir(parents=True)
    (folder / "__init__.py").touch()
    bare = 270 * MB + 105_000
    (folder / "lib" / library).touch()
    spec = type("Spec", (), {"origin": str(folder / "__init__.py")})
    monkeypatch.setattr(container, "find_spec", lambda name: spec)
    assert training_bytes(1) == bare + more

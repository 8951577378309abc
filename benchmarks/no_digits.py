"""Pictures without a digit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchmarks.hands import Labelled
from benchmarks.wild import Rng

Kind = Callable[[Rng, Sequence[Labelled]], tuple[bytes, str]]
KINDS: dict[str, Kind] = {}

"""The table that a benchmark prints and keeps."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

Rows = list[dict[str, Any]]


def row(rows: Rows, what: str, figure: str, **details: Any) -> None:
    """Print a line of the table, and keep it."""
    print(f"{what:<58} {figure}", flush=True)
    rows.append({"what": what, "figure": figure, **details})


def median(values: Sequence[float]) -> float:
    """Format the median."""
    return float(statistics.median(values))


def spread(values: Sequence[float]) -> str:
    """Format median, least and greatest."""
    return f"{statistics.median(values):,.4g} ({min(values):,.4g} to {max(values):,.4g}, n={len(values)})"

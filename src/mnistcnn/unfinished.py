"""The file of an unfinished run: all that resuming needs, beside the checkpoint it is going to become."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mnistcnn.archive import load_archive, save_archive
from mnistcnn.checkpoint import check_config, check_plain, check_weights
from mnistcnn.config import TrainConfig
from mnistcnn.errors import CheckpointError

FORMAT = 2
KIND = "mnistcnn unfinished run"


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A run that was stopped: its settings, what it was trained on, and `Training.state`."""

    config: TrainConfig
    data: dict[str, Any]
    seconds: float  # spent on it so far
    state: dict[str, Any]


def save_unfinished(path: Path, run: Unfinished) -> None:
    """Write it atomically. Raises `OutputError`."""
    header = {"format": FORMAT, "kind": KIND, "config": run.config.to_dict(), "data": run.data}
    save_archive(path, {**header, "seconds": run.seconds, "state": run.state})


def load_unfinished(path: Path) -> Unfinished:
    """Read and check it. Raises `CheckpointError` naming file and reason."""
    content = load_archive(path)
    try:
        if content.get("kind") != KIND or content.get("format") != FORMAT:
            raise ValueError("it has another format")
        config, data = check_config(content.get("config")), check_plain(content.get("data"), "data")
        seconds = float(content.get("seconds", 0.0))
        return Unfinished(config, data, seconds, _check_state(content.get("state")))
    except (ValueError, TypeError, KeyError) as error:
        raise CheckpointError(
            f"{path} is not an unfinished run that can be resumed: {error}.",
            "`mnistcnn train --restart` begins anew and replaces it.",
        ) from error


def _check_state(state: object) -> dict[str, Any]:
    if not isinstance(state, dict):
        raise ValueError("it holds no state")
    weights = check_weights(state.get("weights"))
    if state.get("best_weights"):
        check_weights(state["best_weights"])
    for number, (name, weight) in enumerate(weights.items()):
        moments = state["optimizer"].get(number, {})
        for key in ("exp_avg", "exp_avg_sq"):
            moment = moments.get(key)
            if moment is not None and (moment.shape != weight.shape or not bool(torch.isfinite(moment).all())):
                raise ValueError(f"the optimizer's {key} of {name} makes no sense")
    for key in ("history", "tally", "epoch", "step", "best_epoch"):
        check_plain(state[key], key)
    if not 0 <= int(state["best_epoch"]) <= len(state["history"]) < int(state["epoch"]) or state["step"] < 0:
        raise ValueError("its epochs don't add up")
    return state

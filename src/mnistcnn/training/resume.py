"""The file of an unfinished run: all that resuming needs, beside the checkpoint that it is going to become."""

from dataclasses import asdict, astuple, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import torch

from mnistcnn.archive import check_config, check_plain, check_weights, load_archive, save_archive
from mnistcnn.config import TrainConfig
from mnistcnn.errors import CheckpointError
from mnistcnn.events import EpochResult
from mnistcnn.results import Metrics
from mnistcnn.training.trainer import RunningMetrics, TrainerState, best_of

FORMAT = 2
KIND = "mnistcnn unfinished run"


@dataclass(frozen=True, slots=True)
class UnfinishedRun:
    """A run that was stopped: its settings, what it was trained on, and the trainer's state."""

    config: TrainConfig
    data: dict[str, Any]  # `DataSplits.describe`
    seconds: float  # spent on it so far
    state: TrainerState


def save_unfinished(path: Path, run: UnfinishedRun) -> None:
    """Write it atomically. Raises `OutputError`."""
    about = {"config": run.config.to_dict(), "data": run.data, "seconds": run.seconds}
    state, history = run.state, run.state.history
    content = {
        "weights": state.weights,
        "optimizer": state.optimizer,
        **state.sampler,
        "epoch": len(history) + 1,
        "step": state.step,
        "tally": list(astuple(state.running)),
        "history": [asdict(epoch) for epoch in history],
        "best_epoch": best_of(history).epoch if history else 0,
        "best_weights": state.best_weights,
    }
    save_archive(path, {"format": FORMAT, "kind": KIND, **about, "state": content})


def load_unfinished(path: Path) -> UnfinishedRun:
    """Read and check it. Raises `CheckpointError` naming file and reason."""
    content = load_archive(path)
    try:
        if content.get("kind") != KIND or content.get("format") != FORMAT:
            raise ValueError("it has another format")
        config, data = check_config(content.get("config")), check_plain(content.get("data"), "data")
        return UnfinishedRun(config, data, float(content.get("seconds", 0.0)), _read_state(content.get("state")))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        message = f"{path} is not an unfinished run that can be resumed: {error}."
        raise CheckpointError(message, "`mnistcnn train --restart` starts again and replaces it.") from error


def _read_state(content: object) -> TrainerState:
    if not isinstance(content, dict):
        raise ValueError("it holds no state")
    weights, optimizer = check_weights(content.get("weights")), content["optimizer"]
    for (number, (name, weight)), key in product(enumerate(weights.items()), ("exp_avg", "exp_avg_sq")):
        moment = optimizer.get(number, {}).get(key)
        if moment is not None and (moment.shape != weight.shape or not torch.isfinite(moment).all()):
            raise ValueError(f"the optimizer's {key} of {name} makes no sense")
    plain = check_plain({key: content[key] for key in ("history", "tally", "epoch", "step")}, "progress")
    history = [
        EpochResult(**{**record, **{split: Metrics(**record[split]) for split in ("train", "validation")}})
        for record in plain["history"]
    ]
    step, best_weights = int(plain["step"]), check_weights(content["best_weights"]) if history else {}
    if plain["epoch"] != len(history) + 1 or step < 0:
        raise ValueError("its epochs don't add up")
    running, sampler = RunningMetrics(*plain["tally"]), {"losses": content["losses"]}
    return TrainerState(weights, optimizer, sampler, step, running, history, best_weights)

"""Writes `history.json` after each epoch, so that users can watch a run, and a killed run keeps its history."""

from typing import Any

from mnistcnn.data.dataset import DataSplits
from mnistcnn.results import to_json
from mnistcnn.system.storage import Files, write_atomically
from mnistcnn.training.trainer import Trainer, best_of

HISTORY = "history.json"


def write_history(files: Files, result: dict[str, Any]) -> None:
    """Write the result of a finished run, or of a run so far, in plain types. Raises `OutputError`."""
    write_atomically(files.output_dir / HISTORY, to_json(result).encode() + b"\n")


def describe_progress(trainer: Trainer, data: DataSplits, files: Files) -> dict[str, Any]:
    """Return the keys of a run's result that are known before its end; at least one epoch must be finished."""
    return {
        "checkpoint": str(files.checkpoint),
        "output_dir": str(files.output_dir),
        "best_epoch": best_of(trainer.history).epoch,
        "epochs": [epoch.to_dict() for epoch in trainer.history],
        "config": trainer.config.to_dict(),
        "environment": trainer.compute.environment().to_dict(),
        "data": data.describe(),
    }

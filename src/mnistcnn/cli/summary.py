"""`mnistcnn summary`."""

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import mnistcnn
from mnistcnn.cli import shared_options as o
from mnistcnn.cli.conventions import between
from mnistcnn.cli.output import data_name, new_table, percent, show_json, show_pairs, stdout, written
from mnistcnn.config import TrainConfig
from mnistcnn.results import Environment

if TYPE_CHECKING:
    from mnistcnn.summary import ModelSummary

_INDENT = 13  # characters before the settings


def summary(
    network: o.CheckpointArgument = None,
    checkpoint: o.CheckpointOption = None,
    batch_size: Annotated[
        int, typer.Option(metavar="N", callback=between(1), help="Batch size for the memory estimate.")
    ] = TrainConfig().batch_size,
    plot: Annotated[Path | None, o.output(metavar="FILE", help="Plot the first layer's filters to FILE.")] = None,
    json: o.JsonOption = False,
    quiet: o.QuietOption = False,
) -> None:
    """Describe the network layer by layer, and how training changed it."""
    checkpoint = o.either_checkpoint(network, checkpoint)
    with mnistcnn.progress_bar(quiet=quiet) as observer:
        result = mnistcnn.summarise(checkpoint, batch_size=batch_size, plot=plot, observer=observer)
    show_json(result.to_dict()) if json else show_summary(result)


def show_summary(result: "ModelSummary") -> None:
    """Print the report of `summary`."""
    title = "MnistCNN: 1×28×28 picture in, 10 logits out"
    table = new_table(title, "layer", "what it does", "output", "parameters", "multiply-adds", words=2)
    for layer in result.layers:
        table.add_row(
            layer.name,
            f"{layer.kind} {layer.detail}".strip(),
            "×".join(map(str, layer.output)),
            f"{layer.parameters:,}" if layer.parameters else "–",
            f"{layer.multiply_adds:,}" if layer.multiply_adds else "–",
        )
    table.add_section()
    table.add_row("total", "", "", f"{result.parameters:,}", f"{result.multiply_adds:,}", style="bold")
    stdout().print(table)
    forward, training = (f"{number / 2**20:.1f} MB" for number in (result.forward_bytes, result.training_bytes))
    memory = f"{forward} forward, {training} in training, at {result.batch_size:,} pictures in float32"
    show_pairs([("memory", memory), ("initialised", result.initialisation), *_training(result.checkpoint)])
    headings = ("layer", "mean", "deviation", "mean at start", "deviation at start")
    table = new_table("Weights now and before training", *headings)
    for layer in result.layers:
        if layer.weight_mean is not None:
            table.add_row(
                layer.name,
                f"{layer.weight_mean:+.4f}",
                f"{layer.weight_std:.4f}",
                f"{layer.initial_weight_mean:+.4f}",
                f"{layer.initial_weight_std:.4f}",
            )
    stdout().print(table)
    show_pairs(written(result.files))


def _training(about: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the lines about training from a checkpoint's description."""
    yield "checkpoint", about["path"]
    config = about.get("config")
    if not config:
        yield "trained on", "unknown: a bare state_dict"
        return
    yield "trained on", f"{data_name(config['dataset'])}, {about['created']}"
    settings = ", ".join(f"{name} {value}" for name, value in config.items() if name not in ("dataset", "device"))
    lines = textwrap.wrap(settings, stdout().width - _INDENT, break_long_words=False, break_on_hyphens=False)
    for i, line in enumerate(lines):
        yield "" if i else "settings", line
    if about["environment"]["device"]:
        yield "device", str(Environment.from_dict(about["environment"]))
    for split in ("train", "validation", "test"):
        metrics = about["metrics"].get(split)
        if isinstance(metrics, dict) and {"accuracy", "loss"} <= set(metrics):
            yield split, f"accuracy {percent(metrics['accuracy'])}, loss {metrics['loss']:.4f}"
    from mnistcnn.checkpoints.calibration import is_at_bound

    temperature = about["temperature"]
    bound = ", at a bound of its search, so the confidence is not calibrated" if is_at_bound(temperature) else ""
    yield "temperature", f"{temperature:.3f}{bound}"

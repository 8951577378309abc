"""`mnistcnn train`."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import mnistcnn
from mnistcnn.cli import shared_options as o
from mnistcnn.cli.conventions import between
from mnistcnn.cli.output import data_name, new_table, percent, show_json, show_pairs, stdout, written
from mnistcnn.config import DEFAULT_CHECKPOINT, DEFAULT_OUTPUT_DIR, TrainConfig
from mnistcnn.events import Event, Observer, Stage, ignore
from mnistcnn.network.world import World
from mnistcnn.system.container import check_memory

if TYPE_CHECKING:
    from mnistcnn.training.finish import TrainResult


def _with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Replace a command's `**settings` by an option for each field of `TrainConfig`."""
    signature = inspect.signature(command)
    default = TrainConfig()
    context, *own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    options = []
    for name, (kind, setting) in TrainConfig.settings().items():
        takes = "N" if kind is int else "X" if kind is float else "NAME"
        option = Annotated[kind, typer.Option(metavar=takes, help=setting.help, rich_help_panel=setting.panel)]  # type: ignore[valid-type]
        annotation = o.DeviceOption if name == "device" else option
        options.append(context.replace(name=name, default=getattr(default, name), annotation=annotation))
    command.__signature__ = signature.replace(parameters=[context, *options, *own])  # type: ignore[attr-defined]
    return command


@_with_settings
def train(
    ctx: typer.Context,
    *,
    data_dir: o.DataDirOption = None,
    mirror: o.MirrorOption = None,
    checkpoint: Annotated[
        Path, o.output("--checkpoint", "-c", metavar="FILE", help="File for the trained network.")
    ] = DEFAULT_CHECKPOINT,
    output_dir: Annotated[
        Path, o.output("--output-dir", "-o", metavar="DIR", help="Folder for the plots and the history.")
    ] = DEFAULT_OUTPUT_DIR,
    resume: Annotated[bool, o.output("--resume", help="Continue the unfinished run.")] = False,
    restart: Annotated[bool, o.output("--restart", help="Discard the unfinished run and start again.")] = False,
    save_every: Annotated[
        float, o.output(metavar="X", callback=between(0), help="Seconds between saves of the running state.")
    ] = 30.0,
    tensorboard: Annotated[
        bool, o.output("--tensorboard", help="Write each epoch for TensorBoard. Needs the extra tensorboard.")
    ] = False,
    json: o.JsonOption = False,
    quiet: o.QuietOption = False,
    **settings: Any,
) -> None:
    """Train the network, test it, and write it with plots of the training."""
    config = TrainConfig(**settings)
    sources = {name: ctx.get_parameter_source(name) for name in settings}
    given = [name for name, source in sources.items() if source is not None and source.name != "DEFAULT"]
    is_main = World.from_environment().is_main
    board = _tensorboard(output_dir) if tensorboard and is_main else ignore
    with mnistcnn.progress_bar(quiet=quiet or not is_main) as bars:

        def observer(event: Event) -> None:
            bars(event)
            board(event)

        check_memory(config.batch_size)  # loading PyTorch alone may exceed the limit
        observer(Stage("Loading PyTorch"))  # using `mnistcnn.train` for the first time loads it
        result = mnistcnn.train(
            config,
            mnistcnn.Files(checkpoint=checkpoint, output_dir=output_dir, data_dir=data_dir, mirror=mirror),
            resume=resume,
            restart=restart,
            given=given,
            save_every=save_every,
            observer=observer,
            stop=ctx.obj,
        )
    if is_main:
        show_json(result.to_dict()) if json else show_training(result)


def _tensorboard(output_dir: Path) -> Observer:
    from mnistcnn.training.tensorboard import FOLDER, TensorBoard

    return TensorBoard(output_dir / FOLDER)


def show_training(result: "TrainResult") -> None:
    """Print the report of `train`."""
    table = new_table(f"Trained on {data_name(result.data['dataset'])}", "split", "pictures", "accuracy", "loss")
    splits = {"train (running average)": result.train, "validation": result.validation, "test": result.test}
    for name, metrics in splits.items():
        table.add_row(name, f"{metrics.count:,}", percent(metrics.accuracy), f"{metrics.loss:.4f}")
    table.rows[-1].style = "bold"
    stdout().print(table)
    show_pairs(
        [
            ("kept", f"epoch {result.best_epoch} of {len(result.epochs)} (best validation accuracy)"),
            ("time", f"{result.seconds:.1f} s, {result.pictures_per_second:,.0f} pictures/s in training"),
            ("device", str(result.environment)),
            *written(result.files),
        ]
    )

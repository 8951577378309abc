"""The command line: four thin commands, parse → call → show. Imports inside them keep `--help` fast."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from mnistcnn import options as o
from mnistcnn.config import (
    DEFAULT_CHECKPOINT,
    DEFAULT_OUTPUT_DIR,
    DatasetName,
    Files,
    Precision,
    Split,
    TrainConfig,
)
from mnistcnn.errors import DataError, DeviceError, GateError, MnistCnnError
from mnistcnn.world import World

D = TrainConfig()  # the defaults
R, A = {"rich_help_panel": o.RECIPE}, {"rich_help_panel": o.AUGMENTATION}


class _Group(TyperGroup):
    """Turns our errors into lines and exit codes, and lets Ctrl-C and SIGTERM end any command cleanly."""

    def invoke(self, ctx: Any) -> Any:
        from mnistcnn.signals import listening

        try:
            with listening() as ctx.obj:
                return super().invoke(ctx)
        except MnistCnnError as error:
            from mnistcnn.console import show_error

            # What all of several processes know the first one tells; each tells what only it may know.
            if World.from_environment().is_main or isinstance(error, DataError | DeviceError):
                show_error(error)
            raise typer.Exit(int(error.exit_code)) from error


app = typer.Typer(
    cls=_Group,
    name="mnistcnn",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"mnistcnn {version('mnistcnn')}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Train, evaluate, use and explain one convolutional network on the MNIST digits."""


@app.command(epilog="Example: mnistcnn train --epochs 2 --device cpu")
def train(
    ctx: typer.Context,
    epochs: Annotated[int, typer.Option(help="Passes over the training pictures.", **R)] = D.epochs,
    batch_size: Annotated[int, typer.Option(help="Pictures per step.", **R)] = D.batch_size,
    lr: Annotated[float, typer.Option(help="Peak of the one-cycle learning rate.", **R)] = D.lr,
    weight_decay: Annotated[float, typer.Option(help="AdamW's weight decay.", **R)] = D.weight_decay,
    label_smoothing: Annotated[
        float, typer.Option(help="Probability spread over all digits.", **R)
    ] = D.label_smoothing,
    seed: Annotated[int, typer.Option(help="All randomness follows from it.", **R)] = D.seed,
    validation_size: Annotated[int, typer.Option(help="Training pictures held out.", **R)] = D.validation_size,
    shift: Annotated[int, typer.Option(help="Random shift, up to so many pixels.", **A)] = D.shift,
    rotation: Annotated[float, typer.Option(help="Random rotation, up to so many degrees.", **A)] = D.rotation,
    scale: Annotated[float, typer.Option(help="Random stretch, up to this fraction.", **A)] = D.scale,
    shear: Annotated[float, typer.Option(help="Random slant, up to this slope.", **A)] = D.shear,
    elastic: Annotated[float, typer.Option(help="Random elastic bending, deviation in pixels.", **A)] = D.elastic,
    device: o.DeviceOption = D.device,
    precision: Annotated[
        Precision,
        typer.Option(help="auto: bfloat16 where the hardware has it.", rich_help_panel=o.MACHINE),
    ] = D.precision,
    dataset: Annotated[
        DatasetName,
        typer.Option(help="synthetic: digits drawn by the program.", rich_help_panel=o.DATA),
    ] = D.dataset,
    data_dir: o.DataDirOption = None,
    mirror: o.MirrorOption = None,
    checkpoint: Annotated[
        Path,
        typer.Option("--checkpoint", "-c", help="Where the trained network goes.", rich_help_panel=o.OUTPUT),
    ] = DEFAULT_CHECKPOINT,
    output_dir: Annotated[
        Path, typer.Option("--output-dir", "-o", help="Where the pictures go.", rich_help_panel=o.OUTPUT)
    ] = DEFAULT_OUTPUT_DIR,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an unfinished run.", rich_help_panel=o.OUTPUT)
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Throw an unfinished run away.", rich_help_panel=o.OUTPUT)
    ] = False,
    save_every: Annotated[
        float,
        typer.Option(min=0.0, help="Seconds between saves of the unfinished run.", rich_help_panel=o.OUTPUT),
    ] = 30.0,
    json: o.JsonOption = False,
    quiet: o.QuietOption = False,
) -> None:
    """Train the network, test it, write it and the pictures of its training."""
    config = TrainConfig(
        epochs=epochs,
        batch_size=batch_size,
        lr=lr,
        weight_decay=weight_decay,
        label_smoothing=label_smoothing,
        seed=seed,
        validation_size=validation_size,
        shift=shift,
        rotation=rotation,
        scale=scale,
        shear=shear,
        elastic=elastic,
        device=device,
        precision=precision,
        dataset=dataset,
    )
    with _watching(quiet or not World.from_environment().is_main) as observer:
        from mnistcnn import run

        result = run.train(
            config,
            Files(checkpoint, output_dir, data_dir, mirror),
            resume=resume,
            restart=restart,
            given=[name for name in config.to_dict() if _was_given(ctx, name)],
            save_every=save_every,
            observer=observer,
            stop=ctx.obj,
        )
    from mnistcnn import console

    if World.from_environment().is_main:
        console.show_json(result.to_dict()) if json else console.show_training(result)


@app.command(epilog="Example: mnistcnn evaluate models/mnist_cnn.pth --min-accuracy 0.99")
def evaluate(
    checkpoint: o.CheckpointArgument = DEFAULT_CHECKPOINT,
    split: Annotated[
        Split,
        typer.Option(help="Which pictures; validation are those that training held out.", rich_help_panel=o.DATA),
    ] = Split.TEST,
    dataset: Annotated[
        DatasetName | None,
        typer.Option(help="Which data set.", show_default="the one it was trained on", rich_help_panel=o.DATA),
    ] = None,
    data_dir: o.DataDirOption = None,
    mirror: o.MirrorOption = None,
    device: o.DeviceOption = D.device,
    batch_size: Annotated[int, typer.Option(min=1, help="Pictures at a time.", rich_help_panel=o.MACHINE)] = 1000,
    min_accuracy: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, metavar="X", help="End with exit code 3 below this accuracy (0 to 1)."),
    ] = None,
    output_dir: Annotated[
        Path | None,
        typer.Option("--output-dir", "-o", help="Draw two pictures there.", rich_help_panel=o.OUTPUT),
    ] = None,
    json: o.JsonOption = False,
    quiet: o.QuietOption = False,
) -> None:
    """Measure a trained network: accuracy, confusion, scores per digit, calibration."""
    with _watching(quiet) as observer:
        from mnistcnn import evaluation

        result = evaluation.evaluate(
            checkpoint,
            split=split,
            dataset=dataset,
            device=device,
            batch_size=batch_size,
            data_dir=data_dir,
            mirror=mirror,
            output_dir=output_dir,
            observer=observer,
        )
    from mnistcnn import console

    console.show_json(result.to_dict()) if json else console.show_evaluation(result)
    if min_accuracy is not None and result.accuracy < min_accuracy:
        raise GateError(f"Accuracy {result.accuracy:.4f} is below --min-accuracy {min_accuracy:g}.")


@app.command(epilog="Example: mnistcnn predict photo.jpg scans/")
def predict(
    images: Annotated[
        list[Path],
        typer.Argument(
            metavar="IMAGE...", help="Pictures, or folders of them; - is standard input.", show_default=False
        ),
    ],
    checkpoint: o.CheckpointOption = DEFAULT_CHECKPOINT,
    device: o.DeviceOption = D.device,
    top_k: Annotated[int, typer.Option(min=1, max=10, help="How many digits to name.", rich_help_panel=o.READING)] = 2,
    invert: Annotated[
        bool | None,
        typer.Option(
            "--invert/--no-invert",
            help="The digit is darker / lighter than its paper.",
            show_default="found out",
            rich_help_panel=o.READING,
        ),
    ] = None,
    min_confidence: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, metavar="P", help="Less sure than this is unsure.", rich_help_panel=o.READING),
    ] = 0.0,
    show: Annotated[
        bool,
        typer.Option("--show", help="Draw what the network saw, beside the original.", rich_help_panel=o.OUTPUT),
    ] = False,
    save_input: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write what the network saw there.", rich_help_panel=o.OUTPUT),
    ] = None,
    json: o.JsonOption = False,
    quiet: o.QuietOption = False,
) -> None:
    """Read the digits on pictures: photographs, scans, drawings."""
    from mnistcnn import console, prediction
    from mnistcnn.checkpoint import load_checkpoint
    from mnistcnn.results import Transfer

    loaded = load_checkpoint(checkpoint)
    paths = prediction.find_pictures(images)
    each = prediction.predict_each(
        paths,
        loaded,
        device=device,
        top_k=top_k,
        invert=invert,
        min_confidence=min_confidence,
        save_input=save_input,
    )
    width = min(40, max(len(console.printable(path)) for path in paths))
    records, failed = [], 0
    with _watching(quiet or len(paths) < 100 or sys.stdout.isatty()) as observer:
        for number, (made, reading) in enumerate(each, start=1):
            observer(Transfer("pictures", number, len(paths)))
            failed += made.error is not None
            if json:
                records.append(made.to_dict())
            else:
                console.show_prediction(made, width)
                if show and reading is not None:
                    console.show_frames(reading.frame, reading.original)
    if json:
        console.show_json({"checkpoint": str(checkpoint), "trained_on": loaded.trained_on, "predictions": records})
    if failed:
        raise typer.Exit(1)


@app.command(epilog="Example: mnistcnn summary models/mnist_cnn.pth --plot filters.png")
def summary(
    checkpoint: Annotated[
        Path | None,
        typer.Argument(help="Also tell what this network was trained on, and how well.", show_default=False),
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Pictures to reckon the memory for.")] = D.batch_size,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw the first layer's filters there.", rich_help_panel=o.OUTPUT),
    ] = None,
    json: o.JsonOption = False,
) -> None:
    """Explain the network layer by layer, and what training made of it."""
    from mnistcnn import console
    from mnistcnn.summary import summarise

    result = summarise(checkpoint, batch_size=batch_size, plot=plot)
    console.show_json(result.to_dict()) if json else console.show_summary(result)


def _was_given(ctx: typer.Context, name: str) -> bool:
    source = ctx.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"


@contextmanager
def _watching(quiet: bool) -> Iterator[Any]:
    from mnistcnn.progress import watching

    with watching(quiet=quiet) as observer:
        yield observer

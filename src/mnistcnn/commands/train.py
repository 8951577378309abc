"""`mnistcnn train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mnistcnn import options as o
from mnistcnn.config import DEFAULT_CHECKPOINT, DEFAULT_OUTPUT_DIR, DatasetName, Files, Precision, TrainConfig
from mnistcnn.world import World

D = TrainConfig()  # the defaults
R, A = {"rich_help_panel": o.RECIPE}, {"rich_help_panel": o.AUGMENTATION}


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
    skip_easy: Annotated[
        float, typer.Option(help="After the first epoch, this fraction, the best read, is left out.", **R)
    ] = D.skip_easy,
    repeat_hard: Annotated[
        float, typer.Option(help="After the first epoch, this fraction, the worst read, comes twice.", **R)
    ] = D.repeat_hard,
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
    from mnistcnn.progress import watching

    config = TrainConfig(
        epochs=epochs,
        batch_size=batch_size,
        lr=lr,
        weight_decay=weight_decay,
        label_smoothing=label_smoothing,
        seed=seed,
        validation_size=validation_size,
        skip_easy=skip_easy,
        repeat_hard=repeat_hard,
        shift=shift,
        rotation=rotation,
        scale=scale,
        shear=shear,
        elastic=elastic,
        device=device,
        precision=precision,
        dataset=dataset,
    )
    with watching(quiet=quiet or not World.from_environment().is_main) as observer:
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


def _was_given(ctx: typer.Context, name: str) -> bool:
    source = ctx.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"

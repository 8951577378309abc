"""`mnistcnn evaluate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

import mnistcnn
from mnistcnn.cli import shared_options as o
from mnistcnn.cli.output import data_name, new_table, percent, print_line, show_json, show_pairs, stdout, written
from mnistcnn.config import DatasetName, Split
from mnistcnn.errors import GateError

if TYPE_CHECKING:
    from mnistcnn.evaluation import Evaluation


def evaluate(
    checkpoint: o.CheckpointArgument = None,
    split: Annotated[Split, o.data(help="Split to measure; validation is what training held out.")] = Split.TEST,
    dataset: Annotated[
        DatasetName | None, o.data(help="Data set to measure on.", show_default="the one it was trained on")
    ] = None,
    data_dir: o.DataDirOption = None,
    mirror: o.MirrorOption = None,
    device: o.DeviceOption = "auto",
    batch_size: Annotated[int, o.machine(min=1, help="Pictures in each batch.")] = 1000,
    min_accuracy: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, metavar="X", help="Exit with code 3 if the accuracy is lower (0 to 1)."),
    ] = None,
    output_dir: Annotated[
        Path | None, o.output("--output-dir", "-o", help="Write plots of confusion and mistakes there.")
    ] = None,
    json: o.JsonOption = False,
    quiet: o.QuietOption = False,
) -> None:
    """Measure a trained network: accuracy, confusion, scores per digit, calibration."""
    with mnistcnn.progress_bar(quiet=quiet) as observer:
        result = mnistcnn.evaluate(
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
    show_json(result.to_dict()) if json else show_evaluation(result)
    if min_accuracy is not None and result.accuracy < min_accuracy:
        raise GateError(f"Accuracy {result.accuracy:.4f} is below --min-accuracy {min_accuracy:g}.")


def show_evaluation(result: "Evaluation") -> None:
    """The report of `evaluate`, the accuracy last."""
    stdout().print(_confusion_table(result.confusion_matrix))
    scores = new_table("Per digit", "digit", "pictures", "precision", "recall", "F1", words=0)
    for score in result.per_digit:
        fractions = (score.precision, score.recall, score.f1)
        scores.add_row(str(score.digit), f"{score.count:,}", *map(percent, fractions))
    stdout().print(scores)
    calibration = f"expected error {percent(result.calibration_error)} (temperature {result.temperature:.3f})"
    show_pairs(
        [
            ("checkpoint", result.checkpoint),
            ("trained on", data_name(result.trained_on) if result.trained_on else "unknown (a bare state_dict)"),
            ("measured on", f"{data_name(result.dataset)}, {result.split} split, {result.count:,} pictures"),
            *written(result.files),
            ("speed", f"{result.pictures_per_second:,.0f} pictures/s on {result.environment}"),
            ("calibration", calibration),
            ("loss", f"{result.loss:.4f}"),
        ]
    )
    low, high = map(percent, result.accuracy_interval)
    print_line(stdout(), f"accuracy    {percent(result.accuracy)}   (95 % interval {low} to {high})", style="bold")


def _confusion_table(confusion: list[list[int]]) -> Table:
    """Hits green, mistakes the stronger the larger a share of their row they are; readable on dark and on light."""
    table = new_table("Confusion matrix: rows true, columns read", "", *map(str, range(10)), words=0)
    table.padding = (0, 0)  # so that four digits a column fit 60 characters
    for digit, row in enumerate(confusion):
        shares = [count / max(1, sum(row)) for count in row]
        styles = ["bold red" if share >= 0.005 else "yellow" if share >= 0.002 else "" for share in shares]
        styles[digit] = "green"
        cells = [Text(str(n), style) if n else Text("·", "dim") for n, style in zip(row, styles, strict=True)]
        table.add_row(Text(str(digit), "bold"), *cells)
    return table

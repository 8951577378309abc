"""`mnistcnn evaluate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

import mnistcnn
from mnistcnn.cli import shared_options as o
from mnistcnn.cli.conventions import between
from mnistcnn.cli.output import (
    data_name,
    new_table,
    percent,
    print_line,
    printable,
    show_json,
    show_pairs,
    stdout,
    written,
)
from mnistcnn.config import DatasetName, Split
from mnistcnn.errors import GateError, UsageError

if TYPE_CHECKING:
    from mnistcnn.accuracy import DigitScore
    from mnistcnn.evaluation import Evaluation
    from mnistcnn.picture_evaluation import PictureEvaluation

MOST_MISTAKES = 20  # the text lists no more
SplitOption = Annotated[
    Split,
    o.data(metavar="NAME", help="Split to measure on: train, validation (held out by training) or test."),
]
DatasetOption = Annotated[
    DatasetName | None,
    o.data(metavar="NAME", help="Measure on mnist or synthetic.", show_default="the one it was trained on"),
]
PicturesOption = Annotated[
    Path | None,
    o.data(metavar="DIR", help="Measure on your own digits instead: a folder for each of 0 to 9, or IDX files."),
]


def evaluate(
    network: o.CheckpointArgument = None,
    checkpoint: o.CheckpointOption = None,
    split: SplitOption = Split.TEST,
    dataset: DatasetOption = None,
    data_dir: o.DataDirOption = None,
    mirror: o.MirrorOption = None,
    device: o.DeviceOption = "auto",
    pictures: PicturesOption = None,
    single: o.SingleOption = False,
    batch_size: Annotated[int, o.machine(metavar="N", callback=between(1), help="Pictures in each batch.")] = 1000,
    min_accuracy: Annotated[
        float | None,
        typer.Option(metavar="X", callback=between(0, 1), help="Exit with code 3 if the accuracy is lower (0 to 1)."),
    ] = None,
    output_dir: Annotated[
        Path | None, o.output("--output-dir", "-o", metavar="DIR", help="Write plots of confusion and mistakes to DIR.")
    ] = None,
    json: o.JsonOption = False,
    quiet: o.QuietOption = False,
) -> None:
    """Measure a trained network: accuracy, confusion, scores per digit, calibration."""
    checkpoint = o.either_checkpoint(network, checkpoint)
    if pictures is not None:
        if split is not Split.TEST or dataset is not None or data_dir is not None:
            raise UsageError("--pictures cannot be used together with --split, --dataset or --data-dir.")
        with mnistcnn.progress_bar(quiet=quiet) as observer:
            measured = mnistcnn.evaluate_pictures(
                pictures,
                checkpoint,
                device=device,
                single=single,
                output_dir=output_dir,
                observer=observer,
            )
        show_json(measured.to_dict()) if json else show_picture_evaluation(measured)
        _check_accuracy(measured.accuracy, min_accuracy)
        return
    if single:
        raise UsageError("--single can only be used together with --pictures.")
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
    _check_accuracy(result.accuracy, min_accuracy)


def _check_accuracy(accuracy: float, least: float | None) -> None:
    if least is not None and accuracy < least:
        raise GateError(f"Accuracy {accuracy:.4f} is below --min-accuracy {least:g}.")


def show_evaluation(result: "Evaluation") -> None:
    """Print the report of `evaluate`, the accuracy last."""
    stdout().print(_confusion_table(result.confusion_matrix))
    stdout().print(_score_table(result.per_digit))
    calibration = f"expected error {percent(result.calibration_error)} (temperature {result.temperature:.3f})"
    if not result.calibrated:
        calibration += "; the temperature is at a bound of its search, so the confidence is not calibrated"
    show_pairs(
        [
            ("checkpoint", result.checkpoint),
            ("trained on", _trained_on(result.trained_on)),
            ("measured on", f"{data_name(result.dataset)}, {result.split} split, {result.count:,} pictures"),
            *written(result.files),
            ("speed", f"{result.pictures_per_second:,.0f} pictures/s on {result.environment}"),
            ("calibration", calibration),
            ("loss", f"{result.loss:.4f}"),
        ]
    )
    _show_accuracy(result.accuracy, result.accuracy_interval)


def show_picture_evaluation(result: "PictureEvaluation") -> None:
    """Print the report of `evaluate --pictures`, the accuracy last."""
    stdout().print(_confusion_table(result.confusion_matrix))
    stdout().print(_score_table(result.per_digit))
    if result.mistakes:
        table = new_table("Mistakes, the most confident first", "shows", "read as", "confidence", "picture", words=0)
        table.columns[-1].justify = "left"
        table.columns[-1].overflow = "fold"
        for mistake in result.mistakes[:MOST_MISTAKES]:
            shown = (mistake.text or "?").replace("\n", " ")
            sure = "" if mistake.confidence is None else percent(mistake.confidence, 1)
            table.add_row(str(mistake.digit), shown, sure, printable(mistake.path))
        stdout().print(table)
        if len(result.mistakes) > MOST_MISTAKES:
            print_line(stdout(), f"… and {len(result.mistakes) - MOST_MISTAKES:,} more; --json has all of them.")
    doubted = f"{result.doubted:,} of {result.count:,}"
    if result.doubted:
        doubted += f"; {result.doubted_right:,} of them would be right with `predict --accept-doubted`"
    show_pairs(
        [
            ("checkpoint", result.checkpoint),
            ("trained on", _trained_on(result.trained_on)),
            ("measured on", f"{result.pictures}, {result.count:,} pictures"),
            *written(result.files),
            ("speed", f"{result.pictures_per_second:,.0f} pictures/s on {result.environment}"),
            ("unreadable", f"{len(result.unreadable):,} (not counted)"),
            ("unanswered", f"{result.not_one_digit:,} (read as nothing or as several digits)"),
            ("doubted", doubted),
        ]
    )
    _show_accuracy(result.accuracy, result.accuracy_interval)


def _trained_on(name: str | None) -> str:
    return data_name(name) if name else "unknown (a bare state_dict)"


def _show_accuracy(accuracy: float, interval: tuple[float, float]) -> None:
    low, high = map(percent, interval)
    print_line(stdout(), f"accuracy    {percent(accuracy)}   (95 % interval {low} to {high})", style="bold")


def _score_table(per_digit: list["DigitScore"]) -> Table:
    table = new_table("Per digit", "digit", "pictures", "precision", "recall", "F1", words=0)
    for score in per_digit:
        fractions = (score.precision, score.recall, score.f1)
        table.add_row(str(score.digit), f"{score.count:,}", *map(percent, fractions))
    return table


def _confusion_table(confusion: list[list[int]]) -> Table:
    """Make the table: hits green, mistakes red or yellow by their share of the row; dark and light terminals suit."""
    columns = [*"0123456789?"][: len(confusion[0])]
    table = new_table("Confusion matrix: rows true, columns read", "", *columns, words=0)
    table.min_width = len(str(table.title))
    table.padding = (0, 0)  # counts of four digits then fit into 60 characters
    for digit, row in enumerate(confusion):
        shares = [count / max(1, sum(row)) for count in row]
        styles = ["bold red" if share >= 0.005 else "yellow" if share >= 0.002 else "" for share in shares]
        styles[digit] = "green"
        cells = [Text(str(n), style) if n else Text("·", "dim") for n, style in zip(row, styles, strict=True)]
        table.add_row(Text(str(digit), "bold"), *cells)
    return table

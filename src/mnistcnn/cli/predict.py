"""`mnistcnn predict`."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from mnistcnn.cli import shared_options as o
from mnistcnn.cli.blocks import show_frames
from mnistcnn.cli.conventions import between
from mnistcnn.cli.output import percent, printable, show_error, show_json, show_json_line, show_note, stdout
from mnistcnn.errors import MnistCnnError, UsageError
from mnistcnn.events import Transfer

if TYPE_CHECKING:
    from mnistcnn.reading.results import Prediction

SAMPLES = Path(__file__).parents[1] / "samples"
ImagesArgument = Annotated[
    list[str] | None, typer.Argument(metavar="IMAGE...", help="Pictures, or folders of them; - is standard input.")
]
InvertOption = Annotated[
    bool | None,
    o.reading("--invert/--no-invert", help="Digits are darker / lighter than the paper.", show_default="detected"),
]
TopKOption = Annotated[
    int,
    o.reading(metavar="N", callback=between(1, 10), help="How many candidates to show for each digit (1 to 10)."),
]
MinConfidenceOption = Annotated[
    float,
    o.reading(metavar="P", callback=between(0, 1), help="Mark digits below this confidence as unsure (0 to 1)."),
]
RecursiveOption = Annotated[bool, o.reading("--recursive/--no-recursive", help="Search folders within folders, too.")]
SaveInputOption = Annotated[Path | None, o.output(metavar="DIR", help="Write what the network saw to DIR.")]
AnnotateOption = Annotated[Path | None, o.output(metavar="DIR", help="Write the pictures with marked digits to DIR.")]


def predict(
    images: ImagesArgument = None,
    checkpoint: o.CheckpointOption = None,
    device: o.ReadingDeviceOption = "auto",
    top_k: TopKOption = 2,
    invert: InvertOption = None,
    min_confidence: MinConfidenceOption = 0.0,
    single: o.SingleOption = False,
    accept_doubted: Annotated[bool, o.reading("--accept-doubted", help="Read doubted digits, too.")] = False,
    sample: Annotated[bool, o.reading("--sample", help="Read the sample pictures that come with mnistcnn.")] = False,
    show: Annotated[bool, o.output("--show", help="Print what the network saw next to the original.")] = False,
    save_input: SaveInputOption = None,
    annotate: AnnotateOption = None,
    recursive: RecursiveOption = True,
    json: o.JsonOption = False,
    jsonl: Annotated[bool, o.output("--jsonl", help="Print a line of JSON for each picture as it is read.")] = False,
    quiet: o.QuietOption = False,
) -> None:
    """Read the digits in each picture: photographs, scans, drawings."""
    if bool(images) == sample:
        raise UsageError("Give either IMAGE... or --sample.", "For example: mnistcnn predict photo.jpg")
    if json and jsonl:
        raise UsageError("--json and --jsonl cannot be used together.")
    o.keep_numpy_to_one_thread()
    from mnistcnn.checkpoints.checkpoint import find_checkpoint, load_checkpoint
    from mnistcnn.cli.progress import progress_bar
    from mnistcnn.reading.prediction import Options, predict_each
    from mnistcnn.reading.reader import Predictor
    from mnistcnn.reading.sources import find_images

    with progress_bar(quiet=quiet) as observer:
        loaded = load_checkpoint(find_checkpoint(checkpoint, observer))
    paths = find_images(images or [str(SAMPLES)], recursive=recursive)
    options = Options(
        top_k=top_k,
        invert=invert,
        min_confidence=min_confidence,
        save_input=save_input,
        single=single,
        accept_doubted=accept_doubted,
        annotate=annotate,
    )
    predictions = predict_each(Predictor(loaded, device), paths, options)
    width = max(len(printable(path.name if sample else path)) for path in paths)
    records = []
    failed = 0
    hint = None
    with progress_bar(quiet=quiet or len(paths) < 100 or sys.stdout.isatty()) as observer:
        for number, (made, reading) in enumerate(predictions, start=1):
            observer(Transfer("pictures", number, len(paths) if number <= len(paths) else 0))
            failed += made.error is not None
            if json:
                records.append(made.to_dict())
            elif jsonl:
                show_json_line(made.to_dict())
            elif made.error is not None:
                show_error(MnistCnnError(made.error, made.hint if made.hint != hint else None))
                hint = made.hint
            else:
                shown = replace(made, path=Path(made.path).name) if sample else made
                width = min(40, max(width, len(printable(shown.path))))  # names of pages are longer
                show_prediction(shown, width, quiet=quiet)
                if show and reading is not None:
                    show_frames(reading.frames, reading.original)
    if json:
        show_json({"checkpoint": str(loaded.path), "trained_on": loaded.trained_on, "predictions": records})
    if failed:
        raise typer.Exit(1)


def show_prediction(prediction: "Prediction", name_width: int, *, quiet: bool = False) -> None:
    """Print an image's line: name, digits, confidence as a bar, candidates of a single digit; a warning on stderr.

    Each further row of digits gets its own line.
    """
    first, *rows = (prediction.text or _placeholder(prediction)).split("\n")
    line = Text(f"{printable(prediction.path):<{name_width}}  ")
    style = "bold green" if prediction.text is not None and "?" not in prediction.text else "bold yellow"
    line.append(first, style=style)
    doubted = prediction.digit is None and prediction.text is None and not prediction.unsure
    if prediction.confidence is not None and not doubted:
        line.append(f"  {'█' * round(10 * prediction.confidence):░<10} {percent(prediction.confidence, 1):>7}")
    line.append_text(_candidates(prediction))
    stdout().print(line, soft_wrap=True)
    for row in rows:
        stdout().print(Text(" " * (name_width + 2)).append(row, style=style), soft_wrap=True)
    if prediction.warning is not None and not quiet:
        show_note(f"{prediction.path}: {prediction.warning}.", warning=True)


def _placeholder(prediction: "Prediction") -> str:
    """Return what is printed in place of the digits if there is no text."""
    return "–" if prediction.confidence is None else "?"


def _candidates(prediction: "Prediction") -> Text:
    """Format the other candidates of a single digit, or those of a digit that is doubted or unsure."""
    named = [f" {candidate.digit} {percent(candidate.confidence, 1)}" for candidate in prediction.top]
    shown = [one for one in named if not one.endswith(" 0.0 %")]
    if prediction.text is None and len(prediction.digits) > 1:
        shown = [" " + "".join(str(digit.top[0].digit) for digit in prediction.digits)]
    if prediction.digit is None and shown:
        return Text.assemble(("  unsure:" if prediction.unsure else "  would be:", "yellow"), ("".join(shown), "dim"))
    return Text.assemble(("  then", "dim"), ("".join(shown[1:]), "dim")) if len(shown) > 1 else Text()

"""`mnistcnn predict`."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from mnistcnn.cli import options as o
from mnistcnn.cli.blocks import show_frames
from mnistcnn.cli.output import percent, printable, show_error, show_json, show_note, stdout
from mnistcnn.errors import MnistCnnError, UsageError
from mnistcnn.events import Transfer

if TYPE_CHECKING:
    from mnistcnn.prediction import Prediction

SAMPLES = Path(__file__).parents[1] / "samples"
ImagesArgument = Annotated[
    list[str] | None, typer.Argument(metavar="IMAGE...", help="Pictures, or folders of them; - is standard input.")
]
InvertOption = Annotated[
    bool | None,
    o.reading("--invert/--no-invert", help="The digit is darker / lighter than the paper.", show_default="detected"),
]


def predict(
    images: ImagesArgument = None,
    checkpoint: o.CheckpointOption = None,
    device: o.DeviceOption = "auto",
    top_k: Annotated[int, o.reading(min=1, max=10, help="How many candidates to show.")] = 2,
    invert: InvertOption = None,
    min_confidence: Annotated[
        float, o.reading(min=0.0, max=1.0, metavar="P", help="Call answers below this confidence unsure (0 to 1).")
    ] = 0.0,
    sample: Annotated[bool, o.reading("--sample", help="Read the sample pictures that come with mnistcnn.")] = False,
    show: Annotated[bool, o.output("--show", help="Print what the network saw beside the original.")] = False,
    save_input: Annotated[
        Path | None, o.output(metavar="DIR", help="Write what the network saw there, as PNGs.")
    ] = None,
    json: o.JsonOption = False,
    quiet: o.QuietOption = False,
) -> None:
    """Read the digit in each picture: photographs, scans, drawings."""
    if bool(images) == sample:
        raise UsageError("Give either IMAGE... or --sample.", "For example: mnistcnn predict photo.jpg")
    from mnistcnn.checkpoint import find_checkpoint, load_checkpoint
    from mnistcnn.cli.progress import progress_bar
    from mnistcnn.prediction import Predictor, find_images

    with progress_bar(quiet=quiet) as observer:
        loaded = load_checkpoint(find_checkpoint(checkpoint, observer))
    paths = find_images(images or [str(SAMPLES)])
    predictions = Predictor(loaded, device).predict(
        paths, top_k=top_k, invert=invert, min_confidence=min_confidence, save_input=save_input
    )
    shown = {str(path): path.name if sample else str(path) for path in paths}
    width = min(40, max(len(printable(name)) for name in shown.values()))
    records, failed = [], 0
    with progress_bar(quiet=quiet or len(paths) < 100 or sys.stdout.isatty()) as observer:
        for number, (made, image) in enumerate(predictions, start=1):
            observer(Transfer("pictures", number, len(paths)))
            failed += made.error is not None
            if json:
                records.append(made.to_dict())
            else:
                show_prediction(replace(made, path=shown[made.path]), width)
                if show and image is not None:
                    show_frames(image.frame, image.original)
    if json:
        show_json({"checkpoint": str(loaded.path), "trained_on": loaded.trained_on, "predictions": records})
    if failed:
        raise typer.Exit(1)


def show_prediction(prediction: "Prediction", name_width: int) -> None:
    """One picture's line: name, digit, confidence as a bar, the runners-up; its error goes to stderr."""
    if prediction.error is not None:
        show_error(MnistCnnError(prediction.error))
        return
    line = Text(f"{printable(prediction.path):<{name_width}}  ")
    digit = str(prediction.digit if prediction.digit is not None else "?" if prediction.unsure else "–")
    line.append(digit, style="bold green" if prediction.digit is not None else "bold yellow")
    if prediction.confidence is not None:
        line.append(f"  {'█' * round(10 * prediction.confidence):░<10} {percent(prediction.confidence, 1):>7}")
    named = [f" {candidate.digit} {percent(candidate.confidence, 1)}" for candidate in prediction.top]
    shown = [one for one in named if not one.endswith(" 0.0 %")]
    if prediction.unsure:
        line.append("  unsure:", style="yellow")
    elif len(shown) > 1:
        line.append("  then", style="dim")
    line.append("".join(shown if prediction.unsure else shown[1:]), style="dim")
    stdout().print(line, soft_wrap=True)
    if prediction.warning is not None:
        show_note(f"{prediction.path}: {prediction.warning}.", warning=True)

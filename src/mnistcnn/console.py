"""The only place that prints: results on stdout, everything else on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mnistcnn.errors import MnistCnnError
from mnistcnn.evaluation import DigitScore, Evaluation
from mnistcnn.export import Export
from mnistcnn.prediction import Prediction
from mnistcnn.results import Metrics, to_json
from mnistcnn.summary import ModelSummary
from mnistcnn.training.finish import TrainResult


def stdout() -> Console:
    """The console of results; plain text of whatever width it takes where it isn't a terminal."""
    return Console(file=sys.stdout, highlight=False, markup=False, emoji=False, soft_wrap=False)


def stderr() -> Console:
    """The console of everything else."""
    return Console(file=sys.stderr, highlight=False, markup=False, emoji=False)


def printable(text: object) -> str:
    """Text that does nothing to a terminal: control characters and broken Unicode as escapes."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))
    return shown.encode("utf-8", "backslashreplace").decode()


def show_json(document: Mapping[str, Any]) -> None:
    """One JSON document on stdout."""
    sys.stdout.write(to_json(document) + "\n")


def show_error(error: MnistCnnError) -> None:
    """One `Error:` line on stderr, and a `Hint:` line where there is a hint."""
    console = stderr()
    console.print(Text("Error: ", style="bold red") + Text(printable(error.message), style=""), soft_wrap=True)
    if error.hint:
        console.print(Text("Hint: ", style="bold cyan") + Text(printable(error.hint), style=""), soft_wrap=True)


def show_note(message: str, *, warning: bool = False, console: Console | None = None) -> None:
    """One line on stderr; warnings begin with `Warning:`."""
    line = Text("Warning: ", style="bold yellow") if warning else Text()
    (console or stderr()).print(line + Text(printable(message), style="" if warning else "dim"), soft_wrap=True)


def percent(fraction: float, digits: int = 2) -> str:
    """`0.9953` → `99.53 %`."""
    return f"{100 * fraction:.{digits}f} %"


def show_training(result: TrainResult) -> None:
    """The table at the end of `train`."""
    console = stdout()
    table = Table(box=SIMPLE_HEAD, title=f"Trained on {_data_name(result.data['dataset'])}", title_justify="left")
    for heading in ("split", "pictures", "accuracy", "loss"):
        table.add_column(heading, justify="left" if heading == "split" else "right")
    rows: list[tuple[str, Metrics]] = [
        ("train (on the way)", result.train),
        ("validation", result.validation),
        ("test", result.test),
    ]
    for name, metrics in rows:
        bold = "bold" if name == "test" else ""
        table.add_row(name, f"{metrics.count:,}", percent(metrics.accuracy), f"{metrics.loss:.4f}", style=bold)
    console.print(table)
    kept = f"epoch {result.best_epoch} of {len(result.epochs)}"
    speed = f"{result.pictures_per_second:,.0f} pictures/s"
    environment = result.environment
    _show_pairs(
        console,
        [
            ("kept", f"{kept} (best validation accuracy)"),
            ("time", f"{result.seconds:.1f} s, {speed} in training"),
            ("device", _device(environment)),
            ("written", result.files[0]),
            *(("", name) for name in result.files[1:]),
        ],
    )


def show_evaluation(result: Evaluation) -> None:
    """The report of `evaluate`."""
    console = stdout()
    low, high = result.accuracy_interval
    trained_on = _data_name(result.trained_on) if result.trained_on else "unknown (a bare state_dict)"
    _show_pairs(
        console,
        [
            ("checkpoint", result.checkpoint),
            ("trained on", trained_on),
            ("measured on", f"{_data_name(result.dataset)}, {result.split} split, {result.count:,} pictures"),
            ("accuracy", f"{percent(result.accuracy)}   (95 % interval {percent(low)} to {percent(high)})"),
            ("loss", f"{result.loss:.4f}"),
            (
                "calibration",
                f"expected error {percent(result.calibration_error)} (temperature {result.temperature:.3f})",
            ),
            ("speed", f"{result.pictures_per_second:,.0f} pictures/s on {_device(result.environment)}"),
        ],
    )
    console.print(_confusion_table(result.confusion_matrix))
    console.print(_scores_table(result.per_digit))
    _show_pairs(console, [("written", name) for name in result.files])


def _confusion_table(confusion: list[list[int]]) -> Table:
    table = Table(
        box=SIMPLE_HEAD,
        title="Confusion matrix: rows true, columns read",
        title_justify="left",
        pad_edge=False,
    )
    table.add_column("", justify="right", style="bold")
    for digit in range(10):
        table.add_column(str(digit), justify="right")
    for digit, row in enumerate(confusion):
        total = max(1, sum(row))
        cells = [_confusion_cell(count, count / total, digit == read) for read, count in enumerate(row)]
        table.add_row(str(digit), *cells)
    return table


def _confusion_cell(count: int, share: float, right: bool) -> Text:
    """Hits green, mistakes the stronger the more of them there are; readable on dark and on light."""
    if not count:
        return Text("·", style="dim")
    if right:
        return Text(f"{count:,}", style="green")
    return Text(f"{count:,}", style="bold red" if share >= 0.005 else "yellow" if share >= 0.002 else "")


def _scores_table(scores: Iterable[DigitScore]) -> Table:
    table = Table(box=SIMPLE_HEAD, title="Per digit", title_justify="left", pad_edge=False)
    for heading in ("digit", "pictures", "precision", "recall", "F1"):
        table.add_column(heading, justify="right")
    for score in scores:
        table.add_row(
            str(score.digit),
            f"{score.count:,}",
            percent(score.precision),
            percent(score.recall),
            percent(score.f1),
        )
    return table


def show_prediction(prediction: Prediction, name_width: int) -> None:
    """One picture's line: name, digit, confidence as a bar, the runners-up; its error goes to stderr."""
    if prediction.error is not None:
        show_error(MnistCnnError(prediction.error))
        return
    console = stdout()
    digit = "?" if prediction.digit is None else str(prediction.digit)
    first = prediction.top[0]
    line = Text(f"{printable(prediction.path):<{name_width}}  ")
    line.append(digit, style="bold yellow" if prediction.unsure else "bold green")
    line.append(f"  {_bar(first.confidence)} {percent(first.confidence, 1):>7}")
    others = prediction.top if prediction.unsure else prediction.top[1:]
    if prediction.unsure:
        line.append("  unsure:", style="yellow")
    elif others:
        line.append("  then", style="dim")
    for other in others:
        line.append(f" {other.digit} {percent(other.confidence, 1)}", style="dim")
    console.print(line, soft_wrap=True)
    if prediction.warning is not None:
        show_note(f"{prediction.path}: {prediction.warning}.", warning=True)


def _bar(share: float, width: int = 10) -> str:
    filled = round(share * width)
    return "█" * filled + "░" * (width - filled)


_SHADES = " ░▒▓█"


def show_frames(frame: Any, original: Any = None) -> None:
    """Draw what the network saw, (28, 28) uint8, and beside it the original's luminance, as block characters."""
    console = stdout()
    right = None if original is None else _shaded(original, 28)
    left = _shaded(frame, 28)
    for i, row in enumerate(left):
        line = Text("│" + row + "│")
        if right is not None and i < len(right):
            line.append("   " + right[i], style="dim")
        console.print(line, soft_wrap=True)


def _shaded(picture: Any, rows: int) -> list[str]:
    """A grey picture as `rows` lines, two characters a pixel; light is dense, as on a dark terminal."""
    height, width = picture.shape
    columns = max(1, min(round(rows * width / height), 2 * rows))
    down = [int((i + 0.5) * height / rows) for i in range(rows)]
    across = [int((i + 0.5) * width / columns) for i in range(columns)]
    return ["".join(_SHADES[int(picture[y, x]) * len(_SHADES) // 256] * 2 for x in across) for y in down]


def show_summary(result: ModelSummary) -> None:
    """The table of `summary`."""
    console = stdout()
    table = Table(
        box=SIMPLE_HEAD,
        title="MnistCNN: 1×28×28 picture in, 10 logits out",
        title_justify="left",
        pad_edge=False,
    )
    table.add_column("layer")
    table.add_column("what it does")
    for heading in ("output", "parameters", "multiply-adds"):
        table.add_column(heading, justify="right")
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
    console.print(table)
    megabyte = 1024 * 1024
    _show_pairs(
        console,
        [
            ("memory", f"{result.forward_bytes / megabyte:.1f} MB forward, {result.training_bytes / megabyte:.1f} MB "
                       f"in training, at {result.batch_size:,} pictures in float32"),
            ("began with", result.initialisation),
        ],
    )  # fmt: skip
    _show_trained(console, result)
    _show_pairs(console, [("written", name) for name in result.files])


def _show_trained(console: Console, result: ModelSummary) -> None:
    about = result.checkpoint
    config = about.get("config")
    pairs = [("checkpoint", about["path"])]
    if config:
        metrics, environment = about["metrics"], about["environment"]
        recipe = ", ".join(f"{name} {value}" for name, value in config.items() if name not in ("dataset", "device"))
        pairs += [
            ("trained on", f"{_data_name(config['dataset'])}, {about['created']}"),
            ("settings", recipe),
        ]
        pairs += [("device", _device(environment))] if environment.get("device") else []
        pairs += [
            (split, f"accuracy {percent(metrics[split]['accuracy'])}, loss {metrics[split]['loss']:.4f}")
            for split in ("train", "validation", "test")
            if isinstance(metrics.get(split), dict) and {"accuracy", "loss"} <= set(metrics[split])
        ]
        pairs.append(("temperature", f"{about['temperature']:.3f}"))
    else:
        pairs.append(("trained on", "unknown: a bare state_dict"))
    _show_pairs(console, pairs)
    table = Table(box=SIMPLE_HEAD, title="Weights, now and at the start", title_justify="left", pad_edge=False)
    table.add_column("layer")
    for heading in ("mean", "deviation", "mean at start", "deviation at start"):
        table.add_column(heading, justify="right")
    for layer in result.layers:
        figures = (layer.weight_mean, layer.weight_std, layer.initial_weight_mean, layer.initial_weight_std)
        if all(figure is not None for figure in figures):
            table.add_row(layer.name, *(f"{figure:+.4f}" for figure in figures))
    console.print(table)


def show_export(result: Export) -> None:
    """What `export` has written."""
    pairs = [
        ("written", f"{result.path} ({result.format}, {result.size:,} bytes)"),
        ("checkpoint", result.checkpoint),
        *((name.replace("_", " "), value) for name, value in result.metadata.items()),
    ]
    if result.largest_difference is not None:
        pairs += [
            ("takes", f"pictures (N, 1, 28, 28) {result.input_type}, 0 paper to 255 ink; opset {result.opset}"),
            ("gives", f"probabilities (N, 10); from the original's at most {result.largest_difference:.1e}"),
        ]
    _show_pairs(stdout(), pairs)


def show_address(address: str) -> None:
    """Where the drawing page is, at once, also into a pipe."""
    sys.stdout.write(address + "\n")
    sys.stdout.flush()


def _show_pairs(console: Console, pairs: Iterable[tuple[str, str]]) -> None:
    """Lines of a name and a value that are never cut, so that paths can be copied from them."""
    pairs = list(pairs)
    width = max(12, *(len(name) + 1 for name, _ in pairs)) if pairs else 0
    for name, value in pairs:
        console.print(Text(f"{name:<{width}}", style="bold") + Text(printable(value), style=""), soft_wrap=True)


def _data_name(name: str) -> str:
    return {"mnist": "MNIST", "synthetic": "synthetic digits (drawn by mnistcnn)"}.get(name, name)


def _device(environment: Mapping[str, Any]) -> str:
    name = f"{environment['device']} ({environment['device_name']}), {environment['precision']}"
    return f"{name}, {environment['threads']} threads" if environment["device"] == "cpu" else name

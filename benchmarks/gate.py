"""The gate: it checks that everything is still read as well as before.

    python -m benchmarks.gate                          # rendered images; a few minutes
    python -m benchmarks.gate --full                   # more of each kind, and three seeds
    python -m benchmarks.gate --real FOLDER            # also the real images in FOLDER
    python -m benchmarks.gate --full --real FOLDER --store

It reads rendered single digits, numbers and images without a digit, and a folder of real ones if one is given. The
readings are compared with a stored baseline, image by image. The command prints one table, and exits with code 1 if a
figure fell by more than its noise.

The noise: each image that is read better or worse than in the baseline could, by chance, have gone the other way. So
the change is compared with the root of the sum of its squares over the images (McNemar's test, if an image is right or
wrong). A figure of a part fell if it is worse by more than 2 of these standard errors (five images worse and none
better suffice), a single kind if by more than 2.6 (seven and none). If the images aren't those of the baseline, the two
means are compared by the standard error of their difference instead.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.reading import SURE, digits_of, distance
from benchmarks.samples import RENDERED, Sample, is_checked, real, rendered
from mnistcnn import load_checkpoint, load_dataset
from mnistcnn.checkpoints.checkpoint import find_checkpoint
from mnistcnn.config import Split
from mnistcnn.errors import PictureError
from mnistcnn.reading.prediction import Options, summarise_reading
from mnistcnn.reading.reader import Predictor
from mnistcnn.reading.results import Prediction
from mnistcnn.reading.sources import Source

BASELINE = Path(__file__).with_name("gate.json")
QUICK_COUNT, QUICK_SEEDS = 6, (1,)
FULL_COUNT, FULL_SEEDS = 10, (1, 2, 3)
MAIN = {"missed": "right", "text": "text right"}  # shown as the share of images without the fault
PART_LIMIT, KIND_LIMIT = 2.0, 2.6  # standard errors; a convention, explained above
_BATCH = 32  # pictures

Reader = Callable[[Sequence[Sample]], list["Reading"]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """The reading of one image."""

    text: str  # empty if nothing is read
    digits: str  # as `text`, without spaces, rows and marks
    digit: int | None  # set if the image is read as exactly one digit
    confidence: float
    unreserved: bool  # without a warning, an error, or a digit left open
    remark: str  # the warning or the error

    @property
    def sure(self) -> bool:
        """Whether the reading is given without any reserve."""
        return self.unreserved and self.confidence >= SURE


def packaged_reader(checkpoint: Path | None) -> Reader:
    """Make the program's own reader; only this function knows its interface."""
    predictor = Predictor(load_checkpoint(find_checkpoint(checkpoint)), "cpu")

    def read(samples: Sequence[Sample]) -> list[Reading]:
        sources = [Source(sample.name, sample.content) for sample in samples]
        answers = []
        for source, found in predictor.read(sources):
            if isinstance(found, PictureError):
                answers.append(_reading(Prediction(path=source.name, error=found.message)))
            else:
                answers.append(_reading(summarise_reading(source.name, found, Options())))
        return answers

    return read


def _reading(prediction: Prediction) -> Reading:
    remark = prediction.warning or prediction.error or ""
    return Reading(
        text=prediction.text or "",
        digits="".join("?" if digit.digit is None else str(digit.digit) for digit in prediction.digits),
        digit=prediction.digit,
        confidence=prediction.confidence or 0.0,
        unreserved=not remark and not prediction.unsure,
        remark=remark,
    )


def faults(sample: Sample, reading: Reading) -> dict[str, int]:
    """Count the faults of a reading for each figure of the sample's part.

    Singles: `missed` if the digit isn't the label, `doubted` without digit and text, `as number` if several were
    read, `wrong` with another digit, `wrong, sure` with another digit or number without reserve.
    Numbers: `missed` if not all digits are right and in order; `errors`, the edit distance, at most one for each
    digit there; `wrong, sure`; for rendered ones `text` if a space, row or mark is missing or wrong.
    No digit: `sure` if something is read without reserve, `read` if anything is read.
    """
    if sample.part.endswith("none"):
        return {"sure": reading.sure, "read": bool(reading.text)}
    if sample.part.endswith("numbers"):
        # The marks of real images aren't labelled: only a sign that is read as a `?` counts as an error.
        got = digits_of(reading.text) if sample.hand else reading.digits if reading.text else ""
        missed = got != sample.digits
        found = {
            "missed": missed,
            "errors": min(distance(got, sample.digits), len(sample.digits)),
            "wrong, sure": missed and reading.sure,
        }
        return found if sample.hand else {**found, "text": reading.text != sample.text}
    missed = str(reading.digit) != sample.text
    return {
        "missed": missed,
        "doubted": reading.digit is None and not reading.text,
        "as number": reading.digit is None and bool(reading.text),
        "wrong": missed and reading.digit is not None,
        "wrong, sure": missed and reading.sure,
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class Read:
    """An image and its reading."""

    sample: Sample
    reading: Reading

    @property
    def faults(self) -> dict[str, int]:
        """The faults of the reading, by figure."""
        return faults(self.sample, self.reading)


def read_all(samples: Iterator[Sample], reader: Reader) -> list[Read]:
    """Read all samples, with progress on standard error."""
    done: list[Read] = []
    started = time.perf_counter()
    while batch := list(islice(samples, _BATCH)):
        done += [Read(sample=s, reading=r) for s, r in zip(batch, reader(batch), strict=True)]
        last = batch[-1]
        print(
            f"\r{len(done):>6} {time.perf_counter() - started:5.0f} s  {last.part}, {last.kind}\033[K",
            end="",
            file=sys.stderr,
        )
    print(file=sys.stderr)
    return done


Key = tuple[str, str, int]  # part, kind, seed


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """The record of a baseline for the images of one part, kind and seed: numbers alone."""

    pictures: int
    digits: int  # on all images
    names: int  # CRC-32 of the names of real images, in order; 0 for rendered ones
    faults: dict[str, list[int]]  # for each figure the index of each image with a fault, repeated for each fault

    def count(self, figure: str, index: int) -> int:
        """Count the faults of each image."""
        return self.faults.get(figure, []).count(index)


def cells_of(done: Sequence[Read]) -> dict[Key, Cell]:
    """Make the cells of a baseline from all readings."""
    groups: dict[Key, list[Read]] = {}
    for read in done:
        groups.setdefault((read.sample.part, read.sample.kind, read.sample.seed), []).append(read)
    cells = {}
    for key, reads in groups.items():
        found: dict[str, list[int]] = {figure: [] for figure in reads[0].faults}
        for read in reads:
            for figure, count in read.faults.items():
                found[figure] += [read.sample.index] * count
        cells[key] = Cell(
            pictures=len(reads),
            digits=sum(len(read.sample.digits) for read in reads),
            names=names_of([read.sample for read in reads]),
            faults=found,
        )
    return cells


def names_of(samples: Sequence[Sample]) -> int:
    """Compute a checksum of real images' names, which tells folders apart; 0 for rendered images."""
    return zlib.crc32("\n".join(sample.name for sample in samples if sample.hand).encode())


def load_baseline(path: Path) -> dict[Key, Cell]:
    """Load the cells in a file; none if the file is missing."""
    if not path.is_file():
        return {}
    cells = {}
    for part, kinds in json.loads(path.read_text(encoding="utf-8")).items():
        for kind, seeds in kinds.items():
            for seed, cell in seeds.items():
                cells[part, kind, int(seed)] = Cell(**cell)
    return cells


def store_baseline(path: Path, cells: dict[Key, Cell]) -> None:
    """Write the cells, a line for each, and keep those in the file that were not read now."""
    parts: dict[str, dict[str, dict[str, Cell]]] = {}
    for (part, kind, seed), cell in sorted({**load_baseline(path), **cells}.items()):
        parts.setdefault(part, {}).setdefault(kind, {})[str(seed)] = cell
    lines = []
    for part, kinds in parts.items():
        rows = []
        for kind, seeds in kinds.items():
            inner = ",\n    ".join(f"{json.dumps(seed)}: {json.dumps(asdict(cell))}" for seed, cell in seeds.items())
            rows.append(f"  {json.dumps(kind, ensure_ascii=False)}: {{\n    {inner}\n  }}")
        lines.append(f"{json.dumps(part)}: {{\n" + ",\n".join(rows) + "\n}")
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A figure of a part, or of a kind in it, and the baseline's figure."""

    part: str
    kind: str  # empty for the whole part
    figure: str
    pictures: int
    share: float  # faults per image, or per digit there is
    low: float  # 95 % interval
    high: float
    before: float | None  # the baseline's share of the same images, or of its own if they differ
    better: int  # images with fewer faults than in the baseline
    worse: int
    deviation: float  # the change in standard errors; positive is worse

    @property
    def fell(self) -> bool:
        """Whether it is worse by more than the noise."""
        return self.deviation > (KIND_LIMIT if self.kind else PART_LIMIT)

    @property
    def rose(self) -> bool:
        """Whether it is better by more than the noise."""
        return -self.deviation > (KIND_LIMIT if self.kind else PART_LIMIT)


def compare(done: Sequence[Read], baseline: dict[Key, Cell], names: dict[Key, int]) -> list[Row]:
    """Compare each figure of each part, then of each kind; `names` are those of all images of a cell."""
    groups: dict[tuple[str, str], list[Read]] = {}
    for read in done:
        groups.setdefault((read.sample.part, ""), []).append(read)
    for read in done:
        groups.setdefault((read.sample.part, read.sample.kind), []).append(read)
    rows = []
    for (part, kind), reads in groups.items():
        for figure in reads[0].faults:
            rows.append(_row(part, kind, figure, reads, baseline, names))
    return rows


def _row(
    part: str, kind: str, figure: str, reads: Sequence[Read], baseline: dict[Key, Cell], names: dict[Key, int]
) -> Row:
    each_digit = figure == "errors"
    counts = np.array([read.faults[figure] for read in reads], float)
    weights = np.array([len(read.sample.digits) if each_digit else 1 for read in reads], float)
    share = float(counts.sum() / weights.sum())
    error = float(np.sqrt(((counts - share * weights) ** 2).sum()) / weights.sum())
    low, high = (max(0.0, share - 1.96 * error), share + 1.96 * error) if each_digit else wilson(share, len(reads))

    before: float | None = None
    better = worse = 0
    deviation = 0.0
    earlier = [_earlier(read, figure, baseline, names) for read in reads]
    paired = [count for count in earlier if count is not None]
    if len(paired) == len(reads):
        before = float(sum(paired) / weights.sum())
        change = counts - np.array(paired, float)
        better, worse = int((change < 0).sum()), int((change > 0).sum())
        deviation = float(change.sum() / math.sqrt(max(1.0, (change**2).sum())))
    elif not paired:
        cells = [cell for key, cell in baseline.items() if key[0] == part and kind in ("", key[1])]
        pictures = sum(cell.pictures for cell in cells)
        if pictures:
            numbers = [cell.faults.get(figure, []).count(i) for cell in cells for i in range(cell.pictures)]
            others = sum(cell.digits if each_digit else cell.pictures for cell in cells)
            before = sum(numbers) / others
            its_error = float(np.std(numbers) * math.sqrt(pictures) / others)
            deviation = (share - before) / max(1e-9, math.hypot(error, its_error))
    return Row(
        part=part,
        kind=kind,
        figure=figure,
        pictures=len(reads),
        share=share,
        low=low,
        high=high,
        before=before,
        better=better,
        worse=worse,
        deviation=deviation,
    )


def _earlier(read: Read, figure: str, baseline: dict[Key, Cell], names: dict[Key, int]) -> int | None:
    """Count this fault in the baseline's reading of the same image; None if it has no such reading."""
    key = (read.sample.part, read.sample.kind, read.sample.seed)
    cell = baseline.get(key)
    if (
        cell is None
        or cell.names != names.get(key, 0)
        or read.sample.index >= cell.pictures
        or figure not in cell.faults
    ):
        return None
    return cell.faults[figure].count(read.sample.index)


def wilson(share: float, count: int, z: float = 1.96) -> tuple[float, float]:
    """Compute the interval of a share of `count` images. Source: E. Wilson, J. Am. Stat. Assoc. 22 (1927)."""
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    reach = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def table(rows: Sequence[Row], all_kinds: bool) -> list[str]:
    """Format the parts' figures, then the main figure of the kinds that changed, or of all kinds."""
    header = f"{'':<46} {'figure':<12} {'pictures':>8} {'before':>7} {'now':>7}  {'95 % interval':<15}"
    lines = [f"{header} {'better':>6} {'worse':>5} {'σ':>5}"]
    for row in rows:
        shown = all_kinds or row.better or row.worse or row.fell or row.rose
        if row.kind and not (shown and row.figure in ("missed", "sure", "text")):
            continue
        share, low, high, before = row.share, row.low, row.high, row.before
        if row.figure in MAIN:
            share, low, high = 1 - share, 1 - high, 1 - low
            before = None if before is None else 1 - before
        change = f"{row.better:>6} {row.worse:>5} {0 - row.deviation:>+5.1f}"
        verdict = "fell" if row.fell else "rose" if row.rose else ""
        name = f"  {row.part}: {row.kind}" if row.kind else row.part
        earlier = "" if before is None else f"{100 * before:.1f}"
        lines.append(
            f"{name:<46} {MAIN.get(row.figure, row.figure):<12} {row.pictures:>8} {earlier:>7} {100 * share:>7.1f}  "
            f"{100 * low:5.1f} to {100 * high:5.1f}  {change} {verdict}"
        )
    return lines


def as_json(done: Sequence[Read]) -> list[dict[str, Any]]:
    """Format all readings as JSON, to compare them with those of another version."""
    return [
        {
            "part": read.sample.part,
            "kind": read.sample.kind,
            "name": read.sample.name,
            "expected": read.sample.text,
            **asdict(read.reading),
            "faults": read.faults,
        }
        for read in done
    ]


def differences(done: Sequence[Read], earlier: list[dict[str, Any]]) -> list[str]:
    """Describe each image that got better or worse since a file of `--save`, by its part's first figure."""
    before = {(each["part"], each["name"]): each for each in earlier}
    better: list[str] = []
    worse: list[str] = []
    for read in done:
        old = before.get((read.sample.part, read.sample.name))
        if old is None:
            continue
        new = read.faults
        main = next(iter(new))
        change = sum(new.values()) - sum(old["faults"].values())
        if new[main] == old["faults"][main] and new.get("errors") == old["faults"].get("errors"):
            change = new.get("wrong, sure", 0) - old["faults"].get("wrong, sure", 0)
        if change:
            line = f"{described(read)}; before {old['text']!r} ({old['confidence']:.3f}{_after(old['remark'])})"
            (worse if change > 0 else better).append(line)
    return [f"better: {line}" for line in better] + [f"worse: {line}" for line in worse]


def described(read: Read) -> str:
    """Describe an image: its name, its text and its reading."""
    sample, reading = read.sample, read.reading
    return (
        f"{sample.part}/{sample.name}: {sample.text!r} read as {reading.text!r} "
        f"({reading.confidence:.3f}{_after(reading.remark)})"
    )


def _after(remark: str) -> str:
    return f", {remark}" if remark else ""


def parsed() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", type=Path, metavar="FOLDER", help="with singles, numbers, none and sets, or some")
    parser.add_argument("--only-real", action="store_true", help="no rendered pictures")
    parser.add_argument(
        "--hands", choices=["fit", "check"], help="real pictures of four hands in five, or of the fifth"
    )
    parser.add_argument("--full", action="store_true", help=f"{FULL_COUNT} pictures of each kind, seeds {FULL_SEEDS}")
    parser.add_argument("--count", type=int, help="rendered pictures of each kind and seed")
    parser.add_argument("--seeds", type=int, nargs="+", help="of the rendered pictures")
    parser.add_argument("--parts", nargs="+", metavar="PART", help="only these, such as 'real numbers'")
    parser.add_argument("--kinds", nargs="+", metavar="KIND", help="only these kinds")
    parser.add_argument("--checkpoint", type=Path, help="default: the one in the package")
    parser.add_argument("--data-dir", type=Path, help="folder of MNIST's files")
    parser.add_argument("--baseline", type=Path, default=BASELINE, metavar="FILE")
    parser.add_argument("--store", action="store_true", help="make this the baseline")
    parser.add_argument("--all-kinds", action="store_true", help="a line for each kind, changed or not")
    parser.add_argument("--verbose", "-v", action="store_true", help="a line for each real picture that isn't right")
    parser.add_argument("--save", type=Path, metavar="FILE", help="write all readings as JSON")
    parser.add_argument("--compare", type=Path, metavar="FILE", help="list what got better and worse since --save FILE")
    options = parser.parse_args()
    if options.store and options.hands:
        parser.error("--store takes all hands.")
    if options.only_real and not options.real:
        parser.error("--only-real needs --real FOLDER.")
    options.count = options.count or (FULL_COUNT if options.full else QUICK_COUNT)
    options.seeds = options.seeds or (FULL_SEEDS if options.full else QUICK_SEEDS)
    return options


def main() -> None:
    """Read, compare, print; exit with 1 if a figure fell."""
    options = parsed()

    def wanted(sample: Sample) -> bool:
        return (not options.parts or sample.part in options.parts) and (
            not options.kinds or sample.kind in options.kinds
        )

    samples: Iterator[Sample] = iter(())
    names: dict[Key, int] = {}
    if options.real:
        found = list(real(options.real))
        names = _names(found)
        if options.hands:
            found = [sample for sample in found if is_checked(sample) == (options.hands == "check")]
        samples = filter(wanted, found)
    if not options.only_real:
        samples = chain(samples, rendered_samples(options))
    done = read_all(samples, packaged_reader(options.checkpoint))
    if not done:
        raise SystemExit("No picture is left to read.")

    if options.verbose:
        for read in done:
            if read.sample.hand and next(iter(read.faults.values())):
                print(described(read))
    if options.compare:
        print(*differences(done, json.loads(options.compare.read_text(encoding="utf-8"))), sep="\n")
    if options.save:
        options.save.write_text(json.dumps(as_json(done), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    rows = compare(done, load_baseline(options.baseline), names)
    print(*table(rows, options.all_kinds), sep="\n")
    if options.store:
        store_baseline(options.baseline, cells_of(done))
    elif any(row.fell for row in rows):
        sys.exit(1)


def rendered_samples(options: argparse.Namespace) -> Iterator[Sample]:
    """Render the images of each wanted kind and seed."""
    kinds = [
        (part, kind)
        for part, kinds_ in RENDERED.items()
        for kind in kinds_
        if (not options.parts or part in options.parts) and (not options.kinds or kind in options.kinds)
    ]
    if not kinds:
        return
    test = load_dataset(data_dir=options.data_dir, splits=(Split.TEST,)).split(Split.TEST)
    pool = list(zip(test.images[:, 0].numpy(), test.labels.tolist(), strict=True))
    for part, kind in kinds:
        for seed in options.seeds:
            for index in range(options.count):
                yield rendered(part, kind, seed, index, pool)


def _names(samples: Sequence[Sample]) -> dict[Key, int]:
    groups: dict[Key, list[Sample]] = {}
    for sample in samples:
        groups.setdefault((sample.part, sample.kind, sample.seed), []).append(sample)
    return {key: names_of(group) for key, group in groups.items()}


if __name__ == "__main__":
    main()

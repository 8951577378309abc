"""Reads numbers with the program and with the usual recipe, and measures the errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from benchmarks.table import Rows
from mnistcnn.reading.prediction import Options, predict_each
from mnistcnn.reading.reader import Predictor

SURE = 0.9


@dataclass(frozen=True, slots=True)
class Answer:
    """The reading of one image."""

    text: str
    confidence: float
    doubted: bool  # rejected, or with a digit left open
    warned: bool  # doubted, or read with a warning

    @property
    def sure(self) -> bool:
        """Whether it is given without any reserve."""
        return self.confidence >= SURE and not self.warned


def read(pictures: Sequence[Path | Image.Image], predictor: Predictor) -> list[Answer]:
    """Read images with the program."""
    answers = []
    for prediction, _ in predict_each(predictor, pictures, Options()):
        text = prediction.text
        doubted = text is None or "?" in text
        answers.append(
            Answer(text or "", prediction.confidence or 0.0, doubted, doubted or prediction.warning is not None)
        )
    return answers


def recipe(path: Path, predictor: Predictor) -> str:
    """Read with Otsu's threshold and outer contours, each crop resized to 20×20 in 28×28, row by row."""
    grey = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert grey is not None
    _, ink = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    ink = 255 - ink if ink.mean() > 127 else ink
    contours, _ = cv2.findContours(ink, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    boxes = [cv2.boundingRect(contour) for contour in contours]
    tallest = max((box[3] for box in boxes), default=0)
    boxes = sorted((box for box in boxes if box[3] >= max(5, 0.3 * tallest)), key=lambda box: box[1] + box[3] / 2)
    rows: list[list[tuple[int, ...]]] = []
    for box in boxes:
        if rows and box[1] + box[3] / 2 < np.mean([y + h for _, y, _, h in rows[-1]]):
            rows[-1].append(tuple(box))
        else:
            rows.append([tuple(box)])
    if not rows:
        return ""
    crops = [cv2.resize(ink[y : y + h, x : x + w], (20, 20)) for line in rows for x, y, w, h in sorted(line)]
    frames = np.stack([np.pad(crop, 4) for crop in crops]).astype(np.uint8)
    read_ = iter(predictor.scorer.network.logits(frames).argmax(axis=1).tolist())
    return "\n".join("".join(str(next(read_)) for _ in line) for line in rows)


def distance(read_: str, written_: str) -> int:
    """Count the digits to insert, remove or change (Levenshtein)."""
    costs = list(range(len(written_) + 1))
    for i, x in enumerate(read_):
        before, costs[0] = costs[0], i + 1
        for j, y in enumerate(written_, start=1):
            before, costs[j] = costs[j], min(costs[j] + 1, costs[j - 1] + 1, before + (x != y))
    return costs[-1]


def digits_of(text: str) -> str:
    """Remove spaces, the ends of rows and marks; a question mark stands for a digit that is left open."""
    return "".join(character for character in text if character.isdigit() or character == "?")


def error_rate(read_: Sequence[str], written_: Sequence[str]) -> float:
    """Compute the edit distance per written digit; spaces and the ends of rows don't count."""
    pairs = [(digits_of(r), digits_of(w)) for r, w in zip(read_, written_, strict=True)]
    return sum(distance(r, w) for r, w in pairs) / sum(len(w) for _, w in pairs)


def rows_of(text: str) -> list[int]:
    """Count the digits of each row."""
    return [len(digits_of(line)) for line in text.split("\n")]


def scores(answers: Sequence[Answer], naive: Sequence[str], texts: Sequence[str]) -> dict[str, float]:
    """Compute the shares of one kind."""
    count = len(texts)
    right = [digits_of(a.text) == digits_of(text) for a, text in zip(answers, texts, strict=True)]
    return {
        "whole": sum(right) / count,
        "errors": error_rate([a.text for a in answers], texts),
        "rows": sum(rows_of(a.text) == rows_of(text) for a, text in zip(answers, texts, strict=True)) / count,
        "wrong, sure": sum(a.sure and not ok for a, ok in zip(answers, right, strict=True)) / count,
        "right, sure": sum(a.sure and ok for a, ok in zip(answers, right, strict=True)) / count,
        "recipe": sum(digits_of(n) == digits_of(text) for n, text in zip(naive, texts, strict=True)) / count,
        "recipe errors": error_rate(naive, texts),
    }


def sure_right(rows: Rows) -> float:
    """Compute the share of sure answers that are right; NaN if none is sure."""
    right, wrong = (sum(row[key] for row in rows) for key in ("right, sure", "wrong, sure"))
    return float(right / (right + wrong)) if right + wrong else float("nan")

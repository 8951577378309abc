"""A served drawing page, and a browser to look at it with."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from mnistcnn.data.synthetic import Stroke

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIETLY = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
expect.set_options(timeout=20_000)  # milliseconds, on a busy machine


@contextmanager
def served(*options: str) -> Iterator[str]:
    """Run `mnistcnn draw` as a user would until the context ends, and yield its address; it must end well,
    and without a word from the web server."""
    if sys.platform == "win32":
        pytest.skip("the server is ended by a signal")
    command = [sys.executable, "-m", "mnistcnn", "draw", "--port", "0", "--no-open", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        address = process.stdout.readline().strip()
        assert address.startswith("http://"), process.communicate(timeout=10)[1]
        yield address
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
        assert process.returncode == 0, errors
        assert "Traceback" not in errors and "WARNING" not in errors, errors
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()


@contextmanager
def browser() -> Iterator[Browser]:
    """Start a headless Chromium; the test is skipped if there is none."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)}")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=QUIETLY, env=dict(os.environ))
        yield started
        started.close()


def draw_strokes(page: Page, strokes: Sequence[Stroke], *, at: float = 0.5, margin: float = 0.2) -> None:
    """Draw strokes, points in a unit square, on the page's paper with the mouse; `at` is their middle, 0 … 1."""
    paper = page.locator("#paper")
    paper.scroll_into_view_if_needed()
    box = paper.bounding_box()
    assert box is not None
    side = box["height"] * (1 - 2 * margin)

    def place(x: float, y: float) -> tuple[float, float]:
        left, top = box["x"] + at * box["width"], box["y"] + margin * box["height"]
        return left + 0.75 * (x - 0.5) * side, top + y * side

    for stroke in strokes:
        page.mouse.move(*place(*stroke[0]))
        page.mouse.down()
        for point in stroke[1:]:
            page.mouse.move(*place(*point), steps=4)
        page.mouse.up()


def expect_digit(page: Page, digit: int) -> None:
    """Expect that the page says `digit` alone, its bar is the longest, and the network's input is shown."""
    expect_number(page, str(digit))
    expect_chosen(page, digit)


def expect_number(page: Page, text: str) -> None:
    """Expect that the page says `text`, with a radio button and a box for each digit."""
    expect(page.locator("#number")).to_have_text(text, use_inner_text=False)
    expect(page.get_by_role("radio")).to_have_count(sum(not sign.isspace() for sign in text))
    expect(page.locator("#boxes div")).to_have_count(sum(not sign.isspace() for sign in text))


def expect_chosen(page: Page, digit: int) -> None:
    """Expect that the page explains a `digit`."""
    expect(page.locator("#number :has(:checked)")).to_have_text(str(digit))
    expect(page.locator("#boxes .chosen")).to_have_attribute("data-digit", str(digit))
    expect(page.locator("#bars li").nth(digit)).to_have_class(re.compile("best"))
    expect(page.locator("#frame")).to_have_attribute("aria-label", re.compile(f"The {digit}"))


def answered(text: str, confidence: float, warning: str | None = None) -> dict[str, object]:
    """What the server answers to a number written across the paper, as sure of each digit as of all.

    The other probabilities of a digit are equal; a ? in `text` is a doubted 7.
    """
    rows = text.split("\n")
    digits = [
        _answered_digit(sign, confidence, (column + 0.5) / len(row), (i + 0.5) / len(rows))
        for i, row in enumerate(rows)
        for column, sign in enumerate(row)
        if sign != " "
    ]
    return {
        "text": text if re.search(r"\d", text) else None,
        "confidence": confidence if text else None,
        "digits": digits,
        "frames": [[[100] * 28] * 28 for _ in digits],
        "responses": [[[[0] * 9] * 9] * 25 for _ in digits],
        "warning": warning,
        "note": None,
        "seconds": 0.01,
    }


def _answered_digit(sign: str, confidence: float, x: float, y: float) -> dict[str, object]:
    digit = 7 if sign == "?" else int(sign)
    left, top = round(640 * x), round(320 * y)
    return {
        "digit": None if sign == "?" else digit,
        "confidence": confidence,
        "top": [
            {"digit": other, "confidence": confidence if other == digit else (1 - confidence) / 9}
            for other in range(10)
        ],
        "box": [left - 20, top - 40, left + 20, top + 40],
        "doubted": sign == "?",
    }

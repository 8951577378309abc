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


@contextmanager
def served(*options: str) -> Iterator[str]:
    """The address of `mnistcnn draw`, run as a user would until the context ends; it must end well,
    and without a word from the web server."""
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
    """A headless Chromium; the test is skipped where there is none."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)}")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=QUIETLY, env=dict(os.environ))
        yield started
        started.close()


def draw_strokes(page: Page, strokes: Sequence[Stroke], *, margin: float = 0.2) -> None:
    """Draw strokes, points in a unit square, on the page's paper with the mouse."""
    paper = page.locator("#paper")
    paper.scroll_into_view_if_needed()
    box = paper.bounding_box()
    assert box is not None
    side = box["width"] * (1 - 2 * margin)

    def place(x: float, y: float) -> tuple[float, float]:
        return box["x"] + box["width"] * (margin + 0.1) + 0.75 * x * side, box["y"] + box["height"] * margin + y * side

    for stroke in strokes:
        page.mouse.move(*place(*stroke[0]))
        page.mouse.down()
        for point in stroke[1:]:
            page.mouse.move(*place(*point), steps=4)
        page.mouse.up()


def expect_digit(page: Page, digit: int) -> None:
    """The page says `digit`, its bar is the longest, and the network's input is there."""
    expect(page.locator("#verdict")).to_have_text(re.compile(f"^{digit}"), timeout=10_000)
    expect(page.locator("#bars li").nth(digit)).to_have_class(re.compile("best"))
    expect(page.locator("#frame")).to_have_attribute("aria-label", re.compile(f"The {digit}"))


def answered(digit: int | None, confidence: float, warning: str | None = None) -> dict[str, object]:
    """What the server answers; the other probabilities are equal."""
    shares = [confidence if other == digit else (1 - confidence) / 9 for other in range(10)]
    return {
        "digit": digit,
        "confidence": None if digit is None else confidence,
        "probabilities": [] if digit is None else shares,
        "warning": warning,
        "frame": [[0] * 28] * 28,
        "responses": [[[0] * 9] * 9] * 25,
        "seconds": 0.01,
    }

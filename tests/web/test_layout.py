"""The drawing page's layout in a real browser: nothing moves, everything is in view and readable."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from mnistcnn.data.synthetic import WAYS
from tests.browser import answered, draw_strokes, expect_digit, expect_number

LONG = "a picture about which there is a great deal to be said, " * 4
ANSWERS = [
    (200, answered("7", 0.98)),
    (200, answered("1", 0.5, LONG)),
    (422, {"error": "No."}),
    (422, {"error": LONG}),
    (200, answered("12 345?\n8", 0.4)),
    (200, answered("0", 1, "several separate digits")),
    (422, {"error": LONG.replace(" ", "")}),
    (200, answered("\n".join(["31415 92653"] * 9), 0.95)),
]


USUAL_SCREENS = [(390, 844), (1280, 800)]  # a phone's and a desktop's; the others are among the slow tests


def screens(*sizes: tuple[int, int]) -> list[object]:
    """The sizes as parameters of a test, (width, height) in pixels."""
    return [pytest.param(*size, marks=[] if size in USUAL_SCREENS else pytest.mark.slow) for size in sizes]


class Finger:
    """A finger on the paper of a page; places in the paper's own units, 640×320."""

    def __init__(self, page: Page) -> None:
        self._page, self._session = page, page.context.new_cdp_session(page)
        box = page.locator("#paper").bounding_box()
        assert box is not None
        self.box = box

    def touch(self, kind: str, *places: tuple[float, float]) -> None:
        """Send one touch event; its places are those on the paper as it lay at the beginning."""
        scale = self.box["width"] / 640
        points = [{"x": self.box["x"] + scale * x, "y": self.box["y"] + scale * y} for x, y in places]
        self._session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


@contextmanager
def phone(chromium: Browser, address: str, width: int, height: int) -> Iterator[Page]:
    """The page on a screen of this size that is touched."""
    context = chromium.new_context(viewport={"width": width, "height": height}, has_touch=True, is_mobile=width < 1000)
    page = context.new_page()
    page.goto(address)
    # A browser drops touches until its first frame is on the screen: touch the margin until the page feels it.
    page.evaluate("addEventListener('pointerdown', () => { window.felt = true; }, { once: true })")
    while not page.evaluate("window.felt"):
        page.touchscreen.tap(1, 1)
    yield page
    context.close()


@pytest.mark.parametrize(("width", "height"), screens((320, 568), (360, 740), (390, 844), (430, 932), (1280, 800)))
def test_no_answer_moves_the_paper_under_the_finger(chromium: Browser, address: str, width: int, height: int) -> None:
    with phone(chromium, address, width, height) as page:
        answers = iter(ANSWERS)

        def answer(route: Route) -> None:
            status, content = next(answers)
            route.fulfill(status=status, json=content)

        page.route("**/read", answer)
        finger, answer_shown = Finger(page), page.locator(".answer")
        for number in range(len(ANSWERS)):
            before = answer_shown.inner_text()
            finger.touch("touchMove" if number else "touchStart", (60 + 20 * number, 50 + 25 * number))
            expect(answer_shown).not_to_have_text(before, use_inner_text=True)
            assert page.locator("#paper").bounding_box() == finger.box, answer_shown.inner_text()
        finger.touch("touchEnd")
        # The ink is the straight stroke that the finger made: all of it there, and none beside it.
        inked = page.locator("#paper").evaluate(
            """paper => {
                const pixels = paper.getContext("2d").getImageData(0, 0, 640, 320).data, inked = [];
                for (let i = 0; i < 640 * 320; i++) if (pixels[4 * i] < 99) inked.push([i % 640, Math.floor(i / 640)]);
                return inked;
            }"""
        )
        (x0, y0), (x1, y1) = (60, 50), (200, 225)
        length = math.dist((x0, y0), (x1, y1))
        beside = [abs((x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)) / length for x, y in inked]
        along = [((x1 - x0) * (x - x0) + (y1 - y0) * (y - y0)) / length for x, y in inked]
        assert max(beside) < 7 + 2
        assert min(along) == pytest.approx(-7, abs=3) and max(along) == pytest.approx(length + 7, abs=3)


@pytest.mark.parametrize(("width", "height"), screens((320, 568), (390, 664), (390, 844), (844, 390), (1280, 800)))
def test_paper_answer_and_probabilities_are_visible_without_scrolling(
    chromium: Browser, address: str, width: int, height: int
) -> None:
    with phone(chromium, address, width, height) as page:
        finger = Finger(page)
        finger.touch("touchStart", (300, 50))
        for y in range(60, 270, 10):
            finger.touch("touchMove", (300, y))
        expect_digit(page, 1)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("scrollY") == 0
        for part in ("#paper", "#headline", "#verdict", "#bars", "#clear"):
            box = page.locator(part).bounding_box()
            assert box is not None and box["x"] >= 0 and box["y"] >= 0, part
            assert box["x"] + box["width"] <= width and box["y"] + box["height"] <= height, part


@pytest.mark.parametrize(("width", "height"), screens((320, 568), (390, 664), (390, 844), (820, 1180)))
def test_on_a_phone_the_paper_comes_first_and_is_as_large_as_the_screen_allows(
    chromium: Browser, address: str, width: int, height: int
) -> None:
    with phone(chromium, address, width, height) as page:
        places = [page.locator(part).bounding_box() for part in ("#paper", "#clear", "#headline", "#bars")]
        tops = [place["y"] for place in places if place is not None]
        assert len(tops) == 4 and tops == sorted(tops)
        paper, bars = places[0], places[3]
        assert paper is not None and bars is not None
        assert paper["x"] <= 16 and paper["y"] <= 16 and paper["width"] >= width - 32
        left = height - (bars["y"] + bars["height"])
        assert left < 16 or paper["height"] == pytest.approx(1.15 * width, abs=1)  # taller than that is for one digit


def test_a_paper_keeps_its_shape_once_something_is_drawn(chromium: Browser, address: str) -> None:
    with phone(chromium, address, 390, 844) as page:

        def shape() -> float:
            box = page.locator("#paper").bounding_box()
            assert box is not None
            assert page.evaluate("paper.height / paper.width") == pytest.approx(box["height"] / box["width"], abs=0.01)
            return box["height"] / box["width"]

        upright = shape()
        assert upright > 1
        page.set_viewport_size({"width": 844, "height": 390})
        expect(page.locator("#paper")).to_have_attribute("height", "320")
        assert shape() == pytest.approx(0.5, abs=0.01)
        page.set_viewport_size({"width": 390, "height": 844})
        expect(page.locator("#paper")).not_to_have_attribute("height", "320")
        Finger(page).touch("touchStart", (300, 50))
        page.set_viewport_size({"width": 844, "height": 390})
        assert shape() == pytest.approx(upright, abs=0.01)


@pytest.mark.parametrize(("width", "height"), screens((1280, 800), (1440, 900), (1920, 1080)))
def test_on_a_desktop_nothing_scrolls_and_the_left_is_used(
    chromium: Browser, address: str, width: int, height: int
) -> None:
    context = chromium.new_context(viewport={"width": width, "height": height})
    page = context.new_page()
    page.goto(address)
    draw_strokes(page, WAYS[3][0])
    expect_digit(page, 3)
    assert page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]") == [
        width,
        height,
    ]
    paper, seen = (page.locator(part).bounding_box() for part in ("#paper", "#frame"))
    assert paper is not None and seen is not None
    assert seen["x"] == paper["x"] and seen["y"] > paper["y"] + paper["height"]
    context.close()


@pytest.mark.parametrize(("width", "height"), screens((320, 568), (844, 390), (1280, 800)))
@pytest.mark.parametrize("text", ["8", "0123456789", "12 34\n5?\n678"])
def test_all_of_a_number_fits_its_place(chromium: Browser, address: str, width: int, height: int, text: str) -> None:
    with phone(chromium, address, width, height) as page:
        page.route("**/read", lambda route: route.fulfill(json=answered(text, 0.95)))
        draw_strokes(page, WAYS[3][0])
        expect_number(page, text)
        place = page.locator("#headline").bounding_box()
        assert place is not None
        for label in page.locator("#number label").all():
            box = label.bounding_box()
            assert box is not None and box["x"] >= place["x"] and box["x"] + box["width"] <= place["x"] + place["width"]
            assert box["y"] >= place["y"] and box["y"] + box["height"] <= place["y"] + place["height"]


COLOURS = """() => {
    const behind = (element) => {
        const colour = getComputedStyle(element).backgroundColor;
        return colour === "rgba(0, 0, 0, 0)" ? behind(element.parentElement) : colour;
    };
    const written = [...document.body.querySelectorAll("*:not(script, canvas)")].filter((element) =>
        [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim()));
    const bar = document.querySelector("#bars .best .bar");
    return {
        text: written.map((element) => [element.innerText, getComputedStyle(element).color, behind(element)]),
        shape: [["bar", behind(bar), behind(bar.parentElement)]],
        label: [...document.querySelectorAll("#boxes div")].map((box) => {
            const { content, color, backgroundColor } = getComputedStyle(box, "::before");
            return [content, color, backgroundColor];
        }),
    };
}"""


def contrast(first: str, second: str) -> float:
    """The contrast of two CSS colours, `rgb(…)`, as WCAG 2 defines it: 1 … 21."""

    def luminance(colour: str) -> float:
        levels = [int(level) / 255 for level in re.findall(r"\d+", colour)]
        red, green, blue = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in levels)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("confidence", [0.5, 0.99])
def test_what_is_written_stands_out(page: Page, scheme: Literal["light", "dark"], confidence: float) -> None:
    page.emulate_media(color_scheme=scheme)
    page.route("**/read", lambda route: route.fulfill(json=answered("23?", confidence)))
    draw_strokes(page, WAYS[3][0])
    expect_number(page, "23?")
    found = page.evaluate(COLOURS)
    assert len(found["text"]) > 25 and len(found["label"]) == 3
    for kind, least in (("text", 4.5), ("label", 4.5), ("shape", 3.0)):
        for name, colour, behind in found[kind]:
            assert contrast(colour, behind) >= least, f"{name}: {colour} on {behind}"

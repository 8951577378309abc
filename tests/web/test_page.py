"""The drawing page in a real browser."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from mnistcnn.data.synthetic import WAYS
from tests.browser import browser, draw_strokes, served

PICTURES = sorted((Path(__file__).parents[1] / "pictures").iterdir())


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A served page."""
    with served() as address:
        yield address


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A headless browser."""
    with browser() as chromium:
        yield chromium


@pytest.fixture
def page(chromium: Browser, address: str) -> Iterator[Page]:
    """The page just opened; whatever its console says, or a request elsewhere, fails the test."""
    context = chromium.new_context(viewport={"width": 1100, "height": 800})
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith(address) else said.append(request.url))
    page.goto(address)
    yield page
    context.close()
    assert [line for line in said if not re.match(r"data:|blob:|.* status of 422 ", line)] == []


def expect_digit(page: Page, digit: int) -> None:
    """The page says `digit` and shows it: its bar is the longest, and the network's input is there."""
    expect(page.locator("#verdict")).to_have_text(re.compile(f"^{digit}"), timeout=10_000)
    expect(page.locator("#bars li").nth(digit)).to_have_class(re.compile("best"))
    expect(page.locator("#frame")).to_have_attribute("aria-label", re.compile(f"The {digit}"))


def ink(page: Page, canvas: str) -> int:
    """The number of dark pixels of a canvas."""
    pixels = "canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data"
    script = f"canvas => {pixels}.filter((value, i) => i % 4 === 0 && value < 99).length"
    return int(page.locator(canvas).evaluate(script))


@pytest.mark.parametrize("digit", range(10))
def test_a_digit_drawn_with_the_pointer_is_read(page: Page, digit: int) -> None:
    draw_strokes(page, WAYS[digit][0])
    expect_digit(page, digit)


def test_answers_come_while_the_pen_is_still_down(page: Page) -> None:
    box = page.locator("#paper").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] - 40, steps=10)
    expect_digit(page, 1)
    page.mouse.up()


def test_undo_clear_and_pen_width(page: Page) -> None:
    undo, clear = page.get_by_role("button", name="Undo"), page.get_by_role("button", name="Clear")
    expect(undo).to_be_disabled()
    draw_strokes(page, WAYS[4][0][:1])
    one = ink(page, "#paper")
    page.locator("#pen").fill("40")
    draw_strokes(page, WAYS[1][0])
    assert ink(page, "#paper") > 2 * one
    undo.click()
    assert ink(page, "#paper") == one
    page.keyboard.press("Control+z")
    assert ink(page, "#paper") == 0
    expect(page.locator("#verdict")).to_have_text(re.compile("^– Draw"))
    draw_strokes(page, WAYS[2][0])
    expect_digit(page, 2)
    clear.click()
    assert ink(page, "#paper") == 0
    expect(page.locator("#bars .best")).to_have_count(0)


def test_an_answer_about_a_sheet_that_was_cleared_is_not_shown(page: Page) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    def wait_for(count: int) -> None:
        while len(held) < count:
            page.wait_for_timeout(10)

    page.route("**/read", hold)
    draw_strokes(page, WAYS[1][0])
    wait_for(1)
    page.keyboard.press("Escape")
    draw_strokes(page, WAYS[2][0])
    held[0].continue_()
    wait_for(2)
    expect(page.locator("#verdict")).to_have_text(re.compile("^– Draw"))
    held[1].continue_()
    expect_digit(page, 2)


def test_clearing_the_paper_waits_for_no_answer(page: Page) -> None:
    draw_strokes(page, WAYS[1][0])
    expect_digit(page, 1)
    page.route("**/read", lambda route: None)
    draw_strokes(page, WAYS[2][0])
    page.keyboard.press("Escape")
    expect(page.locator("#verdict")).to_have_text(re.compile("^– Draw"))


def test_a_digit_can_be_drawn_with_the_keyboard_alone(page: Page) -> None:
    page.keyboard.press("Tab")
    expect(page.locator("#paper")).to_be_focused()
    for _ in range(5):
        page.keyboard.press("Shift+ArrowUp")
    page.keyboard.press("Space")
    for _ in range(10):
        page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Space")
    expect_digit(page, 1)
    page.keyboard.press("Shift+ArrowLeft")
    before = ink(page, "#paper")
    page.keyboard.press("Shift+ArrowLeft")
    assert ink(page, "#paper") == before, "the pen is up"
    page.keyboard.press("Escape")
    assert ink(page, "#paper") == 0


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


LONG = "a picture about which there is a great deal to be said, " * 4
ANSWERS = [
    (200, answered(7, 0.98)),
    (200, answered(1, 0.5, LONG)),
    (422, {"error": "No."}),
    (422, {"error": LONG}),
    (200, answered(8, 0.4)),
    (200, answered(0, 1, "several separate digits")),
    (422, {"error": LONG.replace(" ", "")}),
    (200, answered(4, 0.95)),
]


class Finger:
    """A finger on the paper of a page; places in the paper's own units, 0 … 280."""

    def __init__(self, page: Page) -> None:
        self._page, self._session = page, page.context.new_cdp_session(page)
        box = page.locator("#paper").bounding_box()
        assert box is not None
        self.box = box

    def touch(self, kind: str, *places: tuple[float, float]) -> None:
        """Send one touch event; its places are those on the paper as it lay at the beginning."""
        scale = self.box["width"] / 280
        points = [{"x": self.box["x"] + scale * x, "y": self.box["y"] + scale * y} for x, y in places]
        self._session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


@contextmanager
def phone(chromium: Browser, address: str, width: int, height: int) -> Iterator[Page]:
    """The page on a screen of this size that is touched."""
    context = chromium.new_context(viewport={"width": width, "height": height}, has_touch=True, is_mobile=width < 1000)
    page = context.new_page()
    page.goto(address)
    yield page
    context.close()


@pytest.mark.parametrize(("width", "height"), [(320, 568), (360, 740), (390, 844), (430, 932), (1280, 800)])
def test_no_answer_moves_the_paper_under_the_finger(chromium: Browser, address: str, width: int, height: int) -> None:
    with phone(chromium, address, width, height) as page:
        answers = iter(ANSWERS)

        def answer(route: Route) -> None:
            status, content = next(answers)
            route.fulfill(status=status, json=content)

        page.route("**/read", answer)
        finger, verdict = Finger(page), page.locator("#verdict")
        for number in range(len(ANSWERS)):
            before = verdict.inner_text()
            finger.touch("touchMove" if number else "touchStart", (60 + 20 * number, 50 + 25 * number))
            expect(verdict).not_to_have_text(before)
            assert page.locator("#paper").bounding_box() == finger.box, verdict.inner_text()
        finger.touch("touchEnd")
        # The ink is the straight stroke that the finger made: all of it there, and none beside it.
        inked = page.locator("#paper").evaluate(
            """paper => {
                const pixels = paper.getContext("2d").getImageData(0, 0, 280, 280).data, inked = [];
                for (let i = 0; i < 280 * 280; i++) if (pixels[4 * i] < 99) inked.push([i % 280, Math.floor(i / 280)]);
                return inked;
            }"""
        )
        (x0, y0), (x1, y1) = (60, 50), (200, 225)
        length = math.dist((x0, y0), (x1, y1))
        beside = [abs((x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)) / length for x, y in inked]
        along = [((x1 - x0) * (x - x0) + (y1 - y0) * (y - y0)) / length for x, y in inked]
        assert max(beside) < 9 + 2
        assert min(along) == pytest.approx(-9, abs=3) and max(along) == pytest.approx(length + 9, abs=3)


@pytest.mark.parametrize(("width", "height"), [(320, 568), (390, 664), (390, 844), (844, 390), (1280, 800)])
def test_paper_answer_and_probabilities_are_seen_at_once(
    chromium: Browser, address: str, width: int, height: int
) -> None:
    with phone(chromium, address, width, height) as page:
        finger = Finger(page)
        finger.touch("touchStart", (140, 50))
        for y in range(60, 240, 10):
            finger.touch("touchMove", (140, y))
        expect_digit(page, 1)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("scrollY") == 0
        for part in ("#paper", "#verdict", "#bars"):
            box = page.locator(part).bounding_box()
            assert box is not None and box["x"] >= 0 and box["y"] >= 0, part
            assert box["x"] + box["width"] <= width and box["y"] + box["height"] <= height, part


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
    page.route("**/read", lambda route: route.fulfill(json=answered(3, confidence)))
    draw_strokes(page, WAYS[3][0])
    expect_digit(page, 3)
    found = page.evaluate(COLOURS)
    assert len(found["text"]) > 25
    for kind, least in (("text", 4.5), ("shape", 3.0)):
        for name, colour, behind in found[kind]:
            assert contrast(colour, behind) >= least, f"{name}: {colour} on {behind}"


def test_while_there_is_nothing_to_read_the_invitation_stays(page: Page) -> None:
    page.route("**/read", lambda route: route.fulfill(json=answered(None, 0, "nothing but background")))
    invitation = page.locator("#verdict").inner_text()
    with page.expect_response("**/read"):
        draw_strokes(page, [[(0.5, 0.5), (0.5, 0.51)]])
    page.wait_for_timeout(100)
    assert page.locator("#verdict").inner_text() == invitation
    expect(page.locator("#bars .best")).to_have_count(0)


def test_a_picture_with_nothing_on_it_has_no_digit(page: Page, tmp_path: Path) -> None:
    (tmp_path / "white.pgm").write_bytes(b"P5 28 28 255\n" + bytes([255]) * 784)
    page.locator("#file").set_input_files(PICTURES[0])
    expect_digit(page, int(PICTURES[0].name[0]))
    page.locator("#file").set_input_files(tmp_path / "white.pgm")
    expect(page.locator("#verdict")).to_have_text("– No digit found here.")
    expect(page.locator("#bars .best")).to_have_count(0)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (answered(7, 0.998), "7 More than 99% sure."),
        (answered(7, 0.973), "7 97% sure."),
        (answered(7, 0.6), "7 60% sure. It could also be a 0."),
        (answered(7, 0.95, "several separate digits"), "7 Careful: this looks like several separate digits."),
    ],
)
def test_how_sure_the_network_is(page: Page, answer: dict[str, object], said: str) -> None:
    page.route("**/read", lambda route: route.fulfill(json=answer))
    draw_strokes(page, WAYS[7][0])
    expect(page.locator("#verdict")).to_have_text(said)


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.name)
def test_a_picture_file_is_read(page: Page, path: Path) -> None:
    page.locator("#file").set_input_files(path)
    expect_digit(page, int(path.name[0]))


@pytest.mark.parametrize("event", ["drop", "paste"])
def test_a_picture_can_be_dropped_and_pasted(page: Page, event: str) -> None:
    content = base64.b64encode((Path(__file__).parents[1] / "pictures" / "3_brush.png").read_bytes()).decode()
    page.evaluate(
        """([kind, content]) => {
            const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0)), data = new DataTransfer();
            data.items.add(new File([bytes], "three.png", { type: "image/png" }));
            const event = kind === "drop"
                ? new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true })
                : new ClipboardEvent("paste", { clipboardData: data, bubbles: true });
            document.querySelector("main").dispatchEvent(event);
        }""",
        [event, content],
    )
    expect_digit(page, 3)


def test_a_file_that_is_no_picture_is_told(page: Page, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    page.locator("#file").set_input_files(tmp_path / "text.png")
    expect(page.locator("#verdict")).to_have_text("– The file is not a picture that can be read.")
    expect(page.locator("#bars .best")).to_have_count(0)

"""The drawing page's behaviour in a real browser."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from mnistcnn.data.synthetic import WAYS
from tests.browser import answered, draw_strokes, expect_chosen, expect_digit, expect_number

PICTURES = sorted((Path(__file__).parents[1] / "pictures").iterdir())


def ink(page: Page, canvas: str) -> int:
    """The number of dark pixels of a canvas."""
    pixels = "canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data"
    script = f"canvas => {pixels}.filter((value, i) => i % 4 === 0 && value < 99).length"
    return int(page.locator(canvas).evaluate(script))


@pytest.mark.parametrize(
    "digit", [pytest.param(digit, marks=[] if digit in (2, 7) else pytest.mark.slow) for digit in range(10)]
)
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
    expect(page.locator("#verdict")).to_have_text(re.compile("^– Write"))
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
    expect(page.locator("#verdict")).to_have_text(re.compile("^– Write"))
    held[1].continue_()
    expect_digit(page, 2)


def test_clearing_the_paper_waits_for_no_answer(page: Page) -> None:
    draw_strokes(page, WAYS[1][0])
    expect_digit(page, 1)
    page.route("**/read", lambda route: None)
    draw_strokes(page, WAYS[2][0])
    page.keyboard.press("Escape")
    expect(page.locator("#verdict")).to_have_text(re.compile("^– Write"))


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


def test_while_there_is_nothing_to_read_the_invitation_stays(page: Page) -> None:
    page.route("**/read", lambda route: route.fulfill(json=answered("", 0, "nothing but background")))
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
        (answered("7", 0.998), "7 More than 99 % sure."),
        (answered("7", 0.973), "7 97 % sure."),
        (answered("8", 0.6), "8 60 % sure. The 8 could also be a 0."),
        (answered("71\n2", 0.973), "71, 2 97 % sure."),
        (answered("7", 0.95, "several separate digits"), "7 Careful: this looks like several separate digits."),
        (answered("7", 0.95, "too many marks"), "7 Careful: too many marks."),
        (answered("?", 0.95, "probably not a digit"), "? Probably not a digit; it would be read as a 7."),
        (
            answered("1?", 0.95, "some of the marks may not be digits"),
            "1? Where there is a ?, there is probably no digit.",
        ),
    ],
)
def test_how_sure_the_network_is(page: Page, answer: dict[str, object], said: str) -> None:
    page.route("**/read", lambda route: route.fulfill(json=answer))
    draw_strokes(page, WAYS[7][0])
    expect(page.locator("#verdict")).to_have_text(said)


def test_a_number_is_read_as_it_is_written(page: Page) -> None:
    draw_strokes(page, WAYS[9][0], at=0.3)
    expect_digit(page, 9)
    draw_strokes(page, WAYS[0][0], at=0.6)
    expect_number(page, "90")
    expect_chosen(page, 0)  # the one written last
    point(page, 0.3, 0.5)
    expect_chosen(page, 9)


@pytest.fixture
def number(page: Page) -> Page:
    """A stroke on the 2 of a paper that is read as 12 and 3?, whatever is drawn."""
    page.route("**/read", lambda route: route.fulfill(json=answered("12\n3?", 0.95)))
    draw_strokes(page, [[(0.5, 0.0), (0.5, 0.25)]], at=0.75)
    expect_number(page, "12\n3?")
    expect_chosen(page, 2)
    return page


def point(page: Page, x: float, y: float) -> None:
    """Move the mouse to a place on the paper, 0 … 1."""
    box = page.locator("#paper").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])


def test_a_digit_is_chosen_by_pointing_at_it_on_the_paper(number: Page) -> None:
    point(number, 0.25, 0.25)
    expect_chosen(number, 1)
    point(number, 0.5, 0.5)  # between them
    expect_chosen(number, 1)
    point(number, 0.75, 0.75)
    expect(number.locator("#boxes .chosen")).to_have_class(re.compile("doubted"))
    expect(number.locator("#bars .best .digit")).to_have_text("7")
    draw_strokes(number, [[(0.5, 0.6), (0.5, 0.9)]], at=0.25)
    expect_chosen(number, 3)  # what was written later counts more


def test_a_tap_on_a_digit_chooses_it_and_leaves_no_ink(number: Page) -> None:
    before = ink(number, "#paper")
    draw_strokes(number, [[(0.5, 0.1), (0.51, 0.1)]], at=0.25)
    expect_chosen(number, 1)
    assert ink(number, "#paper") == before
    draw_strokes(number, [[(0.5, 0.5), (0.51, 0.5)]], at=0.5)  # no digit is there
    dotted = ink(number, "#paper")
    assert dotted > before
    draw_strokes(number, [[(0.5, 0.1), (0.5, 0.4)]], at=0.25)  # more than a tap: the bar of a 7, perhaps
    assert ink(number, "#paper") > dotted


def test_a_digit_is_chosen_in_the_number_by_mouse_and_keyboard(number: Page) -> None:
    number.locator("#number label").nth(2).click()
    expect_chosen(number, 3)
    expect(number.get_by_role("radio", name="3, 95 % sure")).to_be_focused()
    number.keyboard.press("ArrowLeft")
    expect_chosen(number, 2)
    number.keyboard.press("ArrowUp")
    expect_chosen(number, 1)
    number.keyboard.press("ArrowLeft")  # round to the last
    expect(number.get_by_role("radio", name="Probably not a digit")).to_be_checked()
    number.keyboard.press("Shift+Tab")  # the paper and its tools come first
    expect(number.get_by_label("Open a picture")).to_be_focused()
    number.keyboard.press("Tab")
    expect(number.get_by_role("radio", name="Probably not a digit")).to_be_focused()


def test_the_keyboard_keeps_its_place_when_the_number_changes(number: Page) -> None:
    number.locator("#number label").first.click()
    number.unroute("**/read")
    number.route("**/read", lambda route: route.fulfill(json=answered("5", 0.95)))
    number.evaluate("changed()")
    expect_digit(number, 5)
    expect(number.get_by_role("radio", name="5, 95 % sure")).to_be_focused()
    number.keyboard.press("Escape")
    expect(number.locator("#paper")).to_be_focused()


def test_only_what_is_new_is_spoken(number: Page) -> None:
    number.evaluate(
        """() => {
            window.spoken = [];
            new MutationObserver((changes) => spoken.push(...changes.map(({ target }) => target.textContent)))
                .observe(document.querySelector("[role=status]"), { childList: true, subtree: true });
        }"""
    )
    with number.expect_response("**/read"):
        number.evaluate("changed()")
    point(number, 0.25, 0.25)
    expect_chosen(number, 1)
    assert number.evaluate("spoken") == []
    number.keyboard.press("Escape")
    number.wait_for_function("spoken.length === 2")


def test_boxes_lie_where_the_digits_of_a_picture_are(page: Page, tmp_path: Path) -> None:
    page.route("**/read", lambda route: route.fulfill(json=answered("1\n2", 0.95)))
    Image.new("L", (640, 1280)).save(tmp_path / "tall.png")
    page.locator("#file").set_input_files(tmp_path / "tall.png")
    expect_number(page, "1\n2")
    expect_chosen(page, 2)
    paper, box = page.locator("#paper").bounding_box(), page.locator("#boxes div").first.bounding_box()
    assert paper is not None and box is not None
    scale = paper["height"] / 1280  # the picture is as high as the paper, and in its middle; its box round (320, 80)
    assert box["x"] + box["width"] / 2 == pytest.approx(paper["x"] + paper["width"] / 2, abs=1)
    assert box["y"] + box["height"] / 2 == pytest.approx(paper["y"] + 80 * scale, abs=1)
    assert box["height"] == pytest.approx(80 * scale + 10 * paper["height"] / 320, abs=1)
    (tmp_path / "unshown.tif").write_bytes(b"a format that the browser can't show")
    page.locator("#file").set_input_files(tmp_path / "unshown.tif")
    expect_number(page, "1\n2")
    expect(page.locator("#boxes")).to_be_hidden()


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


@pytest.mark.parametrize(
    ("text", "warning", "note", "said"),
    [
        ("12?", "too many marks", None, "Where there is a ?, there is probably no digit. Careful: too many marks."),
        ("1", None, "only the first page of the file was read", "More than 99 % sure. Careful: only the first page"),
        ("12?", "some of the marks may not be digits", None, "Where there is a ?, there is probably no digit."),
        ("", "too many marks", None, "Careful: too many marks."),
        ("", "nothing but background", None, "Write with a finger, pen or mouse, or open a picture."),
    ],
)
def test_what_was_left_out_is_told(page: Page, text: str, warning: str, note: str | None, said: str) -> None:
    page.route("**/read", lambda route: route.fulfill(json={**answered(text, 0.999, warning), "note": note}))
    draw_strokes(page, WAYS[3][0])
    expect(page.locator("#remark")).to_contain_text(said)
    if warning in ("some of the marks may not be digits", "nothing but background"):
        expect(page.locator("#remark")).not_to_contain_text("Careful")

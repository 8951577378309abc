import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from benchmarks.wild import KINDS
from mnistcnn.checkpoints.checkpoint import Checkpoint
from mnistcnn.data.synthetic import render_digits
from mnistcnn.errors import PictureError
from mnistcnn.ink.decoding import Decoded
from mnistcnn.ink.framing import Frame, is_framed
from mnistcnn.ink.sheet import Paper, Sheet, find_sheet
from mnistcnn.ink.threshold import blur
from mnistcnn.reading import marks
from mnistcnn.reading import reader as module
from mnistcnn.reading.prediction import predict
from mnistcnn.reading.reader import Predictor, read_picture
from mnistcnn.reading.results import NOTHING, SEVERAL, TOO_MANY, Prediction, Reading
from mnistcnn.reading.scores import Scores
from mnistcnn.reading.sources import Source, find_sources
from tests.conftest import invoke
from tests.test_fuzz import FUZZ
from tests.writing import Box, Picture, decoded, digit_ink, off_by, write

PICTURES = sorted((Path(__file__).parents[1] / "pictures").iterdir())
DIGITS, _ = render_digits(40, 3)
BEYOND = pytest.mark.xfail(strict=True, reason="a strip of the table that runs off the picture is read as a 1")
SMUDGE = pytest.mark.xfail(strict=True, reason="a smudge of less than half of the ink is a doubted digit")


@pytest.fixture(scope="module")
def predictor(packaged: Checkpoint) -> Predictor:
    return Predictor(packaged, "cpu")


def read(predictor: Predictor, picture: object, **how: bool) -> Reading:
    ((_, reading),) = predictor.read(find_sources(picture), **how)  # type: ignore[arg-type]
    assert isinstance(reading, Reading)
    return reading


def text(reading: Reading) -> str:
    rows = ["" for _ in range(1 + max((digit.row for digit in reading.digits), default=-1))]
    for digit in reading.digits:
        rows[digit.row] += " " * digit.space + str(digit.top[0].digit)
    return "\n".join(rows)


def check_boxes(reading: Reading, boxes: Sequence[Box], within: float) -> None:
    for digit, box in zip(reading.digits, boxes, strict=True):
        assert off_by(digit.box, box) <= within


@pytest.mark.parametrize("written", ["7", "00", "1111", "2358 679", "2358\n679", "28\n35\n69", "1234567890"])
def test_all_that_is_written_is_read_with_its_place(predictor: Predictor, written: str) -> None:
    picture, boxes = write(written)
    reading = read(predictor, picture)
    assert text(reading) == written
    assert reading.warning is None
    assert not any(digit.doubted for digit in reading.digits)
    check_boxes(reading, boxes, 4)


@pytest.mark.parametrize("slope", [0.15, -0.1])
def test_a_slanted_line_is_read_as_one_row(predictor: Predictor, slope: float) -> None:
    picture, _ = write("235867", margin=60, slope=slope)
    assert text(read(predictor, picture)) == "235867"


@pytest.mark.parametrize(("below", "light"), [(False, 0.5), (True, 0.65)])
def test_digits_in_a_shadow_are_read_beside_one_in_the_light(predictor: Predictor, below: bool, light: float) -> None:
    picture, boxes = write("511", gap=60, margin=80)
    rows, columns = np.indices(picture.shape)
    beside = columns - (boxes[0][2] + boxes[1][0]) // 2
    shadow = rows - picture.shape[0] // 2 + 0.2 * beside > 25 if below else beside > 30
    assert text(read(predictor, np.where(shadow, picture * light, picture).astype(np.uint8))) == "511"


@pytest.mark.parametrize(
    ("written", "turned"),
    [
        pytest.param("07", 20, marks=BEYOND),
        pytest.param("35", 20, marks=BEYOND),
        pytest.param("27", -16, marks=BEYOND),
    ],
)
def test_a_turned_page_that_goes_on_beyond_the_picture_is_read(
    predictor: Predictor, written: str, turned: float
) -> None:
    page, _ = write(written, height=50, margin=90)
    high, wide = page.shape
    matrix = cv2.getRotationMatrix2D((wide / 2, high / 2), turned, 1)
    matrix[:, 2] += 60
    picture = cv2.warpAffine(page, matrix, (wide + 120, high + 30), borderValue=40)
    reading = read(predictor, picture)
    assert text(reading) == written
    assert not any(digit.doubted for digit in reading.digits)


@pytest.mark.parametrize(("light", "soft", "slope", "corner"), [(0.4, 5, -1.2, 0.2), (0.4, 15, 0.7, 0.1)])
def test_a_shadow_across_a_corner_is_no_digit(
    predictor: Predictor, light: float, soft: float, slope: float, corner: float
) -> None:
    written, _ = write("27", height=24, gap=8, margin=40)
    page = cv2.copyMakeBorder(written, 60, 120, 60, 120, cv2.BORDER_REPLICATE)
    rows, columns = np.indices(page.shape) - (1 - corner) * np.array(page.shape)[:, None, None]
    shadow = np.where(rows - slope * columns > 0, np.float32(light), np.float32(1))
    shaded = page * cv2.GaussianBlur(shadow, (0, 0), soft)
    assert text(read(predictor, shaded.astype(np.uint8))) == "27"


@pytest.mark.parametrize(("written", "at"), [("3", 0.25), ("5", 0.4), ("8", 0.5)])
def test_the_edge_of_a_shadow_beside_a_digit_is_no_1(predictor: Predictor, written: str, at: float) -> None:
    page, _ = write(written, margin=100)
    rows, columns = np.indices(page.shape)
    shadow = np.where(columns + 0.25 * (rows - len(page) / 2) < at * page.shape[1], np.float32(0.55), np.float32(1))
    lit = page * cv2.GaussianBlur(shadow, (0, 0), 1) * (1 - 0.25 * columns / page.shape[1])
    reading = read(predictor, lit.astype(np.uint8))
    assert text(reading) == written
    assert reading.digits[0].box[1] > 80


def test_one_digit_that_its_picture_cuts_off_is_no_shadow(predictor: Predictor) -> None:
    page, ((_, top, _, bottom),) = write("8", height=120, margin=60)
    for cut in (page[: bottom - 3], page[top + 3 :]):
        reading = read(predictor, cut)
        assert text(reading) == "8"
        assert np.array_equal(reading.frames, read(predictor, cut, single=True).frames)


@pytest.mark.parametrize(("odds", "expected"), [(-4, "10"), (3, "0")])
def test_what_hangs_together_is_two_digits_where_it_is_hardly_one(
    predictor: Predictor, odds: float, expected: str
) -> None:
    picture, _ = write("10", gap=-4)  # as wide as one digit, and connected

    def score(frames: Sequence[Frame]) -> Scores:
        if len(frames) > 1:
            return predictor.scorer.score(frames)
        return Scores(np.eye(10)[[0]], np.array([odds]), np.array([False]))

    assert text(read_picture(decoded(picture), score)) == expected


@pytest.mark.parametrize("gap", [-2, -4])
def test_touching_digits_are_read_apart(predictor: Predictor, gap: int) -> None:
    picture, boxes = write("2358", gap=gap)
    reading = read(predictor, picture)
    assert text(reading) == "2358"
    check_boxes(reading, boxes, 10)


@pytest.mark.parametrize("written", ["11", "111", "71"])
@pytest.mark.parametrize("margin", [30, 60])
def test_large_1s_are_digits_and_not_lines(predictor: Predictor, written: str, margin: int) -> None:
    picture = np.full((200 + 2 * margin, 90 * len(written) + 2 * margin), 245, np.uint8)
    for i, character in enumerate(written):
        left = margin + 20 + 90 * i
        if character == "1":
            picture[margin:-margin, left + 20 : left + 30] = 20
        else:
            ink = digit_ink(7, 200)[:, ::2]
            part = picture[margin:-margin, left - 20 : left - 20 + ink.shape[1]]
            np.minimum(part, (245 - 215 * ink).astype(np.uint8), out=part)
    assert text(read(predictor, picture)) == written


@pytest.mark.parametrize("written", ["53", "27", "69", "10"])
def test_a_number_may_fill_its_picture(predictor: Predictor, written: str) -> None:
    picture, boxes = write(written, height=160, gap=40, margin=8)
    reading = read(predictor, picture)
    assert text(reading) == written
    check_boxes(reading, boxes, 6)


@pytest.mark.parametrize("dark", [True, False])
def test_two_digits_have_room_on_28_by_28(predictor: Predictor, dark: bool) -> None:
    picture = np.full((28, 28), 245, np.uint8)
    for ink, left in ((digit_ink(1, 18), 1), (digit_ink(7, 18), 15)):
        narrow = np.asarray(Image.fromarray(ink).resize((12, 18)))
        picture[5:23, left : left + 12] = 245 - 215 * narrow
    reading = read(predictor, picture if dark else 255 - picture)
    assert text(reading) == "17"
    check_boxes(reading, [(1, 5, 13, 23), (15, 5, 27, 23)], 2)


@pytest.mark.parametrize(
    "path",
    PICTURES,
    ids=lambda path: path.stem,
)
def test_a_picture_of_one_digit_is_read_as_it_always_was(predictor: Predictor, path: Path) -> None:
    number, alone = read(predictor, path), read(predictor, path, single=True)
    (digit,) = number.digits
    assert np.array_equal(number.frames, alone.frames)
    assert [one.digit for one in digit.top] == [one.digit for one in alone.digits[0].top]
    assert digit.confidence == pytest.approx(alone.digits[0].confidence, rel=1e-5)
    assert digit.top[0].digit == int(path.stem[0])
    assert number.confidence is not None and 0 < number.confidence <= digit.confidence
    left, top, right, bottom = digit.box
    with Image.open(path) as image:
        assert 0 <= left < right <= image.width and 0 <= top < bottom <= image.height


@pytest.mark.parametrize("written", ["42", "00", "369"])
def test_single_makes_a_number_one_digit(predictor: Predictor, written: str) -> None:
    reading = read(predictor, write(written)[0], single=True)
    assert len(reading.digits) == 1
    assert reading.warning == SEVERAL


@pytest.mark.parametrize("digit", range(10))
def test_one_digit_is_not_several(predictor: Predictor, digit: int) -> None:
    reading = read(predictor, write(str(digit), height=120, margin=60)[0], single=True)
    assert (text(reading), reading.warning) == (str(digit), None)


@pytest.mark.parametrize("noise", [0, 5, 25])
@pytest.mark.parametrize("single", [False, True])
def test_a_picture_of_nothing_says_so(predictor: Predictor, noise: int, single: bool) -> None:
    grey = np.random.default_rng(0).normal(200, noise, (300, 400)).clip(0, 255).astype(np.uint8)
    reading = read(predictor, grey, single=single)
    assert (reading.digits, reading.confidence, reading.warning) == ([], None, NOTHING)
    assert reading.frames == []


def test_one_pixel_is_nothing(predictor: Predictor) -> None:
    assert read(predictor, np.full((1, 1), 200, np.uint8)).warning == NOTHING


def test_a_picture_as_mnist_has_it_passes_untouched(predictor: Predictor) -> None:
    framed = next(digit for digit in DIGITS if is_framed(digit))
    for how in ({}, {"single": True}, {"invert": False}):
        reading = read(predictor, framed, **how)
        assert np.array_equal(reading.frames, [framed])
        assert np.array_equal(reading.original, framed)
        assert reading.warning is None


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_from_the_wild_comes_close_to_its_digit(predictor: Predictor, kind: str) -> None:
    rng = np.random.default_rng(1)
    close = 0
    for digit in DIGITS[:5]:
        ((_, reading),) = predictor.read([Source("p", KINDS[kind](digit, rng)[0])], single=True)
        assert isinstance(reading, Reading)
        (frame,) = reading.frames
        seen, meant = (blur(each.astype(np.float32), 1.5).ravel() for each in (frame, digit))
        close += np.corrcoef(seen, meant)[0, 1] > 0.75
    assert close >= 4


@pytest.mark.parametrize("depth", [40, 80, pytest.param(95, marks=SMUDGE)])
def test_a_smudge_beside_digits_is_no_digit(predictor: Predictor, depth: float) -> None:
    picture, ((left, top, _, bottom), *_) = write("2358", margin=90)
    smudge = np.zeros(picture.shape, np.float32)
    cv2.ellipse(smudge, (left - 45, (top + bottom) // 2), (14, 20), 20, 0, 360, depth, -1)
    smudged = picture - cv2.GaussianBlur(smudge, (0, 0), 3)
    assert text(read(predictor, smudged.clip(0, 255).astype(np.uint8))) == "2358"


@pytest.mark.parametrize("colour", [(245, 230, 60), (245, 170, 190), (180, 180, 180)], ids=["yellow", "pink", "grey"])
def test_digits_of_a_paler_pen_are_read_with_the_others(predictor: Predictor, colour: tuple[int, int, int]) -> None:
    picture, boxes = write("2358", height=60)
    middle = (boxes[1][2] + boxes[2][0]) // 2
    ink = ((245 - picture.astype(np.float32)) / 215)[:, :, None]
    pens = np.where(np.arange(picture.shape[1])[:, None] < middle, np.float32(30), np.array(colour, np.float32))
    coloured = np.rint(245 + ink * (pens - 245)).astype(np.uint8)
    reading = read(predictor, coloured)
    assert text(reading) == "2358"
    check_boxes(reading, boxes, 5)


@pytest.mark.parametrize("written", ["8", "23"])
def test_what_stands_in_a_box_drawn_by_hand_is_read(predictor: Predictor, written: str) -> None:
    picture, boxes = write(written, height=60, margin=90)
    left, top, right, bottom = boxes[0][0] - 34, boxes[0][1] - 30, boxes[-1][2] + 36, boxes[0][3] + 33
    corners = [(left, top + 5), (right - 4, top - 3), (right + 5, bottom), (left - 6, bottom + 4)]
    cv2.polylines(picture, [np.array(corners, np.int32)], True, 30, 4, cv2.LINE_AA)
    assert text(read(predictor, picture)) == written


@settings(FUZZ, max_examples=15)
@given(st.integers(1, 24), st.integers(1, 24), st.integers(0, 2**32 - 1), st.sampled_from([2, 3, 256]), st.booleans())
def test_random_pictures_are_read_and_boxes_lie_within_them(
    height: int, width: int, seed: int, levels: int, single: bool
) -> None:
    def score(frames: Sequence[Frame]) -> Scores:
        sums = np.array([int(frame.sum()) for frame in frames], dtype=np.intp)
        log_odds = np.asarray(sums % 7 - 2, dtype=np.float64)
        return Scores(np.eye(10)[sums % 10], log_odds, sums % 5 == 0)

    pixels = np.random.default_rng(seed).integers(0, levels, (height, width)) * (255 // (levels - 1))
    reading = read_picture(decoded(pixels.astype(np.uint8)), score, single=single)
    for digit, frame in zip(reading.digits, reading.frames, strict=True):
        left, top, right, bottom = digit.box
        assert 0 <= left < right <= width and 0 <= top < bottom <= height
        assert frame.shape == (28, 28) and frame.dtype == np.uint8
    assert [digit.row for digit in reading.digits] == sorted(digit.row for digit in reading.digits)
    assert (reading.confidence is None) == (not reading.digits)
    assert len(reading.digits) == 1 or not single or reading.warning == NOTHING


def test_boxes_are_those_of_the_picture_turned_upright(predictor: Predictor) -> None:
    picture, boxes = write("2358\n679")
    lying = Image.fromarray(picture).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    content = io.BytesIO()
    lying.save(content, "PNG", exif=exif)
    ((_, reading),) = predictor.read([Source("turned", content.getvalue())])
    assert isinstance(reading, Reading)
    assert text(reading) == "2358\n679"
    check_boxes(reading, boxes, 4)


def test_boxes_are_those_of_a_large_photograph(predictor: Predictor) -> None:
    picture, boxes = write("2358")
    content = io.BytesIO()
    large = Image.fromarray(picture).resize((picture.shape[1] * 9, picture.shape[0] * 9), Image.Resampling.BILINEAR)
    large.save(content, "JPEG")
    ((_, reading),) = predictor.read([Source("large", content.getvalue())])
    assert isinstance(reading, Reading)
    assert text(reading) == "2358"
    check_boxes(reading, [(9 * a, 9 * b, 9 * c, 9 * d) for a, b, c, d in boxes], 24)


def test_thousands_of_specks_are_bounded_and_it_is_said(packaged: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marks, "PARAMS", replace(marks.PARAMS, most_marks=20))
    picture, rng = np.full((700, 700), 245, np.uint8), np.random.default_rng(0)
    for top, left in rng.integers(0, 685, (900, 2)):
        picture[top : top + rng.integers(5, 14), left : left + rng.integers(3, 10)] = 30
    asked = []

    predictor = Predictor(packaged, "cpu")

    def score(frames: Sequence[Frame]) -> Scores:
        asked.append(len(frames))
        return predictor.scorer.score(frames)

    assert read_picture(decoded(picture), score).warning == TOO_MANY
    assert 0 < sum(asked) < 3 * 20 * 100


def test_a_bare_state_dict_reads_numbers_and_doubts_what_is_not_a_digit(packaged: Checkpoint, star: Picture) -> None:
    predictor = Predictor(Checkpoint(packaged.path, packaged.weights), "cpu")
    picture, _ = write("2358\n679")
    assert text(read(predictor, picture)) == "2358\n679"
    assert all(digit.doubted for digit in read(predictor, star).digits)


def test_a_picture_is_read_alike_in_any_company(predictor: Predictor) -> None:
    pictures = [write(written)[0] for written in ("2358", "7", "28\n35")]
    broken = Source("broken", b"x")
    sources = [*find_sources(pictures), broken, *find_sources(pictures)]
    made = list(predictor.read(sources))
    assert isinstance(made[3][1], PictureError) and made[3][0] is broken
    readings = [reading for _, reading in made if isinstance(reading, Reading)]
    for reading, picture in zip(readings, pictures * 2, strict=True):
        alone = read(predictor, picture)
        assert text(reading) == text(alone)
        assert reading.confidence == pytest.approx(alone.confidence, rel=1e-4)


@pytest.mark.parametrize("arguments", [[], ["--annotate", "marked"]])
def test_standard_input_is_read_once_however_often_it_is_looked_at(star: Picture, arguments: list[str]) -> None:
    for picture, expected in ((star, "would be: "), (write("35", gap=-3)[0], "35")):
        content = io.BytesIO()
        Image.fromarray(picture).save(content, "PNG")
        result = invoke("predict", "-", "--quiet", *arguments, stdin=content.getvalue())
        assert result.exit_code == 0, result.stderr
        assert expected in result.output


def test_a_confidence_is_that_of_all_digits(predictor: Predictor) -> None:
    confidences = [read(predictor, write(written)[0]).confidence or 0 for written in ("2358", "2358\n2358")]
    assert 0.9 < confidences[1] < confidences[0] <= 1
    assert confidences[1] == pytest.approx(confidences[0] ** 2, rel=0.01)


def test_predictions_without_numbers_keep_their_shape(packaged: Checkpoint) -> None:
    (made,) = predict(np.full((50, 60), 255, np.uint8), packaged)
    assert made == Prediction(path="image 1", warning="nothing but background")
    assert replace(made, path="x").text is None and made.digits == []


@pytest.mark.parametrize("grain", [0, 3])
def test_a_flat_drawing_needs_one_model_of_the_paper(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch, grain: int
) -> None:
    tried = []

    def find(picture: Decoded, paper: Paper, *rest: bool | None, page: bool = True) -> Sheet | None:
        tried.append(paper)
        return find_sheet(picture, paper, *rest, page=page)

    monkeypatch.setattr(module, "find_sheet", find)
    picture, _ = write("258", margin=40)
    noise = np.random.default_rng(1).integers(-grain, grain + 1, picture.shape)
    assert text(read(predictor, np.clip(picture + noise, 0, 255).astype(np.uint8))) == "258"
    assert tried == ([Paper.SURFACE] if grain == 0 else [Paper.SURFACE, Paper.WINDOW])


def test_points_commas_and_dashes_between_digits_are_read(predictor: Predictor) -> None:
    picture, boxes = write("2835", height=60, gap=24, margin=40)
    foot = boxes[0][3]
    for sign, (_, _, right, _) in zip(".-,", boxes, strict=False):
        x = right + 12
        if sign == "-":
            cv2.line(picture, (x - 9, foot - 30), (x + 9, foot - 30), 0, 5)
        else:
            cv2.line(picture, (x, foot - 3), (x, foot - 3) if sign == "." else (x - 1, foot + 6), 0, 5)
    assert [mark.text for mark in read(predictor, picture).marks] == [".", "-", ","]


@pytest.mark.parametrize("written", ["3 00 8", "9 12", "23 58"])
def test_gaps_between_words_count_although_half_of_the_gaps_are_such(predictor: Predictor, written: str) -> None:
    picture, _ = write(written, gap=10, space=60)
    assert text(read(predictor, picture)) == written

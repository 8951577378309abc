"""The gate's faults, and its decisions that a figure fell."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.gate import (
    Read,
    Reading,
    cells_of,
    compare,
    differences,
    faults,
    load_baseline,
    store_baseline,
    table,
)
from benchmarks.gate import as_json as readings_as_json
from benchmarks.samples import Sample, is_checked, real


def sample(part: str, text: str, index: int = 0, hand: str = "") -> Sample:
    return Sample(part=part, kind="k", seed=1, index=index, name=f"{index}.png", content=b"", text=text, hand=hand)


def reading(text: str, confidence: float = 1.0, remark: str = "") -> Reading:
    remark = remark if text else "nothing but background"
    digits = "".join(c for c in text if c.isdigit() or c == "?")
    return Reading(
        text=text,
        digits=digits,
        digit=int(text) if text.isdigit() and len(text) == 1 else None,
        confidence=confidence,
        unreserved=not remark and "?" not in text,
        remark=remark,
    )


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (reading("7"), set()),
        (reading(""), {"missed", "doubted"}),
        (reading("11", 0.5), {"missed", "as number"}),
        (reading("11"), {"missed", "as number", "wrong, sure"}),
        (reading("1", 0.89), {"missed", "wrong"}),
        (reading("1"), {"missed", "wrong", "wrong, sure"}),
        (reading("1", 1.0, "odd"), {"missed", "wrong"}),
    ],
)
def test_faults_of_a_single_digit(read: Reading, expected: set[str]) -> None:
    assert {name for name, count in faults(sample("real singles", "7"), read).items() if count} == expected


@pytest.mark.parametrize(
    ("text", "read", "missed", "errors", "text_fault"),
    [
        ("24/12", "24/12", 0, 0, 0),
        ("24/12", "2412", 0, 0, 1),
        ("24/12", "24112", 1, 1, 1),
        ("12\n34", "12 34", 0, 0, 1),
        ("12", "", 1, 2, 1),
        ("12", "3456", 1, 2, 1),
    ],
)
def test_faults_of_a_number(text: str, read: str, missed: int, errors: int, text_fault: int) -> None:
    found = faults(sample("rendered numbers", text), reading(read))
    assert (found["missed"], found["errors"], found["text"]) == (missed, errors, text_fault)


def test_a_sign_that_cannot_be_told_is_no_digit_in_a_rendered_number() -> None:
    read = replace(reading("75?"), digits="75")
    assert faults(sample("rendered numbers", "75?"), read)["missed"] == 0
    assert faults(sample("real numbers", "75", hand="someone"), read)["missed"] == 1


def test_without_a_digit_only_a_sure_answer_is_a_fault_that_counts() -> None:
    blank = sample("real none", "", hand="someone")
    assert faults(blank, reading("5")) == {"sure": 1, "read": 1}
    assert faults(blank, reading("5", 0.5)) == {"sure": 0, "read": 1}
    assert faults(blank, reading("")) == {"sure": 0, "read": 0}


def read_as(texts: list[str], part: str = "rendered numbers", hand: str = "") -> list[Read]:
    return [Read(sample=sample(part, "12", i, hand), reading=reading(text)) for i, text in enumerate(texts)]


def figure(done: list[Read], before: list[Read], name: str = "missed", names: int = 0):  # type: ignore[no-untyped-def]
    key = (done[0].sample.part, "k", 1)
    return next(row for row in compare(done, cells_of(before), {key: names}) if row.figure == name)


def test_five_pictures_worse_are_more_than_noise_and_four_are_not() -> None:
    before = read_as(["12"] * 40)
    assert not figure(read_as(["13"] * 4 + ["12"] * 36), before).fell
    fell = figure(read_as(["13"] * 5 + ["12"] * 35), before)
    assert fell.fell
    assert (fell.better, fell.worse, fell.share, fell.before) == (0, 5, 0.125, 0.0)


def test_as_many_better_as_worse_is_noise() -> None:
    before = read_as(["13"] * 10 + ["12"] * 20)
    after = figure(read_as(["12"] * 10 + ["13"] * 10 + ["12"] * 10), before)
    assert (after.better, after.worse, after.deviation) == (10, 10, 0.0)


def test_the_first_pictures_of_a_larger_baseline_are_compared_with_themselves() -> None:
    row = figure(read_as(["12"] * 5), read_as(["13"] * 5 + ["12"] * 5))
    assert (row.before, row.better) == (1.0, 5)
    assert row.rose


def test_other_pictures_are_compared_by_their_means() -> None:
    before = read_as(["12"] * 90 + ["13"] * 10, "real numbers", "someone")
    row = figure(read_as(["12"] * 80 + ["13"] * 20, "real numbers", "someone"), before, names=1)
    assert (row.before, row.better, row.worse) == (0.1, 0, 0)
    assert row.deviation == pytest.approx(0.1 / (0.16 / 100 + 0.09 / 100) ** 0.5)


def test_digit_errors_are_counted_for_each_digit() -> None:
    row = figure(read_as(["12", "34", "13", "12"]), read_as(["12"] * 4), "errors")
    assert (row.share, row.before) == (3 / 8, 0.0)


def test_a_baseline_comes_back_from_its_file_and_keeps_what_was_not_read_again(tmp_path: Path) -> None:
    path = tmp_path / "gate.json"
    numbers, singles = cells_of(read_as(["12", "34"])), cells_of(read_as(["12"], "rendered singles"))
    store_baseline(path, numbers)
    store_baseline(path, singles)
    assert load_baseline(path) == {**numbers, **singles}
    assert load_baseline(tmp_path / "none.json") == {}


def test_the_table_marks_what_fell() -> None:
    done = read_as(["13"] * 8)
    lines = table(compare(done, cells_of(read_as(["12"] * 8)), {}), all_kinds=False)
    whole = next(line for line in lines if line.startswith("rendered numbers") and " right " in line)
    assert whole.split()[-1] == "fell"
    assert "100.0" in whole


def test_two_versions_are_compared_picture_by_picture() -> None:
    before = json.loads(json.dumps(readings_as_json(read_as(["12", "34", "12"]))))
    lines = differences(read_as(["12", "12", "13"]), before)
    assert [line.partition(":")[0] for line in lines] == ["better", "worse"]
    assert "1.png" in lines[0]
    assert "2.png" in lines[1]


def test_a_folder_of_real_pictures(tmp_path: Path) -> None:
    for inside in ("singles", "numbers", "none", "sets/old"):
        (tmp_path / inside).mkdir(parents=True)
    (tmp_path / "singles" / "labels.csv").write_text("file,label,kind,repo\na.png,7,scan,Some/one\n")
    (tmp_path / "numbers" / "labels.csv").write_text('name,digits,kind,touching,note\n1_An.png,12 34,photo,1,"a, b"\n')
    (tmp_path / "none" / "labels.csv").write_text("name,kind,note\n2_Other.png,letter,\n")
    Image.new("L", (8, 8)).save(tmp_path / "sets" / "old" / "old_001_4.png")
    found = [(each.part, each.kind, each.text, each.hand) for each in real(tmp_path)]
    assert found == [
        ("real singles", "scan", "7", "Some"),
        ("real numbers", "photo touching", "12 34", "An"),
        ("real none", "letter", "", "Other"),
        ("set old", "old", "4", "old_001_4"),
    ]


def test_a_hand_is_kept_whole_on_one_side_of_the_split() -> None:
    hands = [f"hand{i}" for i in range(400)]
    checked = {hand: is_checked(sample("real singles", "1", hand=hand)) for hand in hands}
    assert 50 < sum(checked.values()) < 110
    assert is_checked(sample("real numbers", "22", 5, hand="hand3")) == checked["hand3"]

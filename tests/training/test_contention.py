import os

import pytest

from mnistcnn.events import Note, StepResult
from mnistcnn.results import Metrics
from mnistcnn.training.contention import ContentionWatch, system_load


def told(times: list[float], *, load: float, chunks: int = 10) -> list[Note]:
    """Return the notes on a run whose chunks of 1,000 images took so many seconds; an epoch has `chunks` of them."""
    watch, notes, seconds = ContentionWatch(lambda: load, cores=2), [], 0.0
    for i, took in enumerate(times):
        epoch, step = i // chunks + 1, i % chunks + 1
        seconds = took if step == 1 else seconds + took
        train = Metrics(accuracy=0.5, loss=1.0, count=1000 * step)
        note = watch.notice(
            StepResult(
                epoch=epoch,
                step=20 * step,
                steps=200,
                done_steps=20 * (i + 1),
                all_steps=2000,
                train=train,
                pictures_per_second=train.count / seconds,
            )
        )
        if note is not None:
            notes.append(note)
    return notes


def test_a_busy_machine_is_told_once_with_the_way_out() -> None:
    notes = told([1.0, 1.2, *[4.0] * 30, 1.0, *[4.0] * 5], load=3.5)
    assert len(notes) == 1
    assert notes[0].warning
    assert "4 times as long" in notes[0].message
    assert "the 2 cores" in notes[0].message
    assert "`--threads 1`" in notes[0].message


@pytest.mark.parametrize(
    ("times", "load"),
    [
        ([1.0, *[4.0] * 30], 2.0),  # slow, but not by other programs
        ([1.0, *[2.9] * 30], 9.0),
        ([1.0, 4.0, 4.0] * 10, 9.0),  # not often enough in a row
        ([9.0, *[1.0] * 30], 9.0),  # only the first steps
        ([4.0] * 30, 9.0),  # as slow from the beginning: nothing to compare with
    ],
)
def test_all_else_is_passed_over(times: list[float], load: float) -> None:
    assert told(times, load=load) == []


def test_slow_steps_are_counted_across_epochs() -> None:
    assert len(told([1.0, 4.0, 4.0, 4.0], load=9.0, chunks=2)) == 1


def test_the_first_steps_after_a_resumption_may_have_no_speed() -> None:
    event = StepResult(
        epoch=1,
        step=1,
        steps=20,
        done_steps=1,
        all_steps=40,
        train=Metrics(accuracy=0.5, loss=1.0, count=50),
        pictures_per_second=0.0,
    )
    assert ContentionWatch(lambda: 9.0, cores=2).notice(event) is None


def test_a_system_without_a_load_average(monkeypatch: pytest.MonkeyPatch) -> None:
    assert system_load() >= 0
    monkeypatch.delattr(os, "getloadavg")
    assert system_load() == 0.0

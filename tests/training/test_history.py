import json
from pathlib import Path
from typing import Any

import pytest

from mnistcnn.config import TrainConfig
from mnistcnn.errors import Interrupted
from mnistcnn.events import EpochResult, Event, Note, StepResult
from mnistcnn.system.signals import Stop
from mnistcnn.system.storage import Files
from mnistcnn.training.history import HISTORY
from mnistcnn.training.run import train


@pytest.fixture
def files(tiny: Path) -> Files:
    return Files(Path("models/net.pth"), Path("out"), data_dir=tiny)


def history(files: Files) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((files.output_dir / HISTORY).read_text(encoding="utf-8"))
    return found


def test_the_history_is_there_after_each_epoch(files: Files, config: TrainConfig) -> None:
    seen: list[list[int]] = []
    stop = Stop()

    def observer(event: Event) -> None:
        if isinstance(event, StepResult) and event.epoch == 2 and not seen:
            seen.append([epoch["epoch"] for epoch in history(files)["epochs"]])
            stop.receive(2)

    with pytest.raises(Interrupted):
        train(config, files, observer=observer, stop=stop)
    assert seen == [[1]]
    stopped = history(files)
    result = train(files=files, resume=True)
    ended = history(files)
    assert [epoch["epoch"] for epoch in ended["epochs"]] == [1, 2]
    assert ended["epochs"][0] == stopped["epochs"][0]
    assert set(stopped) < set(ended)  # the same keys, and what is known at the end
    assert stopped["config"] == ended["config"] == result.config


def test_a_history_that_can_not_be_written_is_told_and_ends_no_training(files: Files, config: TrainConfig) -> None:
    told: list[Event] = []

    def observer(event: Event) -> None:
        told.append(event)
        in_the_way = files.output_dir / HISTORY
        if isinstance(event, EpochResult) and event.epoch == 1:
            in_the_way.mkdir()
        if isinstance(event, StepResult) and event.epoch == 2 and in_the_way.is_dir():
            in_the_way.rmdir()

    train(config, files, observer=observer)
    warnings = [event.message for event in told if isinstance(event, Note) and event.warning]
    assert any(HISTORY in warning for warning in warnings)
    assert len(history(files)["epochs"]) == 2

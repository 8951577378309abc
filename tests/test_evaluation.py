from pathlib import Path

import pytest
import torch

from mnistcnn.config import Split
from mnistcnn.errors import CheckpointError, UsageError
from mnistcnn.evaluation import confusion_matrix, evaluate
from mnistcnn.network.model import build_model
from mnistcnn.plots import CONFUSION, MISTAKES


def test_an_evaluation_agrees_with_itself(trained: Path, tiny: Path) -> None:
    result = evaluate(trained, data_dir=tiny)
    assert (result.split, result.count, result.dataset, result.trained_on) == (
        "test",
        100,
        "synthetic",
        "synthetic",
    )
    assert sum(map(sum, result.confusion_matrix)) == 100
    hits = sum(result.confusion_matrix[d][d] for d in range(10))
    assert result.accuracy == hits / 100
    low, high = result.accuracy_interval
    assert low < result.accuracy < high
    assert [score.count for score in result.per_digit] == [sum(row) for row in result.confusion_matrix]
    assert 0 <= result.calibration_error <= 1
    assert result.files == []


def test_the_batch_size_changes_nothing(trained: Path, tiny: Path) -> None:
    small, large = (evaluate(trained, data_dir=tiny, batch_size=size) for size in (7, 1000))
    assert small.confusion_matrix == large.confusion_matrix
    assert small.loss == pytest.approx(large.loss, rel=1e-6)


def test_the_splits_are_those_of_the_training(trained: Path, tiny: Path) -> None:
    assert evaluate(trained, split=Split.TRAIN, data_dir=tiny).count == 200
    assert evaluate(trained, split=Split.VALIDATION, data_dir=tiny).count == 100


def test_pictures_are_written_where_asked(trained: Path, tiny: Path) -> None:
    result = evaluate(trained, data_dir=tiny, output_dir=Path("out"))
    assert result.files == [f"out/{CONFUSION}", f"out/{MISTAKES}"]
    assert all(Path(name).read_bytes().startswith(b"\x89PNG") for name in result.files)


def test_a_bare_state_dict_has_a_test_split_only(trained: Path, tiny: Path, tmp_path: Path) -> None:
    from mnistcnn.checkpoints.checkpoint import load_checkpoint
    from mnistcnn.config import DatasetName

    loaded = load_checkpoint(trained)
    torch.save(build_model(loaded.weights).state_dict(), tmp_path / "bare.pth")
    result = evaluate(tmp_path / "bare.pth", dataset=DatasetName.SYNTHETIC, data_dir=tiny)
    assert result.confusion_matrix == evaluate(trained, data_dir=tiny).confusion_matrix
    assert result.trained_on is None
    with pytest.raises(UsageError, match="does not record its validation split"):
        evaluate(tmp_path / "bare.pth", split=Split.VALIDATION, data_dir=tiny)


def test_no_checkpoint_is_told_before_any_data_is_looked_for() -> None:
    with pytest.raises(CheckpointError, match=r"There is no checkpoint none\.pth"):
        evaluate("none.pth")


def test_the_confusion_matrix_counts_true_rows_and_read_columns() -> None:
    logits = torch.eye(10)[[3, 3, 5]]
    matrix = confusion_matrix(logits, torch.tensor([3, 4, 5]))
    assert matrix[3][3] == matrix[4][3] == matrix[5][5] == 1
    assert sum(map(sum, matrix)) == 3

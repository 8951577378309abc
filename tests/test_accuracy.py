import pytest

from mnistcnn.accuracy import digit_scores, may_be_chance, wilson_interval


def test_scores_per_digit() -> None:
    matrix = [[0] * 10 for _ in range(10)]
    matrix[0][0], matrix[0][1], matrix[1][1] = 3, 1, 4
    zero, one, two = digit_scores(matrix)[:3]
    assert (zero.count, zero.precision, zero.recall) == (4, 1.0, 0.75)
    assert zero.f1 == pytest.approx(2 * 0.75 / 1.75)
    assert (one.precision, one.recall) == (0.8, 1.0)
    assert (two.count, two.precision, two.recall, two.f1) == (0, 0.0, 0.0, 0.0)


def test_what_was_not_read_counts_against_the_recall_alone() -> None:
    matrix = [[0] * 11 for _ in range(10)]
    matrix[0][0], matrix[0][10] = 3, 1
    zero = digit_scores(matrix)[0]
    assert (zero.count, zero.precision, zero.recall) == (4, 1.0, 0.75)


def test_wilsons_interval() -> None:
    low, high = wilson_interval(0.9953, 10_000)  # as the formula gives it, worked out by hand
    assert low == pytest.approx(0.99377, abs=2e-5)
    assert high == pytest.approx(0.99645, abs=2e-5)
    assert wilson_interval(1.0, 10)[1] == pytest.approx(1.0)
    assert wilson_interval(0.0, 10)[0] == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("accuracy", "count", "expected"),
    [(0.1, 5000, True), (0.1135, 5000, True), (0.13, 5000, False), (0.13, 100, True), (0.22, 100, False), (0, 9, True)],
)
def test_chance(accuracy: float, count: int, expected: bool) -> None:
    assert may_be_chance(accuracy, count) is expected

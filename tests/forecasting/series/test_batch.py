import numpy as np
import pytest

from forecasting.series.batch import SeriesBatch
from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import MONTH, TimeStep

DAY = TimeStep.parse("day")
NAN = float("nan")


def series(values: list[float], start: str = "2001-01-01", step: TimeStep = MONTH, note: str = "") -> SstSeries:
    return SstSeries(np.array(values), np.datetime64(start, "s"), step, (note,) if note else ())


@pytest.fixture
def batch() -> SeriesBatch:
    return SeriesBatch.of(
        [series([1, 2, 3]), series([4, NAN, 6, 7, 8], "2005-07-01", note="sorted"), series([9], step=DAY), series([])],
        MONTH,
    )


def test_each_series_comes_back_unchanged(batch: SeriesBatch) -> None:
    assert len(batch) == 4
    second = batch[1]
    assert (second.start, second.step, second.notes) == (np.datetime64("2005-07-01", "s"), MONTH, ("sorted",))
    np.testing.assert_array_equal(second.values, [4, NAN, 6, 7, 8])


def test_a_series_at_another_step_contributes_no_values(batch: SeriesBatch) -> None:
    assert dict(batch.other_steps) == {2: DAY}
    assert not len(batch[2])


def test_tails_are_aligned_at_the_end_for_all_lengths(batch: SeriesBatch) -> None:
    some = batch.take(np.array([1, 0, 1]))
    np.testing.assert_array_equal(some.tails(2), [[7, 8], [2, 3], [7, 8]])
    np.testing.assert_array_equal(some.tails(4), [[NAN, 6, 7, 8], [NAN, 1, 2, 3], [NAN, 6, 7, 8]])
    assert (some.shortest, some.longest) == (3, 5)
    assert dict(some.notes) == {0: ("sorted",), 2: ("sorted",)}


def test_tails_of_many_series_of_the_same_length_are_those_of_each() -> None:
    many = SeriesBatch.of([series([float(i), NAN, i + 2.0]) for i in range(100)], MONTH)
    expected = [[NAN, i + 2.0] for i in range(100)]
    np.testing.assert_array_equal(many.tails(2), expected)
    np.testing.assert_array_equal(many.take(np.arange(100)[::-1]).tails(2), expected[::-1])
    np.testing.assert_array_equal(many.tails(4)[:, :2], [[NAN, i] for i in range(100)])


def test_a_batch_may_be_empty() -> None:
    assert not len(SeriesBatch.of([], MONTH))

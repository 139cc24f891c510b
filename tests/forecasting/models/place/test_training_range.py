"""How far a window lies from training, as a number."""

import numpy as np
import pytest

from forecasting.models.training_range import TrainingRange
from forecasting.series.origins import origins
from forecasting.series.shape import ForecastShape
from forecasting.series.sst_series import SstSeries

SHAPE = ForecastShape(window=24, horizon=1, fill_limit=3)
RANGE = TrainingRange(
    minimum=10, maximum=20, spread=0.5, min_rms_increment=0.5, max_rms_increment=1.5, months=(1, 2, 3)
)


def test_level_is_the_distance_from_the_middle_in_halves_of_the_range() -> None:
    windows = np.asarray([[15.0, 15.0], [20.0, 20.0], [9.0, 11.0], [5.0, 5.0]])
    level, _ = RANGE.distances(windows)
    assert level == pytest.approx([0, 1, 1, 2])


def test_spread_is_the_distance_from_the_middle_between_the_least_and_the_greatest_rms_increment() -> None:
    windows = np.asarray([[15.0, 16.0, 15.0], [15.0, 15.5, 15.0], [15.0, 16.5, 15.0], [15.0, 17.0, 15.0]])
    _, spread = RANGE.distances(windows)
    assert spread == pytest.approx([0, 1, 1, 2])


def test_a_constant_training_part_does_not_divide_by_zero() -> None:
    constant = RANGE.model_copy(update={"maximum": 10.0, "max_rms_increment": 0.5})
    level, spread = constant.distances(np.asarray([[10.0, 10.5, 10.0], [10.0, 10.0, 10.0]]))
    assert np.isfinite([*level, *spread]).all()


@pytest.mark.parametrize(
    ("window", "month", "how"),
    [
        ([15.0, 16.0, 15.0], 1, []),
        ([20.9, 20.0, 20.9], 3, []),
        ([21.1, 20.1, 21.1], 1, ["it ranges from 20.10 to 21.10 °C, the training data from 10.00 to 20.00 °C"]),
        ([15.0, 15.3, 15.0], 2, ["its values change by 0.300 °C per step, in the training data by 0.500 to 1.500 °C"]),
        ([15.0, 17.3, 15.0], 2, ["its values change by 2.300 °C per step, in the training data by 0.500 to 1.500 °C"]),
        ([15.0, 16.0, 15.0], 7, ["the training data has no values in month 7"]),
    ],
)
def test_differences_name_how_a_window_is_unlike_the_training_data(
    window: list[float], month: int, how: list[str]
) -> None:
    time = np.datetime64(f"2001-{month:02}-01", "s")
    assert RANGE.differences(np.asarray(window), time) == how
    assert RANGE.unlike(np.asarray([window]), np.asarray([time])).tolist() == [bool(how)]


def test_a_window_out_of_season_is_unlike_training(nino12: SstSeries) -> None:
    """Each of its values may be of that sea, but not at that time of year."""
    past = nino12.part(0, 585)
    known = TrainingRange.of(past, origins(past, SHAPE, 0, len(past)))
    window, time = nino12.values[-24:], nino12.step.shift(nino12.times[-1:], [1])
    assert known.differences(window, time[0]) == []
    turned = nino12.step.shift(time, [6])
    (difference,) = known.differences(window, turned[0])
    assert "°C for that time of year, in the training data at most 2.79 °C" in difference
    assert known.unlike(np.stack([window, window]), np.concatenate([time, turned])).tolist() == [False, True]


def test_anomalies_of_many_windows_are_those_of_each(nino12: SstSeries) -> None:
    known = origins(nino12, SHAPE, 0, len(nino12))
    measured = TrainingRange.of(nino12, known).anomalies
    assert measured is not None
    many = measured.rms_anomaly(known.windows[:200], known.valid_time[:200])
    each = [measured.rms_anomaly(known.windows[i : i + 1], known.valid_time[i : i + 1])[0] for i in range(200)]
    np.testing.assert_array_equal(many, each)


def test_few_years_or_several_places_give_no_anomaly_range(nino12: SstSeries) -> None:
    few = nino12.part(0, 59)
    assert TrainingRange.of(few, origins(few, SHAPE, 0, len(few))).anomalies is None
    assert TrainingRange.of(nino12, origins(nino12, SHAPE, 0, len(nino12)), several=True).anomalies is None
    assert TrainingRange.of(nino12, origins(nino12, SHAPE, 0, len(nino12))).anomalies is not None


def test_equal_ranges_are_still_equal_after_use(nino12: SstSeries) -> None:
    """Networks of one release are recognized as alike by this."""
    seen = origins(nino12, SHAPE, 0, len(nino12))
    first, second = (TrainingRange.of(nino12, seen) for _ in range(2))
    for each in (first, second):
        each.unlike(seen.windows, seen.valid_time)
    assert first == second
    assert hash(first) == hash(second)

import numpy as np

from forecasting.scores.verification import Observed
from forecasting.series.timestep import TimeStep

HOUR, START = TimeStep.parse("hour"), np.datetime64("2026-01-01T00:00:00")


def observed(minutes: list[int], values: list[float]) -> Observed:
    return Observed.of(START + np.array(minutes).astype("timedelta64[m]"), np.array(values), HOUR, START)


def test_an_observation_verifies_forecasts_of_its_step() -> None:
    valid = HOUR.range(START, 4)
    np.testing.assert_array_equal(observed([0, 65, 180], [1.0, 2.0, 3.0]).at(valid), [1.0, 2.0, np.nan, 3.0])


def test_of_several_observations_in_one_step_the_last_counts_as_for_a_forecast() -> None:
    assert observed([55, 60, 65, 120], [1.0, 2.0, 3.0, 4.0]).at(HOUR.range(START, 3)[1:]).tolist() == [3.0, 4.0]


def test_observations_between_two_steps_and_missing_ones_do_not_count() -> None:
    assert np.isnan(observed([30, 60, 90], [1.0, np.nan, 2.0]).at(HOUR.range(START, 3))).all()
    assert np.isnan(observed([], []).at(HOUR.range(START, 3))).all()


def test_a_value_of_a_month_counts_whatever_its_day() -> None:
    times = np.array(["2026-01-15", "2026-02-01"], dtype="datetime64[s]")
    january = np.datetime64("2026-01-01T00:00:00")
    months = Observed.of(times, np.array([1.0, 2.0]), TimeStep.parse("month"), january)
    assert months.at(TimeStep.parse("month").range(january, 2)).tolist() == [1.0, 2.0]

import numpy as np
import pytest

from forecasting.evaluation.rolling_origin import seasonal_percentile
from forecasting.events.baseline import Baseline, day_of_year
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import DAY, YEAR, month_of
from forecasting.series.timestep import MONTH, TimeStep

START = np.datetime64("1990-01-01T00:00:00")


def sea(step: TimeStep, years: float, seed: int = 0) -> SstSeries:
    """A seasonal cycle, and anomalies that are three times as large in summer as in winter."""
    times = step.range(START, int(years * YEAR / step.seconds))
    cycle = np.cos(2 * np.pi * (times.astype(np.int64) - 200 * DAY) / YEAR)
    noise = np.random.default_rng(seed).normal(size=len(times)) * (1 + 0.5 * cycle)
    return SstSeries(18 + 5 * cycle + noise, START, step)


@pytest.mark.parametrize("step", [MONTH, TimeStep(7 * DAY)], ids=str)
def test_a_tenth_of_each_season_is_above_its_90th_percentile(step: TimeStep) -> None:
    series = sea(step, 60)
    above = series.values > seasonal_percentile(series, 90)(series.times)
    below = series.values < seasonal_percentile(series, 10)(series.times)
    for season in ((11, 0, 1), (2, 3, 4), (5, 6, 7), (8, 9, 10)):
        inside = np.isin(month_of(series.times), season)
        assert above[inside].mean() == pytest.approx(0.1, abs=0.04)
        assert below[inside].mean() == pytest.approx(0.1, abs=0.04)


def test_ten_years_of_days_have_the_percentile_of_marine_heatwaves() -> None:
    series = sea(TimeStep(DAY), 11)
    baseline = Baseline.fit(series, 90.0)
    np.testing.assert_array_equal(
        seasonal_percentile(series, 90)(series.times), baseline.threshold[day_of_year(series.times)]
    )


def test_a_short_series_has_the_percentile_of_all_anomalies() -> None:
    series = sea(TimeStep(DAY), 3)
    above = series.values > seasonal_percentile(series, 90)(series.times)
    assert above.mean() == pytest.approx(0.1, abs=0.005)
    summer = np.isin(month_of(series.times), (5, 6, 7))
    assert above[summer].mean() > 0.12

"""A sea that warms, and what a network makes of it."""

import numpy as np
import pytest

from forecasting.evaluation.rolling_origin import Evaluation
from forecasting.models.checkpoint import CPU
from forecasting.models.place.network import NetworkRoller
from forecasting.series.origins import joined
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats
from forecasting.series.timestep import MONTH, TimeStep
from training.config import TrainingConfig
from training.data.dataset import Dataset, JoinedSeries
from training.data.inputs import NO_TREND, TREND_PRIOR_MEAN, Examples, Trend
from training.fit.fit_data import fit_autoregression, leads_learnt

START = np.datetime64("1980-01-01", "s")


def months(years: int, slope: float, noise: float = 0.3, seed: int = 0) -> SstSeries:
    random = np.random.default_rng(seed)
    month = np.arange(12 * years)
    anomaly = np.zeros(len(month))
    for i in range(1, len(month)):
        anomaly[i] = 0.7 * anomaly[i - 1] + noise * random.normal()
    return SstSeries(15 + 5 * np.cos(month * np.pi / 6) + slope * month / 12 + anomaly, START, MONTH)


@pytest.mark.parametrize("slope", [0.03, -0.02])
def test_a_long_record_gives_its_own_slope(slope: float) -> None:
    trend = Trend.of(months(60, slope))
    assert trend.slope == pytest.approx(slope, abs=0.006)
    rise = trend.at(MONTH.range(START, 721))
    assert rise[-1] == pytest.approx(0.0, abs=0.01)
    assert rise[120] - rise[0] == pytest.approx(10 * trend.slope, rel=0.1)


def test_an_uncertain_slope_is_near_the_prior() -> None:
    slopes = [Trend.of(months(10, 0.0, 1.0, seed)).slope for seed in range(20)]
    assert np.std(slopes) < 0.01
    assert np.mean(slopes) == pytest.approx(TREND_PRIOR_MEAN, abs=0.004)


def test_accelerating_warming_continues_at_its_recent_rate() -> None:
    series = months(40, 0.0, 0.1)
    later = np.maximum(np.arange(len(series)) - 240, 0) / 12
    slope = Trend.of(SstSeries(series.values + 0.04 * later, START, MONTH)).slope
    # With years that count alike it is 0.018.
    assert 0.021 < slope < 0.04


def test_a_few_old_years_and_a_recent_one_have_no_trend() -> None:
    values = months(60, 0.03).values.copy()
    values[8 * 12 : 59 * 12] = np.nan
    assert Trend.of(SstSeries(values, START, MONTH)) == NO_TREND


def test_a_few_years_have_no_trend() -> None:
    assert Trend.of(months(5, 0.2)) == NO_TREND


def test_seasonal_gaps_make_no_trend() -> None:
    series = months(40, 0.0, 0.1)
    values = series.values.copy()
    # The second half has no winters, and is the warmer for it.
    later = np.arange(len(values)) >= 240
    values[later & (np.cos(np.arange(len(values)) * np.pi / 6) > 0.4)] = np.nan
    assert abs(Trend.of(SstSeries(values, START, MONTH)).slope) < 0.004


def test_neighbouring_stations_share_one_trend() -> None:
    together = Trend.of(JoinedSeries.of([months(60, 0.03, seed=1), months(60, 0.03, seed=2)]))
    assert together.slope == pytest.approx(0.03, abs=0.006)


def test_a_year_of_half_hours_has_no_trend() -> None:
    half_hours = SstSeries(10 + np.sin(np.arange(17_520) / 8), START, TimeStep.parse("PT30M"))
    assert Trend.of(half_hours) == NO_TREND


def test_the_trend_improves_forecasts_of_a_warming_sea() -> None:
    series = weeks(30, 0.05)
    assert (errors(series, trend=True) / errors(series, trend=False)).mean() < 0.93


def test_a_window_of_a_year_or_more_shows_the_level_itself() -> None:
    week = TimeStep.parse("week")
    assert TrainingConfig.for_step(week).counts_trend(week)
    assert not TrainingConfig.for_step(week, window=53).counts_trend(week)
    assert not TrainingConfig.for_step(MONTH).counts_trend(MONTH)


def weeks(years: int, slope: float) -> SstSeries:
    random = np.random.default_rng(0)
    week = np.arange(round(365.25 / 7 * years))
    anomaly = np.zeros(len(week))
    for i in range(1, len(week)):
        anomaly[i] = 0.85 * anomaly[i - 1] + 0.3 * random.normal()
    turns = week * 7 / 365.25
    values = 15 + 5 * np.cos(2 * np.pi * turns) + slope * turns + anomaly
    return SstSeries(values, START, TimeStep.parse("week"))


def errors(series: SstSeries, *, trend: bool) -> Floats:
    """RMSE of the autoregression on the test part by lead, °C."""
    config = TrainingConfig.for_step(series.step, trend=trend)
    dataset = Dataset.divide(series, config)
    parts = [dataset.origins(part, leads_learnt(config)) for part in ("train", "validation")]
    network = fit_autoregression(config, dataset.past("validation"), Examples.of(joined(parts)))
    roller = NetworkRoller(network, series.step, CPU)
    return np.asarray(Evaluation.run(dataset.origins("test"), {"it": roller}).accuracy("it").rmse)

import numpy as np
import pytest

from forecasting.errors import SeriesError
from forecasting.references.baselines import BASELINES, Baselines
from forecasting.references.climatology import Climatology
from forecasting.series.shape import ForecastShape
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import YEAR, unix_seconds
from forecasting.series.timestep import MONTH
from tests.conftest import daily


def autoregressive(coefficients: list[float], n: int = 40_000) -> SstSeries:
    """A daily series whose anomalies follow this autoregression."""
    noise = np.random.default_rng(1).normal(0, 0.3, n)
    anomaly = np.zeros(n)
    for i in range(len(coefficients), n):
        anomaly[i] = sum(a * anomaly[i - 1 - lag] for lag, a in enumerate(coefficients)) + noise[i]
    series = daily(anomaly)
    season = 15 + 4 * np.cos(2 * np.pi * unix_seconds(series.times) / YEAR)
    return SstSeries(season + anomaly, series.start, series.step)


def roll(series: SstSeries, name: str, window: int, horizon: int) -> "np.typing.NDArray[np.float64]":
    fitted = Baselines.fit(series, ForecastShape(window, horizon, 0)).rollers()[name]
    valid_time = series.step.shift(series.times[-1:], 1)
    rolled: np.typing.NDArray[np.float64] = fitted.roll(series.values[None, -window:], valid_time, horizon)[0]
    return rolled


def test_persistence_is_the_last_value() -> None:
    series = autoregressive([0.8], 2_000)
    assert roll(series, "persistence", 5, 3).tolist() == [series.values[-1]] * 3


def test_climatology_is_the_season_of_the_valid_times() -> None:
    series = autoregressive([0.8], 2_000)
    ahead = series.step.range(series.step.shift(series.times[-1:], 1)[0], 3)
    np.testing.assert_allclose(roll(series, "climatology", 5, 3), Climatology.fit(series)(ahead))


def test_damping_is_the_share_of_an_anomaly_that_remains() -> None:
    fitted = Baselines.fit(autoregressive([0.8]), ForecastShape(5, 4, 0))
    np.testing.assert_allclose(fitted.damping, [0.8, 0.64, 0.512, 0.41], atol=0.02)


def test_damped_persistence_adds_the_remaining_anomaly_to_the_climatology() -> None:
    series = autoregressive([0.8], 4_000)
    fitted = Baselines.fit(series, ForecastShape(5, 2, 0))
    ahead = series.step.range(series.times[-1], 3)
    season = fitted.climatology(ahead)
    anomaly = series.values[-1] - season[0]
    np.testing.assert_allclose(roll(series, "damped", 5, 2), season[1:] + anomaly * np.asarray(fitted.damping))


def test_the_linear_autoregression_finds_its_coefficients() -> None:
    fitted = Baselines.fit(autoregressive([0.5, 0.3]), ForecastShape(3, 1, 0))
    np.testing.assert_allclose(fitted.linear, [0, 0.3, 0.5], atol=0.02)


def test_the_linear_autoregression_rolls_its_own_output_forward() -> None:
    series = autoregressive([0.5, 0.3], 4_000)
    fitted = Baselines.fit(series, ForecastShape(3, 2, 0))
    season = fitted.climatology(series.step.range(series.times[-3], 5))
    anomalies = list(series.values[-3:] - season[:3])
    for _ in range(2):
        anomalies.append(float(np.dot(anomalies[-3:], fitted.linear)) + fitted.intercept)
    np.testing.assert_allclose(roll(series, "linear", 3, 2), season[3:] + anomalies[3:])


def test_a_short_series_has_no_linear_reference() -> None:
    assert list(Baselines.fit(autoregressive([0.8], 60), ForecastShape(24, 2, 0)).rollers()) == list(BASELINES[:3])


def test_a_lead_that_damping_was_not_fitted_for_is_refused() -> None:
    fitted = Baselines.fit(autoregressive([0.8], 400), ForecastShape(5, 1, 0)).rollers()["damped"]
    with pytest.raises(SeriesError, match="fitted for 1 leads, not 2"):
        fitted.roll(np.ones((1, 5)), np.zeros(1, dtype="datetime64[s]"), 2)


def test_baselines_read_back_as_they_are_written(nino12: SstSeries) -> None:
    fitted = Baselines.fit(nino12, ForecastShape(24, 12, 3))
    assert Baselines.model_validate_json(fitted.model_dump_json()) == fitted
    assert nino12.step == MONTH

import numpy as np
import pytest

from forecasting.events.baseline import DAYS, Baseline
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats
from tests.forecasting.events.outlooks import DAILY, continued_paths

FLAT = Baseline(np.full(DAYS, 18.0), np.full(DAYS, 18.0 + 1.2816))


def past(persistence: float, n: int = 3000, mean: float = 0.4) -> SstSeries:
    """Anomalies of 1 °C that decay, about their mean."""
    values = np.random.default_rng(2).normal(0, 1, n)
    for day in range(1, n):
        values[day] = persistence * values[day - 1] + np.sqrt(1 - persistence**2) * values[day]
    return SstSeries(18.0 + mean + values, np.datetime64("2015-01-03", "s"), DAILY)


def go_on(paths: Floats, sea: SstSeries, days: int, baseline: Baseline = FLAT) -> Floats:
    return continued_paths(paths, sea, baseline, np.arange(days))


def test_known_days_stay_and_those_after_the_last_are_dropped() -> None:
    paths = np.arange(20.0).reshape(4, 5)
    np.testing.assert_array_equal(go_on(paths, past(0.9), 8)[:, :5], paths)
    np.testing.assert_array_equal(go_on(paths, past(0.9), 3), paths[:, :3])


@pytest.mark.parametrize("persistence", [0.5, 0.95])
def test_an_anomaly_returns_to_the_mean_of_the_past_as_it_used_to(persistence: float) -> None:
    paths = np.full((4000, 2), 18.4 + 3.0)
    later = go_on(paths, past(persistence), 8)[:, 2:] - 18.4
    remaining = persistence ** np.arange(1, 7)
    np.testing.assert_allclose(later.mean(axis=0), 3.0 * remaining, atol=0.2)
    np.testing.assert_allclose(later.std(axis=0), np.sqrt(1 - remaining**2), atol=0.05)


def test_paths_go_on_with_the_season_and_are_the_same_each_time() -> None:
    paths = np.full((5, 1), 18.4)
    sea = past(0.9, 300)  # of days after the second of the year
    usual = np.where(np.arange(DAYS) == 1, 20.0, 18.0)
    warmer = go_on(paths, sea, 2, Baseline(usual, usual + 1.2816))
    np.testing.assert_allclose(warmer[:, 1], go_on(paths, sea, 2)[:, 1] + 2.0)
    np.testing.assert_array_equal(go_on(paths, past(0.9), 4), go_on(paths, past(0.9), 4))


@pytest.mark.parametrize("values", [[18.5], [np.nan] * 3, [18.5, np.nan, 18.5], [18.0] * 40])
def test_a_past_without_memory_to_speak_of_is_as_persistent_as_seas_in_general(values: list[float]) -> None:
    sea = SstSeries(np.asarray(values), np.datetime64("2025-01-01", "s"), DAILY)
    mean = 18.0 if np.isnan(values).all() else np.nanmean(values)
    later = go_on(np.full((4000, 1), mean + 2.0), sea, 3)[:, 1:] - mean
    np.testing.assert_allclose(later.mean(axis=0), [2 * 0.95, 2 * 0.95**2], atol=0.05)

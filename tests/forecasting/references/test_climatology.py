import numpy as np
import pytest

from forecasting.errors import SeriesError
from forecasting.references.climatology import Climatology
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import DAY, YEAR, Floats, Times, unix_seconds
from forecasting.series.timestep import MONTH, TimeStep
from tests.conftest import daily


def test_a_seasonal_cycle_is_recovered_beyond_its_data() -> None:
    """Three harmonics fitted on two years give the third."""
    times = daily(np.zeros(1_096)).times
    angle = 2 * np.pi * unix_seconds(times) / YEAR
    truth = 15 + 4 * np.cos(angle) - np.sin(angle) + 0.5 * np.cos(2 * angle) + 0.2 * np.sin(3 * angle)
    series = daily(truth[:731])
    series.values[100:130] = np.nan
    np.testing.assert_allclose(Climatology.fit(series)(times[731:]), truth[731:], atol=1e-6)


def test_months_divide_the_year_into_twelve_equal_parts() -> None:
    month = np.arange(60)
    truth = 20 + 3 * np.cos(2 * np.pi * month / 12)
    series = SstSeries(truth[:48], np.datetime64("2001-01-01", "s"), MONTH)
    np.testing.assert_allclose(Climatology.fit(series)(MONTH.range(series.start, 60)), truth, atol=1e-9)


def test_steps_under_a_day_have_a_daily_cycle() -> None:
    step = TimeStep.parse("hour")
    times = step.range(np.datetime64("2001-01-01", "s"), 24 * 20)
    truth = 10 + np.sin(2 * np.pi * unix_seconds(times) / DAY)
    fitted = Climatology.fit(SstSeries(truth[:240], times[0], step))
    np.testing.assert_allclose(fitted(times), truth, atol=1e-9)


@pytest.mark.parametrize(("days", "harmonics"), [(400, 3), (365, 3), (300, 1), (200, 0)])
def test_harmonics_do_not_oscillate_where_nothing_was_observed(days: int, harmonics: int) -> None:
    assert Climatology.fit(daily(np.linspace(10, 12, days))).annual_harmonics == harmonics


def half_years(years: int) -> SstSeries:
    """Values from May to October alone, of a season that is not one sine."""
    times = daily(np.zeros(365 * years)).times
    values = season(times) + np.random.default_rng(0).normal(0, 0.5, len(times))
    month = times.astype("datetime64[M]").astype(np.int64) % 12
    return SstSeries(np.where((month >= 4) & (month <= 9), values, np.nan), times[0], TimeStep(DAY))


def season(times: Times) -> Floats:
    angle = 2 * np.pi * unix_seconds(times) / YEAR
    temperatures: Floats = 15 - 7 * np.cos(angle) + 1.2 * np.sin(2 * angle) + 0.4 * np.cos(3 * angle)
    return temperatures


def test_repeated_seasons_are_known_without_the_others() -> None:
    series = half_years(8)
    fitted = Climatology.fit(series)
    observed = np.isfinite(series.values)
    assert np.abs(fitted(series.times) - season(series.times))[observed].max() < 0.25
    # It does not swing either where nothing was observed.
    assert np.abs(fitted(series.times) - season(series.times)).max() < 3
    assert series.seasonal_years == pytest.approx(8, abs=0.1)
    twice = half_years(2)
    assert (Climatology.fit(twice).annual_harmonics, twice.seasonal_years) == (0, 0)


def test_a_long_span_with_few_values_has_no_season() -> None:
    """Forty days of values two years after a lone one say nothing about July."""
    assert Climatology.fit(daily([15.0] + [np.nan] * 730 + [15.0 + 0.01 * i for i in range(40)])).annual_harmonics == 0


def test_too_few_values_are_refused() -> None:
    step = TimeStep.parse("hour")
    series = SstSeries(np.asarray([10.0, np.nan, 11.0]), np.datetime64("2001-01-01", "s"), step)
    with pytest.raises(SeriesError, match="at least 5 observed values, but the series has 2"):
        Climatology.fit(series)

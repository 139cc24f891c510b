import numpy as np
import pytest

from forecasting.references.baselines import Baselines
from forecasting.references.from_past import references_from_past
from forecasting.series.batch import SeriesBatch
from forecasting.series.shape import ForecastShape
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import YEAR, Times
from forecasting.series.timestep import MONTH, TimeStep


def monthly(start: str, n: int, seed: int) -> SstSeries:
    noise = np.random.default_rng(seed).normal(0, 0.4, n)
    return SstSeries(20 + 3 * np.sin(np.arange(n) * np.pi / 6) + noise, np.datetime64(start, "s"), MONTH)


def next_times(series: list[SstSeries]) -> Times:
    return np.asarray([member.step.range(member.start, len(member) + 1)[-1] for member in series])


def fitted_alone(series: SstSeries, window: int, horizon: int) -> dict[str, list[float]]:
    valid_time = series.step.shift(np.asarray([series.start]), len(series))
    rollers = Baselines.fit(series, ForecastShape(window, horizon, 3)).rollers()
    return {
        name: roller.roll(series.values[None, -window:], valid_time, horizon)[0].tolist()
        for name, roller in rollers.items()
    }


def test_references_of_many_series_equal_those_of_each_alone() -> None:
    """Whatever their starts, lengths, steps of the year and gaps."""
    series = [monthly(f"20{10 + i:02}-{1 + i % 12:02}-01", n, i) for i, n in enumerate([30, 30, 30, 48, 200, 30])]
    series[1].values[7] = np.nan
    series[3].values[[2, 9]] = np.nan
    windows = np.stack([member.values[-12:] for member in series])
    references, warnings, _ = references_from_past(
        SeriesBatch.of(series, series[0].step), windows, next_times(series), 4, 3
    )
    assert not warnings
    for i, member in enumerate(series):
        expected = fitted_alone(member, 12, 4)
        assert {name for name, values in references.items() if np.isfinite(values[i]).all()} == set(expected)
        for name, values in expected.items():
            np.testing.assert_allclose(references[name][i], values, atol=1e-9, err_msg=name)


@pytest.mark.parametrize(("years", "names"), [(1.7, ["persistence"]), (2.0, ["persistence", "climatology", "damped"])])
def test_a_daily_climatology_needs_two_years(years: float, names: list[str]) -> None:
    n = round(years * 365.25)
    series = SstSeries(15 + 4 * np.cos(np.arange(n) / 58), np.datetime64("2001-03-05", "s"), TimeStep.parse("day"))
    references, warnings, _ = references_from_past(
        SeriesBatch.of([series], series.step), series.values[None, -400:], next_times([series]), 1, 3
    )
    assert list(references) == names
    assert bool(warnings) == (len(names) == 1)


@pytest.mark.parametrize("step", ["PT6H", "PT8H", "PT12H"])
@pytest.mark.parametrize("years", [2.5, 3.8])
@pytest.mark.parametrize("gap", [False, True])
def test_few_values_a_day_get_no_daily_cycle(step: str, years: float, gap: bool) -> None:
    """Terms that they do not tell apart are left out alike, wherever the cycles begin and whatever is missing."""
    of_step = TimeStep.parse(step)
    n = round(years * YEAR / of_step.seconds)
    noise = np.random.default_rng(0).normal(0, 0.5, n)
    values = 15 + 4 * np.cos(2 * np.pi * np.arange(n) * of_step.seconds / YEAR) + noise
    values[1000] = np.nan if gap else values[1000]
    series = SstSeries(values, np.datetime64("2001-03-05T01:30:00", "s"), of_step)
    references, _, _ = references_from_past(
        SeriesBatch.of([series], series.step), values[None, -24:], next_times([series]), 12, 3
    )
    expected = fitted_alone(series, 24, 12)
    truth = 15 + 4 * np.cos(2 * np.pi * np.arange(n, n + 12) * of_step.seconds / YEAR)
    np.testing.assert_allclose(references["climatology"][0], truth, atol=0.1)
    for name in ("climatology", "damped", "linear"):
        np.testing.assert_allclose(references[name][0], expected[name], atol=1e-6, err_msg=name)


def test_an_autoregression_that_one_bad_value_makes_run_away_is_not_given() -> None:
    smooth = np.round(22 + 2 * np.sin(np.arange(400) / 6 * np.pi), 2)
    smooth[-1] = 36.9
    series = SstSeries(smooth, np.datetime64("1980-01-01", "s"), MONTH)
    windows = smooth[None, -24:]
    references, _, _ = references_from_past(SeriesBatch.of([series], MONTH), windows, next_times([series]), 12, 1)
    assert np.isnan(references["linear"]).all()
    assert np.isfinite(references["damped"]).all()

import numpy as np
import pytest

from forecasting.baselines import Baselines
from forecasting.references import own_references
from forecasting.series import SstSeries
from forecasting.timestep import MONTH, Times, TimeStep


def monthly(start: str, n: int, seed: int) -> SstSeries:
    noise = np.random.default_rng(seed).normal(0, 0.4, n)
    return SstSeries(20 + 3 * np.sin(np.arange(n) * np.pi / 6) + noise, np.datetime64(start, "s"), MONTH)


def next_times(series: list[SstSeries]) -> Times:
    return np.asarray([one.step.range(one.start, len(one) + 1)[-1] for one in series])


def fitted_alone(series: SstSeries, window: int, horizon: int) -> dict[str, list[float]]:
    valid_time = series.step.shift(np.asarray([series.start]), len(series))
    rollers = Baselines.fit(series, window, 3, horizon).rollers()
    return {
        name: one.roll(series.values[None, -window:], valid_time, horizon)[0].tolist() for name, one in rollers.items()
    }


def test_references_of_many_series_are_those_of_each_alone() -> None:
    """Whatever their starts, lengths, steps of the year and gaps."""
    series = [monthly(f"20{10 + i:02}-{1 + i % 12:02}-01", n, i) for i, n in enumerate([30, 30, 30, 48, 200, 30])]
    series[1].values[7] = np.nan
    series[3].values[[2, 9]] = np.nan
    windows = np.stack([one.values[-12:] for one in series])
    found, warnings = own_references(series, windows, next_times(series), 4, 3)
    assert not warnings
    for i, one in enumerate(series):
        expected = fitted_alone(one, 12, 4)
        assert {name for name, values in found.items() if np.isfinite(values[i]).all()} == set(expected)
        for name, values in expected.items():
            np.testing.assert_allclose(found[name][i], values, atol=1e-9, err_msg=name)


@pytest.mark.parametrize(("years", "names"), [(1.7, ["persistence"]), (2.0, ["persistence", "climatology", "damped"])])
def test_a_daily_climatology_needs_two_years(years: float, names: list[str]) -> None:
    n = round(years * 365.25)
    series = SstSeries(15 + 4 * np.cos(np.arange(n) / 58), np.datetime64("2001-03-05", "s"), TimeStep.parse("day"))
    found, warnings = own_references([series], series.values[None, -400:], next_times([series]), 1, 3)
    assert list(found) == names
    assert bool(warnings) == (len(names) == 1)

import itertools

import numpy as np
import pytest

from forecasting.backtest.place import REFIT_GROWTH, ExpandingReferences
from forecasting.references.baselines import Baselines, linear_windows, most_lags
from forecasting.references.from_past import references_from_past
from forecasting.series.batch import SeriesBatch
from forecasting.series.origins import origins
from forecasting.series.shape import ForecastShape
from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import MONTH
from tests.conftest import daily

SHAPE = ForecastShape(window=24, horizon=1, fill_limit=3)


def monthly(n: int) -> SstSeries:
    noise = np.random.default_rng(1).normal(0, 0.4, n)
    return SstSeries(20 + 3 * np.sin(np.arange(n) * np.pi / 6) + noise, np.datetime64("1980-03-01", "s"), MONTH)


def test_a_fit_uses_only_values_before_its_position() -> None:
    series = monthly(200)
    later = series.values.copy()
    later[120:] = np.random.default_rng(2).normal(10, 5, 80)
    known = origins(series, ForecastShape(24, 3, 3), 24, 200)
    for name, fitted in ExpandingReferences(series, ForecastShape(24, 3, 3)).fit(120).items():
        other = ExpandingReferences(SstSeries(later, series.start, MONTH), ForecastShape(24, 3, 3)).fit(120)[name]
        rolled, again = (roller.roll(known.windows, known.valid_time, 3) for roller in (fitted, other))
        np.testing.assert_array_equal(rolled, again, err_msg=name)


def test_a_fit_equals_the_references_of_a_forecast_from_there() -> None:
    series = monthly(200)
    past = series.part(0, 150)
    valid_time = series.times[[150]]
    batch = SeriesBatch.of([past], past.step)
    references, _, _ = references_from_past(batch, past.values[None, -24:], valid_time, 3, 3)
    for name, roller in ExpandingReferences(series, ForecastShape(24, 3, 3)).fit(150).items():
        np.testing.assert_allclose(roller.roll(past.values[None, -24:], valid_time, 3), references[name], atol=1e-9)


def test_references_begin_once_their_past_is_long_enough() -> None:
    assert ExpandingReferences(monthly(200), SHAPE).begin == 22
    assert ExpandingReferences(monthly(21), SHAPE).begin is None
    assert ExpandingReferences(daily(np.arange(3_000) % 7), ForecastShape(30, 1, 3)).begin == 658


def test_an_unobserved_month_delays_the_references() -> None:
    series = monthly(60)
    series.values[[2, 14, 26]] = np.nan
    assert ExpandingReferences(series, SHAPE).begin == 39
    series.values[[38, 50]] = np.nan
    assert ExpandingReferences(series, SHAPE).begin is None


def test_stretches_cover_every_position_once_and_grow_the_past_by_at_most_a_twentieth() -> None:
    stretches = list(ExpandingReferences(monthly(1), SHAPE).refits(24, 10_000))
    assert stretches[0][0] == 24
    assert stretches[-1][1] == 10_000
    assert all(before[1] == after[0] for before, after in itertools.pairwise(stretches))
    assert all(begin < end <= max(begin * REFIT_GROWTH, begin + 1) for begin, end in stretches)
    assert len(stretches) < 150


@pytest.mark.parametrize("length", [9, 24, 123, 124, 400])
def test_the_autoregression_uses_as_many_lags_as_its_past_allows(length: int) -> None:
    lags = most_lags(length)
    assert linear_windows(lags) <= length < linear_windows(lags + 1)
    assert len(Baselines.fit(monthly(length), ForecastShape(lags, 1, 3)).linear) == lags
    rollers = ExpandingReferences(monthly(400), SHAPE).fit(length)
    assert "linear" in rollers


def test_gaps_shorten_the_autoregression_before_they_prevent_it() -> None:
    series = monthly(60)
    series.values[10:20] = np.nan
    assert not Baselines.fit(series.part(0, 40), ForecastShape(most_lags(40), 1, 3)).linear
    assert "linear" in ExpandingReferences(series, SHAPE).fit(40)

import numpy as np
import pytest

from forecasting.climatology.annual_cycle import annual_terms, evaluate
from forecasting.climatology.global_climatology import GlobalClimatology
from forecasting.errors import SeriesError
from forecasting.events.baseline import (
    DAYS,
    FEBRUARY_29,
    Baseline,
    Kind,
    Period,
    Position,
    day_of_year,
    smooth,
)
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats
from tests.forecasting.events.outlooks import DAILY


def plainly(series: SstSeries, period: Period, percentile: float) -> tuple[Floats, Floats]:
    """Climatology and threshold, day by day."""
    days = series.times.astype("datetime64[D]")
    inside = (days >= period.start) & (days <= period.end)
    mean, high = np.full(DAYS, np.nan), np.full(DAYS, np.nan)
    for day in range(DAYS):
        around = [
            value
            for i in np.flatnonzero(inside & (day_of_year(days) == day))
            for value in series.values[max(i - 5, 0) : i + 6]
            if np.isfinite(value)
        ]
        if around:
            mean[day], high[day] = np.mean(around), np.percentile(around, percentile)
    for by_day in (mean, high):
        by_day[FEBRUARY_29] = (by_day[FEBRUARY_29 - 1] + by_day[FEBRUARY_29 + 1]) / 2
    return smooth(mean, 31), smooth(high, 31)


@pytest.mark.parametrize(("percentile", "missing"), [(90.0, "nothing"), (10.0, "days"), (33.3, "summers")])
def test_thresholds_are_percentiles_of_the_days_around(percentile: float, missing: str) -> None:
    random = np.random.default_rng(4)
    series = SstSeries(random.normal(15, 1, 5_000), np.datetime64("1999-02-24T00:00:00"), DAILY)
    summer = np.isin(series.times.astype("datetime64[M]").astype(int) % 12, [5, 6, 7])
    gone = {"nothing": np.zeros_like(summer), "days": random.random(5_000) < 0.4, "summers": summer}[missing]
    gappy = SstSeries(np.where(gone, np.nan, series.values), series.start, DAILY)
    period = Period(np.datetime64("1999-02-26"), np.datetime64("2012-02-29"))
    baseline = Baseline.fit(gappy, percentile, period)
    climatology, threshold = plainly(gappy, period, percentile)
    np.testing.assert_array_equal(baseline.threshold, threshold)
    np.testing.assert_allclose(baseline.climatology, climatology, rtol=1e-14)
    assert baseline.percentile == percentile


def test_values_of_single_precision_give_the_same_for_several_percentiles_at_once() -> None:
    random = np.random.default_rng(5)
    single = random.normal(15, 1, 5_000).astype(np.float32).astype(np.float64)
    single[1:-1][random.random(4_998) < 0.3] = np.nan
    series = SstSeries(single, np.datetime64("1999-02-24T00:00:00"), DAILY)
    whole = Period(np.datetime64("1999-02-24"), np.datetime64("2012-11-01"))
    percentiles: tuple[Kind | float, ...] = ("marine_heatwave", "marine_cold_spell", 33.3)
    for number, baseline in zip((90.0, 10.0, 33.3), Baseline.fit_each(series, percentiles), strict=True):
        climatology, threshold = plainly(series, whole, number)
        np.testing.assert_array_equal(baseline.threshold, threshold)
        np.testing.assert_allclose(baseline.climatology, climatology, rtol=1e-14)
        assert baseline.percentile == number


@pytest.mark.parametrize(("difference", "percentile"), [(2.0, 90), (-2.0, 10)])
def test_a_given_threshold_is_that_of_heatwaves_or_of_cold_spells(difference: float, percentile: float) -> None:
    assert Baseline(np.full(DAYS, 15.0), np.full(DAYS, 15 + difference)).percentile == percentile


OPEN_SEA = Position(40.0, -30.0)


@pytest.mark.parametrize(("kind", "side"), [("marine_heatwave", 1), ("marine_cold_spell", -1)])
def test_the_threshold_of_a_position_is_a_percentile_of_days_that_vary_as_they_do_there(kind: Kind, side: int) -> None:
    baseline = Baseline.of_position(OPEN_SEA, kind)
    climatology = GlobalClimatology.load()
    days = np.datetime64("2016-01-01T12", "s") + np.arange(DAYS) * np.timedelta64(1, "D")
    usual = evaluate(climatology.coefficients(*OPEN_SEA).astype(np.float64), days)
    spread = np.exp(annual_terms(days)[:, :3] @ climatology.spread(*OPEN_SEA).astype(np.float64))
    np.testing.assert_allclose(baseline.climatology, usual, atol=1e-9)
    np.testing.assert_allclose(baseline.threshold, usual + side * 1.2815516 * spread, atol=1e-6)
    assert (baseline.usual.years, baseline.usual.source) == ((2010, 2020), "position")
    assert [warning.code for warning in baseline.warnings] == ["coarse_baseline"]
    assert (baseline.period, baseline.percentile) == (None, 90 if side > 0 else 10)


@pytest.mark.parametrize(
    ("position", "sentence"),
    [
        (Position(np.nan, np.nan), 'the baseline "position" needs a position: send latitude and longitude'),
        (Position(40.0, np.nan), 'the baseline "position" needs a position'),
        (Position(52.5, 13.4), "position 52.5° N, 13.4° E, which is on land, far from the sea: correct the position"),
    ],
)
def test_a_position_without_a_climatology_is_no_baseline(position: Position, sentence: str) -> None:
    with pytest.raises(SeriesError) as error:
        Baseline.of_position(position, "marine_heatwave")
    assert sentence in str(error.value)

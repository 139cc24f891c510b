import numpy as np
import pytest

from forecasting.climatology import annual_cycle
from forecasting.climatology.global_climatology import GlobalClimatology
from forecasting.errors import SeriesError
from forecasting.events.definitions import HeatStress
from forecasting.events.evaluate import evaluate
from forecasting.events.heat_stress import LEVELS, alert_levels, degree_heating_weeks
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats
from tests.forecasting.events.outlooks import DAILY, outlook

BLEACHING = HeatStress("bleaching", maximum_monthly_mean=28.4)


@pytest.mark.parametrize(
    ("hotspots", "weeks"),
    [([1.0, 2.0, 0.8, 1.2], 0.6), ([1.0] * 28, 4.0), ([2.0] * 7, 2.0), ([0.99] * 84, 0.0), ([-3.0, 0.5], 0.0)],
)
def test_hotspots_of_a_degree_add_up_to_weeks(hotspots: list[float], weeks: float) -> None:
    forecast = evaluate(BLEACHING, outlook([28.0] * 84 + [28.4 + hotspot for hotspot in hotspots], [[20.0]]))
    assert forecast.now == pytest.approx(weeks)
    assert forecast.warnings == ()


def test_every_path_adds_to_the_last_84_days_and_drops_what_is_older() -> None:
    random = np.random.default_rng(7)
    past = 28.4 + random.normal(0.2, 1, 120)
    paths = 28.4 + random.normal(0.2, 1, (50, 100))
    forecast = evaluate(BLEACHING, outlook(past.tolist(), paths))
    weeks = np.empty(paths.shape)
    for i, path in enumerate(paths):
        sst = np.concatenate([past, path])
        for lead in range(100):
            hotspots = sst[120 + lead - 83 : 120 + lead + 1] - 28.4
            weeks[i, lead] = hotspots[hotspots >= 1].sum() / 7
    np.testing.assert_allclose(forecast.median, np.median(weeks, axis=0))
    np.testing.assert_allclose(forecast.lower, np.quantile(weeks, 0.1, axis=0))
    np.testing.assert_allclose(forecast.upper, np.quantile(weeks, 0.9, axis=0))
    total = sum(forecast.level_probability.values(), np.zeros(100))
    np.testing.assert_allclose(total, 1)
    warning = (paths - 28.4 >= 1) & (weeks < 4)
    np.testing.assert_array_equal(forecast.level_probability["Warning"], warning.mean(axis=0))


@pytest.mark.parametrize(
    ("hotspot", "weeks", "level"),
    [
        (-0.1, 9.0, "No Stress"),
        (0.0, 0.0, "No Stress"),
        (0.5, 0.0, "Watch"),
        (0.9, 9.0, "Watch"),
        (1.0, 1 / 7, "Warning"),
        (1.5, 3.99, "Warning"),
        (1.5, 4.0, "Alert Level 1"),
        (1.5, 8.0, "Alert Level 2"),
        (1.5, 12.0, "Alert Level 3"),
        (1.5, 16.0, "Alert Level 4"),
        (1.5, 19.99, "Alert Level 4"),
        (1.5, 20.0, "Alert Level 5"),
    ],
)
def test_alert_levels_are_those_of_coral_reef_watch(hotspot: float, weeks: float, level: str) -> None:
    assert LEVELS[alert_levels(np.array([hotspot]), np.array([weeks]))[0]] == level


def test_a_bound_is_reached_in_every_unit() -> None:
    """302.55 K is 1 °C above 28.4 °C, and 28 such days are 4 °C weeks."""
    forecast = evaluate(BLEACHING, outlook([302.55 - 273.15] * 28, [[29.4]]))
    assert forecast.now == pytest.approx(4)
    assert forecast.level == "Alert Level 1"


def test_stress_that_leaves_the_window_leaves_nothing() -> None:
    hotspots = np.concatenate([np.full(30, 1.1), np.zeros(100)])
    assert degree_heating_weeks(hotspots)[-1] == pytest.approx(0, abs=1e-12)
    assert degree_heating_weeks(hotspots).min() >= 0


@pytest.mark.parametrize(
    ("past", "known"), [([30.0] * 20, 20), ([30.0] * 100 + [np.nan] * 4 + [30.0], 80)], ids=["short", "gap"]
)
def test_days_without_a_value_are_warned_of(past: list[float], known: int) -> None:
    (warning,) = evaluate(BLEACHING, outlook(past, [[30.0]])).warnings
    assert warning.code == "incomplete_past"
    assert warning.message.startswith(f"Only {known} of the 84 days before the forecast have a value.")


def years(first: int, last: int, trend: float = 0.03) -> SstSeries:
    """Days of a warming sea whose warmest month is March."""
    start = np.datetime64(f"{first}-01-01T00:00:00")
    n = int((np.datetime64(f"{last + 1}-01-01") - np.datetime64(f"{first}-01-01")).astype(int))
    times = DAILY.range(start, n)
    turns = (times - np.datetime64("1970-03-16T00:00:00")).astype(np.int64) / 31_557_600
    noise = np.random.default_rng(8).normal(0, 0.3, n)
    return SstSeries(26 + 2 * np.cos(2 * np.pi * turns) + trend * (turns - 18) + noise, start, DAILY)


def month_means(series: SstSeries, first: int, last: int) -> Floats:
    """Means of each month, ``(years, 12)``."""
    months = series.times.astype("datetime64[M]")
    wanted = np.arange(np.datetime64(f"{first}-01"), np.datetime64(f"{last + 1}-01"))
    return np.array([np.nanmean(series.values[months == month]) for month in wanted]).reshape(-1, 12)


@pytest.mark.parametrize("gap", [False, True])
def test_a_series_over_the_years_of_coral_reef_watch_gives_its_maximum_monthly_mean(gap: bool) -> None:
    series = years(1982, 2020)
    means, known = month_means(series, 1985, 2012), np.arange(1985, 2013)
    if gap:
        series.values[series.times.astype("datetime64[Y]") == np.datetime64("1990")] = np.nan
        means, known = np.delete(means, 5, axis=0), np.delete(known, 5)
    expected = max(np.polyval(np.polyfit(known - 1988.2857, means[:, month], 1), 0.0) for month in range(12))
    forecast = evaluate(HeatStress("bleaching"), outlook(series, [[28.0]]))
    assert forecast.maximum_monthly_mean == pytest.approx(expected)
    assert forecast.source == "series"
    assert forecast.period is not None
    assert (str(forecast.period.start), str(forecast.period.end)) == ("1985-01-01", "2012-12-31")
    assert forecast.warnings == ()


def test_the_period_of_the_maximum_monthly_mean_ends_with_the_series() -> None:
    series = years(1984, 2012)
    series = series.part(200, len(series) - 75)
    period = evaluate(HeatStress("bleaching"), outlook(series, [[28.0]])).period
    assert period is not None
    assert (str(period.start), str(period.end)) == ("1985-01-01", str(series.times[-1])[:10])


def test_other_years_give_the_mean_of_their_warmest_month_with_a_warning() -> None:
    series = years(2003, 2016)
    forecast = evaluate(HeatStress("bleaching"), outlook(series, [[28.0]]))
    assert forecast.maximum_monthly_mean == pytest.approx(month_means(series, 2003, 2016).mean(axis=0).max())
    (warning,) = forecast.warnings
    assert warning.code == "approximate_mmm"
    assert warning.message.startswith("The maximum monthly mean is that of 2003-01-01 to 2016-12-31. Coral Reef Watch")


def test_months_with_few_days_do_not_count() -> None:
    """A month of which only a hot week was observed is not its mean."""
    series = years(2003, 2016, trend=0.0)
    odd = (series.times >= np.datetime64("2010-03-01")) & (series.times < np.datetime64("2010-04-01"))
    values = np.where(odd, np.nan, series.values)
    values[np.flatnonzero(odd)[:7]] = 35.0
    forecast = evaluate(HeatStress("bleaching"), outlook(SstSeries(values, series.start, DAILY), [[28.0]]))
    assert forecast.maximum_monthly_mean == pytest.approx(28, abs=0.15)


def test_a_short_series_falls_back_on_the_position_with_a_warning() -> None:
    coefficients = GlobalClimatology.load().coefficients(-18.3, 147.7)
    forecast = evaluate(HeatStress("bleaching"), outlook([28.0] * 84, [[28.0]], coefficients=coefficients))
    assert forecast.source == "position"
    assert forecast.maximum_monthly_mean == pytest.approx(float(annual_cycle.monthly_means(coefficients).max()))
    assert [warning.code for warning in forecast.warnings] == ["approximate_mmm"]
    assert "too low" in forecast.warnings[0].message


@pytest.mark.parametrize("position", [None, np.full(7, np.nan, dtype=np.float32)], ids=["none", "on land"])
def test_without_a_maximum_monthly_mean_there_is_no_answer(
    position: np.ndarray[tuple[int], np.dtype[np.float32]],
) -> None:
    with pytest.raises(
        SeriesError, match=r"degree heating weeks need the maximum monthly mean \(mmm\): send it, ten years"
    ):
        evaluate(HeatStress("bleaching"), outlook([28.0] * 84, [[28.0]], coefficients=position))


def test_a_series_that_never_saw_a_month_has_no_maximum_monthly_mean() -> None:
    series = years(2003, 2016)
    march = series.times.astype("datetime64[M]").astype(int) % 12 == 2
    seasonal = SstSeries(np.where(march, np.nan, series.values), series.start, DAILY)
    with pytest.raises(SeriesError, match="ten years of daily values in all months, or a position"):
        evaluate(HeatStress("bleaching"), outlook(seasonal, [[28.0]]))

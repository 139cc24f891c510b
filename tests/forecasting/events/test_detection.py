import numpy as np
import pytest

from forecasting.errors import SeriesError
from forecasting.events.baseline import DAYS, Baseline, Period, day_of_year
from forecasting.events.detection import CATEGORIES, Event, find_events
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import DAY, Floats
from forecasting.series.timestep import TimeStep
from tests.forecasting.events.reference import heatwaves

DAILY = TimeStep(DAY)


def sea(years: int, start: str = "1990-03-15") -> SstSeries:
    """Days of a simulated sea with a season and weather that persists."""
    random = np.random.default_rng(1)
    days = np.arange(round(years * 365.25))
    weather = np.zeros(len(days))
    shocks = random.standard_t(5, len(days)) * 0.3
    for i in range(1, len(days)):
        weather[i] = 0.93 * weather[i - 1] + shocks[i]
    return SstSeries(17 + 5 * np.sin(days / 58.1) + weather, np.datetime64(start, "s"), DAILY)


def flat(values: list[float], climatology: float = 18.0, threshold: float = 20.0) -> tuple[SstSeries, Baseline]:
    series = SstSeries(np.asarray(values, dtype=np.float64), np.datetime64("2025-07-01T00:00:00"), DAILY)
    return series, Baseline(np.full(DAYS, climatology), np.full(DAYS, threshold))


def dates(events: list[Event]) -> list[tuple[str, str]]:
    return [(str(event.start), str(event.end)) for event in events]


@pytest.mark.parametrize("period", [None, ("1995-01-01", "2006-12-31")])
def test_heatwaves_are_those_of_the_definition(period: tuple[str, str] | None) -> None:
    series = sea(20)
    days = [time.astype(object).date() for time in series.times]
    first, last = (days[0], days[-1]) if period is None else (np.datetime64(end).astype(object) for end in period)
    expected = heatwaves(dict(zip(days, series.values.tolist(), strict=True)), first, last)
    chosen = None if period is None else Period(*(np.datetime64(end) for end in period))
    events = find_events(series, Baseline.fit(series, "marine_heatwave", chosen), "marine_heatwave")
    assert len(expected) > 20
    assert dates(events) == [(str(event.start), str(event.end)) for event in expected]
    for event, other in zip(events, expected, strict=True):
        assert str(event.peak) == str(other.peak)
        assert event.intensity_mean == pytest.approx(other.mean)
        assert event.intensity_max == pytest.approx(other.highest)
        assert event.intensity_cumulative == pytest.approx(other.mean * event.days)
        assert event.category == CATEGORIES[other.category - 1]


def test_cold_spells_are_the_heatwaves_of_the_mirrored_sea() -> None:
    series = sea(15)
    mirrored = SstSeries(40 - series.values, series.start, series.step)
    cold = find_events(series, Baseline.fit(series, "marine_cold_spell"), "marine_cold_spell")
    warm = find_events(mirrored, Baseline.fit(mirrored, "marine_heatwave"), "marine_heatwave")
    assert len(cold) > 10
    assert dates(cold) == dates(warm)
    for event, other in zip(cold, warm, strict=True):
        assert event.intensity_cumulative == pytest.approx(-other.intensity_cumulative)
        assert event.rate_onset == pytest.approx(other.rate_onset)
        assert event.category == other.category


@pytest.mark.parametrize(
    ("extreme", "events"),
    [
        ([4], []),
        ([5], [("2025-07-02", "2025-07-06")]),
        ([5, 2, 5], [("2025-07-02", "2025-07-13")]),
        ([5, 3, 5], [("2025-07-02", "2025-07-06"), ("2025-07-10", "2025-07-14")]),
        ([5, 1, 4], [("2025-07-02", "2025-07-06")]),
    ],
)
def test_events_last_five_days_and_are_joined_across_two(extreme: list[int], events: list[tuple[str, str]]) -> None:
    values = [18.0]
    for i, days in enumerate(extreme):
        values += [19.0 if i % 2 else 21.0] * days
    assert dates(find_events(*flat([*values, 18.0]), "marine_heatwave")) == events


def test_an_event_has_its_intensities_rates_and_category() -> None:
    (event,) = find_events(*flat([18.0, 21, 23, 25, 22, 21, 19]), "marine_heatwave")
    assert (str(event.peak), event.days, event.category) == ("2025-07-04", 5, "Severe")
    assert event.intensity_mean == pytest.approx(4.4)
    assert event.intensity_max == pytest.approx(7)
    assert event.intensity_cumulative == pytest.approx(22)
    assert event.rate_onset == pytest.approx((7 - 1.5) / 2.5)
    assert event.rate_decline == pytest.approx((7 - 2) / 2.5)


def test_an_event_may_begin_and_end_with_the_series() -> None:
    (event,) = find_events(*flat([25.0, 23, 22, 22, 22]), "marine_heatwave")
    assert event.rate_onset == 0
    assert event.rate_decline == pytest.approx(3 / 4)


def test_a_missing_day_is_given_its_climatological_value() -> None:
    gap = [np.nan]
    assert dates(find_events(*flat([22.0] * 5 + gap + [22.0] * 5), "marine_heatwave")) == [("2025-07-01", "2025-07-11")]
    assert not find_events(*flat([22.0] * 4 + gap + [22.0] * 4), "marine_heatwave")


@pytest.mark.parametrize(("years", "short"), [(10, True), (29, True), (30, False)])
def test_a_baseline_under_thirty_years_is_short(years: int, short: bool) -> None:
    assert Baseline.fit(sea(years, "1980-01-01"), "marine_heatwave").is_short is short


@pytest.mark.parametrize(
    ("period", "sentence"),
    [
        (None, r"the series has 9\.0 years, but a baseline needs 10 years: send a longer series, or a baseline with"),
        (("1990-01-01", "1994-12-31"), r"has 4\.8 years between 1990-01-01 and 1994-12-31, but a baseline needs"),
        (("1950-01-01", "1970-12-31"), "has no values between 1950-01-01 and 1970-12-31, but a baseline needs"),
    ],
)
def test_a_baseline_needs_ten_years(period: tuple[str, str] | None, sentence: str) -> None:
    chosen = None if period is None else Period(*(np.datetime64(end) for end in period))
    with pytest.raises(SeriesError, match=sentence):
        Baseline.fit(sea(9), "marine_heatwave", chosen)


def test_a_baseline_of_mostly_missing_days_is_refused() -> None:
    series = sea(12)
    values = np.full(len(series), np.nan)
    values[::7] = series.values[::7]
    with pytest.raises(
        SeriesError, match=r"only 14% of the days from 1990-03-15 to .* have a value, but a baseline needs 20%"
    ):
        Baseline.fit(SstSeries(values, series.start, series.step), "marine_heatwave")


def test_a_period_includes_its_last_day_whatever_the_time_of_day() -> None:
    noon = sea(12, "1990-03-15T12:00:00")
    period = Period(np.datetime64("1991-01-01"), np.datetime64("2001-12-31"))
    baseline = Baseline.fit(noon, "marine_heatwave", period)
    assert baseline.period == period
    midnight = Baseline.fit(sea(12), "marine_heatwave", period)
    np.testing.assert_array_equal(baseline.threshold, midnight.threshold)


def test_every_day_of_the_year_has_its_place_in_leap_years_and_others() -> None:
    days = ["2023-02-28", "2023-03-01", "2024-02-28", "2024-02-29", "2024-03-01", "1900-03-01", "2000-12-31"]
    times = np.asarray(days, dtype="datetime64[s]")
    assert day_of_year(times).tolist() == [58, 60, 58, 59, 60, 60, 365]


def test_days_that_were_never_observed_have_no_events() -> None:
    series = sea(12)
    summer = np.isin(series.times.astype("datetime64[M]").astype(int) % 12, [5, 6, 7])
    values: Floats = np.where(summer, series.values, np.nan)
    seasonal = SstSeries(values, series.start, series.step)
    events = find_events(seasonal, Baseline.fit(seasonal, "marine_heatwave"), "marine_heatwave")
    assert events
    assert all(np.isfinite([event.intensity_mean, event.rate_onset, event.rate_decline]).all() for event in events)

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from forecasting.errors import SeriesError
from forecasting.evaluation.events import (
    EventCases,
    RequestedEvents,
    Threshold,
    Verified,
    independent_leads,
    pooled,
    verifying,
)
from forecasting.events.baseline import Baseline, Period
from forecasting.events.definitions import Percentile, ThresholdEvent
from forecasting.events.paths import Coupling
from forecasting.events.probability import RunEvent, Steps
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import DAY, YEAR, Floats, Times
from forecasting.series.timestep import MONTH
from tests.forecasting.events.test_occurrence import DAILY, WEEKLY, weather

START = np.datetime64("2000-01-01T00:00:00")
EVENT = RunEvent("above", 2, 1, 6)
COUPLING = Coupling(None, tuple(range(1, 7)))


def always(threshold: float) -> Threshold:
    return lambda times: np.full(len(times), threshold)


def cases_of(series: SstSeries, origins: Steps, event: RunEvent = EVENT) -> EventCases:
    return EventCases.of(event, series, origins, [(slice(None), always(0.5))])


def series(values: Floats, start: np.datetime64 = START) -> SstSeries:
    return SstSeries(values, start, WEEKLY)


def test_only_origins_whose_every_lead_was_observed_are_cases() -> None:
    values = weather(8 * 52)
    origins = np.arange(4 * 52, 8 * 52)
    cases = cases_of(series(values), origins)
    complete = [at for at in origins.tolist() if at + 6 < len(values) and np.isfinite(values[at + 1 : at + 7]).all()]
    assert cases.origins.tolist() == complete
    assert cases.threshold.shape == (len(complete), 6)


def test_origins_before_the_first_climatology_are_left_out() -> None:
    cases = cases_of(series(weather(10 * 52)), np.arange(52, 10 * 52))
    assert cases.origins[0] >= 2 * 52 - 2
    assert set(cases.references) == {"climatology", "persistence"}


def test_a_short_series_is_compared_with_persistence_only() -> None:
    cases = cases_of(series(weather(2 * 52)), np.arange(20, 2 * 52))
    assert set(cases.references) == {"persistence"}
    assert cases.origins[0] == 20


def test_a_perfect_forecast_has_no_error_and_the_climatology_no_skill() -> None:
    cases = cases_of(series(weather(10 * 52)), np.arange(52, 10 * 52))
    assert cases.score(cases.happened).brier == 0
    climatology = cases.score(cases.references["climatology"])
    assert climatology.skill["climatology"].value == 0
    assert climatology.skill["persistence"].value == pytest.approx(
        1 - climatology.brier / climatology.skill["persistence"].brier, abs=1e-4
    )


def test_each_part_of_the_origins_sees_the_threshold_that_was_known_there() -> None:
    values = weather(10 * 52)
    origins = np.arange(5 * 52, 9 * 52)

    def growing() -> Iterator[tuple[slice, Threshold]]:
        for begin in range(0, len(origins), 26):
            yield slice(begin, begin + 26), always(begin / len(origins))

    cases = EventCases.of(RunEvent.at("above", 3), series(values), origins, growing())
    place = np.searchsorted(origins, cases.origins)
    np.testing.assert_array_equal(cases.threshold[:, 0], place // 26 * 26 / len(origins))
    np.testing.assert_array_equal(cases.happened, values[cases.origins + 3] > cases.threshold[:, 0])


def test_cases_of_several_series_are_scored_together_with_the_references_of_all() -> None:
    long, short = (cases_of(series(weather(n * 52, n)), np.arange(30, n * 52)) for n in (9, 2))
    together = EventCases.joined([long, short])
    assert len(together) == len(long) + len(short)
    assert set(together.references) == {"persistence"}
    score = together.score(np.full(len(together), 0.2))
    assert score.n == len(together)
    assert score.frequency == pytest.approx((long.happened.sum() + short.happened.sum()) / len(together), abs=1e-6)


def test_the_sampling_error_counts_times_and_not_series() -> None:
    single = cases_of(series(weather(8 * 52)), np.arange(4 * 52, 8 * 52))
    score, doubled = (cases.score(np.full(len(cases), 0.3)) for cases in (single, EventCases.joined([single, single])))
    assert doubled.n == 2 * score.n
    assert doubled.brier_error == pytest.approx(score.brier_error, rel=0.01)


def test_a_run_is_also_compared_with_independent_leads() -> None:
    """Independent leads make long runs of a persistent sea too rare."""
    cases = cases_of(series(weather(8 * 52)), np.arange(4 * 52, 8 * 52), RunEvent("above", 4, 1, 6))
    score = cases.score_forecast(COUPLING, np.full((len(cases), 6), 0.4))
    assert set(score.skill) == {"climatology", "persistence", "independent"}
    alone = cases.score_forecast(independent_leads(6), np.full((len(cases), 6), 0.4))
    assert alone.skill["independent"].value == 0
    assert alone.brier == score.skill["independent"].brier
    sums = [sum(row.n * row.probability for row in table.reliability) for table in (alone, score)]
    assert sums[0] < sums[1]


def test_the_threshold_of_a_lead_is_that_of_its_own_time() -> None:
    def by_month(times: Times) -> Floats:
        threshold: Floats = times.astype("datetime64[M]").astype(np.int64) % 12 / 10
        return threshold

    monthly = SstSeries(weather(240), START, MONTH)
    cases = EventCases.of(RunEvent.at("below", 2), monthly, np.arange(100, 230), [(slice(None), by_month)])
    expected = (cases.origins + 2) % 12 / 10
    np.testing.assert_allclose(cases.threshold[:, 0], expected)


def test_a_series_without_a_complete_case_has_none() -> None:
    values = np.full(100, np.nan)
    values[:50] = 1.0
    cases = EventCases.of(EVENT, SstSeries(values, START, DAILY), np.arange(60, 90), [(slice(None), always(0.0))])
    assert len(cases) == 0


FIRST_DAY = np.datetime64("1990-01-01T00:00:00")
HOT = ThresholdEvent("hot", "above", Percentile(90), duration=3, within=10)
WARM = ThresholdEvent("warm", "above", 20.0, duration=2, within=4)

ASSUMED = Coupling(None, tuple(range(1, 15)))


@dataclass(frozen=True)
class Undecided:
    """Forecasts whose leads are all as likely above any threshold as not."""

    def couplings(self, rows: Steps, leads: int) -> Iterable[tuple[Coupling, Steps]]:
        """Return the same dependence for all."""
        yield ASSUMED.until(leads), np.arange(len(rows))

    def exceedance(self, rows: Steps, threshold: Floats) -> Floats:
        return np.full((len(rows), threshold.shape[1]), 0.5)


def sea(years: float, seed: int = 1) -> SstSeries:
    n = int(years * 365.25)
    cycle = np.cos(2 * np.pi * np.arange(n) * DAY / YEAR)
    return SstSeries(18 + 4 * cycle + weather(n, seed), FIRST_DAY, DAILY)


def result(generator: Generator[None, None, Verified]) -> Verified:
    while True:
        try:
            next(generator)
        except StopIteration as stop:
            verified: Verified = stop.value
            return verified


def verify(series: SstSeries, *events: ThresholdEvent, baseline: Baseline | Period | None = None) -> Verified:
    origins = np.arange(60, len(series) - 1)
    return result(verifying(RequestedEvents(events, baseline), series, origins, {"gru": Undecided()}))


def verified_cases(verified: EventCases | SeriesError) -> EventCases:
    assert isinstance(verified, EventCases)
    return verified


def test_nothing_later_is_known_at_an_origin() -> None:
    series = sea(14)
    changed = series.values.copy()
    last = 13 * 365
    changed[last + 1 :] += 3
    before, after = (verify(known, HOT, WARM) for known in (series, SstSeries(changed, FIRST_DAY, DAILY)))
    for name in ("hot", "warm"):
        cases, others = verified_cases(before[name]), verified_cases(after[name])
        known, same = cases.origins <= last, others.origins <= last
        assert known.sum() > 300
        np.testing.assert_array_equal(cases.origins[known], others.origins[same])
        np.testing.assert_array_equal(cases.threshold[known], others.threshold[same])
        for reference, column in cases.references.items():
            np.testing.assert_array_equal(column[known], others.references[reference][same])
        assert cases.happened.mean() < others.happened.mean()


def test_percentiles_are_those_of_the_past_once_it_has_ten_years() -> None:
    series = sea(14)
    cases = verified_cases(verify(series, HOT)["hot"])
    assert 10 * 365 - 40 <= cases.origins[0] <= 10 * 365 + 40
    assert cases.happened.mean() == pytest.approx(0.25, abs=0.15)
    assert set(cases.references) == {"climatology", "persistence"}


def test_a_given_baseline_holds_from_the_first_origin() -> None:
    series = sea(14)
    baseline = Baseline.fit(series, 90)
    given = Baseline(baseline.climatology, baseline.threshold)
    cases = verified_cases(verify(sea(5, seed=2), HOT, baseline=given)["hot"])
    assert cases.origins[0] < 3 * 365
    short = verify(sea(5), HOT)["hot"]
    assert isinstance(short, SeriesError)
    assert "a baseline needs 10 years" in str(short)


def test_a_baseline_period_ends_before_the_percentile_is_used() -> None:
    series = sea(16)
    period = Period(np.datetime64("1990-01-01"), np.datetime64("2000-06-30"))
    cases = verified_cases(verify(series, HOT, baseline=period)["hot"])
    expected = Baseline.fit(series, 90, period).threshold
    day = 365 + 365 + 366
    late = cases.times >= np.datetime64("2004-01-01T00:00:00")
    assert late.sum() > day / 2
    first = cases.step.shift(cases.times[late][:1], cases.event.first)[0]
    place = int((first - first.astype("datetime64[Y]")).astype("timedelta64[D]").astype(int))
    assert cases.threshold[late][0, 0] == pytest.approx(expected[place], abs=1e-9)


def test_an_event_that_cannot_be_verified_leaves_the_others() -> None:
    monthly = SstSeries(20 + weather(200), FIRST_DAY, MONTH)
    late = ThresholdEvent("late", "above", 20.0, within=190)
    verified = verify(monthly, HOT, late, WARM)
    assert "need daily values" in str(verified["hot"])
    assert "no forecast is followed by 190 observed steps" in str(verified["late"])
    warm = verified_cases(verified["warm"])
    score = warm.score_network("gru")
    assert score.n == len(warm)
    assert set(score.skill) == {"climatology", "persistence", "independent"}


def test_series_are_pooled_where_each_was_verified() -> None:
    parts = [verify(sea(years, seed), HOT, WARM) for years, seed in ((12, 3), (4, 4))]
    together = pooled(parts)
    assert len(verified_cases(together["warm"])) == sum(len(verified_cases(part["warm"])) for part in parts)
    assert len(verified_cases(together["hot"])) == len(verified_cases(parts[0]["hot"]))
    assert isinstance(pooled([parts[1]])["hot"], SeriesError)

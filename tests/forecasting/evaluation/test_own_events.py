from collections.abc import Generator, Iterable
from dataclasses import dataclass

import numpy as np
import pytest

from forecasting.errors import SeriesError
from forecasting.evaluation.events import EventCases, RequestedEvents, Verified, VerifiedEvent, pooled, verifying
from forecasting.events.baseline import Baseline, Period
from forecasting.events.definitions import Percentile, ThresholdEvent
from forecasting.events.paths import Coupling
from forecasting.events.probability import Steps
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import DAY, YEAR, Floats
from forecasting.series.timestep import MONTH
from tests.forecasting.events.test_occurrence import DAILY, weather

START = np.datetime64("1990-01-01T00:00:00")
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
    return SstSeries(18 + 4 * cycle + weather(n, seed), START, DAILY)


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


def cases_of(verified: VerifiedEvent | SeriesError) -> EventCases:
    assert isinstance(verified, VerifiedEvent)
    return verified.cases


def test_nothing_later_is_known_at_an_origin() -> None:
    series = sea(14)
    changed = series.values.copy()
    last = 13 * 365
    changed[last + 1 :] += 3
    before, after = (verify(known, HOT, WARM) for known in (series, SstSeries(changed, START, DAILY)))
    for name in ("hot", "warm"):
        cases, others = cases_of(before[name]), cases_of(after[name])
        known, same = cases.origins <= last, others.origins <= last
        assert known.sum() > 300
        np.testing.assert_array_equal(cases.origins[known], others.origins[same])
        np.testing.assert_array_equal(cases.threshold[known], others.threshold[same])
        for reference, column in cases.references.items():
            np.testing.assert_array_equal(column[known], others.references[reference][same])
        assert cases.happened.mean() < others.happened.mean()


def test_percentiles_are_those_of_the_past_once_it_has_ten_years() -> None:
    series = sea(14)
    cases = cases_of(verify(series, HOT)["hot"])
    assert 10 * 365 - 40 <= cases.origins[0] <= 10 * 365 + 40
    assert cases.happened.mean() == pytest.approx(0.25, abs=0.15)
    assert set(cases.references) == {"climatology", "persistence"}


def test_a_given_baseline_holds_from_the_first_origin() -> None:
    series = sea(14)
    baseline = Baseline.fit(series, 90)
    given = Baseline(baseline.climatology, baseline.threshold)
    cases = cases_of(verify(sea(5, seed=2), HOT, baseline=given)["hot"])
    assert cases.origins[0] < 3 * 365
    short = verify(sea(5), HOT)["hot"]
    assert isinstance(short, SeriesError)
    assert "a baseline needs 10 years" in str(short)


def test_a_baseline_period_ends_before_the_percentile_is_used() -> None:
    series = sea(16)
    period = Period(np.datetime64("1990-01-01"), np.datetime64("2000-06-30"))
    cases = cases_of(verify(series, HOT, baseline=period)["hot"])
    expected = Baseline.fit(series, 90, period).threshold
    day = 365 + 365 + 366
    late = cases.times >= np.datetime64("2004-01-01T00:00:00")
    assert late.sum() > day / 2
    first = cases.step.shift(cases.times[late][:1], cases.event.first)[0]
    place = int((first - first.astype("datetime64[Y]")).astype("timedelta64[D]").astype(int))
    assert cases.threshold[late][0, 0] == pytest.approx(expected[place], abs=1e-9)


def test_an_event_that_cannot_be_verified_leaves_the_others() -> None:
    monthly = SstSeries(20 + weather(200), START, MONTH)
    late = ThresholdEvent("late", "above", 20.0, within=190)
    verified = verify(monthly, HOT, late, WARM)
    assert "need daily values" in str(verified["hot"])
    assert "no forecast is followed by 190 observed steps" in str(verified["late"])
    warm = verified["warm"]
    assert isinstance(warm, VerifiedEvent)
    score = warm.score("gru")
    assert score.n == len(warm.cases)
    assert set(score.skill) == {"climatology", "persistence", "independent"}


def test_series_are_pooled_where_each_was_verified() -> None:
    parts = [verify(sea(years, seed), HOT, WARM) for years, seed in ((12, 3), (4, 4))]
    together = pooled(parts)
    assert len(cases_of(together["warm"])) == sum(len(cases_of(part["warm"])) for part in parts)
    assert len(cases_of(together["hot"])) == len(cases_of(parts[0]["hot"]))
    assert isinstance(pooled([parts[1]])["hot"], SeriesError)

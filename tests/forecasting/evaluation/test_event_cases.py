from collections.abc import Iterator

import numpy as np
import pytest

from forecasting.evaluation.events import EventCases, Threshold, independent_leads
from forecasting.events.paths import Coupling
from forecasting.events.probability import RunEvent, Steps
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats, Times
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

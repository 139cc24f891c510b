import numpy as np
import pytest

from forecasting.events.probability import History, RunEvent
from forecasting.series.times import DAY, YEAR, Floats
from forecasting.series.timestep import MONTH, TimeStep

DAILY = TimeStep(DAY)
WEEKLY = TimeStep(7 * DAY)

EVENTS = [
    RunEvent("above", 3, 1, 10),
    RunEvent("below", 2, 1, 4),
    RunEvent("above", 1, 1, 5),
    RunEvent.at("above", 7),
]


def weather(n: int, seed: int = 1) -> Floats:
    """Anomalies with memory, some missing."""
    random = np.random.default_rng(seed)
    values = random.normal(size=n)
    for i in range(1, n):
        values[i] += 0.8 * values[i - 1]
    values[random.random(n) < 0.02] = np.nan
    return values


def happened_after(values: Floats, event: RunEvent, origin: int, threshold: float) -> float:
    """The definition, in a loop."""
    leads = range(origin + event.first, origin + event.last + 1)
    if leads[-1] >= len(values) or np.isnan(values[leads]).any():
        return np.nan
    beyond = values > threshold if event.side == "above" else values < threshold
    return float(any(at >= event.duration - 1 and beyond[at - event.duration + 1 : at + 1].all() for at in leads))


@pytest.mark.parametrize("event", EVENTS)
def test_an_event_happened_if_a_long_enough_run_ends_at_a_lead(event: RunEvent) -> None:
    values = weather(300)
    history = History.of(event, DAILY, values, 0.4)
    expected = [happened_after(values, event, origin, 0.4) for origin in range(300)]
    np.testing.assert_array_equal(history.happened, expected)
    assert 0 < np.nanmean(history.happened) < 1


@pytest.mark.parametrize("step", [DAILY, WEEKLY, MONTH], ids=str)
def test_the_climatology_is_the_share_of_earlier_years_around_the_same_time(step: TimeStep) -> None:
    event = RunEvent("above", 2, 1, 4)
    per_year = YEAR / step.seconds
    n = int(6 * per_year)
    values = weather(n)
    origins = np.arange(int(1.5 * per_year), n, max(n // 40, 1))
    stated = History.of(event, step, values, 0.5).climatology(origins)
    for origin, frequency in zip(origins.tolist(), stated.tolist(), strict=True):
        cases: list[float] = []
        years = 0
        for year in range(1, 7):
            centre, half = origin - round(year * per_year), 15 * DAY // step.seconds
            around = range(max(centre - half, 0), max(min(centre + half, origin - event.last) + 1, 0))
            outcomes = [happened_after(values, event, at, 0.5) for at in around]
            known = [outcome for outcome in outcomes if not np.isnan(outcome)]
            years += bool(known)
            cases += known
        assert frequency == pytest.approx(np.mean(cases) if years >= 2 else np.nan, nan_ok=True)
    assert np.isfinite(stated).tolist()[:: len(origins) - 1] == [False, True]


@pytest.mark.parametrize("event", EVENTS)
def test_persistence_is_the_share_of_earlier_cases_in_the_same_state(event: RunEvent) -> None:
    values = weather(400)
    history = History.of(event, DAILY, values, 0.4)
    origins = np.arange(0, 400, 13)
    states = [min(int(run), event.duration) for run in history.run]
    for origin, frequency in zip(origins.tolist(), history.persistence(origins).tolist(), strict=True):
        outcomes = [happened_after(values, event, at, 0.4) for at in range(max(origin - event.last + 1, 0))]
        cases = [
            outcome for at, outcome in enumerate(outcomes) if states[at] == states[origin] and not np.isnan(outcome)
        ]
        persisted = float(states[origin] == event.duration)
        assert frequency == pytest.approx((sum(cases) + persisted) / (len(cases) + 1))


@pytest.mark.parametrize("event", EVENTS)
def test_nothing_after_an_origin_changes_its_references(event: RunEvent) -> None:
    values = weather(6 * 365)
    other = values.copy()
    origin = 5 * 365
    other[origin + 1 :] = weather(365 - 1, seed=2) + 5
    origins = np.array([origin - 200, origin])
    before, after = (History.of(event, DAILY, series, 0.4) for series in (values, other))
    np.testing.assert_array_equal(before.climatology(origins), after.climatology(origins))
    np.testing.assert_array_equal(before.persistence(origins), after.persistence(origins))
    assert np.nanmean(before.happened) != np.nanmean(after.happened)

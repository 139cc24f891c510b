import numpy as np
import pytest

from forecasting.evaluation.event_states import EventPairs, ScoredEvent, heat_stress_levels, marine_states
from forecasting.events.baseline import Baseline, Kind
from forecasting.events.detection import find_events, sign_of
from forecasting.scores.verification import Observed
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats
from forecasting.series.timestep import TimeStep

DAY, START = TimeStep.parse("day"), np.datetime64("2025-01-01T00:00:00")
LIMIT = 15.0


def observed(sst: Floats) -> Observed:
    return Observed.of(DAY.range(START, len(sst)), sst, DAY, START)


def states(sst: Floats, days: int, kind: Kind = "marine_heatwave") -> Floats:
    """Return the state on each of the first ``days`` days, whose threshold was known everywhere."""
    valid = DAY.range(START, days)
    return marine_states(valid, np.ones(days, dtype=np.int64), np.full(days, LIMIT), sign_of(kind), observed(sst))


@pytest.mark.parametrize("kind", ["marine_heatwave", "marine_cold_spell"])
def test_days_are_in_the_events_that_are_found_in_the_whole_series(kind: Kind) -> None:
    sign, days = sign_of(kind), 400
    sst = LIMIT + np.convolve(np.random.default_rng(5).normal(0, 1, days + 8), np.ones(9) / 3, "valid")
    sst[[50, 51, 120, 200]] = np.nan
    usual = np.full(366, LIMIT - sign)
    events = find_events(SstSeries(sst, START, DAY), Baseline(usual, np.full(366, LIMIT)), kind)
    assert len(events) > 10
    expected = np.zeros(days)
    times = DAY.range(START, days).astype("datetime64[D]")
    for event in events:
        expected[(times >= event.start) & (times <= event.end)] = 1
    came = states(sst, days, kind)
    assert np.isnan(came[[50, 51, 120, 200]]).all()
    known = np.isfinite(came)
    assert known[20:-20].mean() > 0.98
    np.testing.assert_array_equal(came[known], expected[known])


def test_a_state_is_known_once_no_later_reading_can_change_it() -> None:
    cool, warm = [LIMIT - 1] * 12, [LIMIT + 1]
    # Three warm days at the end may become a heatwave. A cool day before them could then only join an earlier one.
    assert states(np.array(cool + warm * 3), 15)[-4:].tolist() == [0, *[pytest.approx(np.nan, nan_ok=True)] * 3]
    assert states(np.array(cool + warm * 5), 17)[-5:].tolist() == [1] * 5
    assert states(np.array(cool + warm * 3 + cool[:1]), 16)[-4:].tolist() == [0] * 4
    # Two days of pause are in the heatwave if five warm days follow, and not if the first of them is cool.
    pause = cool + warm * 5 + cool[:2]
    assert np.isnan(states(np.array(pause), 19)[-2:]).all()
    assert states(np.array(pause + warm * 5), 24)[-7:].tolist() == [1] * 7
    assert states(np.array(pause + cool[:1]), 20)[-3:].tolist() == [0] * 3


def test_days_before_the_first_reading_or_threshold_may_have_been_warm() -> None:
    assert states(np.full(8, LIMIT + 1), 8).tolist() == [1] * 8
    assert np.isnan(states(np.array([LIMIT + 1] * 4 + [LIMIT - 1] * 8), 12)[:4]).all()


def test_the_threshold_issued_last_before_a_day_decides() -> None:
    days = 12
    valid = np.concatenate([DAY.range(START, days)] * 2)
    leads, limits = np.repeat([3, 1], days), np.repeat([LIMIT + 2, LIMIT], days)
    came = marine_states(valid, leads, limits, 1.0, observed(np.full(30, LIMIT + 1)))
    assert came.tolist() == [1.0] * 2 * days


def test_heat_stress_is_that_of_the_readings_with_the_maximum_monthly_mean_that_was_issued() -> None:
    mmm, days = 28.0, 200
    sst = mmm + np.random.default_rng(2).normal(0.8, 0.7, days)
    sst[[30, 150]] = np.nan
    valid = DAY.range(START, days)
    came = heat_stress_levels(valid, np.full(days, mmm), observed(sst))
    assert np.isnan(came[:83]).all()
    assert np.isnan(came[150])
    known = np.isfinite(came)
    assert known.sum() == days - 83 - 1
    for day in np.flatnonzero(known):
        hot = np.nan_to_num(sst[day - 83 : day + 1] - mmm)
        weeks = hot[hot >= 1].sum() / 7
        level = 2 + sum(weeks >= limit for limit in (4, 8, 12, 16, 20)) if hot[-1] >= 1 else int(hot[-1] > 0)
        assert came[day] == level


def test_states_that_are_not_known_are_not_scored() -> None:
    until = DAY.range(START, 4)
    happened, before = np.array([1, np.nan, 0, np.nan]), np.array([1.0, 1, 1, 0])
    leads, probability = np.array([2, 2, 2, 1]), np.array([0.9, 0.9, 0.2, 0.1])
    (verified,) = EventPairs(leads, until, probability, before, happened).verify(ScoredEvent("warm"), [1, 2])
    assert (verified.event, verified.lead) == ("warm", 2)
    score = verified.score
    assert (score.n, score.frequency) == (2, 0.5)
    assert score.brier == pytest.approx((0.1**2 + 0.2**2) / 2)
    assert score.skill["persistence"].brier == 0.5
    unknown = EventPairs(leads, until, probability, before, np.full(4, np.nan))
    assert [*unknown.verify(ScoredEvent("warm"), [1, 2])] == []


def test_without_forecasts_there_are_no_states() -> None:
    nothing = DAY.range(START, 0)
    assert len(marine_states(nothing, np.zeros(0, dtype=np.int64), np.zeros(0), 1.0, observed(np.ones(3)))) == 0
    assert len(heat_stress_levels(nothing, np.zeros(0), observed(np.ones(3)))) == 0

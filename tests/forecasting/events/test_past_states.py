"""The state of events at steps of the past is what the evaluation of the series up to each step says."""

import numpy as np
import pytest

from forecasting.events.baseline import Baseline
from forecasting.events.definitions import EventDefinition, HeatStress, MarineEvent, ThresholdEvent
from forecasting.events.evaluate import evaluate, past_states
from forecasting.events.heat_stress import FIRST_ACTIVE_LEVEL, LEVELS
from forecasting.events.outcomes import HeatStressOutcome, MarineOutcome
from forecasting.events.outlook import EventPast
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import DAY, Floats
from forecasting.series.timestep import TimeStep
from tests.forecasting.events.outlooks import outlook

START = np.datetime64("2025-01-01T00:00:00")
BASELINE = Baseline(np.full(366, 20.0), np.full(366, 21.0))


def past_of(values: Floats) -> SstSeries:
    return SstSeries(values, START, TimeStep(DAY))


def walk(seed: int) -> Floats:
    """Return days around the threshold, with a spell beyond it and a few days missing."""
    chance = np.random.default_rng(seed)
    values = 21.0 + np.convolve(chance.normal(0, 1.2, 160), np.ones(4) / 2, mode="valid")
    values[-40:-25] += 2.5
    values[-20:-10] -= 2.5
    values[chance.random(len(values)) < 0.05] = np.nan
    values[-1] = 21.8
    return values


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    "definition",
    [
        ThresholdEvent("warm", "above", 21.5, duration=3),
        ThresholdEvent("cold", "below", 20.5),
        MarineEvent("heatwave"),
        HeatStress("stress", 20.0),
    ],
    ids=lambda definition: definition.name,
)
def test_each_state_is_that_of_the_series_up_to_its_step(definition: EventDefinition, seed: int) -> None:
    values, last = walk(seed), 60
    states = past_states(definition, EventPast(past_of(values), BASELINE), last)
    observed = [i for i in range(len(values) - last, len(values)) if np.isfinite(values[i])]
    assert [state.time for state in states] == [START + np.timedelta64(i, "D") for i in observed]
    assert len({state.active for state in states}) == 2
    for state, i in zip(states, observed, strict=True):
        then = evaluate(definition, outlook(past_of(values[: i + 1]), [[20.0]] * 3, baseline=BASELINE))
        if isinstance(then, HeatStressOutcome):
            assert (state.category, state.since) == (then.level, None)
            assert state.active == (LEVELS.index(then.level) >= FIRST_ACTIVE_LEVEL)
            continue
        assert (state.active, state.since) == (then.state.active, then.state.since if then.state.active else None)
        assert state.category == (then.state.category if isinstance(then, MarineOutcome) else None)


def test_more_steps_than_the_past_has_are_those_that_it_has() -> None:
    states = past_states(ThresholdEvent("warm", "above", 21.5), EventPast(past_of(np.array([21.0, 22.0]))), 10)
    assert [state.active for state in states] == [False, True]

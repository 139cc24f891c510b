"""Events of many series at once are those of each series."""

import numpy as np
import pytest

from forecasting.events.baseline import DAYS, PERCENTILES, Baseline, Kind
from forecasting.events.definitions import HeatStress, MarineEvent
from forecasting.events.detection import CATEGORIES
from forecasting.events.evaluate import evaluate
from forecasting.events.heat_stress import LEVELS, heat_stress
from forecasting.events.marine_event import marine_events
from forecasting.events.outcomes import HeatStressOutcome, MarineOutcome
from forecasting.events.outlook import Futures, Outlook
from forecasting.events.paths import Coupling
from forecasting.models.universal.distribution import quantiles_at
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import DAY
from forecasting.series.timestep import TimeStep

N = 60
LEVELS_OF_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
START = np.datetime64("2024-01-20T12:00:00")
USUAL = 20 + 3 * np.sin(2 * np.pi * np.arange(DAYS) / DAYS)


def futures(horizon: int, steps: int, days: int, *, warmer: float = 0.0) -> Futures:
    """Return series about their threshold, with gaps, and forecasts that go on from their last value."""
    random = np.random.default_rng(horizon)
    departure = random.uniform(-4, 4, (N, 1)) + np.cumsum(random.normal(0, 0.5, (N, days)), axis=1)
    past = USUAL[20 : 20 + days] + departure
    past[random.random(past.shape) < 0.05] = np.nan
    past[:, -1] = USUAL[19 + days] + departure[:, -1]
    spread = np.sqrt(np.arange(1, steps + 1))[:, None] * np.asarray([-1.6, -0.7, 0.0, 0.7, 1.6])
    quantiles = warmer + past[:, -1, None, None] + random.normal(0, 0.3, (N, steps, 1)) + 0.4 * spread

    def at(rows: "np.ndarray[tuple[int], np.dtype[np.intp]] | slice", probabilities: tuple[float, ...]) -> np.ndarray:
        return quantiles_at(probabilities, quantiles[rows], LEVELS_OF_QUANTILES)

    coupling = Coupling(None, tuple(range(1, steps + 1)))
    return Futures.coupled(past, START, TimeStep(DAY), horizon, 0, 70, at, coupling)


def outlook_of(fields: Futures, row: int, baseline: Baseline | None = None) -> Outlook:
    past = SstSeries(fields.past[row], fields.start, TimeStep(DAY))
    (paths,) = fields.by_path(fields.values(np.asarray([row])))
    times = past.times[-1] + np.arange(1, fields.horizon + 1) * np.timedelta64(DAY, "s")
    return Outlook(
        past,
        baseline,
        times=times,
        paths=paths.T,
        exceedance=lambda threshold: (paths[: fields.horizon] > threshold).mean(axis=1),
        calibrated=True,
    )


@pytest.mark.parametrize("kind", ["marine_heatwave", "marine_cold_spell"])
@pytest.mark.parametrize(("horizon", "steps", "days"), [(1, 7, 60), (2, 2, 60), (7, 13, 60), (14, 14, 40), (5, 8, 6)])
def test_marine_events_are_those_of_each_series(kind: Kind, horizon: int, steps: int, days: int) -> None:
    fields = futures(horizon, steps, days)
    threshold = USUAL + (1.0 if kind == "marine_heatwave" else -1.0)
    baseline = Baseline(USUAL, threshold, None, PERCENTILES[kind])
    found = marine_events(fields, kind, np.tile(USUAL, (N, 1)), np.tile(threshold, (N, 1)))
    seen = set()
    for row in range(N):
        one = evaluate(MarineEvent("event", kind), outlook_of(fields, row, baseline))
        assert isinstance(one, MarineOutcome)
        state = 2 if one.state.active else int(one.state.days > 0)
        category = 0 if one.state.category is None else 1 + CATEGORIES.index(one.state.category)
        expected = {
            "state": state, "days": one.state.days, "category": category, "intensity": one.state.intensity,
            "probability": one.probability, "onset_within": one.onset_within, "climatology": one.climatology,
            "threshold": one.threshold,
            "ends_within": np.full(horizon, np.nan) if one.ends_within is None else one.ends_within,
            "likely_category": np.stack(
                [1 - one.probability, *(one.category_probability[name] for name in CATEGORIES)]
            ).argmax(axis=0),
        }  # fmt: skip
        for name, value in expected.items():
            np.testing.assert_allclose(found[name][row], value, atol=1e-9, err_msg=f"{name} of {row}")
        seen |= {(state, category), *one.probability.tolist()}
    assert {(0, 0), (1, 0)} <= seen
    assert len(seen) > 10 or days < 10


@pytest.mark.parametrize("days", [30, 100])
def test_heat_stress_is_that_of_each_series(days: int) -> None:
    fields = futures(7, 13, days)
    warmest = np.random.default_rng(1).uniform(15, 25, N)
    found = heat_stress(fields, warmest)
    for row in range(N):
        one = evaluate(HeatStress("stress", float(warmest[row])), outlook_of(fields, row))
        assert isinstance(one, HeatStressOutcome)
        assert found["alert"][row] == LEVELS.index(one.level)
        for name in ("now", "median", "lower", "upper"):
            np.testing.assert_allclose(found[name][row], getattr(one, name), atol=1e-9, err_msg=f"{name} of {row}")
        shares = [one.level_probability.get(level, np.zeros(7)) for level in LEVELS]
        np.testing.assert_allclose(found["by_level"][row], shares, atol=1e-9)
    assert (found["median"][:, -1] > found["now"] + 0.3).any()


def test_series_far_below_the_threshold_take_no_paths() -> None:
    cold = futures(7, 13, 60, warmer=-20.0)
    found = marine_events(cold, "marine_heatwave", np.tile(USUAL, (N, 1)), np.tile(USUAL + 1, (N, 1)))
    assert not found["probability"].any()
    active = found["state"] == 2
    assert (found["ends_within"][active] == 1).all()
    assert np.isnan(found["ends_within"][~active]).all()

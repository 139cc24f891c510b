from dataclasses import replace

import numpy as np
import pytest

from forecasting.errors import SeriesError
from forecasting.events.baseline import Baseline
from forecasting.events.definitions import EventDefinition, HeatStress, MarineEvent, Percentile, ThresholdEvent
from forecasting.events.evaluate import evaluate
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats
from forecasting.series.timestep import TimeStep
from tests.forecasting.events.outlooks import DAILY, outlook

WARM_P90 = ThresholdEvent("unusual", "above", Percentile(90), duration=2)
HEATWAVE, BLEACHING = MarineEvent("heatwave"), HeatStress("bleaching")


RUN = ThresholdEvent("run", "above", 17.5, duration=3, within=3)
LEADS, UNOBSERVED, AFTER = 4, 3, 6


def sea() -> SstSeries:
    """Twelve years."""
    values = 17 + 5 * np.sin(np.arange(12 * 365) / 58.1) + np.random.default_rng(0).normal(0, 0.4, 12 * 365)
    return SstSeries(values, np.datetime64("2010-01-01", "s"), DAILY)


def weather() -> Floats:
    """Paths that begin where the sea ends."""
    steps = np.random.default_rng(1).normal(0, 0.5, (60, UNOBSERVED + LEADS + AFTER))
    paths: Floats = sea().values[-1] + steps.cumsum(axis=1)
    return paths


def path_by_path(event: EventDefinition, name: str) -> Floats:
    """Return the mean of a field, as if the steps before the first lead had been observed on each path."""
    past, baseline = sea(), Baseline.fit(sea(), "marine_heatwave")
    fields = []
    for path in weather():
        seen = replace(past, values=np.append(past.values, path[:UNOBSERVED]))
        fields.append(
            getattr(evaluate(event, outlook(seen, path[None, UNOBSERVED:], baseline=baseline, after=AFTER)), name)
        )
    mean: Floats = np.mean(fields, axis=0)
    return mean


@pytest.mark.parametrize(
    ("event", "field"),
    [(RUN, "probability"), (RUN, "longest_mean"), (WARM_P90, "probability"), (HEATWAVE, "probability")],
    ids=lambda value: value if isinstance(value, str) else str(value.name),
)
def test_steps_that_were_not_observed_are_as_each_path_has_them(event: EventDefinition, field: str) -> None:
    baseline = Baseline.fit(sea(), "marine_heatwave")
    late = evaluate(event, outlook(sea(), weather(), baseline=baseline, unobserved=UNOBSERVED, after=AFTER))
    expected = path_by_path(event, field)
    assert np.max(expected) > 0
    np.testing.assert_allclose(getattr(late, field), expected)


def test_heat_stress_of_each_path_has_its_unobserved_days() -> None:
    paths = np.full((4, 3), 33.0)
    late = evaluate(BLEACHING, outlook(sea(), paths, unobserved=1))
    seen = replace(sea(), values=np.append(sea().values, 33.0))
    np.testing.assert_allclose(late.median, evaluate(BLEACHING, outlook(seen, paths[:, 1:])).median)
    assert late.now == evaluate(BLEACHING, outlook(sea(), paths)).now


def test_baselines_and_periods_end_with_the_last_observation() -> None:
    given = outlook(sea(), np.full((4, 5), 35.0), unobserved=3)
    heatwave, bleaching = evaluate(HEATWAVE, given), evaluate(BLEACHING, given)
    assert heatwave.baseline is not None
    assert heatwave.baseline.end == sea().times[-1].astype("datetime64[D]")
    assert len(heatwave.threshold) == 2
    np.testing.assert_array_equal(heatwave.threshold, Baseline.fit(sea(), "marine_heatwave").at(given.times)[1])
    assert bleaching.period is not None
    assert bleaching.period.end == heatwave.baseline.end


@pytest.mark.parametrize(
    ("step", "end"),
    [("hour", "need daily values: send daily means"), ("week", "need daily values"), ("month", "need daily values")],
)
@pytest.mark.parametrize("event", [WARM_P90, HEATWAVE, BLEACHING], ids=lambda event: str(event.name))
def test_events_of_days_are_refused_at_other_steps(event: EventDefinition, step: str, end: str) -> None:
    past = SstSeries(np.full(9, 20.0), np.datetime64("2025-01-01", "s"), TimeStep.parse(step))
    with pytest.raises(SeriesError, match=f"the step is one {step}, but .* {end}$"):
        evaluate(event, outlook(past, [[20.0]]))

from dataclasses import replace

import numpy as np
import pytest

from forecasting.errors import SeriesError
from forecasting.events.baseline import Baseline
from forecasting.events.definitions import EventDefinition, HeatStress, MarineEvent, Percentile, ThresholdEvent
from forecasting.events.judge import judge
from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import TimeStep
from tests.forecasting.events.outlooks import DAILY, outlook

WARM_P90 = ThresholdEvent("unusual", "above", Percentile(90), duration=2)
HEATWAVE, BLEACHING = MarineEvent("heatwave"), HeatStress("bleaching")


def late_series() -> SstSeries:
    """Twelve years, and three estimated days that are far warmer."""
    values = 17 + 5 * np.sin(np.arange(12 * 365) / 58.1) + np.random.default_rng(0).normal(0, 0.4, 12 * 365)
    values[-3:] = 35.0
    return SstSeries(values, np.datetime64("2010-01-01", "s"), DAILY)


@pytest.mark.parametrize("event", [WARM_P90, HEATWAVE, BLEACHING], ids=lambda event: str(event.name))
@pytest.mark.parametrize(
    ("estimated", "sentence"), [(1, "The last step before the"), (3, "The last 3 steps before the")]
)
def test_each_event_of_a_late_series_says_that_its_past_is_estimated(
    event: EventDefinition, estimated: int, sentence: str
) -> None:
    paths = np.full((4, 2), 20.0)
    warning = judge(event, outlook(late_series(), paths, estimated=estimated)).warnings[0]
    assert warning.code == "late"
    assert warning.message.startswith(sentence)
    assert "late" not in [known.code for known in judge(event, outlook(late_series(), paths)).warnings]


def test_estimated_steps_count_as_past_but_not_in_baselines() -> None:
    past = late_series()
    observed = replace(past, values=past.values[:-3])
    given = outlook(past, np.full((4, 2), 35.0), estimated=3)
    heatwave, bleaching = judge(HEATWAVE, given), judge(BLEACHING, given)
    assert heatwave.state.days >= 3
    assert heatwave.baseline is not None
    assert heatwave.baseline.end == observed.times[-1].astype("datetime64[D]")
    fitted = Baseline.fit(observed, "marine_heatwave")
    np.testing.assert_array_equal(heatwave.threshold, fitted.at(given.times)[1])
    assert bleaching.period is not None
    assert bleaching.period.end == heatwave.baseline.end
    assert bleaching.now > 3 * 10 / 7


@pytest.mark.parametrize(
    ("step", "end"), [("hour", "need daily values: send daily means"), ("month", "need daily values")]
)
@pytest.mark.parametrize("event", [WARM_P90, HEATWAVE, BLEACHING], ids=lambda event: str(event.name))
def test_events_of_days_are_refused_at_other_steps(event: EventDefinition, step: str, end: str) -> None:
    past = SstSeries(np.full(9, 20.0), np.datetime64("2025-01-01", "s"), TimeStep.parse(step))
    with pytest.raises(SeriesError, match=f"the step is one {step}, and .* {end}$"):
        judge(event, outlook(past, [[20.0]]))

"""Cost of judging events by a forecast of 14 days, without the forecast itself."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

import numpy as np

from benchmarks.support.processor_time import seconds_of
from forecasting.events.baseline import Baseline
from forecasting.events.definitions import EventDefinition, HeatStress, MarineEvent, Percentile, ThresholdEvent
from forecasting.events.evaluate import evaluate
from forecasting.events.outlook import Outlook
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import DAY, Floats
from forecasting.series.timestep import TimeStep

SECONDS: Final = 1.0
DAYS: Final = 14_610
HORIZON: Final = 14
PATHS: Final = (100, 1_000)

EVENTS: Final[dict[str, EventDefinition]] = {
    "threshold": ThresholdEvent("warm", "above", 16.0, duration=5, within=10),
    "percentile": ThresholdEvent("unusual", "above", Percentile(90), duration=3, within=10),
    "marine heatwave": MarineEvent("heatwave"),
    "degree heating weeks": HeatStress("bleaching"),
}


def measure() -> Iterator[str]:
    """Yield a table with a row for each kind of event: milliseconds of processor time per series."""
    random = np.random.default_rng(0)
    sst = 15 + 5 * np.sin(np.arange(DAYS) / 58.1) + random.normal(size=DAYS)
    past = SstSeries(sst, np.datetime64("1982-01-01", "s"), TimeStep(DAY))
    yield f"ms of processor time per series of {DAYS} days, {HORIZON} leads:"
    yield f"baseline: {_cost(partial(Baseline.fit, past, 90.0)):.2f}"
    yield f"| event | {' | '.join(f'{n} paths' for n in PATHS)} |"
    yield f"|---|{'---:|' * len(PATHS)}"
    outlooks = [_outlook(past, sst[-1] + 0.3 * random.normal(size=(n, HORIZON)).cumsum(axis=1)) for n in PATHS]
    for name, event in EVENTS.items():
        costs = [f"{_cost(partial(evaluate, event, outlook)):.2f}" for outlook in outlooks]
        yield f"| {name} | {' | '.join(costs)} |"


def _outlook(past: SstSeries, paths: Floats) -> Outlook:
    """Return an outlook that has its baseline already."""

    def exceedance(threshold: float | Floats) -> Floats:
        shares: Floats = (paths > threshold).mean(axis=0)
        return shares

    times = past.step.shift(past.times[-1], np.arange(1, HORIZON + 1))
    return Outlook(past, times=times, paths=paths, exceedance=exceedance, calibrated=True)


def _cost(call: Callable[[], object]) -> float:
    return seconds_of(call, during=SECONDS, warm_up=3) * 1e3

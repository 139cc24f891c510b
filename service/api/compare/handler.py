"""Answer ``POST /compare``: every model rolled through each of the caller's series."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from forecasting.errors import RequestError, SeriesError
from forecasting.evaluation.comparison import Rolled, rolling_through, score
from forecasting.evaluation.report import ModelReport
from forecasting.forecasts.options import ForecastOptions
from forecasting.models.base import climatology_at, half_position, on_land
from forecasting.networks.forecaster import Forecaster
from forecasting.networks.metadata import CELLS
from forecasting.releases.loaded_release import LoadedRelease
from forecasting.releases.selection import Selection
from forecasting.series.sst_series import SstSeries
from forecasting.series.units import Units
from forecasting.wording import counted
from service.api.compare.events import check_reach, reach_of, requested_events, threshold_events
from service.api.compare.schemas import CompareRequest
from service.api.compare.universal import UniversalCompared, UniversalRecord
from service.api.compare.universal_rolling import rolling_universal
from service.api.series_request import (
    check_horizon,
    check_limits,
    refuse_failures,
    refuse_missing_steps,
    series_ids,
)
from service.engine.forecasting import positions_of
from service.engine.reading.parsing import parse_all
from service.engine.reading.step_reading import read_each
from service.engine.serving import Serving
from service.settings import Settings

_Result = TypeVar("_Result")

SECONDS_PER_SERIES: Final = 0.02
SECONDS_PER_VALUE: Final = 3e-5
SECONDS_PER_FORECAST: Final = 3e-6
"""Computing time that a comparison takes, rounded up: for each series, value, and one-step forecast."""

SECONDS_PER_EVENT_BASELINE: Final = 1e-5
SECONDS_PER_EVENT: Final = 6e-5
"""The same of events: for each value and event, and for each of these and each model."""


@dataclass(frozen=True)
class Compared:
    """The forecasts of a release's models for each series.

    Attributes:
        release: the release of the models.
        forecasters: the networks that were compared.
        horizon: the lead that was scored.
        units: the units of the errors.
        ids: the ID of each series.
        rolled: the forecasts for each series, or why it could not be used.
    """

    release: LoadedRelease
    forecasters: Sequence[Forecaster]
    horizon: int
    units: Units
    ids: Sequence[str]
    rolled: Sequence[Rolled | SeriesError]

    def scores(self, rolled: Rolled, *, significance: bool = True) -> list[ModelReport]:
        """Return the errors of each model at the scored lead."""
        networks = {forecaster.metadata.cell: forecaster.metadata for forecaster in self.forecasters}
        return score(rolled, networks, self.horizon, self.units, significance=significance)

    def pooled(self) -> tuple[Rolled, list[ModelReport]] | None:
        """Return the forecasts for all series together and their scores; None if no series could be used."""
        usable = [rolled for rolled in self.rolled if isinstance(rolled, Rolled)]
        if not usable:
            return None
        together = Rolled.pooled(usable) if len(usable) > 1 else usable[0]
        # The errors at neighbouring places are correlated, so more series are not more evidence.
        return together, self.scores(together, significance=len(usable) == 1)


async def compare_series(serving: Serving, settings: Settings, request: CompareRequest, *, strict: bool) -> Compared:
    """Roll the requested models through each series.

    Raises:
        ForecastError: if the request asks for something that is not available.
        ProblemError: 422 if ``strict`` and a series could not be used.
    """
    check_limits(request.series, settings)
    release, forecasters = serving.registry.resolve(request.model, request.dataset)
    horizon = request.horizon or 1
    check_horizon(horizon, settings)
    forecasters[0].check(ForecastOptions(horizon))
    events = threshold_events(request, horizon)
    check_reach(events, forecasters[0].metadata.horizon, forecasters[0].metadata.dataset)
    refuse_long_work(request, len(forecasters), reach_of(events, horizon), settings.request_seconds)
    parsed = await serving.run_in_worker(parse_all, request.series, request.units, forecasters[0].step)
    rolled: list[Rolled | SeriesError] = []
    for given, series in zip(request.series, parsed, strict=True):
        if isinstance(series, SeriesError):
            rolled.append(series)
            continue
        asked = requested_events(events, given.baseline or request.baseline, request.units)
        rolled.append(await _in_turns(serving, rolling_through(series, forecasters, horizon, asked)))
    ids = series_ids(request.series)
    if strict:
        refuse_failures(ids, rolled)
    return Compared(release, forecasters, horizon, request.units, ids, rolled)


async def compare_universal(
    serving: Serving, settings: Settings, request: CompareRequest, models: Selection, *, strict: bool
) -> UniversalCompared:
    """Forecast each series with universal networks from its past steps.

    Raises:
        ForecastError: if the request asks for something that is not available.
        ProblemError: 422 if ``strict`` and a series could not be used.
    """
    check_limits(request.series, settings)
    horizon = request.horizon or 1
    check_horizon(horizon, settings)
    named = models.universal
    if named is None:
        refuse_missing_steps(request.series)
    else:
        named.networks.check(horizon)
    events = threshold_events(request, horizon)
    reach = reach_of(events, horizon)
    if named is not None:
        check_reach(events, named.networks.horizon, named.dataset)
    refuse_long_work(request, len(CELLS), reach, settings.request_seconds)
    step = None if named is None else named.step
    parsed = await serving.run_in_worker(
        read_each, request.series, request.units, step, 0, lambda step: models.refusal(step, reach)
    )
    positions = positions_of(request.series)
    parsed = [half_position(*position) or series for position, series in zip(positions.tolist(), parsed, strict=True)]
    coefficients = climatology_at(positions)
    records: list[UniversalRecord | SeriesError] = []
    for i, series in enumerate(parsed):
        if isinstance(series, SstSeries):
            loaded = models.universal_at(series.step, reach)
            asked = requested_events(events, request.series[i].baseline or request.baseline, request.units)
            rolling = rolling_universal(loaded, models.name, series, coefficients[i], horizon, request.units, asked)
            record = await _in_turns(serving, rolling)
            warnings = on_land(positions[i], coefficients[i])
            records.append(record.with_warnings(warnings) if isinstance(record, UniversalRecord) else record)
        else:
            records.append(series)
    ids = series_ids(request.series)
    if strict:
        refuse_failures(ids, records)
    return UniversalCompared(models, horizon, request.units, ids, records)


def refuse_long_work(request: CompareRequest, models: int, horizon: int, seconds: float) -> None:
    """Raise RequestError if the comparison would likely take over half of the ``seconds`` that a request may take.

    The error says how much can be compared at once.
    """
    n, values = len(request.series), sum(len(series.values) for series in request.series)
    per_event = SECONDS_PER_EVENT_BASELINE + models * SECONDS_PER_EVENT
    per_value = SECONDS_PER_VALUE + models * horizon * SECONDS_PER_FORECAST + len(request.events) * per_event
    work = n * SECONDS_PER_SERIES + values * per_value
    share = seconds / 2 / work
    if share >= 1:
        return
    if n > 1 and (limit := int(n * share)):
        remedy = f"send at most {limit} such series in one request"
    else:
        fewer = ", a smaller horizon or fewer events" if request.events else " or a smaller horizon"
        remedy = f"send shorter series, or ask for one model{fewer}"
    raise RequestError(
        f"comparing {counted(models, 'model')} {counted(horizon, 'step')} ahead on {n} series with {values} values in "
        f"total would take longer than a request may take: {remedy}",
        field="series",
    )


async def _in_turns(serving: Serving, rolling: Generator[None, None, _Result | SeriesError]) -> _Result | SeriesError:
    """Run a generator in turns, so that other large requests get theirs and a cancelled one ends soon."""
    while True:
        result = await serving.run_in_worker(_advance, rolling)
        if result is not None:
            return result


def _advance(rolling: Generator[None, None, _Result | SeriesError]) -> _Result | SeriesError | None:
    try:
        next(rolling)
    except StopIteration as stop:
        result: _Result | SeriesError = stop.value
        return result
    except SeriesError as error:
        return error
    return None

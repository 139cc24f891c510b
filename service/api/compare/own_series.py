"""Compares models on the caller's series: every model rolled through each, and the figures as JSON, CSV or Markdown."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from forecasting.backtest.backtest import Backtest
from forecasting.errors import RequestError, SeriesError
from forecasting.evaluation.events import RequestedEvents
from forecasting.evaluation.report import ModelReport, models_table
from forecasting.events.baseline import COARSE_BASELINE, Position
from forecasting.events.definitions import Percentile, ThresholdEvent
from forecasting.events.event_schema import definitions_of
from forecasting.events.outlook import GivenBaseline
from forecasting.forecast_warning import ForecastWarning
from forecasting.forecasts.json import Json, rounded, written_times
from forecasting.forecasts.options import ForecastOptions
from forecasting.models.base import half_positions
from forecasting.models.metadata import CELLS
from forecasting.releases.catalog import Selection
from forecasting.releases.release import Release
from forecasting.series.batch import SeriesByStep, future_error
from forecasting.series.timestep import TimeStep
from forecasting.series.units import Units, from_celsius
from forecasting.wording import counted
from service.api.compare.held_out import Cell, compared_model, header_of, row_of, to_csv
from service.api.compare.schemas import (
    ComparedBaseline,
    ComparedNetwork,
    CompareRequest,
    EventVerification,
    EventVerificationFailure,
)
from service.api.series_request import refuse_failures
from service.engine.events import MAX_EVENT_HORIZON, position_of, read_baseline
from service.engine.forecasting import positions_of
from service.engine.reading import (
    AnyBaseline,
    check_horizon,
    check_limits,
    parse,
    read_each,
    refuse_missing_steps,
    sentence,
    series_ids,
)
from service.engine.serving import Serving
from service.settings import Settings

SECONDS_PER_SERIES: Final = 0.02
SECONDS_PER_VALUE: Final = 3e-5
SECONDS_PER_FORECAST: Final = 3e-6
"""Computing time that a comparison takes, rounded up: for each series, value, and one-step forecast."""

SECONDS_PER_EVENT_BASELINE: Final = 1e-5
SECONDS_PER_EVENT: Final = 6e-5
"""The same of events: for each value and event, and for each of these and each model."""


@dataclass(frozen=True)
class Entry:
    """The backtest of one series, or of several by one release."""

    release: Release
    step: TimeStep
    backtest: Backtest
    horizon: int
    units: Units

    @property
    def reports(self) -> list[ModelReport]:
        """The errors of each model."""
        return self.backtest.reports(self.horizon, self.units)

    def row(self, model: ModelReport, models: Sequence[ModelReport]) -> ComparedNetwork | ComparedBaseline:
        """Return one row of a comparison, with its skill over the baselines among ``models``."""
        row = compared_model(model, models, 1, self.backtest.networks.get(model.name))
        if isinstance(row, ComparedNetwork):
            return row.model_copy(update={"events": self._verifications(model.name)})
        return row

    def _verifications(self, cell: str) -> list[EventVerification | EventVerificationFailure] | None:
        """Return the scores of the events of one network, in the order of the request; None if there are none."""
        rows = [
            EventVerificationFailure(name=name, error=sentence(event))
            if isinstance(event, SeriesError)
            else EventVerification(name=name, **event.score_network(cell).model_dump())
            for name, event in self.backtest.events.items()
        ]
        return rows or None

    @property
    def release_json(self) -> Json:
        """The release and the step."""
        return {"dataset": self.release.dataset, "version": self.release.version, "step": str(self.step)}

    @property
    def scores_json(self) -> Json:
        """The scored period, and a row for each model."""
        reports = self.reports
        rows = [self.row(report, reports) for report in reports]
        return {
            "test": self.backtest.period.model_dump(),
            "lowest_rmse": min(rows, key=lambda row: row.rmse).model,
            "models": [row.model_dump() for row in rows],
        }

    def series_json(self, *, predictions: bool) -> Json:
        """Return the fields of :class:`~service.api.compare.schemas.SeriesComparison` after its ID."""
        backtest = self.backtest
        fields = self.release_json | self.scores_json
        fields["warnings"] = [{"code": warning.code, "message": warning.message} for warning in backtest.warnings]
        if predictions:
            names = {cell: facts.model for cell, facts in backtest.networks.items()}
            fields["predictions"] = {
                "timestamps": written_times(backtest.times[None])[0],
                "observed": rounded(from_celsius(backtest.observed, self.units)).tolist(),
                "predicted": {
                    names.get(name, name): rounded(from_celsius(column, self.units)).tolist()
                    for name, column in backtest.predicted.items()
                },
            }
        return fields


@dataclass(frozen=True)
class OwnSeries:
    """The backtests of the series of a request."""

    selection: Selection
    horizon: int
    units: Units
    ids: Sequence[str]
    entries: Sequence[Entry | SeriesError]

    @property
    def shared(self) -> tuple[Release, TimeStep] | None:
        """The release that the request names, or that all series share, and their step; None if there are several."""
        named = self.selection.release
        if named is not None:
            return named, named.step
        used = {(entry.release.dataset, entry.step): entry for entry in self._usable}
        return next(((entry.release, entry.step) for entry in used.values()), None) if len(used) == 1 else None

    def pooled(self) -> Entry | None:
        """Return the backtest of all series together; None if no series could be used, or they have several steps."""
        usable = self._usable
        if not usable or self.shared is None:
            return None
        together = Backtest.pooled([entry.backtest for entry in usable])
        return Entry(usable[0].release, usable[0].step, together, self.horizon, self.units)

    @property
    def _usable(self) -> list[Entry]:
        return [entry for entry in self.entries if isinstance(entry, Entry)]

    def to_json(self, *, predictions: bool) -> Json:
        """Return the fields of :class:`~service.api.compare.schemas.OwnComparison`."""
        shared: Json = {}
        if self.shared is not None:
            release, step = self.shared
            best = f"{release.dataset}-{release.best}"
            shared = {"dataset": release.dataset, "version": release.version, "step": str(step), "best": best}
        series = [
            {"id": name, "error": sentence(entry)}
            if isinstance(entry, SeriesError)
            else {"id": name} | entry.series_json(predictions=predictions)
            for name, entry in zip(self.ids, self.entries, strict=True)
        ]
        response: Json = {"kind": "own_series", **shared, "units": self.units, "horizon": self.horizon, "models": []}
        pooled = self.pooled()
        return response | {"series": series} | ({} if pooled is None else pooled.scores_json)

    def to_csv(self) -> str:
        """Return the rows of each series, after its ID. A series that could not be used has one row, with its error."""
        references = self.selection.references
        rows: list[Sequence[Cell]] = [["id", "start", "end", "n", *header_of(references), "error"]]
        for name, entry in zip(self.ids, self.entries, strict=True):
            if isinstance(entry, SeriesError):
                rows.append([name, *[None] * (len(rows[0]) - 2), sentence(entry)])
                continue
            period, reports = entry.backtest.period, entry.reports
            for report in reports:
                row = row_of(entry.row(report, reports), references)
                rows.append([name, period.start, period.end, period.n, *row, None])
        return to_csv(rows)

    def to_markdown(self) -> str:
        """Return a table of errors for all series together and, if there are several, for each."""
        tables = [
            sentence(entry) if isinstance(entry, SeriesError) else models_table(entry.reports) for entry in self.entries
        ]
        if len(tables) == 1:
            return tables[0] + "\n"
        sections = [f"### {' '.join(name.split())}\n\n{table}" for name, table in zip(self.ids, tables, strict=True)]
        pooled = self.pooled()
        return "\n\n".join([models_table(pooled.reports), *sections] if pooled else sections) + "\n"


_NO_WEATHER: Final = ForecastWarning("weather_ignored", "models are compared without weather")


async def compare_series(
    serving: Serving, settings: Settings, request: CompareRequest, selection: Selection, *, strict: bool
) -> OwnSeries:
    """Roll the models of ``selection`` through each series."""
    check_limits(request.series, settings)
    horizon = request.horizon or 1
    check_horizon(horizon, settings)
    if selection.release is None:
        refuse_missing_steps(request.series)
    selection.check(ForecastOptions(horizon))
    events = _threshold_events(request, horizon)
    for model in selection.named[:1]:
        _check_reach(events, model.horizon, model.dataset)
    # The last lead that has to be forecast: for the events, and for the lead that is scored.
    reach = max([horizon, *(event.within or 1 for event in events)])
    models = len(selection.columns) if selection.is_quick else len(CELLS)
    refuse_long_work(request, models, reach, settings.request_seconds)
    if selection.reads_at is not None:
        parsed = await serving.worker.run(parse, request.series, request.units, selection.reads_at)
        read = SeriesByStep.at_one_step(*parsed)
    else:
        step, refusal = selection.default_step, partial(selection.refusal, horizon=reach)
        read = await serving.worker.run(read_each, request.series, request.units, step, 0, refusal)
    entries: list[Entry | SeriesError] = []
    for given, series, position in zip(request.series, read.each(), positions_of(request.series), strict=True):
        try:
            if isinstance(series, SeriesError):
                raise series
            if error := half_positions(position[None]).get(0) or future_error(series, remedy=""):
                raise error
            has_weather, series = series.weather is not None, replace(series, weather=None)
            release = selection.release_at(series.step, reach)
            where = position_of(given.latitude, given.longitude)
            asked = _requested_events(events, given.baseline or request.baseline, where, request.units)
            backtest = await _in_turns(serving, release.backtest(selection.name, series, position, horizon, asked))
            use_percentiles = any(isinstance(event.threshold, Percentile) for event in events)
            is_coarse = use_percentiles and isinstance(asked.baseline, Position)
            backtest = backtest.with_warnings((COARSE_BASELINE,) * is_coarse + (_NO_WEATHER,) * has_weather)
            entries.append(Entry(release, series.step, backtest, horizon, request.units))
        except SeriesError as error:
            entries.append(error.with_traceback(None))
    ids = series_ids(request.series)
    if strict:
        refuse_failures(ids, entries)
    return OwnSeries(selection, horizon, request.units, ids, entries)


def _threshold_events(request: CompareRequest, horizon: int) -> tuple[ThresholdEvent, ...]:
    """Return the events of a request in °C, with the number of leads that each considers."""
    definitions = definitions_of(request.events, MAX_EVENT_HORIZON, request.units)
    events = tuple(
        replace(event, within=event.within or max(event.duration, horizon))
        for event in definitions
        if isinstance(event, ThresholdEvent)
    )
    _check_reach(events, MAX_EVENT_HORIZON, "a comparison")
    return events


def _check_reach(events: tuple[ThresholdEvent, ...], leads: int, forecaster: str) -> None:
    """Raise RequestError if an event considers more than the ``leads`` that ``forecaster`` forecasts."""
    for i, event in enumerate(events):
        if (event.within or 1) > leads:
            raise RequestError(
                f"events[{i}] looks {counted(event.within or 1, 'step')} ahead, but {forecaster} reaches only {leads}: "
                f"set within to at most {leads}",
                field=f"events[{i}].within",
            )


def _requested_events(
    events: tuple[ThresholdEvent, ...], baseline: AnyBaseline | None, position: Position, units: Units
) -> RequestedEvents:
    """Return the events to verify on a series with this ``baseline``, whose temperatures are in ``units``."""
    known: GivenBaseline | SeriesError
    try:
        known = read_baseline(baseline, units, position)
    except SeriesError as error:
        known = error
    return RequestedEvents(events, known)


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


async def _in_turns(serving: Serving, rolling: Generator[None, None, Backtest]) -> Backtest:
    """Run a generator in turns, so that other large requests get theirs and a cancelled one ends soon."""
    while True:
        backtest = await serving.worker.run(_advance, rolling)
        if backtest is not None:
            return backtest


def _advance(rolling: Generator[None, None, Backtest]) -> Backtest | None:
    try:
        next(rolling)
    except StopIteration as stop:
        backtest: Backtest = stop.value
        return backtest
    return None

"""Issue a forecast from the end of a station's series after readings arrived."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Final, NamedTuple

import numpy as np
from orjson import dumps
from sqlalchemy import Connection

from forecasting.errors import ForecastError, RequestError, SeriesError, UnknownNameError
from forecasting.events.definitions import EventDefinition
from forecasting.events.evaluate import evaluate
from forecasting.events.event_json import outcome_json
from forecasting.events.outlook import EventPast, GivenBaseline, Outlook
from forecasting.forecasts.forecasts import Forecasts
from forecasting.forecasts.json import Json, listed, objects_of
from forecasting.forecasts.options import ForecastOptions
from forecasting.models.base import ALL, BEST, climatology_at
from forecasting.models.metadata import CELLS
from forecasting.qartod import SUSPECT
from forecasting.releases.catalog import unknown_model
from forecasting.series.batch import SeriesByStep
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import DAY, SECONDS, Floats, iso_of
from forecasting.series.timestep import TimeStep, in_words
from forecasting.weather_sources import past_days
from service.engine.event_state import EventStatus
from service.engine.events import EventOptions, judged, position_of, read_baseline
from service.engine.forecasting import Job, RequestOptions
from service.engine.reading import sentence
from service.engine.serving import Serving
from service.plugins.stations.alerts import (
    Judgement,
    baseline_in_celsius,
    needs_whole_past,
    options_of,
    raise_alerts,
    steps_of_alerts,
    too_late,
)
from service.plugins.stations.durations import shifted
from service.plugins.stations.event_changes import History
from service.plugins.stations.readings import PAST_STEPS, doubt_in_words, used_times
from service.plugins.stations.recalibration import Draft, Stored, store_forecasts
from service.plugins.stations.store.database import BEFORE_ALL, StationStore, parts
from service.plugins.stations.store.forecasts import IssuedForecast, stations_without_forecast
from service.plugins.stations.store.observations import Integers, latest_values
from service.plugins.stations.store.stations import WEATHER_KIND, Station, get_fetches
from service.plugins.stations.store.weather import forecasts_of_weather, get_weather
from service.plugins.stations.weather import StationWeather, StoredWeather, weather_of

_LEVELS: Final = (10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 98)
"""Interval levels of a universal network, which are calibrated at any level."""


def check_model(serving: Serving, model: str, step: TimeStep, horizon: int) -> None:
    """Check that a model can forecast a station, before the settings are stored.

    The model is ``best``, a cell or a full name. A station with the model ``best`` may wait for a release of its step.
    """
    if model == ALL:
        raise RequestError("a station has one model: name it, or leave the choice to best", field="model")
    try:
        selection = serving.select(model, None)
    except UnknownNameError:
        if not serving.catalog.model_names:
            raise
        choices = _choices(serving, step, horizon)
        if not choices:
            # The step or the horizon is what is wrong, and the error of any other model says so.
            check_model(serving, BEST, step, horizon)
        raise unknown_model(model, choices) from None
    if selection.reads_at not in (None, step):
        raise RequestError(
            f"{model} forecasts steps of {in_words(str(selection.reads_at))}, but the step of the station is "
            f"{in_words(str(step))}: name a model of this step, or leave the choice to best",
            field="model",
        )
    if model != BEST or selection.catalog.nearest(step, horizon) is not None:
        selection.check_step(step, horizon)


def check_uses_weather(serving: Serving, model: str) -> None:
    """Raise RequestError if a model that :func:`check_model` accepts is that of a place, which uses no weather."""
    if serving.select(model, None).reads_at is not None:
        raise RequestError(
            f"{model} is the network of a place and uses no weather: leave weather out, or name a universal network",
            field="weather",
        )


def _choices(serving: Serving, step: TimeStep, horizon: int) -> list[str]:
    """Return the models that :func:`check_model` accepts."""
    choices = []
    for name in [BEST, *CELLS, *serving.catalog.model_names]:
        with suppress(ForecastError):
            check_model(serving, name, step, horizon)
            choices.append(name)
    return choices


DEFAULT_HORIZON: Final = 7
"""Steps that are forecast for a station that names none."""

_KEPT: Final = ("timestamps", "sst", "intervals", "baselines", "usual", "warnings", "events")
"""What is stored of an entry of a response."""

_STEPS_UNTIL_LATE: Final = 2
STATIONS_AT_ONCE: Final = 64
"""Stations that are read, forecast and stored together. Others wait for a thread, or to write, meanwhile."""

_SIDE_BY_SIDE: Final = 2
"""Parts of a large request that advance side by side: networks leave Python's lock to the other."""


class _Pending(NamedTuple):
    """A station with the readings that count, and why others at their end do not; or with these too."""

    station: Station
    times: Integers
    values: Floats
    doubt: str | None = None
    with_suspects: bool = False
    weather: StoredWeather | None = None

    @property
    def is_replayed(self) -> bool:
        """Whether the readings arrived after the time that a forecast begins with."""
        assert self.station.received is not None
        step = TimeStep.parse(self.station.settings.step)
        return self.station.received > shifted(int(self.times[-1]), _STEPS_UNTIL_LATE, step)


async def issue_forecasts(
    store: StationStore,
    serving: Serving,
    stations: Sequence[str],
    alerted: Callable[[], None],
    progressed: Callable[[], None] = lambda: None,
    at_once: int = STATIONS_AT_ONCE,
) -> dict[str, IssuedForecast | str]:
    """Issue a forecast for each of ``stations`` whose last readings have none yet, and store it."""
    results: dict[str, IssuedForecast | str] = {}
    waiting = parts(stations, at_once)

    async def issue_parts() -> None:
        for part in waiting:
            results.update(await _issue(store, serving, part, alerted))
            progressed()

    tasks = [asyncio.create_task(issue_parts()) for _ in range(_SIDE_BY_SIDE)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
    return results


async def _issue(
    store: StationStore, serving: Serving, stations: Sequence[str], alerted: Callable[[], None]
) -> dict[str, IssuedForecast | str]:
    """Do as :func:`issue_forecasts` for stations that are stored in one transaction."""
    results: dict[str, IssuedForecast | str] = {}
    drafts, judged, doubted = dict[str, Draft](), dict[str, _Outcome](), dict[str, _Outcome]()
    for group in _alike(await store.read(_pending, stations)):
        for each in await _forecast(store, serving, group):
            station = each.member.station.id
            if each.member.with_suspects:
                doubted[station] = each
                continue
            judged[station] = each
            if isinstance(each.draft, Draft):
                drafts[station] = each.draft
            else:
                results[station] = each.draft
    judgements = [_judgement(each, doubted.get(station)) for station, each in judged.items() if each.histories]
    if drafts or judgements:
        stored, alerts = await store.write(_store, [*drafts.values()], judgements)
        results |= zip(drafts, stored.forecasts, strict=True)
        store.metrics.issued(stored.new)
        store.metrics.verified(stored.verified)
        if alerts:
            alerted()
    return results


def _store(connection: Connection, drafts: Sequence[Draft], judgements: Sequence[Judgement]) -> tuple[Stored, int]:
    """Store forecasts, and the alerts of changes of events; returns how many of these there are besides."""
    return store_forecasts(connection, drafts), raise_alerts(connection, judgements)


def _pending(connection: Connection, stations: Sequence[str]) -> list[_Pending]:
    pending = []
    waiting = stations_without_forecast(connection, stations)
    weather = _stored_weather(connection, [station for station in waiting if station.settings.weather is not None])
    for station in waiting:
        number, first, doubt = station.number, BEFORE_ALL, None
        if station.newest is not None and not needs_whole_past(station.settings):
            first = shifted(station.newest.time, 1 - PAST_STEPS, TimeStep.parse(station.settings.step))
        if station.newest is not None and station.newest.flag >= SUSPECT:
            doubt = doubt_in_words(station.newest, station.settings.units)
            if station.settings.events and station.newest.flag == SUSPECT:
                observed = latest_values(connection, number, first, worst=SUSPECT)
                pending.append(_Pending(station, *observed, doubt, with_suspects=True, weather=weather.get(number)))
        observed = latest_values(connection, number, first)
        pending.append(_Pending(station, *observed, doubt, weather=weather.get(number)))
    return pending


def _stored_weather(connection: Connection, stations: Sequence[Station]) -> dict[int, StoredWeather]:
    """Return what the store has of the weather of stations, by their numbers."""
    if not stations:
        return {}
    numbers = [station.number for station in stations]
    newest, fetches = get_weather(connection, numbers), get_fetches(connection, numbers, WEATHER_KIND)
    begins = {}
    for station in stations:
        if station.newest is not None:
            step = TimeStep.parse(station.settings.step)
            begins[station.number] = station.newest.time - past_days(step) * DAY, step
    given = forecasts_of_weather(connection, begins)
    return {
        number: StoredWeather(
            newest.get(number),
            given.get(number, []),
            fetches[number].error if number in fetches else None,
        )
        for number in numbers
    }


def _alike(pending: Sequence[_Pending]) -> Iterable[list[_Pending]]:
    """Return stations in groups that are forecast together: with the same model, horizon and events."""
    groups: dict[tuple[object, ...], list[_Pending]] = {}
    for member in pending:
        settings, key = member.station.settings, tuple[object, ...]()
        if settings.events:
            key = dumps([settings.units, settings.events]), settings.step, settings.alert_within, member.with_suspects
        groups.setdefault((settings.model, settings.horizon, *key), []).append(member)
    return groups.values()


class _Read(NamedTuple):
    """A station with its series, and the weather over it; None if it has none by its settings."""

    member: _Pending
    series: SstSeries
    weather: StationWeather | None


class _Outcome(NamedTuple):
    """The forecast of a station or why there is none, and what its events went through, in their order."""

    member: _Pending
    draft: Draft | str
    histories: Sequence[History]


async def _forecast(store: StationStore, serving: Serving, group: Sequence[_Pending]) -> list[_Outcome]:
    """Return the forecasts of stations that :func:`_alike` groups, or why there are none."""
    settings = group[0].station.settings
    horizon = settings.horizon or DEFAULT_HORIZON
    events = options_of(settings, horizon)
    if group[0].with_suspects:
        # Only for its events.
        return await store.run(_refused, group, events, "")
    outcomes = list[_Outcome]()
    try:
        selection = serving.select(settings.model, None)
        levels = _LEVELS if selection.reads_at is None else tuple(selection.named[0].levels)
        job = Job(selection, (), RequestOptions(ForecastOptions(horizon, levels), events))
        selection.check(job.options.forecast)

        def run(part: slice) -> None:
            outcomes.extend(_outcomes(serving, job, group[part]))

        await serving.forecast_parts(job, [len(member.times) for member in group], run)
    except ForecastError as error:
        return await store.run(_refused, group, events, str(error))
    return outcomes


def _outcomes(serving: Serving, job: Job, members: Sequence[_Pending]) -> list[_Outcome]:
    sent, results = _read(members)
    is_universal, events = job.selection.reads_at is None, job.options.events
    if not is_universal:
        sent = [_without_weather(each, f"{job.selection.name} uses none") for each in sent]
    forecasts = _forecasts(serving, job, sent)
    uses = zip(forecasts.row.tolist(), forecasts.weather, strict=True) if forecasts.weather else ()
    without = dict[int, list[float]]()
    if rows := [row for row, use in uses if use is not None and use.used]:
        found = _forecasts(serving, job, [_without_weather(sent[row], "") for row in rows])
        without = {rows[i]: values for i, values in zip(found.row.tolist(), listed(found.sst), strict=True)}
    for i, (row, content) in enumerate(zip(forecasts.row.tolist(), objects_of(forecasts), strict=True)):
        histories = list[History]()
        if events is not None:
            said = _judged(sent[row], events, partial(forecasts.outlook, i))
            content["events"], histories = [event for event, _ in said], [history for _, history in said]
        draft = _draft(sent[row], content, without.get(row), is_universal=is_universal)
        results.append(_Outcome(sent[row].member, draft, histories))
    failed = sorted(forecasts.errors.items())
    return results + [_unforecast(sent[row], events, sentence(error)) for row, error in failed]


def _refused(group: Sequence[_Pending], events: EventOptions | None, reason: str) -> list[_Outcome]:
    """Return stations without a forecast, for one reason, unless they have no series."""
    sent, results = _read(group)
    return results + [_unforecast(each, events, reason) for each in sent]


def _unforecast(read: _Read, events: EventOptions | None, reason: str) -> _Outcome:
    """Return a station without a forecast; its readings still tell the state of its events."""
    if events is None:
        return _Outcome(read.member, reason, [])
    past = partial(EventPast, read.series, coefficients=climatology_at(_positions([read]))[0])
    return _Outcome(read.member, reason, [history for _, history in _judged(read, events, past)])


def _judged(
    read: _Read, events: EventOptions, past: Callable[[GivenBaseline], EventPast]
) -> list[tuple[Json | None, History]]:
    """Return the forecast of each event of a station, if it has one, and what the event went through."""
    settings = read.member.station.settings
    steps = steps_of_alerts(settings)

    def baseline() -> GivenBaseline:
        given = baseline_in_celsius(settings.baseline, settings.units)
        return read_baseline(given, "celsius", position_of(settings.latitude, settings.longitude))

    def judge(definition: EventDefinition, known: EventPast) -> tuple[Json | None, History]:
        event = outcome_json(evaluate(definition, known), "celsius") if isinstance(known, Outlook) else None
        return event, History.of(definition, known, steps, event)

    return [
        ({"name": each.name, "error": one}, History((), EventStatus(None, error=one))) if isinstance(one, str) else one
        for each, one in zip(events.definitions, judged(events.definitions, past, baseline, judge), strict=True)
    ]


def _judgement(outcome: _Outcome, doubted: _Outcome | None) -> Judgement:
    station = outcome.member.station
    assert station.received is not None
    return Judgement(
        station=station.number,
        batch=station.batches,
        arrived=station.received,
        units=station.settings.units,
        events=station.settings.events or (),
        histories=outcome.histories,
        doubt=outcome.member.doubt,
        doubted=None if doubted is None else doubted.histories,
    )


def _forecasts(serving: Serving, job: Job, sent: Sequence[_Read]) -> Forecasts:
    series = SeriesByStep.of([each.series for each in sent]).complete(_positions(sent), None)
    return serving.forecast_columns(job, series)[0]


def _positions(sent: Sequence[_Read]) -> Floats:
    settings = [each.member.station.settings for each in sent]
    return np.array([(each.latitude, each.longitude) for each in settings], dtype=np.float64).reshape(-1, 2)


def _read(group: Sequence[_Pending]) -> tuple[list[_Read], list[_Outcome]]:
    """Return the series of stations, and those that have none, with the reason."""
    sent, refused = list[_Read](), list[_Outcome]()
    for member in group:
        try:
            sent.append(_series_of(member))
        except SeriesError as error:
            reason = sentence(error)
            unknown = History((), EventStatus(None, error=reason))
            refused.append(_Outcome(member, reason, [unknown] * len(member.station.settings.events or ())))
    return sent, refused


def _without_weather(read: _Read, problem: str) -> _Read:
    """Return a station without weather, and why, if it has any."""
    if read.weather is None:
        return read
    return read._replace(series=replace(read.series, weather=None), weather=StationWeather(problem=problem))


def _series_of(member: _Pending) -> _Read:
    """Return the series of a station on a regular grid, up to its last observation, and the weather over it."""
    settings = member.station.settings
    step = TimeStep.parse(settings.step)
    if not len(member.times):
        raise SeriesError(f"no reading counts: {member.doubt or 'all were taken back'}")
    regular = used_times(member.times.view(SECONDS), step)
    times = member.times[regular]
    series = SstSeries.from_observations(
        times.view(SECONDS),
        member.values[regular],
        step=step,
        where=lambda i: f"the reading of {iso_of(int(times[i]))}",
    )
    weather = None
    if member.weather is not None:
        horizon, now = settings.horizon or DEFAULT_HORIZON, int(time.time())
        weather = weather_of(member.weather, series, horizon, replayed=member.is_replayed, now=now)
    # What was sorted or left out is no matter of the forecast.
    series = replace(series, notes=(), weather=weather and weather.over)
    return _Read(member, series, weather)


def _draft(read: _Read, content: Json, without: list[float] | None, *, is_universal: bool) -> Draft:
    member, weather = read.member, read.weather
    station, step = member.station, TimeStep.parse(member.station.settings.step)
    assert station.received is not None
    issued = IssuedForecast(
        station=station.number,
        batch=station.batches,
        issued=station.received,
        observed_until=int(member.times[-1]),
        replayed=member.is_replayed,
        model=content["model"],
        version=content["version"],
        content=_kept(content, station.settings.events or (), _doubts(member, weather)),
        weather=None if weather is None else weather.given(content.get("weather"), without),
    )
    return Draft(issued, step, is_universal)


def _doubts(member: _Pending, weather: StationWeather | None) -> list[dict[str, str]]:
    """Return the warnings about the input of a forecast."""
    warnings, newest = [], member.station.newest
    if member.doubt is not None:
        warnings.append({"code": "suspect_value", "message": f"{member.doubt}: the forecast leaves it out"})
    if newest is not None and (late := too_late(member.station.settings, newest.time, newest.received)) is not None:
        warnings.append({"code": "alerts_too_late", "message": late})
    if weather is not None and weather.warning is not None:
        code, message = weather.warning
        warnings.append({"code": code, "message": message})
    return warnings


def _kept(content: Json, watched: Sequence[Json], doubts: Sequence[dict[str, str]]) -> Json:
    """Return what is stored of an entry: its thresholds with their sides, so that they can be verified later."""
    kept: Json = {name: content[name] for name in _KEPT if name in content}
    kept["warnings"] = [*doubts, *kept["warnings"]]
    if "events" in kept:
        thresholds = (event for event in watched if event["kind"] == "threshold")
        sides = {event["name"]: {"side": "above" if "above" in event else "below"} for event in thresholds}
        kept["events"] = [event | sides.get(event["name"], {}) for event in kept["events"]]
    return kept

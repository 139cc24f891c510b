"""How good the forecasts of a station and of its events were, against the latest observations: as JSON or CSV."""

import csv
import io
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from sqlalchemy import Connection

from forecasting.errors import RequestError
from forecasting.evaluation.event_states import (
    MARGIN_DAYS,
    EventPairs,
    ScoredEvent,
    at_least,
    beyond,
    heat_stress_levels,
    marine_states,
)
from forecasting.events.baseline import PERCENTILES
from forecasting.events.detection import sign_of
from forecasting.events.heat_stress import LEVEL_PROBABILITIES, LEVELS
from forecasting.scores.events import PERSISTENCE, SIGNS
from forecasting.scores.verification import Indices, Intervals, LeadVerification, Observed, Pairs, Verification
from forecasting.series.times import SECONDS, Bools, Floats, Times, calendar_months, seconds_of
from forecasting.series.timestep import TimeStep
from forecasting.series.units import Units, from_celsius
from service.api.place_summary import SummaryAccuracy
from service.plugins.stations.alerts import EventKind
from service.plugins.stations.schemas import (
    StationVerification,
    VerifiedErrors,
    VerifiedEvent,
    VerifiedForecasts,
    VerifiedLead,
    VerifiedMonth,
)
from service.plugins.stations.store.database import AFTER_ALL, BEFORE_ALL
from service.plugins.stations.store.forecasts import IssuedForecast, counting_forecasts, iterate_forecasts
from service.plugins.stations.store.observations import latest_values
from service.plugins.stations.store.stations import EVERYONE, Caller, Station, station_for

MAX_PAIRS: Final = 200_000
"""Forecasts times leads of one response: ten years of hours at one lead, or sixty years of days at seven."""

SHOWN_LEVELS: Final = (50, 80, 90, 95)
"""Percent: intervals whose coverage is counted."""

Form = Literal["json", "csv", "events_csv"]
"""JSON, or a table of the scores of forecasts or of events."""

Cell = str | float | None

_ERRORS: Final = ("mae", "rmse", "bias")
_EVENT_COLUMNS: Final = (
    "event", "kind", "level", "lead", "n", "frequency", "brier", "skill_persistence",
    "minimum", "maximum", "forecasts", "happened", "probability", "share", "lower", "upper",
)  # fmt: skip

_THRESHOLD: Final = "threshold"
_HEAT_STRESS: Final = "degree_heating_weeks"

_Column = str | tuple[str | float, ...]
"""The name of a column; those of temperatures are tuples: a kind, and perhaps a name or a level and the bound."""

_Columns = Mapping[_Column, Floats]
"""A row for each lead of each forecast: its ``lead``, the first valid ``time`` and ``until``, the last observation of
the forecast, both Unix seconds, and more. All are ``(n,)``, and NaN where a forecast has none."""


_SST: Final = ("sst",)
_WITHOUT_WEATHER: Final = ("without_weather",)
"""NaN where a forecast used no weather."""
_BASELINE, _ISSUED, _PLAIN = "baseline", "issued", "plain"
_BOUNDS: Final = ("lower", "upper")
_ALL: Final = ""
"""The group of all forecasts, beside those of months."""


class Selection(NamedTuple):
    """Which forecasts are verified, and how they are grouped."""

    begin: int = BEFORE_ALL
    end: int = AFTER_ALL
    lead: int | None = None
    replayed: bool | None = None
    by_month: bool = False


def verification(connection: Connection, station: str, caller: Caller, selection: Selection, form: Form) -> str:
    """Return the verification of a station as JSON or CSV."""
    response = verify(connection, station, selection, caller)
    if form == "json":
        return response.model_dump_json()
    return _csv(response) if form == "csv" else _events_csv(response)


def verify(
    connection: Connection, station_id: str, selection: Selection, caller: Caller = EVERYONE
) -> StationVerification:
    """Score the forecasts of a station. The errors are those of :func:`verification`."""
    station = station_for(connection, station_id, caller)
    step, units = TimeStep.parse(station.settings.step), station.settings.units
    pairs, events = _Rows(), defaultdict[_Judged, _Rows](_Rows)
    period = selection.begin, selection.end
    for forecast in counting_forecasts(iterate_forecasts(connection, {station.number: period})):
        if selection.replayed in (None, forecast.replayed):
            _add_forecast(pairs, forecast, selection.lead)
            _add_events(events, forecast)
    result = StationVerification(station=station.id, units=units, leads=[], events=[])
    if not pairs.count:
        return result
    columns = pairs.columns()
    have_states = any(kind != _THRESHOLD for kind, _ in events)
    observed = _observed(connection, station.number, columns, step, MARGIN_DAYS if have_states else (1, 1))
    most = int(columns["leads"].max())
    scores = Verification[str]()
    for lead in range(1, most + 1) if selection.lead is None else [selection.lead]:
        at_lead = _part(columns, columns["lead"] == lead)
        groups = _groups(at_lead, by_month=selection.by_month)
        common = scores.add(lead, _pairs(at_lead, observed, units), groups)
        shown = {group: _shown(scores.at(group, lead, station.settings.model)) for group in groups}
        whole = shown.pop(_ALL)
        months = [{"month": month, **part} for month, part in shown.items() if part["n"]]
        replayed = int(at_lead["replayed"][common].sum())
        result.leads.append(VerifiedLead.model_validate({"replayed": replayed, "months": months, **whole}))
    result.events.extend(_event_scores(events, selection.lead, observed))
    return result


def recent_accuracy(connection: Connection, station: Station, begin: int) -> SummaryAccuracy | None:
    """Return how right the forecasts from observations since ``begin`` were, over all leads."""
    pairs = _Rows()
    for forecast in counting_forecasts(iterate_forecasts(connection, {station.number: (begin, AFTER_ALL)})):
        _add_forecast(pairs, forecast, None)
    if not pairs.count:
        return None
    columns, scores = pairs.columns(), Verification[str]()
    observed = _observed(connection, station.number, columns, TimeStep.parse(station.settings.step), (1, 1))
    common = scores.add(0, _pairs(columns, observed, station.settings.units), _groups(columns, by_month=False))
    rmse = {model.model: model.rmse for model in scores.at(_ALL, 0, "").models}
    if not rmse:
        return None
    n = len(np.unique(columns["until"][common]))
    return SummaryAccuracy(by="verification", n=n, rmse=rmse[""], persistence_rmse=rmse.get(PERSISTENCE))


class _Rows:
    """Rows that are added a few at a time, a number in each column; a column that some of them lack is NaN there."""

    def __init__(self) -> None:
        self.count = 0
        self._columns = defaultdict[_Column, "array[float]"](lambda: array("d"))

    def add(self, count: int, columns: Mapping[Any, Iterable[float]]) -> None:
        """Add ``count`` rows."""
        for name, values in columns.items():
            column = self._columns[name]
            column.extend(repeat(np.nan, self.count - len(column)))
            column.extend(values)
        self.count += count

    def columns(self) -> dict[_Column, Floats]:
        """Return the columns, ``(rows,)`` each."""
        return {
            name: np.concatenate([column, np.full(self.count - len(column), np.nan)])
            for name, column in self._columns.items()
        }


def _add_forecast(pairs: _Rows, forecast: IssuedForecast, lead: int | None) -> None:
    """Add a row for each lead of a forecast, or for one."""
    content = forecast.content
    leads = len(content["sst"])
    chosen = slice(None) if lead is None else slice(lead - 1, lead)
    columns: dict[_Column, list[float]] = {_SST: content["sst"]}
    without = (forecast.weather or {}).get("without")
    if without is not None:
        columns[_WITHOUT_WEATHER] = without
    columns |= {(_BASELINE, name): values for name, values in content["baselines"].items()}
    for each in content["intervals"]:
        columns |= {(_ISSUED, each["level"], bound): each[bound] for bound in _BOUNDS}
    for each in forecast.plain or content["intervals"]:
        if each["level"] in SHOWN_LEVELS:
            columns |= {(_PLAIN, each["level"], bound): each[bound] for bound in _BOUNDS}
    numbers = [*range(1, leads + 1)][chosen]
    shared = {
        "leads": leads,
        "time": seconds_of(content["timestamps"][0]),
        "until": forecast.observed_until,
        "replayed": forecast.replayed,
    }
    pairs.add(
        len(numbers),
        {name: values[chosen] for name, values in columns.items()}
        | {name: [value] * len(numbers) for name, value in shared.items()}
        | {"lead": numbers},
    )
    if pairs.count > MAX_PAIRS:
        raise RequestError(
            f"there are more than {MAX_PAIRS} forecasts at all leads: ask for a shorter period with from and "
            "to, or for one lead",
            field="from",
        )


def _observed(
    connection: Connection, station: int, columns: _Columns, step: TimeStep, margin: tuple[int, int]
) -> Observed:
    """Return what was observed at the times of forecasts, and ``margin`` steps before and after them."""
    first = np.datetime64(int(columns["time"].min()), "s")
    last = step.shift(_seconds(columns["time"]), columns["leads"].astype(np.int64) - 1).max()
    begin, end = step.shift(np.array([first, last]), [-margin[0], margin[1]]).astype(np.int64).tolist()
    times, values = latest_values(connection, station, begin, end)
    return Observed.of(times.view(SECONDS), values, step, first)


def _valid(columns: _Columns, step: TimeStep) -> Times:
    return step.shift(_seconds(columns["time"]), columns["lead"].astype(np.int64) - 1)


def _seconds(times: Floats) -> Times:
    return times.astype(np.int64).view(SECONDS)


def _part(columns: _Columns, selected: Bools) -> dict[_Column, Floats]:
    return {name: values[selected] for name, values in columns.items()}


def _groups(columns: _Columns, *, by_month: bool) -> dict[str, Indices]:
    """Return the indices of all rows, and those of each month of the last observation."""
    groups = {_ALL: np.arange(len(columns["until"]))}
    if by_month:
        months = calendar_months(_seconds(columns["until"]))
        groups |= {str(month): np.flatnonzero(months == month) for month in np.unique(months)}
    return groups


def _pairs(columns: _Columns, observed: Observed, units: Units) -> Pairs:
    """Return forecasts of one lead and what was observed, in the units of the station."""
    sst = {name: from_celsius(values, units) for name, values in columns.items() if isinstance(name, tuple)}

    def intervals(kind: str) -> Intervals:
        levels = {int(name[1]) for name in sst if name[0] == kind}
        return {level: (sst[kind, level, "lower"], sst[kind, level, "upper"]) for level in levels}

    forecast, without = sst[_SST], sst.get(_WITHOUT_WEATHER)
    if without is not None:
        # The issued ones used none where there is no other.
        without = np.where(np.isfinite(without), without, forecast) if np.isfinite(without).any() else None
    return Pairs(
        observed=from_celsius(observed.at(_valid(columns, observed.step)), units),
        forecast=forecast,
        references={str(name[1]): values for name, values in sst.items() if name[0] == _BASELINE},
        intervals=intervals(_ISSUED),
        plain=intervals(_PLAIN),
        without_weather=without,
    )


def _shown(scores: LeadVerification) -> dict[str, Any]:
    """Return scores as JSON has them."""
    shown = scores.model_dump()
    for model in shown["models"]:
        model["coverage"] = {
            level: {"plain": shares["plain"], "recalibrated": shares["issued"]}
            for level, shares in model["coverage"].items()
            if int(level) in SHOWN_LEVELS
        }
    return shown


_Judged = tuple[EventKind, ScoredEvent]


def _add_events(events: Mapping[_Judged, _Rows], forecast: IssuedForecast) -> None:
    """Add a row for each lead of each event of a forecast. Those with an error are left out.

    Rows have the ``probability`` that the event is on; ``limit``, the threshold or the maximum monthly mean of heat
    stress, °C; ``before``, persistence of a threshold event, °C, or whether another was on at the last observation; and
    ``sign``, −1 for events below their threshold.
    """
    content = forecast.content
    for event in content.get("events", ()):
        for judged, probability, limit, before, sign in _cases_of(event, content["baselines"]):
            count = len(probability)
            events[judged].add(
                count,
                {
                    "probability": probability,
                    "limit": limit[:count],
                    "before": before[:count],
                    "sign": [sign] * count,
                    "lead": range(1, count + 1),
                    "time": [seconds_of(content["timestamps"][0])] * count,
                    "until": [forecast.observed_until] * count,
                },
            )


_Case = tuple[_Judged, list[float], list[float], list[float], float]


def _cases_of(event: dict[str, Any], baselines: Mapping[str, list[float]]) -> Iterator[_Case]:
    kind, persistence = event.get("kind"), baselines.get(PERSISTENCE)
    if "side" in event and "by_lead" in event and persistence is not None:
        sign = SIGNS[event["side"]]
        yield (_THRESHOLD, ScoredEvent(event["name"])), event["by_lead"], event["threshold"], persistence, sign
    if kind in PERCENTILES:
        active = [event["state"]["active"]] * len(event["probability"])
        yield (kind, ScoredEvent(event["name"])), event["probability"], event["threshold"], active, sign_of(kind)
    if kind == _HEAT_STRESS:
        leads = len(event["median"])
        for name in LEVEL_PROBABILITIES:
            level = LEVELS.index(name)
            higher = [event["alert_probability"][each] for each in LEVELS[level:] if each in event["alert_probability"]]
            probability = np.minimum(np.sum([np.zeros(leads), *higher], axis=0), 1.0).tolist()
            active = [LEVELS.index(event["alert"]) >= level] * leads
            yield (_HEAT_STRESS, ScoredEvent(event["name"], name)), probability, [event["mmm"]] * leads, active, 1.0


def _event_scores(events: Mapping[_Judged, _Rows], lead: int | None, observed: Observed) -> Iterator[VerifiedEvent]:
    """Yield the scores of each event at each lead of which some outcome is known, threshold events first."""
    for (kind, event), rows in sorted(events.items(), key=lambda item: item[0][0] != _THRESHOLD):
        columns = rows.columns()
        valid, leads = _valid(columns, observed.step), columns["lead"].astype(np.int64)
        limit, before, sign = columns["limit"], columns["before"], columns["sign"]
        if event.level is not None:
            happened = at_least(heat_stress_levels(valid, limit, observed), event.level)
        elif kind == _THRESHOLD:
            happened, before = (beyond(sst, limit, sign) for sst in (observed.at(valid), before))
        else:
            happened = marine_states(valid, leads, limit, float(sign[0]), observed)
        pairs = EventPairs(leads, _seconds(columns["until"]), columns["probability"], before, happened)
        for each in pairs.verify(event, np.unique(leads).tolist() if lead is None else [lead]):
            scores = {"name": event.name, "kind": kind, "level": event.level, "lead": each.lead}
            yield VerifiedEvent.model_validate(scores | each.score.model_dump())


def _csv(response: StationVerification) -> str:
    """Return a row for each lead, month and model. The month is empty in rows about all of them."""
    rows = [
        {"lead": lead.lead, "month": month, "n": part.n, "model": model.model, "kind": model.kind, **_cells(model)}
        for lead in response.leads
        for month, part in _parts(lead)
        for model in part.models
    ]
    columns = dict.fromkeys(["lead", "month", "n", "model", "kind", *_ERRORS, *(name for row in rows for name in row)])
    return _csv_of([*columns], rows)


def _parts(lead: VerifiedLead) -> Iterator[tuple[str, VerifiedLead | VerifiedMonth]]:
    yield "", lead
    for month in lead.months:
        yield month.month, month


def _cells(model: VerifiedErrors) -> dict[str, Cell]:
    scores: dict[str, Cell] = {name: getattr(model, name) for name in _ERRORS}
    if isinstance(model, VerifiedForecasts):
        scores |= {f"skill_{name}": value for name, value in model.skill.items()} | {"crps": model.crps}
        for level, shares in model.coverage.items():
            scores |= {f"coverage_{level}_plain": shares.plain, f"coverage_{level}_recalibrated": shares.recalibrated}
    return scores


def _events_csv(response: StationVerification) -> str:
    """Return a row for each event, lead and bin of probabilities: what was said, and how often it happened."""
    rows = [
        {"event": event.name, "skill_persistence": event.skill[PERSISTENCE].value}
        | {name: getattr(event, name) for name in ("kind", "level", "lead", "n", "frequency", "brier")}
        | {name: getattr(part, name) for name in ("minimum", "maximum", "probability", "lower", "upper")}
        | {"forecasts": part.n, "happened": round(part.frequency * part.n), "share": part.frequency}
        for event in response.events
        for part in event.reliability
    ]
    return _csv_of(_EVENT_COLUMNS, rows)


def _csv_of(columns: Sequence[str], rows: Iterable[Mapping[str, Cell]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()

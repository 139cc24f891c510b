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
from forecasting.evaluation.event_states import MARGIN_DAYS, SCORED_LEVELS, heat_stress_levels, marine_states
from forecasting.events.baseline import PERCENTILES
from forecasting.events.detection import sign_of
from forecasting.events.heat_stress import LEVELS
from forecasting.events.outcomes import AlertLevel
from forecasting.scores.events import PERSISTENCE, SIGNS, verify_states, verify_threshold
from forecasting.scores.verification import Intervals, Observed, common_pairs, quantiles_of, verify_lead
from forecasting.series.times import SECONDS, Bools, Floats, Times, seconds_of
from forecasting.series.timestep import TimeStep
from forecasting.series.units import from_celsius
from service.stations.alerts import EventKind
from service.stations.schemas import (
    StationVerification,
    VerifiedErrors,
    VerifiedEvent,
    VerifiedForecasts,
    VerifiedLead,
    VerifiedMonth,
)
from service.stations.store.database import AFTER_ALL, BEFORE_ALL
from service.stations.store.forecasts import IssuedForecast, counting_forecasts, iterate_forecasts
from service.stations.store.observations import latest_values
from service.stations.store.stations import EVERYONE, Caller, station_for

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

_Temperatures = tuple[str, str | float, str]
"""What a column of temperatures is: its kind, the name or level, and the bound."""

_SST: Final[_Temperatures] = ("sst", "", "")
_WITHOUT_WEATHER: Final[_Temperatures] = ("without_weather", "", "")
"""NaN where a forecast used no weather."""

_BOUNDS: Final = ("lower", "upper")

_THRESHOLD: Final = "threshold"
_HEAT_STRESS: Final = "degree_heating_weeks"

_Columns = Mapping[str | _Temperatures, Floats]
"""A row for each lead of each forecast: its ``lead``, the first valid ``time`` and ``until``, the last observation of
the forecast, both Unix seconds, and more. All are ``(n,)``, and NaN where a forecast has none."""


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
    pairs, events = _Rows(), defaultdict[_Scored, _Rows](_Rows)
    period = selection.begin, selection.end
    for forecast in counting_forecasts(iterate_forecasts(connection, {station.number: period})):
        if selection.replayed in (None, forecast.replayed):
            _add_forecast(pairs, forecast, selection.lead)
            _add_events(events, forecast)
    result = StationVerification(station=station.id, units=units, leads=[], events=[])
    if not pairs.count:
        return result
    columns = pairs.columns()
    have_states = any(scored.kind != _THRESHOLD for scored in events)
    observed = _observed(connection, station.number, columns, step, MARGIN_DAYS if have_states else (1, 1))
    most = int(columns["leads"].max())
    for lead in range(1, most + 1) if selection.lead is None else [selection.lead]:
        at_lead = _part(columns, columns["lead"] == lead)
        at_lead = {
            name: from_celsius(values, units) if isinstance(name, tuple) else values for name, values in at_lead.items()
        }
        at_lead["observed"] = from_celsius(observed.at(_valid(at_lead, step)), units)
        result.leads.append(_verified(lead, at_lead, station.settings.model, by_month=selection.by_month))
    result.events.extend(_event_scores(events, selection.lead, observed))
    return result


class _Rows:
    """Rows that are added a few at a time, a number in each column; a column that some of them lack is NaN there."""

    def __init__(self) -> None:
        self.count = 0
        self._columns = defaultdict[str | _Temperatures, "array[float]"](lambda: array("d"))

    def add(self, count: int, columns: Mapping[Any, Iterable[float]]) -> None:
        """Add ``count`` rows."""
        for name, values in columns.items():
            column = self._columns[name]
            column.extend(repeat(np.nan, self.count - len(column)))
            column.extend(values)
        self.count += count

    def columns(self) -> dict[str | _Temperatures, Floats]:
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
    columns: dict[_Temperatures, list[float]] = {_SST: content["sst"]}
    without = (forecast.weather or {}).get("without")
    if without is not None:
        columns[_WITHOUT_WEATHER] = without
    columns |= {("baseline", name, ""): values for name, values in content["baselines"].items()}
    kinds = {"issued": content["intervals"], "plain": forecast.plain or content["intervals"]}
    for kind, intervals in kinds.items():
        columns |= {(kind, each["level"], bound): each[bound] for each in intervals for bound in _BOUNDS}
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


def _part(columns: _Columns, selected: Bools) -> dict[str | _Temperatures, Floats]:
    return {name: values[selected] for name, values in columns.items()}


def _verified(lead: int, pairs: _Columns, model: str, *, by_month: bool) -> VerifiedLead:
    """Score the pairs at a lead that all models can be compared on; ``observed`` is NaN where nothing was."""
    common = common_pairs(pairs["observed"], pairs[_SST], _baselines(pairs))
    pairs = _part(pairs, common.counts)
    months = []
    if by_month:
        month = _seconds(pairs["until"]).astype("datetime64[M]")
        for each in np.unique(month):
            scores = _scores(lead, _part(pairs, month == each), common.baselines, model)
            months.append(VerifiedMonth.model_validate(scores | {"month": str(each)}))
    scores = _scores(lead, pairs, common.baselines, model) | {"lead": lead, "replayed": int(pairs["replayed"].sum())}
    return VerifiedLead.model_validate(scores | {"months": months})


def _baselines(pairs: _Columns) -> dict[str, Floats]:
    return {str(name[1]): values for name, values in pairs.items() if name[0] == "baseline"}


def _scores(lead: int, pairs: _Columns, baselines: Iterable[str], model: str) -> dict[str, Any]:
    """Return the number of pairs and the scores of each model, as JSON has them."""

    def intervals(kind: str, *, shown: bool) -> Intervals:
        levels = sorted({int(name[1]) for name in pairs if name[0] == kind})
        return {
            level: (pairs[kind, level, "lower"], pairs[kind, level, "upper"])
            for level in levels
            if not shown or level in SHOWN_LEVELS
        }

    known = _baselines(pairs)
    scores = verify_lead(
        lead,
        pairs["observed"],
        pairs[_SST],
        {name: known[name] for name in baselines},
        model=model,
        intervals={"plain": intervals("plain", shown=True), "recalibrated": intervals("issued", shown=True)},
        quantiles=quantiles_of(pairs[_SST], intervals("issued", shown=False)),
        without_weather=_without_weather(pairs),
    )
    return {"n": scores.n, "models": [each.model_dump() for each in scores.models]}


def _without_weather(pairs: _Columns) -> Floats | None:
    """Return the forecasts without weather, and the issued ones where they used none; None if none of them did."""
    without = pairs.get(_WITHOUT_WEATHER)
    if without is None or not np.isfinite(without).any():
        return None
    return np.where(np.isfinite(without), without, pairs[_SST])


class _Scored(NamedTuple):
    """What is scored together: an event of one name and kind, and for heat stress one alert level."""

    name: str
    kind: EventKind
    level: AlertLevel | None = None


def _add_events(events: Mapping[_Scored, _Rows], forecast: IssuedForecast) -> None:
    """Add a row for each lead of each event of a forecast. Those with an error are left out.

    Rows have the ``probability`` that the event is on; ``limit``, the threshold or the maximum monthly mean of heat
    stress, °C; ``before``, persistence of a threshold event, °C, or whether another was on at the last observation; and
    ``sign``, −1 for events below their threshold.
    """
    content = forecast.content
    for event in content.get("events", ()):
        for scored, probability, limit, before, sign in _cases_of(event, content["baselines"]):
            count = len(probability)
            events[scored].add(
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


_Case = tuple[_Scored, list[float], list[float], list[float], float]


def _cases_of(event: dict[str, Any], baselines: Mapping[str, list[float]]) -> Iterator[_Case]:
    kind, persistence = event.get("kind"), baselines.get(PERSISTENCE)
    if "side" in event and "by_lead" in event and persistence is not None:
        scored = _Scored(event["name"], _THRESHOLD)
        yield scored, event["by_lead"], event["threshold"], persistence, SIGNS[event["side"]]
    if kind in PERCENTILES:
        active = [event["state"]["active"]] * len(event["probability"])
        yield _Scored(event["name"], kind), event["probability"], event["threshold"], active, 1.0
    if kind == _HEAT_STRESS:
        leads = len(event["median"])
        for name in SCORED_LEVELS:
            level = LEVELS.index(name)
            higher = [event["alert_probability"][each] for each in LEVELS[level:] if each in event["alert_probability"]]
            probability = np.minimum(np.sum([np.zeros(leads), *higher], axis=0), 1.0).tolist()
            active = [LEVELS.index(event["alert"]) >= level] * leads
            yield _Scored(event["name"], _HEAT_STRESS, name), probability, [event["mmm"]] * leads, active, 1.0


def _event_scores(events: Mapping[_Scored, _Rows], lead: int | None, observed: Observed) -> Iterator[VerifiedEvent]:
    """Yield the scores of each event at each lead of which some outcome is known, threshold events first."""
    for scored, rows in sorted(events.items(), key=lambda item: item[0].kind != _THRESHOLD):
        columns = rows.columns()
        valid, leads = _valid(columns, observed.step), columns["lead"].astype(np.int64)
        happened: Floats | None = None
        if scored.level is not None:
            levels = heat_stress_levels(valid, columns["limit"], observed)
            happened = np.where(np.isfinite(levels), levels >= LEVELS.index(scored.level), np.nan)
        elif scored.kind == "marine_heatwave" or scored.kind == "marine_cold_spell":
            happened = marine_states(valid, leads, columns["limit"], sign_of(scored.kind), observed)
        for each in np.unique(leads).tolist() if lead is None else [lead]:
            at = leads == each
            part = _part(columns, at)
            probability, before, until = part["probability"], part["before"], _seconds(part["until"])
            if happened is None:
                sst = observed.at(valid[at])
                score = verify_threshold(each, sst, probability, part["limit"], part["sign"], before, until)
            else:
                score = verify_states(each, happened[at], probability, before, until)
            if score is not None:
                yield VerifiedEvent.model_validate(scored._asdict() | {"lead": each} | score.model_dump())


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

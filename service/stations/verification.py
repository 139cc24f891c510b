"""How good the forecasts of a station were, against the latest revision of the observations: as JSON or CSV."""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from sqlalchemy import Connection

from forecasting.errors import RequestError
from forecasting.evaluation.event_states import MARGIN_DAYS
from forecasting.scores.events import PERSISTENCE
from forecasting.scores.verification import (
    Intervals,
    LeadVerification,
    Observed,
    common_pairs,
    quantiles_of,
    verify_lead,
)
from forecasting.series.times import SECONDS, Bools, Floats, Times, seconds_of
from forecasting.series.timestep import TimeStep
from forecasting.series.units import Units, from_celsius
from service.stations.event_verification import EventCases
from service.stations.recalibration import levels_of
from service.stations.schemas import (
    StationVerification,
    VerifiedBaseline,
    VerifiedForecasts,
    VerifiedLead,
    VerifiedMonth,
)
from service.stations.store.forecasts import IssuedForecast, counting_forecasts, iterate_forecasts
from service.stations.store.observations import Integers, latest_values
from service.stations.store.stations import get_station

MAX_PAIRS: Final = 200_000
"""Forecasts times leads of one response: ten years of hours at one lead, or sixty years of days at seven."""

SHOWN_LEVELS: Final = (50, 80, 90, 95)
"""Percent: intervals whose coverage is counted."""

Form = Literal["json", "csv", "events_csv"]
"""JSON, or a table of the scores of forecasts or of events."""

Cell = str | float | None

_ERRORS: Final = ("mae", "rmse", "bias")
_EVENT_COLUMNS: Final = ("event", "kind", "level", "lead", "n", "frequency", "brier", "skill_persistence")
_BIN_COLUMNS: Final = (
    "minimum", "maximum", "forecasts", "happened", "probability", "share", "lower", "upper",
)  # fmt: skip

_Column = tuple[str, str | float, str]
"""What a list of an issued forecast is: its kind, the name or level, and the bound."""

_SST: Final[_Column] = ("sst", "", "")
_BOUNDS: Final = ("lower", "upper")


class Selection(NamedTuple):
    """Which forecasts are verified, and how they are grouped.

    Attributes:
        begin: the earliest ``observed_until``, Unix seconds; None for any.
        end: the latest.
        lead: None for all.
        replayed: whether those are wanted that were issued after the time that they begin with; None for all.
        by_month: whether each month is scored too.
    """

    begin: int | None = None
    end: int | None = None
    lead: int | None = None
    replayed: bool | None = None
    by_month: bool = False


def verification(connection: Connection, station: str, selection: Selection, form: Form) -> str:
    """Return the verification of a station as JSON or CSV.

    Raises:
        UnknownStationError: if there is no such station.
        RequestError: if there are too many forecasts for one response.
    """
    response = verify(connection, station, selection)
    if form == "json":
        return response.model_dump_json()
    return _csv(response) if form == "csv" else _events_csv(response)


def verify(connection: Connection, station_id: str, selection: Selection) -> StationVerification:
    """Score the forecasts of a station. The errors are those of :func:`verification`."""
    station = get_station(connection, station_id)
    step, units = TimeStep.parse(station.settings.step), station.settings.units
    pairs, cases = ForecastPairs(step, selection.lead), EventCases(step, selection.lead)
    for forecast in counting_forecasts(iterate_forecasts(connection, station.number, selection.begin, selection.end)):
        if selection.replayed in (None, forecast.replayed):
            pairs.add(forecast)
            cases.add(forecast)
    result = StationVerification(station=station.id, units=units, leads=[], events=[])
    if pairs.most_leads:
        begin, end = pairs.period(*(MARGIN_DAYS if cases.have_states else (1, 1)))
        observed = pairs.observed(*latest_values(connection, station.number, begin, end))
        for lead in range(1, pairs.most_leads + 1) if selection.lead is None else [selection.lead]:
            at_lead = pairs.at(lead, observed, units)
            result.leads.append(_verified(lead, at_lead, station.settings.model, by_month=selection.by_month))
        result.events.extend(cases.scores(observed))
    return result


class LeadPairs(NamedTuple):
    """The forecasts at one lead, in the units of the station, in no particular order.

    Attributes:
        observed: ``(n,)``, NaN where nothing was observed.
        columns: ``(n,)`` each; NaN where a forecast has none.
        observed_until: the last observation of each forecast, UTC ``(n,)``.
        replayed: ``(n,)``.
    """

    observed: Floats
    columns: dict[_Column, Floats]
    observed_until: Times
    replayed: Bools

    def part(self, selected: Bools) -> "LeadPairs":
        """Return the forecasts that ``selected`` ``(n,)`` marks."""
        columns = {column: values[selected] for column, values in self.columns.items()}
        return LeadPairs(self.observed[selected], columns, self.observed_until[selected], self.replayed[selected])

    @property
    def baselines(self) -> dict[str, Floats]:
        """The baselines by name, ``(n,)`` each."""
        return {str(name): values for (kind, name, _), values in self.columns.items() if kind == "baseline"}

    def intervals(self, kind: str) -> dict[int, tuple[Floats, Floats]]:
        """Return the intervals as they were ``issued``, or as they were before in ``plain``, by level."""
        levels = sorted(level for of, level, bound in self.columns if of == kind and bound == "lower")
        return {
            int(level): (self.columns[kind, level, "lower"], self.columns[kind, level, "upper"]) for level in levels
        }


class _Row(NamedTuple):
    """A forecast: its lists, °C ``(lists, leads)``, and its times, Unix seconds."""

    table: Floats
    first_time: int
    observed_until: int
    replayed: bool


class ForecastPairs:
    """The forecasts of a station, which are added one by one, to be paired with observations.

    Attributes:
        most_leads: the leads of the longest forecast; 0 without any.
    """

    def __init__(self, step: TimeStep, lead: int | None = None) -> None:
        """Keep the forecasts of a station with this ``step``; only those at ``lead``, if it is given."""
        self.most_leads = 0
        self._step = step
        self._lead = lead
        self._groups: dict[tuple[int, tuple[_Column, ...]], list[_Row]] = {}
        self._pairs = 0

    def add(self, forecast: IssuedForecast) -> None:
        """Add a forecast.

        Raises:
            RequestError: if there are too many.
        """
        content = forecast.content
        leads = len(content["sst"])
        self._pairs += leads if self._lead is None else 1
        if self._pairs > MAX_PAIRS:
            raise RequestError(
                f"there are more than {MAX_PAIRS} forecasts at all leads: ask for a shorter period with from and "
                "to, or for one lead",
                field="from",
            )
        if self._lead is not None and self._lead > leads:
            return
        self.most_leads = max(self.most_leads, leads)
        kinds = {"issued": content["intervals"], "plain": forecast.plain or content["intervals"]}
        bounds = [interval[bound] for intervals in kinds.values() for interval in intervals for bound in _BOUNDS]
        table = np.array([content["sst"], *content["baselines"].values(), *bounds])
        columns = [_SST, *(("baseline", name, "") for name in content["baselines"])]
        levels = levels_of(content["intervals"])
        columns += [(kind, level, bound) for kind in kinds for level in levels for bound in _BOUNDS]
        row = _Row(
            table if self._lead is None else table[:, self._lead - 1 : self._lead].copy(),
            seconds_of(content["timestamps"][0]),
            forecast.observed_until,
            forecast.replayed,
        )
        self._groups.setdefault((leads, tuple(columns)), []).append(row)

    def period(self, before: int, after: int) -> tuple[int, int]:
        """Return the times from some steps before the first valid time to some after the last, Unix seconds."""
        first = min(row.first_time for rows in self._groups.values() for row in rows)
        last = max(
            self._step.shift(np.asarray(max(row.first_time for row in rows)).view(SECONDS), leads - 1)
            for (leads, _), rows in self._groups.items()
        )
        begin, end = self._step.shift(np.array([np.datetime64(first, "s"), last]), [-before, after]).astype(np.int64)
        return int(begin), int(end)

    def observed(self, times: Integers, values: Floats) -> Observed:
        """Return what was observed at the times of the forecasts.

        Args:
            times: times of the observations, Unix seconds ``(n,)``, ascending.
            values: the latest revision of each, °C ``(n,)``.
        """
        start = min(row.first_time for rows in self._groups.values() for row in rows)
        return Observed.of(times.view(SECONDS), values, self._step, np.datetime64(start, "s"))

    def at(self, lead: int, observed: Observed, units: Units) -> LeadPairs:
        """Return the forecasts at a lead, with the observations that verify them."""
        groups = {form: rows for form, rows in self._groups.items() if form[0] >= lead}
        rows = [row for group in groups.values() for row in group]
        joined: dict[_Column, Floats] = {}
        begin, index = 0, lead - 1 if self._lead is None else 0
        for (_, columns), group in groups.items():
            numbers = np.stack([row.table[:, index] for row in group], axis=1)
            for column, values in zip(columns, from_celsius(numbers, units), strict=True):
                joined.setdefault(column, np.full(len(rows), np.nan))[begin : begin + len(group)] = values
            begin += len(group)
        valid = self._step.shift(np.array([row.first_time for row in rows]).view(SECONDS), lead - 1)
        return LeadPairs(
            from_celsius(observed.at(valid), units),
            joined,
            np.array([row.observed_until for row in rows]).view(SECONDS),
            np.array([row.replayed for row in rows]),
        )


def _verified(lead: int, pairs: LeadPairs, model: str, *, by_month: bool) -> VerifiedLead:
    """Score the pairs at a lead that all models can be compared on."""
    common = common_pairs(pairs.observed, pairs.columns[_SST], pairs.baselines)
    pairs = pairs.part(common.counts)
    months = []
    if by_month:
        month = pairs.observed_until.astype("datetime64[M]")
        for each in np.unique(month):
            scores = _scores(lead, pairs.part(month == each), common.baselines, model)
            months.append(VerifiedMonth.model_validate(scores | {"month": str(each)}))
    scores = _scores(lead, pairs, common.baselines, model) | {"lead": lead, "replayed": int(pairs.replayed.sum())}
    return VerifiedLead.model_validate(scores | {"months": months})


def _scores(lead: int, pairs: LeadPairs, baselines: Sequence[str], model: str) -> dict[str, Any]:
    """Return the number of pairs and the scores of each model, as JSON has them."""
    predicted, issued = pairs.columns[_SST], pairs.intervals("issued")

    def shown(intervals: Intervals) -> Intervals:
        return {level: bounds for level, bounds in intervals.items() if level in SHOWN_LEVELS}

    scores: LeadVerification = verify_lead(
        lead,
        pairs.observed,
        predicted,
        {name: pairs.baselines[name] for name in baselines},
        model=model,
        intervals={"plain": shown(pairs.intervals("plain")), "recalibrated": shown(issued)},
        quantiles=quantiles_of(predicted, issued),
    )
    return {"n": scores.n, "models": [each.model_dump() for each in scores.models]}


def _csv(response: StationVerification) -> str:
    """Return a row for each lead, month and model. The month is empty in rows about all of them."""
    rows = [*_rows(response)]
    columns = dict.fromkeys(["lead", "month", "n", "model", "kind", *_ERRORS, *(name for row in rows for name in row)])
    text = io.StringIO()
    writer = csv.DictWriter(text, [*columns], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _events_csv(response: StationVerification) -> str:
    """Return a row for each event, lead and bin of probabilities: what was said, and how often it happened."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*_EVENT_COLUMNS, *_BIN_COLUMNS])
    for event in response.events:
        skill = event.skill[PERSISTENCE].value
        shared = [event.name, event.kind, event.level, event.lead, event.n, event.frequency, event.brier, skill]
        for part in event.reliability:
            happened = round(part.frequency * part.n)
            frequencies = part.probability, part.frequency, part.lower, part.upper
            writer.writerow([*shared, part.minimum, part.maximum, part.n, happened, *frequencies])
    return text.getvalue()


def _rows(response: StationVerification) -> Iterator[dict[str, Cell]]:
    for lead in response.leads:
        parts: list[tuple[str, VerifiedLead | VerifiedMonth]] = [("", lead)]
        parts += [(month.month, month) for month in lead.months]
        for month, part in parts:
            for model in part.models:
                row: dict[str, Cell] = {"lead": lead.lead, "month": month, "n": part.n}
                yield row | {"model": model.model, "kind": model.kind} | _cells(model)


def _cells(model: VerifiedForecasts | VerifiedBaseline) -> dict[str, Cell]:
    scores: dict[str, Cell] = {name: getattr(model, name) for name in _ERRORS}
    if isinstance(model, VerifiedForecasts):
        scores |= {f"skill_{name}": value for name, value in model.skill.items()} | {"crps": model.crps}
        for level, shares in model.coverage.items():
            scores |= {f"coverage_{level}_plain": shares.plain, f"coverage_{level}_recalibrated": shares.recalibrated}
    return scores

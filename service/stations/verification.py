"""How good the forecasts of a station were: against the latest revision of the observations."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

import numpy as np
from sqlalchemy import Connection

from forecasting.errors import RequestError
from forecasting.scores.events import PERSISTENCE
from forecasting.scores.verification import (
    Intervals,
    LeadVerification,
    ModelVerification,
    Observed,
    common_pairs,
    quantiles_of,
    verify_lead,
)
from forecasting.series.times import SECONDS, Bools, Floats, Times, seconds_of
from forecasting.series.timestep import TimeStep
from forecasting.series.units import Units, from_celsius
from service.api.compare.schemas import ReliabilityBin
from service.stations.event_verification import EventLead, StateVerification, ThresholdVerification
from service.stations.recalibration import levels_of
from service.stations.schemas import (
    IntervalShares,
    StationVerification,
    VerifiedBaseline,
    VerifiedEvent,
    VerifiedForecasts,
    VerifiedLead,
    VerifiedMonth,
)
from service.stations.store.forecasts import IssuedForecast, counting_forecasts, iterate_forecasts
from service.stations.store.observations import Integers, latest_values
from service.stations.store.stations import Station, get_station

MAX_PAIRS: Final = 200_000
"""Forecasts times leads of one answer: ten years of hours at one lead, or sixty years of days at seven."""

_BOUNDS: Final = ("lower", "upper")


class LeadPairs(NamedTuple):
    """The forecasts at one lead, in °C, in no particular order.

    Attributes:
        observed: ``(n,)``, NaN where nothing was observed.
        predicted: ``(n,)``.
        baselines: ``(n,)``, by name; NaN where a forecast has none.
        intervals: as they were issued, by level.
        plain: before they were recalibrated, by level.
        observed_until: the last observation of each forecast, UTC ``(n,)``.
        replayed: ``(n,)``.
    """

    observed: Floats
    predicted: Floats
    baselines: dict[str, Floats]
    intervals: Intervals
    plain: Intervals
    observed_until: Times
    replayed: Bools

    def part(self, selected: Bools) -> "LeadPairs":
        """Return the forecasts that ``selected`` ``(n,)`` marks."""

        def bounds(intervals: Intervals) -> Intervals:
            return {level: (lower[selected], upper[selected]) for level, (lower, upper) in intervals.items()}

        return LeadPairs(
            self.observed[selected],
            self.predicted[selected],
            {name: values[selected] for name, values in self.baselines.items()},
            bounds(self.intervals),
            bounds(self.plain),
            self.observed_until[selected],
            self.replayed[selected],
        )


_Column = tuple[str, str | float, str]
"""What a list of an issued forecast is: its kind, the name or level, and the bound."""


class _Form(NamedTuple):
    """What forecasts have in common whose numbers are put into one array."""

    leads: int
    baselines: tuple[str, ...]
    levels: tuple[float, ...]

    @property
    def columns(self) -> list[_Column]:
        """What each list of such a forecast is, in the order of :func:`_table`."""
        bounds = [(kind, level, bound) for kind in ("issued", "plain") for level in self.levels for bound in _BOUNDS]
        return [("sst", "", ""), *[("baseline", name, "") for name in self.baselines], *bounds]


@dataclass
class _Group:
    """Forecasts of one form: a table of each, °C ``(lists, leads)``, and what it is about."""

    tables: list[Floats] = field(default_factory=list)
    first_times: list[int] = field(default_factory=list)
    observed_until: list[int] = field(default_factory=list)
    replayed: list[bool] = field(default_factory=list)


class ForecastPairs:
    """The forecasts of a station, which are added one by one."""

    def __init__(self, step: TimeStep, lead: int | None = None) -> None:
        """Keep the forecasts of a station with this ``step``; only those at ``lead``, if it is given."""
        self._step = step
        self._lead = lead
        self._groups: dict[_Form, _Group] = {}
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
        table = _table(forecast)
        form = _Form(leads, tuple(content["baselines"]), levels_of(content["intervals"]))
        group = self._groups.setdefault(form, _Group())
        group.tables.append(table if self._lead is None else table[:, self._lead - 1 : self._lead].copy())
        group.first_times.append(seconds_of(content["timestamps"][0]))
        group.observed_until.append(forecast.observed_until)
        group.replayed.append(forecast.replayed)

    @property
    def period(self) -> tuple[int, int] | None:
        """The times between which observations may verify a forecast, Unix seconds; None without forecasts."""
        if not self._groups:
            return None
        first = min(min(group.first_times) for group in self._groups.values())
        last = max(int(self._valid(group, form.leads).max().astype(np.int64)) for form, group in self._groups.items())
        begin, end = self._step.shift(np.array([first, last]).view(SECONDS), [-1, 1]).astype(np.int64).tolist()
        return begin, end

    def observed(self, times: Integers, values: Floats) -> Observed:
        """Return what was observed at the times of the forecasts.

        Args:
            times: of the observations, Unix seconds ``(n,)``, ascending.
            values: the latest revision of each, °C ``(n,)``.
        """
        start = min((time for group in self._groups.values() for time in group.first_times), default=0)
        return Observed.of(times.view(SECONDS), values, self._step, np.datetime64(start, "s"))

    def leads(self, observed: Observed) -> dict[int, LeadPairs]:
        """Return the record at each lead, or at the one asked for."""
        most = max((form.leads for form in self._groups), default=0)
        wanted = range(1, most + 1) if self._lead is None else [self._lead] if self._lead <= most else []
        return {lead: self._at(lead, observed) for lead in wanted}

    def _at(self, lead: int, observed: Observed) -> LeadPairs:
        groups = {form: group for form, group in self._groups.items() if form.leads >= lead}
        place = lead - 1 if self._lead is None else 0
        columns: dict[_Column, list[Floats]] = {}
        sizes = [len(group.tables) for group in groups.values()]
        for column in dict.fromkeys(column for form in groups for column in form.columns):
            columns[column] = [np.full(size, np.nan) for size in sizes]
        for part, (form, group) in enumerate(groups.items()):
            numbers = np.stack([table[:, place] for table in group.tables], axis=1)
            for column, values in zip(form.columns, numbers, strict=True):
                columns[column][part] = values
        joined = {column: np.concatenate(parts) for column, parts in columns.items()}
        levels = sorted({level for form in groups for level in form.levels})
        return LeadPairs(
            observed=observed.at(np.concatenate([self._valid(group, lead) for group in groups.values()])),
            predicted=joined["sst", "", ""],
            baselines={str(name): values for (kind, name, _), values in joined.items() if kind == "baseline"},
            intervals=_intervals(joined, "issued", levels),
            plain=_intervals(joined, "plain", levels),
            observed_until=np.concatenate([np.array(group.observed_until) for group in groups.values()]).view(SECONDS),
            replayed=np.concatenate([np.array(group.replayed) for group in groups.values()]),
        )

    def _valid(self, group: _Group, lead: int) -> Times:
        """Return the valid times at ``lead``, UTC ``(n,)``."""
        return self._step.shift(np.array(group.first_times).view(SECONDS), lead - 1)


def _table(forecast: IssuedForecast) -> Floats:
    """Return the lists of a forecast, °C ``(lists, leads)``."""
    content = forecast.content
    plain = content["intervals"] if forecast.plain is None else forecast.plain
    bounds = [interval[bound] for part in (content["intervals"], plain) for interval in part for bound in _BOUNDS]
    return np.array([content["sst"], *content["baselines"].values(), *bounds])


def _intervals(columns: Mapping[_Column, Floats], kind: str, levels: Sequence[float]) -> Intervals:
    return {int(level): (columns[kind, level, "lower"], columns[kind, level, "upper"]) for level in levels}


SHOWN_LEVELS: Final = (50, 80, 90, 95)
"""Percent: intervals whose coverage is counted."""


class Selection(NamedTuple):
    """Which forecasts are verified.

    Attributes:
        begin: the earliest ``observed_until``, Unix seconds; None for any.
        end: the latest.
        lead: None for all.
        replayed: whether those are wanted that were issued after the time that they begin with; None for all.
    """

    begin: int | None = None
    end: int | None = None
    lead: int | None = None
    replayed: bool | None = None


class LeadScores(NamedTuple):
    """The scores at one lead.

    Attributes:
        overall: of all pairs.
        replayed: number of pairs whose forecast is replayed.
        months: by month of ``observed_until``, such as ``2025-07``.
    """

    overall: LeadVerification
    replayed: int
    months: dict[str, LeadVerification]


class StationScores(NamedTuple):
    """The scores of a station, in its units."""

    station: Station
    leads: list[LeadScores]
    events: list[EventLead]


def verify(connection: Connection, station_id: str, selection: Selection, *, by_month: bool) -> StationScores:
    """Score the forecasts of a station.

    Raises:
        UnknownStationError: if there is no such station.
        RequestError: if there are too many forecasts for one answer.
    """
    station = get_station(connection, station_id)
    step = TimeStep.parse(station.settings.step)
    record, events = ForecastPairs(step, selection.lead), ThresholdVerification(step, selection.lead)
    states = StateVerification(step, selection.lead)
    for forecast in counting_forecasts(iterate_forecasts(connection, station.number, selection.begin, selection.end)):
        if selection.replayed in (None, forecast.replayed):
            record.add(forecast)
            events.add(forecast)
            states.add(forecast)
    if record.period is None:
        return StationScores(station, [], [])
    periods = [period for period in (record.period, states.period) if period is not None]
    begin, end = min(begin for begin, _ in periods), max(end for _, end in periods)
    observed = record.observed(*latest_values(connection, station.number, begin, end))
    model, units = station.settings.model, station.settings.units
    leads = [_lead_scores(lead, pairs, model, units, by_month) for lead, pairs in record.leads(observed).items()]
    return StationScores(station, leads, [*events.scores(observed), *states.scores(observed)])


def _lead_scores(lead: int, record: LeadPairs, model: str, units: Units, by_month: bool) -> LeadScores:
    record = _comparable(record)
    scores = _verify(lead, record, model, units)
    months = {}
    if by_month:
        month = record.observed_until.astype("datetime64[M]")
        for each in np.unique(month):
            months[str(each)] = _verify(lead, record.part(month == each), model, units)
    return LeadScores(scores, int(record.replayed.sum()), months)


def _comparable(record: LeadPairs) -> LeadPairs:
    """Return the pairs that all models are scored on, with the baselines that are scored."""
    common = common_pairs(record.observed, record.predicted, record.baselines)
    return record._replace(baselines={name: record.baselines[name] for name in common.baselines}).part(common.counts)


def _verify(lead: int, record: LeadPairs, model: str, units: Units) -> LeadVerification:
    def converted(intervals: Intervals) -> dict[int, tuple[Floats, Floats]]:
        return {
            level: (from_celsius(low, units), from_celsius(high, units)) for level, (low, high) in intervals.items()
        }

    predicted, issued, plain = (
        from_celsius(record.predicted, units),
        converted(record.intervals),
        converted(record.plain),
    )
    return verify_lead(
        lead,
        from_celsius(record.observed, units),
        predicted,
        {name: from_celsius(values, units) for name, values in record.baselines.items()},
        model=model,
        intervals={
            kind: {level: bounds for level, bounds in intervals.items() if level in SHOWN_LEVELS}
            for kind, intervals in (("plain", plain), ("recalibrated", issued))
        },
        quantiles=quantiles_of(predicted, issued),
    )


Cell = str | float | None

_ERRORS: Final = ("mae", "rmse", "bias")
_EVENT_COLUMNS: Final = ("event", "kind", "level", "lead", "n", "frequency", "brier", "skill_persistence")
_BIN_COLUMNS: Final = (
    "minimum", "maximum", "forecasts", "happened", "probability", "share", "lower", "upper",
)  # fmt: skip


Form = Literal["json", "csv", "events_csv"]
"""JSON, or a table of the scores of forecasts or of events."""


def verification(connection: Connection, station: str, selection: Selection, form: Form, *, by_month: bool) -> str:
    """Return the verification of a station as JSON or CSV.

    Raises:
        UnknownStationError: if there is no such station.
        RequestError: if there are too many forecasts for one answer.
    """
    scores = verify(connection, station, selection, by_month=by_month)
    answer = StationVerification(
        station=scores.station.id,
        units=scores.station.settings.units,
        leads=[*map(_lead, scores.leads)],
        events=[*map(_event, scores.events)],
    )
    if form == "json":
        return answer.model_dump_json()
    return _csv(answer) if form == "csv" else _events_csv(answer)


def _lead(scores: LeadScores) -> VerifiedLead:
    return VerifiedLead(
        lead=scores.overall.lead,
        n=scores.overall.n,
        replayed=scores.replayed,
        models=_models(scores.overall),
        months=[
            VerifiedMonth(month=month, n=verified.n, models=_models(verified))
            for month, verified in scores.months.items()
        ],
    )


def _event(event: EventLead) -> VerifiedEvent:
    known = {"name": event.event, "kind": event.kind, "level": event.level, "lead": event.lead}
    return VerifiedEvent.model_validate(known | event.score.model_dump())


def _models(verified: LeadVerification) -> list[VerifiedForecasts | VerifiedBaseline]:
    return [_issued(model) if model.kind == "issued" else _baseline(model) for model in verified.models]


def _issued(model: ModelVerification) -> VerifiedForecasts:
    return VerifiedForecasts(
        model=model.model,
        kind="issued",
        mae=model.mae,
        rmse=model.rmse,
        bias=model.bias,
        skill=model.skill,
        crps=model.crps,
        coverage={level: IntervalShares(**shares) for level, shares in model.coverage.items()},
    )


def _baseline(model: ModelVerification) -> VerifiedBaseline:
    return VerifiedBaseline(model=model.model, kind="baseline", mae=model.mae, rmse=model.rmse, bias=model.bias)


def _csv(answer: StationVerification) -> str:
    """Return a row for each lead, month and model. The month is empty in rows about all of them."""
    rows = [*_rows(answer)]
    columns = dict.fromkeys(["lead", "month", "n", "model", "kind", *_ERRORS, *(name for row in rows for name in row)])
    text = io.StringIO()
    writer = csv.DictWriter(text, [*columns], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _events_csv(answer: StationVerification) -> str:
    """Return a row for each event, lead and bin of probabilities: what was said, and how often it happened."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*_EVENT_COLUMNS, *_BIN_COLUMNS])
    for event in answer.events:
        skill = event.skill[PERSISTENCE].value
        shared = [event.name, event.kind, event.level, event.lead, event.n, event.frequency, event.brier, skill]
        for part in event.reliability:
            happened = round(part.frequency * part.n)
            writer.writerow([*shared, part.minimum, part.maximum, part.n, happened, *_frequencies(part)])
    return text.getvalue()


def _frequencies(part: ReliabilityBin) -> tuple[float, ...]:
    return part.probability, part.frequency, part.lower, part.upper


def _rows(answer: StationVerification) -> Iterator[dict[str, Cell]]:
    for lead in answer.leads:
        parts: list[tuple[str, VerifiedLead | VerifiedMonth]] = [("", lead)]
        parts += [(month.month, month) for month in lead.months]
        for month, part in parts:
            for model in part.models:
                row: dict[str, Cell] = {"lead": lead.lead, "month": month, "n": part.n}
                yield row | {"model": model.model, "kind": model.kind} | _scores(model)


def _scores(model: VerifiedForecasts | VerifiedBaseline) -> dict[str, Cell]:
    scores: dict[str, Cell] = {name: getattr(model, name) for name in _ERRORS}
    if isinstance(model, VerifiedForecasts):
        scores |= {f"skill_{name}": value for name, value in model.skill.items()} | {"crps": model.crps}
        for level, shares in model.coverage.items():
            scores |= {f"coverage_{level}_plain": shares.plain, f"coverage_{level}_recalibrated": shares.recalibrated}
    return scores

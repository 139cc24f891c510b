"""How good the forecasts of a station were: its record, scored by lead and by month."""

from typing import Final, NamedTuple

import numpy as np
from sqlalchemy import Connection

from forecasting.scores.verification import Intervals, LeadVerification, common_pairs, quantiles_of, verify_lead
from forecasting.series.times import Floats
from forecasting.series.timestep import TimeStep
from forecasting.series.units import Units, from_celsius
from service.stations.record.counted import counted
from service.stations.record.event_record import EventLead, EventRecord
from service.stations.record.record import LeadRecord, Record
from service.stations.record.state_record import StateRecord
from service.store.issued_forecasts import iterate_forecasts
from service.store.observations import latest_values
from service.store.stations import Station, get_station

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
    record, events = Record(step, selection.lead), EventRecord(step, selection.lead)
    states = StateRecord(step, selection.lead)
    for forecast in counted(iterate_forecasts(connection, station.number, selection.begin, selection.end)):
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
    leads = [_scores(lead, pairs, model, units, by_month) for lead, pairs in record.leads(observed).items()]
    return StationScores(station, leads, [*events.scores(observed), *states.scores(observed)])


def _scores(lead: int, record: LeadRecord, model: str, units: Units, by_month: bool) -> LeadScores:
    record = _comparable(record)
    scores = _verify(lead, record, model, units)
    months = {}
    if by_month:
        month = record.observed_until.astype("datetime64[M]")
        for each in np.unique(month):
            months[str(each)] = _verify(lead, record.part(month == each), model, units)
    return LeadScores(scores, int(record.replayed.sum()), months)


def _comparable(record: LeadRecord) -> LeadRecord:
    """Return the pairs that all models are scored on, with the baselines that are scored."""
    common = common_pairs(record.observed, record.predicted, record.baselines)
    return record._replace(baselines={name: record.baselines[name] for name in common.baselines}).part(common.counts)


def _verify(lead: int, record: LeadRecord, model: str, units: Units) -> LeadVerification:
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

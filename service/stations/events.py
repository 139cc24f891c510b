"""The events that a station watches: their JSON, and what a forecast evaluates."""

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

import numpy as np
from pydantic import Field, Tag, TypeAdapter

from forecasting.events.baseline import require_days
from forecasting.events.definitions import Percentile, ThresholdEvent
from forecasting.events.event_schema import (
    BY_KIND,
    DIFFERENT_NAMES,
    MAX_EVENTS,
    MAX_NAME,
    InputHeatStress,
    InputMarineEvent,
    InputThresholdEvent,
)
from forecasting.requests.model import ONE_LINE, Finite, tag
from forecasting.series.timestep import TimeStep
from forecasting.series.units import Units, to_celsius
from service.engine.events import read_baseline
from service.engine.options import EventOptions, event_options
from service.engine.series_schema import InputBaseline
from service.stations.store.stations import StationSettings

DEFAULT_ALERT_AT: Final = 0.5

_DAILY: Final = "marine heatwaves, cold spells, degree heating weeks and percentiles of the day of the year"
_BY_DAY: Final = frozenset({"climatology", "threshold"})

Json = dict[str, Any]

EventKind = Literal["threshold", "marine_heatwave", "marine_cold_spell", "degree_heating_weeks"]

Name = Annotated[
    str,
    Field(min_length=1, max_length=MAX_NAME, pattern=ONE_LINE, description="The names of a station's events differ."),
]
AlertAt = Annotated[
    Finite, Field(gt=0, le=1, description="The probability from which on the alert `expected` is raised.")
]


class StationThresholdEvent(InputThresholdEvent):
    """SST above or below a threshold, for some steps in a row."""

    name: Name
    alert_at: AlertAt = DEFAULT_ALERT_AT


class StationMarineEvent(InputMarineEvent):
    """A marine heatwave or cold spell. It needs daily values, and ten years of them or a baseline."""

    name: Name
    alert_at: AlertAt = DEFAULT_ALERT_AT


class StationHeatStress(InputHeatStress):
    """Degree heating weeks. They need daily values."""

    name: Name
    alert_at: AlertAt = DEFAULT_ALERT_AT


StationEvent = StationThresholdEvent | StationMarineEvent | StationHeatStress

StationEvents = Annotated[
    tuple[
        Annotated[
            Annotated[StationThresholdEvent, Tag(tag("InputThresholdEvent"))]
            | Annotated[StationMarineEvent, Tag(tag("InputMarineEvent"))]
            | Annotated[StationHeatStress, Tag(tag("InputHeatStress"))],
            BY_KIND,
        ],
        ...,
    ],
    Field(max_length=MAX_EVENTS, fail_fast=True),
    DIFFERENT_NAMES,
]
"""The events of a station."""

_EVENTS: Final = TypeAdapter[tuple[StationEvent, ...]](StationEvents)


def stored_events(events: Sequence[StationEvent]) -> list[Json] | None:
    """Return events as they are stored, in the units of the station; None without any."""
    return [event.model_dump(mode="json", by_alias=True, exclude_none=True) for event in events] or None


def check_events(
    events: Sequence[StationEvent], baseline: InputBaseline | None, horizon: int, step: str, units: Units
) -> None:
    """Check what a station is to watch, before it has any readings.

    Raises:
        RequestError: if an event looks further ahead than ``horizon``, or has a temperature that no sea has.
        SeriesError: if an event needs daily values and the step is not a day, or the baseline cannot be one.
    """
    read_baseline(baseline, units)
    options = event_options(events, 0, baseline, horizon, units)
    for definition in () if options is None else options.definitions:
        if not isinstance(definition, ThresholdEvent) or isinstance(definition.threshold, Percentile):
            require_days(TimeStep.parse(step), _DAILY)


def options_of(events: Sequence[Json] | None, horizon: int, units: Units) -> EventOptions | None:
    """Return what a forecast evaluates for a station with these stored ``events``; None without any."""
    return event_options(_EVENTS.validate_python(events, context=[]), 0, None, horizon, units) if events else None


def needs_whole_past(settings: StationSettings) -> bool:
    """Return whether some event of a station is evaluated from all of its readings, and not only the newest."""
    has_climatology = "climatology" in (settings.baseline or ())
    for event in settings.events or ():
        if event["kind"] == "degree_heating_weeks":
            needs_all = "mmm" not in event
        else:
            is_percentile = isinstance(event.get("above", event.get("below")), dict)
            needs_all = not has_climatology and (event["kind"] != "threshold" or is_percentile)
        if needs_all:
            return True
    return False


def parse_baseline(stored: Json | None) -> InputBaseline | None:
    """Return a baseline as it was sent."""
    return None if stored is None else InputBaseline.model_validate(stored, context=[])


def baseline_in_celsius(baseline: Json | None, units: Units) -> InputBaseline | None:
    """Return a stored baseline in °C."""
    if baseline is None or units == "celsius":
        return parse_baseline(baseline)
    by_day = {name: to_celsius(np.asarray(baseline[name]), units).tolist() for name in _BY_DAY & baseline.keys()}
    return parse_baseline(baseline | by_day)

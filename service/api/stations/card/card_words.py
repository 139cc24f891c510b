"""The words on the card of a station."""

import re
from datetime import UTC, datetime
from typing import Final, NamedTuple
from xml.sax.saxutils import escape

import numpy as np

from forecasting.qartod import SUSPECT
from forecasting.series.timestep import TimeStep
from forecasting.series.units import Units
from service.api.stations.events.event_schemas import StationEventAnswer
from service.api.stations.schemas import NewestObservation, StationAnswer
from service.store.past import DAY

NO_VALUE: Final = "No readings yet"

_EVENTS: Final = {
    "marine_heatwave": "Marine heatwave",
    "marine_cold_spell": "Marine cold spell",
    "degree_heating_weeks": "Coral heat stress",
}
"""Kinds of events whose own names say less."""

_SYMBOLS: Final[dict[Units, str]] = {"celsius": "°C", "kelvin": "K", "fahrenheit": "°F"}
_NO_BREAK: Final = "\N{NO-BREAK SPACE}"

_MOST_COLUMNS: Final = 5
_WIDTH: Final = 328
"""Pixels of all columns."""

_CHARACTER: Final = 6.4
_GAP: Final = 6
"""Pixels of a character of a range in a wide font, and between two ranges."""

_NARROW: Final = 0.25
"""The width of a range that needs two decimals."""

_AGES: Final = (("year", 31_557_600), ("month", 2_629_800), ("day", 86_400), ("hour", 3_600), ("minute", 60))
"""Units of an age in seconds, the largest first."""

_NEAR_DAYS: Final = ("today", "yesterday")

_LEAST_UNITS: Final = 2
"""The least number of a unit in which an age is given."""

_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Column(NamedTuple):
    """A step ahead.

    Attributes:
        label: its day, month or hour.
        value: with as many decimals as the range needs.
        range: of 80 %; empty without one.
        sst: the value, in the units of the station.
        bounds: of the range; twice the value without one.
    """

    label: str
    value: str
    range: str
    sst: float
    bounds: tuple[float, float]


def columns_of(station: StationAnswer, now: int) -> list[Column]:
    """Return the next steps of the newest forecast, without those that have passed at ``now``."""
    forecast = station.forecast
    if forecast is None:
        return []
    intervals = forecast.intervals
    bounds = [*zip(intervals[0].lower, intervals[0].upper, strict=True)] if intervals else []
    narrow = bool(bounds) and min(upper - lower for lower, upper in bounds) < _NARROW
    columns = []
    for i, (time, sst) in enumerate(zip(forecast.timestamps, forecast.sst, strict=True)):
        if _end_of(time, station.step) <= now:
            continue
        places = 2 if narrow else 1
        lower, upper = bounds[i] if bounds else (sst, sst)
        text = f"{fixed(lower, places)}–{fixed(upper, places)}" if bounds else ""
        columns.append(Column(_label(time, station.step), fixed(sst, places), text, sst, (lower, upper)))
    longest = max([len(column.range) for column in columns], default=0)
    return columns[: min(_MOST_COLUMNS, int(_WIDTH / (longest * _CHARACTER + _GAP)))]


def degrees(value: float, units: Units, places: int = 1) -> str:
    """Return a temperature with its unit."""
    return f"{fixed(value, places)}{_NO_BREAK}{_SYMBOLS[units]}"


def fixed(value: float, places: int) -> str:
    """Return a number with so many decimals."""
    return f"{value:.{places}f}".replace("-", "\N{MINUS SIGN}")


def anomaly_in_words(station: StationAnswer) -> str:
    """Return how much warmer or colder than usual the newest observation is, and in which years that was usual.

    Empty if it is unknown.
    """
    if station.usual is None or station.anomaly is None:
        return ""
    years = "" if station.usual.years is None else f" ({'–'.join(map(str, station.usual.years))})"
    if abs(station.anomaly) < 0.05:
        return f"Normal for the time of year{years}"
    side = "warmer" if station.anomaly > 0 else "colder"
    return f"{degrees(abs(station.anomaly), station.units)} {side} than usual{years}"


def observed_in_words(station: StationAnswer) -> str:
    """Return when the newest observation was, and how long ago that is."""
    newest = station.newest
    assert newest is not None
    words = _time_in_words(station, newest)
    return f"{words} · suspect" if newest.flag >= SUSPECT else words


def _time_in_words(station: StationAnswer, newest: NewestObservation) -> str:
    time = datetime.fromisoformat(newest.time)
    if station.step == "month":
        return f"{time:%B %Y}"
    day = f"{time.day} {time:%b %Y}"
    if TimeStep.parse(station.step).is_under_a_day:
        return f"{day}, {time:%H:%M} UTC · {_age_in_words(newest.age_seconds)}"
    days = newest.age_seconds // DAY
    return f"{day} · {_NEAR_DAYS[days] if 0 <= days < len(_NEAR_DAYS) else _age_in_words(newest.age_seconds)}"


def active_events(station: StationAnswer) -> list[str]:
    """Return the events that are active, each with its category and since when."""
    return [_event_in_words(event) for event in station.events if event.state == "active"]


def description_of(station: StationAnswer, columns: list[Column]) -> str:
    """Return what the card shows in sentences, for screen readers."""
    if station.newest is None:
        return f"{NO_VALUE}."
    units = station.units
    sentences = [f"Sea-surface temperature {degrees(station.newest.sst, units)}, {observed_in_words(station)}."]
    if anomaly := anomaly_in_words(station):
        sentences.append(f"{anomaly}.")
    steps = [f"{column.label} {column.value}{f' ({column.range})' if column.range else ''}" for column in columns]
    sentences += [f"{event}." for event in active_events(station)]
    if steps:
        sentences.append(f"Forecast, with 80 % ranges: {', '.join(steps)}.")
    return " ".join(sentences)


def shortened(text: str, most: int) -> str:
    """Return ``text``, cut to ``most`` characters."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def xml(text: str) -> str:
    """Return ``text`` as content of an element, without characters that XML does not allow."""
    return escape(_NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text))


def _event_in_words(event: StationEventAnswer) -> str:
    name = _EVENTS.get(event.kind, event.name)
    category = f", {event.category.lower()}" if event.category else ""
    if event.since is None:
        return f"{name}{category}"
    since = datetime.fromisoformat(event.since)
    return f"{name}{category}, since {since.day} {since:%b %Y}"


def _end_of(time: str, step: str) -> int:
    start = np.asarray(np.datetime64(datetime.fromisoformat(time).astimezone(UTC).replace(tzinfo=None), "s"))
    return int(TimeStep.parse(step).shift(start, 1).astype(np.int64))


def _label(time: str, step: str) -> str:
    moment = datetime.fromisoformat(time)
    if step == "month":
        return f"{moment:%b %Y}"
    if TimeStep.parse(step).is_under_a_day:
        return f"{moment:%H:%M}"
    return f"{moment:%a} {moment.day}"


def _age_in_words(seconds: int) -> str:
    for unit, length in _AGES:
        count = seconds // length
        if count >= _LEAST_UNITS:
            return f"{count} {unit}s ago"
    return "just now"

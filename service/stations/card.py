"""The card of a station as SVG, to embed in other pages."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple
from xml.sax.saxutils import escape

from forecasting.qartod import SUSPECT
from forecasting.series.times import DAY, seconds_of
from forecasting.series.timestep import TimeStep
from forecasting.series.units import Units
from forecasting.wording import age_in_words, counted
from service.stations.durations import shifted
from service.stations.schemas import StationAnswer, StationEventAnswer

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

_OLD_SECONDS: Final = 120
"""The least age that is given."""

_NEAR_DAYS: Final = ("today", "yesterday")

_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

WIDTH: Final = 360

HEIGHT: Final = 224

_MARGIN: Final = 16

_SPARKLINE: Final = (200, 56, 144, 40)
"""Left, top, width and height."""

_NAME_LENGTH: Final = 34
"""Characters of a name that fit."""

_EVENT_LENGTH: Final = 43
"""Characters of an event that fit."""

_STYLE: Final = """
svg{color-scheme:light dark;--card:#fff;--ink:#13212c;--muted:#52616d;--line:#dbe3e9;--accent:#0b5c8a}
svg{--warm:#a63d00;--cold:#0b5c8a;--bad:#b3261e}
@media(prefers-color-scheme:dark){
svg{--card:#151d24;--ink:#e7edf2;--muted:#a2b1bd;--line:#2a3641;--accent:#74bdea;--warm:#ff9a5c;--cold:#74bdea;
--bad:#ff9a90}}
text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;font-size:13px}
text{fill:var(--ink)}
.small{font-size:11.5px;fill:var(--muted)}.range{font-size:10.5px;fill:var(--muted)}
.name{font-size:15px;font-weight:650}.value{font-size:30px;font-weight:650;letter-spacing:-.5px}
.day{font-weight:620}.warmer{fill:var(--warm);font-weight:600}.colder{fill:var(--cold);font-weight:600}
.active{font-size:11.5px;font-weight:600;fill:var(--bad)}.alarm{fill:var(--bad)}
.mid{text-anchor:middle}.end{text-anchor:end}
.card{fill:var(--card);stroke:var(--line)}.rule{stroke:var(--line)}
.past{fill:none;stroke:var(--ink);stroke-width:1.5;stroke-linejoin:round}.dot{fill:var(--ink)}
.ahead{fill:none;stroke:var(--accent);stroke-width:1.75;stroke-linejoin:round}.fan{fill:var(--accent);opacity:.22}
"""


class Column(NamedTuple):
    """A step ahead."""

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
        if shifted(seconds_of(time), 1, TimeStep.parse(station.step)) <= now:
            continue
        decimals = 2 if narrow else 1
        lower, upper = bounds[i] if bounds else (sst, sst)
        text = f"{fixed(lower, decimals)}–{fixed(upper, decimals)}" if bounds else ""
        columns.append(Column(_label(time, station.step), fixed(sst, decimals), text, sst, (lower, upper)))
    longest = max([len(column.range) for column in columns], default=0)
    return columns[: min(_MOST_COLUMNS, int(_WIDTH / (longest * _CHARACTER + _GAP)))]


def degrees(value: float, units: Units, decimals: int = 1) -> str:
    """Return a temperature with its unit."""
    return f"{fixed(value, decimals)}{_NO_BREAK}{_SYMBOLS[units]}"


def fixed(value: float, decimals: int) -> str:
    """Return a number with so many decimals."""
    return f"{value:.{decimals}f}".replace("-", "\N{MINUS SIGN}")


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
    time = datetime.fromisoformat(newest.time)
    words = f"{time.day} {time:%b %Y}"
    days = newest.age_seconds // DAY
    age = f"{age_in_words(newest.age_seconds)} ago" if newest.age_seconds >= _OLD_SECONDS else "just now"
    if station.step == "month":
        words = f"{time:%B %Y}"
    elif TimeStep.parse(station.step).is_under_a_day:
        words = f"{words}, {time:%H:%M} UTC · {age}"
    elif 0 <= days < len(_NEAR_DAYS):
        words = f"{words} · {_NEAR_DAYS[days]}"
    else:
        words = f"{words} · {age}"
    return f"{words} · suspect" if newest.flag >= SUSPECT else words


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


def _label(time: str, step: str) -> str:
    moment = datetime.fromisoformat(time)
    if step == "month":
        return f"{moment:%b %Y}"
    if TimeStep.parse(step).is_under_a_day:
        return f"{moment:%H:%M}"
    return f"{moment:%a} {moment.day}"


def card_svg(station: StationAnswer, now: int) -> str:
    """Return the card of a station: its last value, what is usual, the next steps and the last sixty days.

    The station has its recent days; ``now`` is in Unix seconds.
    """
    columns = columns_of(station, now)
    parts = [
        f'<rect class="card" x=".5" y=".5" width="{WIDTH - 1}" height="{HEIGHT - 1}" rx="10"/>',
        _text(_MARGIN, 28, shortened(station.name or station.id, _NAME_LENGTH), "name"),
        *_last_value(station),
        *_sparkline(station, columns),
        f'<path class="rule" d="M{_MARGIN} 128.5H{WIDTH - _MARGIN}"/>',
        *_forecast(station, columns),
        *_footer(station, columns),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'role="img" aria-labelledby="title desc"><title id="title">{xml(station.name or station.id)}</title>'
        f'<desc id="desc">{xml(description_of(station, columns))}</desc><style>{_STYLE}</style>'
        f"{''.join(parts)}</svg>\n"
    )


def _last_value(station: StationAnswer) -> list[str]:
    if station.newest is None:
        return [_text(_MARGIN, 68, NO_VALUE)]
    lines = [
        _text(_MARGIN, 72, degrees(station.newest.sst, station.units), "value"),
        _text(_MARGIN, 92, observed_in_words(station), "small"),
    ]
    if words := anomaly_in_words(station):
        kind = "warmer" if "warmer" in words else "colder" if "colder" in words else "day"
        lines.append(_text(_MARGIN, 112, words, kind))
    return lines


def _forecast(station: StationAnswer, columns: Sequence[Column]) -> list[str]:
    if not columns:
        missing = "No forecast yet" if station.forecast is None else "The last forecast has expired: send new readings"
        return [_text(_MARGIN, 152, missing, "small")]
    width = (WIDTH - 2 * _MARGIN) / len(columns)
    parts = []
    for i, column in enumerate(columns):
        x = _MARGIN + (i + 0.5) * width
        parts += [
            _text(x, 148, column.label, "small mid"),
            _text(x, 168, column.value, "day mid"),
            _text(x, 184, column.range, "range mid"),
        ]
    return parts


def _footer(station: StationAnswer, columns: Sequence[Column]) -> list[str]:
    """Return the events that are active; without any, what the ranges are."""
    y = HEIGHT - 14
    active = active_events(station)
    if active:
        marker = f'<circle class="alarm" cx="{_MARGIN + 5}" cy="{y - 4}" r="5"/>'
        return [marker, _text(_MARGIN + 16, y, _named(active), "active")]
    if not any(column.range for column in columns):
        return []
    return [_text(_MARGIN, y, "Forecast, with 80 % ranges", "small")]


def _named(events: Sequence[str]) -> str:
    """Return the only event; of several, the first without its beginning, and how many more there are."""
    if len(events) == 1:
        return shortened(events[0], _EVENT_LENGTH)
    more = f" and {len(events) - 1} more"
    return shortened(events[0].partition(", since ")[0], _EVENT_LENGTH - len(more)) + more


def _sparkline(station: StationAnswer, columns: Sequence[Column]) -> list[str]:
    """Return the recent past as a line, and the forecast with its range after it."""
    past = station.recent.sst if station.recent else []
    if len(past) < 2:
        return []
    left, top, width, height = _SPARKLINE
    ahead = [(column.sst, *column.bounds) for column in columns]
    values = [*past, *(value for triple in ahead for value in triple)]
    low, high = min(values), max(values)
    count = len(past) + len(ahead) - 1

    def point(i: int, value: float) -> str:
        share = (value - low) / (high - low) if high > low else 0.5
        return f"{left + width * i / count:.1f} {top + height * (1 - share):.1f}"

    last = len(past) - 1
    parts = [f'<path class="past" d="M{"L".join(point(i, value) for i, value in enumerate(past))}"/>']
    if ahead:
        steps = [*enumerate(ahead, last + 1)]
        line = [point(last, past[-1]), *(point(i, sst) for i, (sst, _, _) in steps)]
        edge = [point(i, upper) for i, (_, _, upper) in steps]
        edge += [point(i, lower) for i, (_, lower, _) in steps[::-1]]
        parts.append(
            f'<path class="fan" d="M{"L".join([line[0], *edge])}Z"/><path class="ahead" d="M{"L".join(line)}"/>'
        )
    x, y = point(last, past[-1]).split()
    return [*parts, f'<circle class="dot" cx="{x}" cy="{y}" r="2.75"/>', *_scale(past, station)]


def _scale(past: Sequence[float], station: StationAnswer) -> list[str]:
    left, top, width, _ = _SPARKLINE
    if station.step in ("month", "week"):
        period = counted(len(past), station.step)
    else:
        period = counted(len(past) * max(TimeStep.parse(station.step).seconds // DAY, 1), "day")
    values = f"{fixed(min(past), 1)} to {degrees(max(past), station.units)}"
    return [_text(left + width, top - 8, f"{period}: {values}", "range end")]


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.0f}" y="{y:.0f}"{named}>{xml(text)}</text>'

"""The card of a station as SVG, to embed in other pages."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple
from xml.sax.saxutils import escape

from forecasting.climatology.usual import side_of
from forecasting.series.times import DAY
from forecasting.series.timestep import TimeStep
from forecasting.wording import counted
from service.api.place_summary import ahead_of, decimals_of, degrees, fixed, steps_ahead
from service.plugins.stations.schemas import StationAnswer

NO_VALUE: Final = "No readings yet"

_MOST_COLUMNS: Final = 5
_WIDTH: Final = 328
"""Pixels of all columns."""

_CHARACTER: Final = 6.4
_GAP: Final = 6
"""Pixels of a character of a range in a wide font, and between two ranges."""

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
    forecast, step = station.forecast, TimeStep.parse(station.step)
    steps = [] if forecast is None else steps_ahead(ahead_of(forecast.model_dump()), step, now)
    decimals, columns = decimals_of(steps), []
    for each in steps:
        lower, upper = (each.sst, each.sst) if each.lower is None or each.upper is None else (each.lower, each.upper)
        text = "" if each.lower is None else f"{fixed(lower, decimals)}–{fixed(upper, decimals)}"
        label = _label(each.time, station.step)
        columns.append(Column(label, fixed(each.sst, decimals), text, each.sst, (lower, upper)))
    longest = max([len(column.range) for column in columns], default=0)
    return columns[: min(_MOST_COLUMNS, int(_WIDTH / (longest * _CHARACTER + _GAP)))]


def _description(station: StationAnswer, columns: Sequence[Column]) -> str:
    """Return what the card shows in sentences, for screen readers."""
    steps = [f"{column.label} {column.value}{f' ({column.range})' if column.range else ''}" for column in columns[1:]]
    return station.summary.sentence + (f" Then {', '.join(steps)}." if steps else "")


def active_events(station: StationAnswer) -> list[str]:
    """Return the events that are active, each with its category and since when."""
    return [event.sentence for event in station.summary.events if event.state == "active"]


def shortened(text: str, most: int) -> str:
    """Return ``text``, cut to ``most`` characters."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def xml(text: str) -> str:
    """Return ``text`` as content of an element, without characters that XML does not allow."""
    return escape(_NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text))


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
        f'<desc id="desc">{xml(_description(station, columns))}</desc><style>{_STYLE}</style>'
        f"{''.join(parts)}</svg>\n"
    )


def _last_value(station: StationAnswer) -> list[str]:
    newest, usual = station.summary.newest, station.summary.usual
    if newest is None:
        return [_text(_MARGIN, 68, NO_VALUE)]
    lines = [
        _text(_MARGIN, 72, degrees(newest.sst, station.units), "value"),
        _text(_MARGIN, 92, newest.text, "small"),
    ]
    if usual is not None:
        lines.append(_text(_MARGIN, 112, usual.text, side_of(station.summary.anomaly or 0.0) or "day"))
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

"""What is said about a place: made here alone, for stations, for series that are not stored, and for outlooks."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, Field

from forecasting.climatology.usual import Usual, side_of
from forecasting.events.detection import CATEGORIES
from forecasting.qartod import SUSPECT
from forecasting.series.times import DAY, SECONDS, iso_of, seconds_of
from forecasting.series.timestep import TimeStep
from forecasting.series.units import Units
from forecasting.wording import age_in_words
from service.api.series_request import ClimatologyBasis, Time
from service.engine.event_state import EventStatus

Verdict = Literal["usual", "warm", "cold", "heatwave", "cold_spell", "limit", "unknown"]
State = Literal["active", "inactive", "unknown"]

LEVEL: Final = 80
"""Percent, the level of the range of the next value."""

_UNUSUAL_CELSIUS: Final = 1.0
"""A place that differs from usual by less is as usual."""

_NARROW: Final = 0.25
"""The width of a range that needs two decimals."""

_EXPECTED: Final = 0.5
"""An event that is at least as likely is expected, unless its settings say otherwise."""

_OLD_SECONDS: Final = 120
"""The least age that is given."""

_NEAR_DAYS: Final = ("today", "yesterday")
_SYMBOLS: Final[dict[Units, str]] = {"celsius": "°C", "kelvin": "K", "fahrenheit": "°F"}
_SIZES: Final[dict[Units, float]] = {"celsius": 1.0, "kelvin": 1.0, "fahrenheit": 1.8}
_NO_BREAK: Final = "\N{NO-BREAK SPACE}"

KINDS: Final = {
    "marine_heatwave": "Marine heatwave",
    "marine_cold_spell": "Marine cold spell",
    "degree_heating_weeks": "Coral heat stress",
    "silent": "Silence",
    "stuck": "Stuck sensor",
}
"""Kinds of events whose own names say less."""

_VERDICTS: Final[dict[str, Verdict]] = {
    "marine_heatwave": "heatwave",
    "marine_cold_spell": "cold_spell",
    "threshold": "limit",
    "degree_heating_weeks": "limit",
}
"""What a place is called while an event is on, the most telling first."""


class SummaryNewest(BaseModel):
    """The newest value."""

    time: Time
    sst: float
    flag: int = Field(description="Its QARTOD flag: 1 good, 2 not evaluated, 3 suspect, 4 fail.")
    age_seconds: int
    text: str = Field(
        description="When it was observed, in words.", examples=["2 Dec 2026 · today", "1 Nov 2026 · 31 days ago"]
    )


class SummaryNext(BaseModel):
    """The first forecast value whose step has not passed."""

    time: Time
    lead: int = Field(description="Steps after the last observation that the forecast uses.")
    sst: float
    lower: float | None = Field(description="The lower bound of the 80 % range; null without one.")
    upper: float | None


class SummaryUsual(ClimatologyBasis):
    """What is usual at the time of the newest value."""

    sst: float
    text: str = Field(
        description="How the newest value differs from it, in words.",
        examples=["1.2 °C warmer than usual (1991–2020)", "Normal for the time of year (1991–2020)"],
    )


class SummaryEvent(BaseModel):
    """An event at the time of the newest value."""

    name: str
    kind: str = Field(description="As in the request or the station.", examples=["marine_heatwave", "threshold"])
    state: State
    since: str | None = Field(description="The day or time at which it began; null unless it is active.")
    day: int | None = Field(description="The number of the newest value's step in it, from 1; null without `since`.")
    category: str | None
    probability: float | None = Field(description="As in the forecast of the event.")
    sentence: str = Field(description="Its state in words.", examples=["Marine heatwave, moderate, since 27 Oct"])


class SummaryAccuracy(BaseModel):
    """How right forecasts were at this place."""

    by: Literal["verification", "backtest"] = Field(
        description="Issued forecasts against observations, or forecasts made afterwards in the past of the series."
    )
    n: int = Field(description="The number of forecasts.")
    rmse: float = Field(description="Over the leads of the request, or of the forecasts of a station's last 60 steps.")
    persistence_rmse: float | None = Field(description="The RMSE of repeating the last value, over the same forecasts.")


class SummaryAttention(BaseModel):
    """A reason to look at a place."""

    reason: Literal["active", "expected", "silent", "stuck", "doubt", "fetch"]
    event: str | None = Field(description="The name of the event that is the reason; null for others.")
    sentence: str


class Summary(BaseModel):
    """What is said about a place. Temperatures are in the units of the response."""

    newest: SummaryNewest | None
    next: SummaryNext | None = Field(description="Null without a forecast, or if all of it has passed.")
    usual: SummaryUsual | None = Field(description="Null if it is not known what is usual.")
    anomaly: float | None = Field(description="The newest value minus what is usual; null without `usual`.")
    events: list[SummaryEvent]
    verdict: Verdict = Field(
        description="An event that is active: `heatwave`, `cold_spell` or `limit`. Else `warm` or `cold` for a newest "
        "value at least 1 °C from usual, and `usual` for one that is closer. `unknown` if no value counts, the place "
        "is silent, or it is not known what is usual."
    )
    accuracy: SummaryAccuracy | None = Field(description="Null if it is not known, and in lists of stations.")
    attention: list[SummaryAttention] = Field(description="Reasons to look at the place, the most pressing first.")
    sentence: str = Field(description="All of it in words, but for the accuracy.")


class Newest(NamedTuple):
    """The newest value of a place: its time, Unix seconds, the value in the units of the place, and its QARTOD flag."""

    time: int
    sst: float
    flag: int


class Ahead(NamedTuple):
    """A forecast of a place; the bounds of its 80 % range are empty if it has none."""

    times: Sequence[str]
    sst: Sequence[float]
    lower: Sequence[float] = ()
    upper: Sequence[float] = ()


class PlaceEvent(NamedTuple):
    """An event of a place, as it is known; ``likely`` is the probability from which on it is expected."""

    name: str
    kind: str
    state: State
    since: str | None = None
    category: str | None = None
    probability: float | None = None
    error: str | None = None
    likely: float = _EXPECTED

    @classmethod
    def of(cls, name: str, kind: str, state: EventStatus) -> "PlaceEvent":
        """Return an event whose state a forecast tells."""
        return cls(name, kind, state.word, state.since, state.category, state.probability, state.error)


class Place(NamedTuple):
    """What is known of a place, in its units."""

    step: TimeStep
    units: Units
    newest: Newest | None = None
    ahead: Ahead | None = None
    usual: Usual | None = None
    events: Sequence[PlaceEvent] = ()
    accuracy: SummaryAccuracy | None = None
    fetch_error: str | None = None


def summarize(place: Place, now: int) -> Summary:
    """Say what is known of a place at a time, Unix seconds."""
    newest, usual = place.newest, place.usual
    following = [] if place.ahead is None else steps_ahead(place.ahead, place.step, now)
    is_doubted = newest is not None and newest.flag >= SUSPECT
    anomaly = None if newest is None or usual is None else usual.anomaly(newest.sst)
    events = [_event(each, place, now) for each in place.events]
    observed = "" if newest is None else observed_in_words(place, now)
    words = ["No readings yet."]
    if newest is not None:
        words = [f"Sea-surface temperature {degrees(newest.sst, place.units)}, {observed}."]
    text = "" if anomaly is None or usual is None else anomaly_in_words(anomaly, usual.years, place.units)
    words += [f"{text}."] if text else []
    words += [f"{each.sentence}." for each in events if each.state == "active"]
    if following:
        first = following[0]
        decimals = decimals_of(following)
        span = (
            ""
            if first.lower is None or first.upper is None
            else (f" ({LEVEL} %: {fixed(first.lower, decimals)} to {fixed(first.upper, decimals)})")
        )
        words.append(
            f"Forecast for {_when(first.time, place.step)}: {degrees(first.sst, place.units, decimals)}{span}."
        )
    return Summary(
        newest=None
        if newest is None
        else SummaryNewest(
            time=iso_of(newest.time),
            sst=newest.sst,
            flag=newest.flag,
            age_seconds=now - newest.time,
            text=observed,
        ),
        next=following[0] if following else None,
        usual=None if usual is None or newest is None else SummaryUsual(sst=usual.sst, text=text, **usual.basis),
        anomaly=anomaly,
        events=events,
        verdict=_verdict(place, None if is_doubted else anomaly),
        accuracy=place.accuracy,
        attention=_attention(place, events, now, is_doubted=is_doubted),
        sentence=" ".join(words),
    )


def ahead_of(forecast: Mapping[str, Any]) -> Ahead:
    """Return the part of a forecast in JSON that a summary is made of."""
    interval = next((each for each in forecast["intervals"] if each["level"] == LEVEL), None)
    lower, upper = ((), ()) if interval is None else (interval["lower"], interval["upper"])
    return Ahead(forecast["timestamps"], forecast["sst"], lower, upper)


def known_usual(forecast: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what is usual by a forecast in JSON: nothing, if the position is doubtful that it may be of."""
    is_doubtful = any(warning["code"] == "doubtful_position" for warning in forecast["warnings"])
    return None if is_doubtful else forecast.get("usual")


def steps_ahead(ahead: Ahead, step: TimeStep, now: int) -> list[SummaryNext]:
    """Return the steps of a forecast that have not passed."""
    times = np.array([seconds_of(time) for time in ahead.times], dtype=np.int64)
    passed = int((step.shift(times.view(SECONDS), 1).astype(np.int64) <= now).sum())
    return [
        SummaryNext.model_construct(
            time=ahead.times[i],
            lead=i + 1,
            sst=ahead.sst[i],
            lower=ahead.lower[i] if ahead.lower else None,
            upper=ahead.upper[i] if ahead.upper else None,
        )
        for i in range(passed, len(times))
    ]


def degrees(value: float, units: Units, decimals: int = 1) -> str:
    """Return a temperature with its unit."""
    return f"{fixed(value, decimals)}{_NO_BREAK}{_SYMBOLS[units]}"


def fixed(value: float, decimals: int) -> str:
    """Return a number with so many decimals."""
    return f"{value:.{decimals}f}".replace("-", "\N{MINUS SIGN}")


def decimals_of(steps: Sequence[SummaryNext]) -> int:
    """Return how many decimals the values ahead need, so that the bounds of their ranges differ."""
    widths = [each.upper - each.lower for each in steps if each.upper is not None and each.lower is not None]
    return 2 if widths and min(widths) < _NARROW else 1


def anomaly_in_words(anomaly: float, years: Sequence[int] | None, units: Units) -> str:
    """Return how much warmer or colder than usual a value is, and in which years that was usual."""
    period = "" if years is None else f" ({'–'.join(map(str, years))})"
    side = side_of(anomaly)
    return f"{f'{degrees(abs(anomaly), units)} {side} than usual' if side else 'Normal for the time of year'}{period}"


def observed_in_words(place: Place, now: int) -> str:
    """Return when the newest value was observed, and how long ago that is."""
    assert place.newest is not None
    time, seconds = datetime.fromisoformat(iso_of(place.newest.time)), now - place.newest.time
    words = f"{time.day} {time:%b %Y}"
    age = f"{age_in_words(seconds)} ago" if seconds >= _OLD_SECONDS else "just now"
    if place.step.calendar_month:
        words = f"{time:%B %Y}"
    elif place.step.is_under_a_day:
        words = f"{words}, {time:%H:%M} UTC · {age}"
    elif 0 <= seconds // DAY < len(_NEAR_DAYS):
        words = f"{words} · {_NEAR_DAYS[seconds // DAY]}"
    else:
        words = f"{words} · {age}"
    return f"{words} · suspect" if place.newest.flag >= SUSPECT else words


def _event(event: PlaceEvent, place: Place, now: int) -> SummaryEvent:
    since = event.since if event.state == "active" else None
    return SummaryEvent.model_construct(
        name=event.name,
        kind=event.kind,
        state=event.state,
        since=since,
        day=None if since is None or place.newest is None else _steps_between(since, place.newest.time, place.step) + 1,
        category=event.category,
        probability=event.probability,
        sentence=_event_in_words(event, place, now),
    )


def _event_in_words(event: PlaceEvent, place: Place, now: int) -> str:
    name = KINDS.get(event.kind, event.name)
    if event.state == "unknown":
        return f"{name}: unknown{f', {event.error}' if event.error else ''}"
    if event.state == "inactive":
        return f"{name}: not now"
    if event.kind == "silent":
        return "No readings" if place.newest is None else f"No reading for {age_in_words(now - place.newest.time)}"
    since = "" if event.since is None else f" since {_day(event.since, now)}"
    if event.kind == "stuck":
        return f"The same value{since}: is the sensor stuck?"
    category = f", {event.category.lower()}" if event.category else ""
    return f"{name}{category}{since and f',{since}'}"


def _verdict(place: Place, anomaly: float | None) -> Verdict:
    active = {event.kind for event in place.events if event.state == "active"}
    for kind, verdict in _VERDICTS.items():
        if kind in active:
            return verdict
    if anomaly is None or "silent" in active:
        return "unknown"
    unusual = _UNUSUAL_CELSIUS * _SIZES[place.units]
    return "usual" if abs(anomaly) < unusual else "warm" if anomaly > 0 else "cold"


def _attention(place: Place, events: Sequence[SummaryEvent], now: int, *, is_doubted: bool) -> list[SummaryAttention]:
    """Return the reasons to look at a place: events that are on, the strongest first, and then those ahead."""
    reasons: list[tuple[float, SummaryAttention]] = []
    for known, said in zip(place.events, events, strict=True):
        if known.state == "active":
            reason: Any = known.kind if known.kind in ("silent", "stuck") else "active"
            strength = CATEGORIES.index(known.category) if known.category in CATEGORIES else 0
            reasons.append((_RANKS[reason] - strength / 10, _attend(reason, said.sentence, known.name)))
        elif known.probability is not None and known.probability >= known.likely:
            words = f"{KINDS.get(known.kind, known.name)}: {percent(known.probability)} likely"
            reasons.append((_RANKS["expected"], _attend("expected", words, known.name)))
    if is_doubted:
        reasons.append((_RANKS["doubt"], _attend("doubt", "Last reading in doubt")))
    if place.fetch_error is not None:
        reasons.append((_RANKS["fetch"], _attend("fetch", "Readings cannot be fetched")))
    return [reason for _, reason in sorted(reasons, key=lambda ranked: ranked[0])]


_RANKS: Final = {"active": 0, "expected": 1, "silent": 2, "stuck": 3, "doubt": 4, "fetch": 5}


def _attend(reason: Any, sentence: str, event: str | None = None) -> SummaryAttention:
    return SummaryAttention.model_construct(reason=reason, event=event, sentence=sentence)


def percent(probability: float) -> str:
    """Return a probability in percent, without false certainty."""
    if probability < 0.01:
        return "less than 1 %"
    return "more than 99 %" if probability > 0.99 else f"{100 * probability:.0f} %"


def _day(text: str, now: int) -> str:
    """Return a day; without its year, if that is this year."""
    day = datetime.fromisoformat(text)
    return f"{day.day} {day:%b}" if text[:4] == iso_of(now)[:4] else f"{day.day} {day:%b %Y}"


def _when(time: str, step: TimeStep) -> str:
    moment = datetime.fromisoformat(time)
    if step.calendar_month:
        return f"{moment:%B %Y}"
    return f"{moment.day} {moment:%b %Y}" + (f", {moment:%H:%M} UTC" if step.is_under_a_day else "")


def _steps_between(first: str, last: int, step: TimeStep) -> int:
    if step.calendar_month:
        begin, end = datetime.fromisoformat(first), datetime.fromisoformat(iso_of(last))
        return 12 * (end.year - begin.year) + end.month - begin.month
    return (last - seconds_of(first)) // step.seconds

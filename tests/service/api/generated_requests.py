"""Generated requests: valid series, invalid series, and bodies that are not requests at all."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

from hypothesis import strategies as st

Json = dict[str, Any]

WINDOW: Final = 24
"""The window of the networks in tests, for both datasets."""

Temperatures = st.integers(-200, 3_600).map(lambda hundredths: hundredths / 100)
Offsets = st.integers(-14 * 4, 14 * 4).map(lambda quarters: timezone(timedelta(minutes=15 * quarters)))


class Raw:
    """JSON text for which Python has no value."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return f"Raw({self.text[:80]!r}, {len(self.text)} characters)"


def to_json(value: Any) -> str:
    """Return ``value`` as JSON, with NaN and lone surrogates, which JSON does not allow."""
    if isinstance(value, Raw):
        return value.text
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)}: {to_json(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(to_json, value)) + "]"
    return json.dumps(value)


def nested(levels: int) -> Raw:
    """Return this many nested arrays."""
    return Raw("[" * levels + "]" * levels)


Surrogates = st.characters(categories=["Cs"])
Numbers = st.one_of(
    st.floats(),
    st.integers(),
    st.sampled_from([float("nan"), float("inf"), float("-inf"), 10**400, -(10**400)]),
    st.sampled_from([Raw("1e400"), Raw("-1e400"), Raw("1e-400"), Raw("1E+00005"), Raw("-0"), Raw("0x10"), Raw("01")]),
)
Oddities = st.one_of(
    Numbers,
    st.none(),
    st.booleans(),
    st.text(max_size=20),
    Surrogates,
    st.sampled_from([nested(10), nested(300), nested(100_000), Raw('{"a": ' * 100_000), Raw("["), Raw("")]),
)
Anything = st.recursive(
    Oddities,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5),
    max_leaves=10,
)

Steps = st.sampled_from(["month", "P1M", "week", "day", "hour", "PT30M", "P7D", "fortnight", "", "PT0S", "P999999W"])
Edges = st.sampled_from(
    [
        "0001-01-01",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-12:00",
        "9997-12-01",
        "2000-02-29T12:00:00Z",
        "1900-02-29",
        "2016-12-31T23:59:60Z",
        "2010-W05-3",
        "20100101T000000Z",
        "2010-01-01T00:00:00.123456789+00:00",
        "2010-01-01T24:00:00",
        "2010-13-01",
        "-0001-01-01",
        "10000-01-01",
        "2010-03-28T02:30:00+01:00",
    ]
)
Moments = st.one_of(Edges, st.datetimes(timezones=st.none() | Offsets).map(datetime.isoformat), st.text(max_size=12))


@st.composite
def valid_series(draw: st.DrawFn, most: int = 48) -> Json:
    """A monthly series without gaps and with at most ``most`` values."""
    values = draw(st.lists(Temperatures, min_size=WINDOW, max_size=most))
    start = draw(st.datetimes(datetime(1, 1, 1), datetime(9_900, 1, 1)))
    return {"start": start.isoformat(), "values": values}


@st.composite
def doubtful_series(draw: st.DrawFn) -> Json:
    """A series that may have gaps, be too short, start at any time, or have another step."""
    values = draw(st.lists(st.none() | Temperatures | st.floats(-1e9, 1e9), min_size=1, max_size=40))
    series: Json = {"values": values, "id": draw(st.none() | st.text(max_size=256))}
    if draw(st.booleans()):
        series["start"] = draw(Moments)
    if draw(st.integers(0, 3)) == 0:
        n = len(values) + draw(st.sampled_from([0, 0, 0, 1, -1]))
        series["timestamps"] = draw(st.lists(Moments, min_size=n, max_size=n))
    if draw(st.integers(0, 3)) == 0:
        series["step"] = draw(Steps)
    return series


def request(series: st.SearchStrategy[list[Json]]) -> st.SearchStrategy[Json]:
    """Requests with these series and otherwise valid fields."""
    fields = {
        "model": st.sampled_from(["best", "all", "rnn", "lstm", "gru", "nino12-gru"]),
        "horizon": st.integers(1, 12),
        "levels": st.none() | st.lists(st.sampled_from([50, 80, 95]), max_size=4),
        "thresholds": st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=3),
        "units": st.sampled_from(["celsius", "kelvin", "fahrenheit"]),
    }
    return st.fixed_dictionaries({"dataset": st.just("nino12"), "series": series}, optional=fields)


@st.composite
def event(draw: st.DrawFn) -> Json:
    """An event that may be wrong in one of its fields."""
    degrees = Temperatures | st.floats(allow_nan=False, allow_infinity=False)
    threshold = degrees | st.fixed_dictionaries({"percentile": st.floats(0, 100)})
    asked: Json = draw(
        st.one_of(
            st.fixed_dictionaries(
                {draw(st.sampled_from(["above", "below"])): threshold},
                optional={"for": st.integers(1, 20), "within": st.integers(1, 12), "kind": st.just("threshold")},
            ),
            st.fixed_dictionaries({"kind": st.sampled_from(["marine_heatwave", "marine_cold_spell"])}),
            st.fixed_dictionaries({"kind": st.just("degree_heating_weeks")}, optional={"mmm": st.none() | degrees}),
        )
    )
    asked["name"] = draw(st.text(min_size=1, max_size=8))
    if draw(st.integers(0, 4)) == 0:
        asked[draw(st.sampled_from(["name", "kind", "above", "below", "for", "within", "mmm"]))] = draw(Anything)
    return asked


@st.composite
def baseline(draw: st.DrawFn) -> Json:
    """A baseline that may be one of no sea, or a period that is none."""
    if draw(st.booleans()):
        return {"start": draw(Moments), "end": draw(Moments)}
    return {"climatology": [draw(Temperatures)] * 366, "threshold": [draw(Temperatures | Numbers)] * 366}


@st.composite
def broken_request(draw: st.DrawFn) -> Json:
    """A request in which some part is replaced by anything at all."""
    whole: Json = draw(request(st.lists(valid_series(30) | doubtful_series(), min_size=1, max_size=3)))
    whole["series"] = [dict(series) for series in whole["series"]]
    place = draw(st.sampled_from([whole, *whole["series"]]))
    names = [
        "model",
        "dataset",
        "horizon",
        "levels",
        "thresholds",
        "units",
        "series",
        "id",
        "values",
        "start",
        "colour",
    ]
    for name in draw(st.lists(st.sampled_from([*names, "timestamps", "step"]), min_size=1, max_size=2)):
        place[name] = draw(Anything)
    values = place.get("values")
    if isinstance(values, list) and values:
        values[draw(st.integers(0, len(values) - 1))] = draw(Oddities)
    return whole


def half_hours(start: datetime, n: int) -> list[datetime]:
    """Return ``n`` times from ``start`` (UTC), half an hour apart."""
    return [start.replace(tzinfo=UTC) + timedelta(minutes=30 * i) for i in range(n)]

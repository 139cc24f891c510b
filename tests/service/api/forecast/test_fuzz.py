"""Any request to /forecast gets an answer that keeps the contract, or a problem document."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote_from_bytes
from zoneinfo import ZoneInfo

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from service.api.forecast.schemas import AllForecasts, ModelForecast, SeriesForecast
from service.http.problems import Problem
from tests.service.api.generated_requests import (
    WINDOW,
    Anything,
    Json,
    Offsets,
    Surrogates,
    Temperatures,
    baseline,
    broken_request,
    doubtful_series,
    event,
    half_hours,
    nested,
    request,
    to_json,
    valid_series,
)
from tests.service.requests import JSON, REFUSALS, assert_same, loaded

ANSWERS = TypeAdapter[AllForecasts | ModelForecast](AllForecasts | ModelForecast)
Convert = Callable[[float], float]


def post(client: httpx.Client, body: Json | bytes, **parameters: str) -> list[ModelForecast]:
    """Return the answer of each model, checked against the contract; empty if the request is refused."""
    content = body if isinstance(body, bytes) else to_json(body).encode()
    response = client.post("/forecast", content=content, headers=JSON, params={"as_of": "9999-12-31"} | parameters)
    if response.status_code != 200:
        assert response.status_code in REFUSALS, response.text
        assert Problem.model_validate(loaded(response)).status == response.status_code
        return []
    answer = ANSWERS.validate_python(loaded(response))
    models = answer.models if isinstance(answer, AllForecasts) else [answer]
    asked = json.loads(content)
    for model in models:
        assert len(model.forecasts) == len(asked["series"])
        for i, (forecast, series) in enumerate(zip(model.forecasts, asked["series"], strict=True)):
            assert forecast.id == (str(i) if series.get("id") is None else series["id"])
            if isinstance(forecast, SeriesForecast):
                hold_to_horizon(forecast, asked)
    return models


def hold_to_horizon(forecast: SeriesForecast, asked: Json) -> None:
    """Check that each requested quantity has a value at each lead."""
    lists: list[list[Any]] = [forecast.timestamps, forecast.sst, *forecast.baselines.values()]
    lists += [side for interval in forecast.intervals for side in (interval.lower, interval.upper)]
    lists += [exceedance.probability for exceedance in forecast.exceedance]
    assert {len(values) for values in lists} == {asked.get("horizon", 1)}
    assert [exceedance.threshold for exceedance in forecast.exceedance] == asked.get("thresholds", [])
    assert "persistence" in forecast.baselines
    assert all(0 <= share <= 1 for exceedance in forecast.exceedance for share in exceedance.probability)
    for time in forecast.timestamps:
        assert time == f"{datetime.fromisoformat(time).replace(tzinfo=None).isoformat()}Z"


def forecasts(models: list[ModelForecast]) -> list[SeriesForecast]:
    """The forecasts, where none is an error."""
    entries = [forecast for model in models for forecast in model.forecasts]
    assert entries
    assert all(isinstance(forecast, SeriesForecast) for forecast in entries), entries
    return [forecast for forecast in entries if isinstance(forecast, SeriesForecast)]


@given(content=st.binary() | Anything.map(to_json).map(str.encode), query=st.binary(max_size=30))
def test_bytes_that_are_not_a_request_are_refused(client: httpx.Client, content: bytes, query: bytes) -> None:
    response = client.post(f"/forecast?{quote_from_bytes(query, safe='&=%+')}", content=content, headers=JSON)
    assert response.status_code in REFUSALS, response.text
    Problem.model_validate(loaded(response))


@given(broken=broken_request(), strict=st.booleans())
def test_a_request_with_a_broken_part_is_answered_or_refused(client: httpx.Client, broken: Json, strict: bool) -> None:
    post(client, broken, strict=str(strict).lower())


@given(asked=request(st.lists(valid_series(30), min_size=1, max_size=1)), cut=st.data())
def test_a_request_that_lost_or_changed_a_byte_is_answered_or_refused(
    client: httpx.Client, asked: Json, cut: st.DataObject
) -> None:
    content = bytearray(to_json(asked).encode())
    place = cut.draw(st.integers(0, len(content) - 1))
    content[place : place + cut.draw(st.integers(0, 2))] = cut.draw(st.binary(max_size=2))
    post(client, bytes(content))


@given(asked=request(st.lists(doubtful_series(), min_size=1, max_size=6)))
def test_each_series_gets_a_forecast_or_an_error_in_its_place(client: httpx.Client, asked: Json) -> None:
    models = post(client, asked)
    assert models
    failed = [not isinstance(forecast, SeriesForecast) for forecast in models[0].forecasts]
    # With strict, the same answer or, if any failed, none.
    strict = post(client, asked, strict="true")
    assert strict == ([] if any(failed) else models)


@pytest.mark.parametrize("levels", [10, 200, 100_000])
@pytest.mark.parametrize("field", ["values", "start", "id"])
def test_a_nested_field_of_any_depth_is_refused(client: httpx.Client, field: str, levels: int) -> None:
    series = {"start": "2010-01-01", "values": [24.0] * WINDOW, field: nested(levels)}
    assert post(client, {"series": [series]}) == []


@given(lone=Surrogates, place=st.sampled_from(["model", "dataset", "units"]))
def test_a_lone_surrogate_is_refused_with_a_message(client: httpx.Client, lone: str, place: str) -> None:
    series = {"start": "2010-01-01", "values": [24.0] * WINDOW}
    assert post(client, {"series": [series], place: lone}) == []
    for field in ("id", "start", "step"):
        assert post(client, {"series": [series | {field: lone}]}) == []


@given(
    good=st.lists(valid_series(), min_size=1, max_size=4),
    bad=st.lists(doubtful_series(), min_size=1, max_size=4),
    horizon=st.integers(1, 12),
    order=st.randoms(use_true_random=False),
)
def test_a_good_series_is_answered_the_same_among_any_neighbours(
    client: httpx.Client, good: list[Json], bad: list[Json], horizon: int, order: Any
) -> None:
    named = [series | {"id": f"good {i}"} for i, series in enumerate(good)]
    mixed = named + [series | {"id": f"bad {i}"} for i, series in enumerate(bad)]
    order.shuffle(mixed)
    (answer,) = post(client, {"dataset": "nino12", "model": "gru", "horizon": horizon, "series": mixed})
    together = {forecast.id: forecast.model_dump() for forecast in answer.forecasts}
    for series in named:
        (alone,) = forecasts(
            post(client, {"dataset": "nino12", "model": "gru", "horizon": horizon, "series": [series]})
        )
        assert_same(together[series["id"]], alone.model_dump())


@given(series=valid_series(), horizon=st.integers(1, 12), model=st.sampled_from(["rnn", "lstm", "gru"]))
def test_units_change_only_what_is_written(client: httpx.Client, series: Json, horizon: int, model: str) -> None:
    conversions: dict[str, tuple[Convert, Convert]] = {
        "kelvin": (lambda c: c + 273.15, lambda kelvin: kelvin - 273.15),
        "fahrenheit": (lambda c: c * 1.8 + 32, lambda f: (f - 32) / 1.8),
    }
    asked = {"dataset": "nino12", "model": model, "horizon": horizon, "thresholds": [20.0], "series": [series]}
    (celsius,) = forecasts(post(client, asked))
    for units, (there, back) in conversions.items():
        converted = series | {"values": [there(value) for value in series["values"]]}
        other = asked | {"units": units, "thresholds": [there(20.0)], "series": [converted]}
        (forecast,) = forecasts(post(client, other))
        assert (forecast.timestamps, forecast.warnings) == (celsius.timestamps, celsius.warnings)
        assert_same([back(value) for value in forecast.sst], celsius.sst)
        assert_same(forecast.exceedance[0].probability, celsius.exceedance[0].probability)
        for name, values in celsius.baselines.items():
            assert_same([back(value) for value in forecast.baselines[name]], values)
        for interval, two in zip(forecast.intervals, celsius.intervals, strict=True):
            assert_same([back(value) for value in interval.lower + interval.upper], two.lower + two.upper)


@given(series=valid_series(), offsets=st.lists(Offsets, min_size=48, max_size=48), data=st.data())
def test_months_follow_the_local_calendar_whatever_the_offsets(
    client: httpx.Client, series: Json, offsets: list[timezone], data: st.DataObject
) -> None:
    first = datetime.fromisoformat(series["start"])
    months = range(12 * first.year + first.month - 1, 12 * first.year + first.month - 1 + len(series["values"]))
    within = data.draw(st.timedeltas(timedelta(0), timedelta(days=27, hours=23)))
    times = [
        (datetime(month // 12, month % 12 + 1, 1, tzinfo=offset) + within).isoformat()
        for month, offset in zip(months, offsets, strict=False)
    ]
    stamped = {"values": series["values"], "timestamps": times}
    asked: Json = {"dataset": "nino12", "model": "gru", "horizon": 12, "series": [series]}
    assert forecasts(post(client, asked | {"series": [stamped]})) == forecasts(post(client, asked))


@given(
    values=st.lists(Temperatures, min_size=WINDOW, max_size=60),
    year=st.sampled_from([1, 1583, 1900, 1999, 2000, 2016, 2024, 9998]),
    day=st.sampled_from([(1, 1), (2, 28), (3, 31), (10, 31), (12, 31)]),
    offset=Offsets,
)
def test_timestamps_are_equivalent_to_a_start(
    client: httpx.Client, values: list[float], year: int, day: tuple[int, int], offset: timezone
) -> None:
    times = half_hours(datetime(year, *day), len(values))
    asked: Json = {"dataset": "buoy", "model": "gru", "horizon": 4}
    regular = asked | {"series": [{"start": times[0].isoformat(), "values": values}]}
    shifted = times if year in (1, 9998) else [time.astimezone(offset) for time in times]
    stamped = asked | {"series": [{"timestamps": [time.isoformat() for time in shifted], "values": values}]}
    assert forecasts(post(client, stamped)) == forecasts(post(client, regular))


@pytest.mark.parametrize("switch", [datetime(2016, 3, 27, 1), datetime(2016, 10, 30, 1)])
def test_a_change_to_summer_time_and_back_causes_no_gap_or_repeat(client: httpx.Client, switch: datetime) -> None:
    times = half_hours(switch - timedelta(hours=10), 40)
    local = [time.astimezone(ZoneInfo("Europe/Berlin")).isoformat() for time in times]
    assert {time[-6:] for time in local} == {"+01:00", "+02:00"}
    series = {"timestamps": local, "values": [8 + i / 100 for i in range(40)]}
    (forecast,) = forecasts(post(client, {"dataset": "buoy", "model": "gru", "series": [series]}))
    assert forecast.timestamps == [f"{(times[-1] + timedelta(minutes=30)).astimezone(UTC).isoformat()[:19]}Z"]
    assert "adjusted" not in [warning.code for warning in forecast.warnings]


@pytest.mark.parametrize(("start", "expected"), [("2014-02-28", "2016-02-28"), ("2012-02-29", "2014-02-28")])
def test_a_month_that_starts_at_the_end_of_february_is_not_shifted(
    client: httpx.Client, start: str, expected: str
) -> None:
    series = {"start": start, "values": [24.0 + i % 12 / 10 for i in range(WINDOW)]}
    (forecast,) = forecasts(post(client, {"dataset": "nino12", "model": "gru", "series": [series]}))
    assert forecast.timestamps == [f"{expected[:7]}-01T00:00:00Z"]


@given(
    series=st.lists(doubtful_series() | valid_series(), min_size=1, max_size=4),
    asked=request(st.just([])),
    position=st.none() | st.tuples(st.floats(-90, 90), st.floats(-180, 360)),
    dataset=st.sampled_from([None, "ocean-daily", "ocean-monthly"]),
)
def test_series_of_any_sea_get_a_forecast_or_an_error_in_their_place(
    seas_client: httpx.Client,
    series: list[Json],
    asked: Json,
    position: tuple[float, float] | None,
    dataset: str | None,
) -> None:
    if position is not None:
        series = [{**member, "latitude": position[0], "longitude": position[1]} for member in series]
    fields = asked | {"series": series, "dataset": dataset}
    if fields.get("model") == "nino12-gru":
        fields["model"] = "best"
    post(seas_client, fields)


@given(
    series=st.lists(doubtful_series() | valid_series(), min_size=1, max_size=3),
    asked=request(st.just([])),
    events=st.lists(event(), max_size=4),
    paths=st.integers(-1, 3),
    given_baseline=st.none() | baseline(),
    dataset=st.sampled_from([None, "nino12", "ocean-daily"]),
    step=st.sampled_from(["day", "month"]),
)
def test_each_event_is_forecast_or_has_an_error_in_its_place(
    seas_client: httpx.Client,
    series: list[Json],
    asked: Json,
    events: list[Json],
    paths: int,
    given_baseline: Json | None,
    dataset: str | None,
    step: str,
) -> None:
    series = [
        {"step": "month" if dataset == "nino12" else step, **member, "baseline": given_baseline} for member in series
    ]
    fields = asked | {"series": series, "dataset": dataset, "events": events, "paths": paths}
    if fields.get("model") == "nino12-gru":
        fields["model"] = "best"
    for model in post(seas_client, fields):
        for forecast in model.forecasts:
            if isinstance(forecast, SeriesForecast):
                assert [outcome.name for outcome in forecast.events or []] == [event["name"] for event in events]
                assert len(forecast.paths or []) == paths


@given(broken=broken_request(), path=st.sampled_from(["/forecast", "/compare"]))
def test_a_broken_request_for_any_sea_is_answered_or_refused(
    seas_client: httpx.Client, broken: Json, path: str
) -> None:
    content = to_json({name: value for name, value in broken.items() if name != "dataset"}).encode()
    response = seas_client.post(path, content=content, headers=JSON)
    assert response.status_code == 200 or response.status_code in REFUSALS, response.text


@pytest.mark.parametrize("path", ["/forecast", "/compare"])
@pytest.mark.parametrize("start", ["0001-01-01", "9999-12-01", "9999-10-20", "9998-01-01", "1600-02-29T23:59:59-12:00"])
@pytest.mark.parametrize("step", ["day", "month"])
def test_times_at_the_edges_of_the_calendar_are_answered(
    seas_client: httpx.Client, path: str, start: str, step: str
) -> None:
    values = [20 + i % 7 / 10 for i in range(60)]
    series = {"start": start, "step": step, "values": values, "latitude": 40, "longitude": 5}
    response = seas_client.post(path, json={"horizon": 12, "series": [series]})
    assert response.status_code == 200
    for time in re.findall(r'"(?:start|end)":"(.*?)"', response.text):
        datetime.fromisoformat(time)
    if path == "/forecast":
        post(seas_client, {"horizon": 12, "series": [series]})

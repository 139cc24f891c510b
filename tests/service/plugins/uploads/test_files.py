"""POST /series: a file in, what was understood of it out."""

import asyncio
import gzip
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.models.checkpoint import CPU
from forecasting.readers import ReadingOptions, read_csv
from forecasting.releases.catalog import Catalog
from service.engine.serving import Serving
from service.http.problems import Problem, ProblemError
from service.http.query import MAX_COLUMNS, MAX_STATIONS
from service.plugins.uploads.reading import SHORT_TEXT, FileReader, read_upload
from service.plugins.uploads.schemas import FileReading
from service.settings import Settings
from service.telemetry.metrics import Metrics
from service.worker.threads import Worker
from tests.conftest import NINO12
from tests.forecasting.readers.test_any_bytes import contents
from tests.service.requests import CSV, Json, answered, loaded, refusal
from tests.serving import serve


def monthly(n: int, header: str = "time,sst", start: str = "2001-01") -> str:
    times = np.datetime64(start, "M") + np.arange(n).astype("timedelta64[M]")
    return "\n".join([header, *(f"{time}-01,{20 + 3 * np.sin(i * np.pi / 6):.2f}" for i, time in enumerate(times))])


def post(client: httpx.Client, text: str | bytes, **parameters: str) -> Json:
    return answered(client.post("/series", content=text, headers=CSV, params=parameters))


@pytest.fixture(scope="module")
def small_limits(artifacts: Path) -> Iterator[httpx.Client]:
    with serve(Settings(artifacts=artifacts, max_body_bytes=20_000, max_values=100)) as client:
        yield client


def test_a_file_is_described(client: httpx.Client) -> None:
    answer = post(client, NINO12.read_bytes())
    assert (answer["format"], answer["problem"], answer["units"]) == ("CSV", None, "celsius")
    (station,) = answer["stations"]
    assert station["columns"] == {"time": "time", "value": "sst"}
    assert (station["units"], station["units_from"]) == ("celsius", "by default, as the file does not say")
    summary = station["summary"]
    assert (summary["step"], summary["values"], summary["start"]) == ("month", 732, "1950-01-01T00:00:00Z")
    assert (summary["missing"], summary["gaps"], summary["longest_gap"]) == (0, 0, 0)
    (series,) = answer["series"]
    assert series["values"] == read_csv(NINO12).values.tolist()


def test_the_series_of_the_answer_can_be_posted_to_forecast(client: httpx.Client) -> None:
    answer = post(client, NINO12.read_bytes())
    forecast = answered(
        client.post("/forecast", json={"dataset": "nino12", "model": "gru", "series": answer["series"]})
    )
    there = answered(client.get("/forecast?model=gru"))
    assert forecast["forecasts"][0]["sst"] == pytest.approx(there["forecasts"][0]["sst"], abs=1e-4)
    compared = answered(client.post("/compare", json={"dataset": "nino12", "series": answer["series"]}))
    assert compared["test"]["n"] == 732 - 24


def test_units_flags_and_gaps_are_reported(client: httpx.Client) -> None:
    rows = [f"200{i // 12}-{i % 12 + 1:02}-01,{290 + i % 5},{4 if i == 7 else 3 if i == 9 else 1}" for i in range(36)]
    answer = post(client, "\n".join(["time,sst,sst_qc", "UTC,K,1", *rows]))
    (station,) = answer["stations"]
    assert station["columns"]["flags"] == "sst_qc"
    assert station["flags"] == {"1": 34, "3": 1, "4": 1}
    assert (station["units"], station["units_from"]) == ("kelvin", "by the unit row, line 2")
    assert station["warnings"] == ["kept 1 value flagged suspect (3) by sst_qc"]
    assert (station["summary"]["missing"], station["summary"]["gaps"]) == (1, 1)
    (series,) = answer["series"]
    assert series["values"][6:9] == [17.85, None, 19.85]
    (flagged,) = answer["flagged"]
    assert flagged["timestamps"] == ["2000-08-01T00:00:00Z", "2000-10-01T00:00:00Z"]
    assert flagged["sst"] == [18.85, 20.85]
    assert flagged["flags"] == [4, 3]


def test_flagged_values_keep_their_times(client: httpx.Client) -> None:
    months = [
        f"{2001 + i // 12}-{i % 12 + 1:02}-15,{'99' if i == 3 else 20},{4 if i == 3 else 9 if i == 5 else 1}"
        for i in range(24)
    ]
    (flagged,) = post(client, "\n".join(["time,sst,sst_qc", *months]))["flagged"]
    assert (flagged["timestamps"], flagged["sst"], flagged["flags"]) == (["2001-04-01T00:00:00Z"], [99], [4])
    days = [f"2001-01-{i + 1:02}T12:0{int(i == 5)}:00Z,{20 + i % 5},{3 if i == 5 else 1}" for i in range(20)]
    (flagged,) = post(client, "\n".join(["time,sst,sst_qc", *days]))["flagged"]
    assert flagged["timestamps"] == ["2001-01-06T12:00:00Z"]


def test_the_series_alone_go_straight_into_a_forecast_line_by_line(client: httpx.Client) -> None:
    rows = [
        f"{name},{year}-{month:02}-01,{20 + month % 7}"
        for year in range(2001, 2004)
        for month in range(1, 13)
        for name in "ab"
    ]
    text = "\n".join(["station,time,sst", *rows])
    lines = client.post("/series", content=text, headers=CSV | {"Accept": "application/x-ndjson"})
    assert lines.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line) for line in lines.text.splitlines()] == post(client, text)["series"]
    sent = {"Content-Type": "application/x-ndjson"}
    answers = client.post(
        "/forecast", params={"dataset": "nino12", "model": "gru"}, content=lines.content, headers=sent
    ).text.splitlines()
    assert [json.loads(line)["id"] for line in answers] == ["a", "b"]
    none = client.post("/series", content="time,sst\n2001-01-01,20\n", headers=CSV | {"Accept": "application/x-ndjson"})
    assert none.status_code == 422


def test_trailing_missing_values_are_left_out_of_the_series(client: httpx.Client) -> None:
    answer = post(client, monthly(40) + "\n2004-05-01,\n2004-06-01,NaN\n")
    assert answer["stations"][0]["summary"]["values"] == 42
    assert len(answer["series"][0]["values"]) == 40
    forecast = answered(client.post("/forecast", json={"dataset": "nino12", "series": answer["series"]}))
    assert "error" not in forecast["forecasts"][0]


@pytest.mark.parametrize(
    ("moves", "position"),
    [
        # A moored buoy drifts a little; its last position counts.
        (0.001, {"latitude": 43.659, "longitude": -124.541}),
        # A ship has no position.
        (0.1, {}),
    ],
)
def test_the_position_of_a_station_that_hardly_moves_is_part_of_its_series(
    client: httpx.Client, moves: float, position: Json
) -> None:
    days = np.datetime64("2020-01-01") + np.arange(60)
    rows = [f"{day},{43.6 + moves * i:.3f},{-124.6 + moves * i:.3f},{15 + i % 3}" for i, day in enumerate(days)]
    (series,) = post(client, "\n".join(["time,latitude,longitude,sst", *rows]))["series"]
    assert {name: series[name] for name in ("latitude", "longitude") if name in series} == position
    answered(client.post("/forecast", json={"series": [series]}))


def test_several_stations_are_read_and_one_can_be_chosen(client: httpx.Client) -> None:
    times = [f"{year}-{month:02}-01" for year in range(2001, 2004) for month in range(1, 13)]
    text = "\n".join(["time,station,sst", *(f"{t},{name},{20 + i % 7}" for i, t in enumerate(times) for name in "ab")])
    answer = post(client, text)
    assert answer["problem"] == "holds 2 stations: a, b; choose one with station="
    assert [entry["id"] for entry in answer["series"]] == [entry["name"] for entry in answer["stations"]] == ["a", "b"]
    chosen = post(client, text, station="b")
    assert chosen["problem"] is None
    assert [entry["id"] for entry in chosen["series"]] == ["b"]


def test_too_many_stations_need_a_choice(client: httpx.Client) -> None:
    months = monthly(30).splitlines()[1:]
    text = "\n".join(["time,sst,station", *(f"{month},{i}" for i in range(501) for month in months)])
    detail = refusal(client, text)
    assert detail == "the file: holds 501 stations, more than the limit of 500; choose one with station="
    assert [entry["id"] for entry in post(client, text, station="77")["series"]] == ["77"]


@pytest.mark.parametrize("text", ["\n" * 1_000_001, "# remark\r" * 1_000_001, "1\n" * 1_000_001])
def test_a_file_of_more_lines_than_fit_the_memory_is_refused(client: httpx.Client, text: str) -> None:
    message = refusal(client, text)
    assert message == (
        "the file: holds 1000001 lines, more than the limit of 1000000; keep one station or a shorter period"
    )


def test_the_answer_says_which_models_can_forecast_from_the_series(client: httpx.Client) -> None:
    long, short = (post(client, monthly(n))["stations"][0]["forecast"] for n in (36, 20))
    assert {outlook["dataset"]: outlook["problem"] for outlook in long}["nino12"] is None
    problems = {outlook["dataset"]: outlook["problem"] for outlook in short}
    assert problems["nino12"] == "20 values are too few: nino12-rnn needs at least 24"
    assert problems["buoy"] == "the step is one month, but buoy-rnn forecasts steps of 30 minutes"


@pytest.mark.parametrize(
    ("n", "hours", "problem"),
    [
        (40, 24, None),
        (40, 48, None),
        (5, 24, "a forecast needs at least 14 daily values, but the series has 5: send 9 more"),
        (5, 48, "a forecast needs at least"),
    ],
)
def test_the_answer_says_which_universal_models_can_forecast_from_the_series(
    seas_client: httpx.Client, n: int, hours: int, problem: str | None
) -> None:
    times = np.datetime64("2024-01-01T00") + np.arange(n) * np.timedelta64(hours, "h")
    rows = [f"{time},{18 + i % 3 / 10},40,-30" for i, time in enumerate(times)]
    answer = post(seas_client, "\n".join(["time,sst,latitude,longitude", *rows]))
    problems = {use["dataset"]: use["problem"] for use in answer["stations"][0]["forecast"]}
    assert "nino12" in problems
    assert problems["ocean-monthly"].startswith("the series has a step of ")
    (entry,) = answered(seas_client.post("/forecast", json={"series": answer["series"]}))["forecasts"]
    assert entry.get("error") == problems["ocean-daily"]
    assert (problem is None) == (problems["ocean-daily"] is None)
    assert (problems["ocean-daily"] or "").startswith(problem or "")


def test_the_answer_says_whether_the_series_can_be_trained_on(client: httpx.Client) -> None:
    assert post(client, NINO12.read_bytes())["stations"][0]["training"] == {"problem": None}
    problem = post(client, monthly(36))["stations"][0]["training"]["problem"]
    assert problem == (
        "36 values are too few to train on: a place needs 72, or 24 if its position is known; use a longer series"
    )
    assert post(client, monthly(72))["stations"][0]["training"] == {"problem": None}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "holds no data"),
        ("time,sst\n0000-01-01,1\n0000-02-01,1\n", "line 2: time '0000-01-01' is not in the years 1 to 9999 (UTC)"),
        ("<!doctype html><p>no data", "is a web page"),
        ("time,sst\n2001-01-01,1\n2001-01-02,99\n2001-01-03,2\n", "line 3 is 99 °C, outside the range of sea"),
        ("date,sst\n01/02/2010,1\n02/03/2010,1\n", "set the order with dates=dmy or dates=mdy"),
        ("time,sst\n2001-01-01,10\n2001-01-02,-999\n2001-01-03,9\n", "declare it as missing (missing=-999)"),
        (
            "time,air_temp,skin_temp\n2001-01-01,10,9\n",
            "could be SST: air_temp, skin_temp; choose one with value_column=",
        ),
    ],
)
def test_a_file_that_cannot_be_used_gets_a_sentence(client: httpx.Client, text: str, sentence: str) -> None:
    detail = refusal(client, text)
    assert detail.startswith("the file: ")
    assert sentence in detail


@pytest.mark.parametrize(
    ("accept", "lines"),
    [
        ("application/x-ndjson", True),
        ("Application/X-NDJSON; q=0.5, */*;q=0.1", True),
        ("application/x-ndjson, */*", True),
        ("application/json;q=0, */*", True),
        ("application/json;q=0.5, application/x-ndjson", True),
        ("", False),
        ("*/*", False),
        ("application/*", False),
        ("*/*, application/x-ndjson;q=0", False),
        ("application/json, application/x-ndjson;q=0.9", False),
        ("application/x-ndjson;q=0.5, */*", False),
        ("application/x-ndjson-seq", False),
    ],
)
def test_ndjson_is_sent_if_the_client_prefers_it_to_json(client: httpx.Client, accept: str, lines: bool) -> None:
    response = client.post("/series", content=monthly(3), headers=CSV | {"Accept": accept})
    assert response.headers["content-type"] == f"application/{'x-ndjson' if lines else 'json'}"


@pytest.mark.parametrize(
    ("header", "parameters", "sentence"),
    [
        ("time,sst", {"dates": "dmy"}, "has no dates such as 03/04/2010; remove dates="),
        ("time,sst", {"station": "x"}, "holds one series without a name; remove station="),
        ("time,sst", {"depth": "5"}, "has no column of depths; remove depth="),
        ("time,air_temp", {}, "if it is SST, name it with value_column="),
    ],
)
def test_a_refusal_says_which_parameter_to_set_or_remove(
    client: httpx.Client, header: str, parameters: Any, sentence: str
) -> None:
    assert sentence in refusal(client, monthly(3, header), **parameters)


@pytest.mark.parametrize(
    ("parameters", "where"),
    [
        ({"resample": "fortnight"}, "query.resample"),
        ({"at": "north"}, "query.at"),
        ({"colour": "blue"}, "query.colour"),
        ({"format": "zarr"}, "query.format"),
        ({"depth": "NaN"}, "query.depth"),
    ],
)
def test_a_wrong_parameter_is_named(client: httpx.Client, parameters: Json, where: str) -> None:
    response = client.post("/series", content=monthly(30), headers=CSV, params=parameters)
    assert response.status_code == 422
    assert [place["location"] for place in response.json()["errors"]] == [where]


@pytest.mark.parametrize("content", [b"PK\x03\x04", b"%PDF-1.4", b"PAR1", b"GRIB"])
def test_binary_content_is_an_unsupported_media_type(client: httpx.Client, content: bytes) -> None:
    assert refusal(client, content + bytes(50), status=415).startswith("the file is ")


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        (MAX_COLUMNS, f"has {MAX_COLUMNS + 1} columns, more than the limit of {MAX_COLUMNS}"),
        (MAX_STATIONS + 1, f"holds {MAX_STATIONS + 1} stations, more than the limit of {MAX_STATIONS}"),
    ],
)
def test_a_table_with_too_many_columns_is_refused(client: httpx.Client, columns: int, sentence: str) -> None:
    header = ",".join(["time", *(f"s{i}_sst" for i in range(columns))])
    rows = [",".join([f"2001-01-0{day}", *["15"] * columns]) for day in (1, 2, 3)]
    assert sentence in refusal(client, "\n".join([header, *rows]))
    if columns < MAX_COLUMNS:
        answer = post(client, "\n".join([header, *rows]), station="s7")
        assert answer["stations"][0]["columns"]["value"] == "s7_sst"


@pytest.mark.parametrize(
    ("before", "cell", "line"),
    [("", ",", 1), ("time,sst\n2001-01-01,15\n", ";,", 3), ("#YY MM DD hh mm WTMP", " a", 1)],
)
def test_a_line_of_a_million_cells_is_refused_for_their_number(
    client: httpx.Client, before: str, cell: str, line: int
) -> None:
    message = refusal(client, before + cell * 1_000_000)
    assert re.fullmatch(
        rf"the file: line {line} has 100000\d columns, more than the limit of 1000; write one value per line", message
    )


def test_a_long_text_is_read_as_a_short_one(client: httpx.Client) -> None:
    rows = [f"{name},{day + 1},2020-01-{day + 1:02},{15 + day % 5}" for name in "ab" for day in range(30)]
    text = "\n".join(["station,sst_qc,time,sst", *rows])
    long = text + f"\n#{100 * '-'}" * (SHORT_TEXT // 100)
    answer = post(client, text, station="a", resample="P2D")
    assert answer["series"]
    assert post(client, long, station="a", resample="P2D") == answer
    assert post(client, gzip.compress(long.encode())) == post(client, text)
    assert refusal(client, long, dates="dmy") == refusal(client, text, dates="dmy")


ENDLESS = """
from forecasting.readers import subprocess_reading
def loop(*_):
    while True:
        pass
subprocess_reading.respond = loop
subprocess_reading.main()
"""
"""A reader that never comes to the end of a file, as fast as the machine may be."""


@pytest.mark.parametrize("packed", [bytes, gzip.compress])
def test_a_long_text_is_read_in_a_process_that_can_be_stopped(
    artifacts: Path, packed: Callable[[bytes], bytes]
) -> None:
    reads = FileReader(processor_seconds=1, reader=("-c", ENDLESS))
    content = packed(b"time,sst\n2020-01-01,15\n2020-01-02,15.5\n" + SHORT_TEXT * b"\n")
    with Worker(1, "worker") as workers:
        serving = Serving(Catalog.open(artifacts, CPU, "nino12"), workers, 60, Metrics())
        message = "the file: reading took more than 1 s of computing time, so the file is damaged or too large; "
        message += "send one place or a shorter period as CSV"
        with pytest.raises(ProblemError, match=message):
            asyncio.run(read_upload({}, content, ReadingOptions(), reads, serving, Settings()))


@pytest.mark.parametrize("media_type", ["multipart/form-data; boundary=x", "application/json"])
def test_a_form_is_refused_with_advice_to_send_the_file(client: httpx.Client, media_type: str) -> None:
    response = client.post("/series", content=b"--x", headers={"Content-Type": media_type})
    assert response.status_code == 415
    assert "send the file itself as the body" in response.json()["detail"]


def test_no_media_type_is_needed(client: httpx.Client) -> None:
    for headers in ({}, {"Content-Type": "application/x-www-form-urlencoded"}):
        response = client.post("/series", content=monthly(30).encode(), headers=headers)
        assert answered(response)["series"]


def test_too_large_a_file_is_refused_packed_or_not(small_limits: httpx.Client) -> None:
    big = "time,sst\n" + "\n".join(f"{day},10" for day in np.datetime64("1990-01-01") + np.arange(3_000))
    assert small_limits.post("/series", content=big, headers=CSV).status_code == 413
    assert "holds more than 0.0190735 MiB of text" in refusal(small_limits, gzip.compress(big.encode()))


def test_a_series_with_too_many_values_is_described_and_left_out(small_limits: httpx.Client) -> None:
    answer = post(small_limits, monthly(101))
    assert answer["series"] == []
    assert answer["stations"][0]["problem"].startswith("101 values are too many: a request takes 100 in one series")
    assert answer["stations"][0]["summary"]["values"] == 101
    assert post(small_limits, monthly(100))["series"]


@given(contents, st.sampled_from([{}, {"resample": "day"}, {"station": "a"}, {"flags": "none", "missing": "1"}]))
def test_any_bytes_are_understood_or_refused(client: httpx.Client, content: bytes, parameters: dict[str, str]) -> None:
    response = client.post("/series", content=content, headers=CSV, params=parameters)
    if response.status_code == 200:
        answer = FileReading.model_validate(loaded(response))
        sent = [series.model_dump() for series in answer.series]
        if sent:
            assert client.post("/forecast", json={"dataset": "nino12", "series": sent}).status_code == 200
    else:
        assert response.status_code in (415, 422), response.text
        assert Problem.model_validate(loaded(response)).status == response.status_code

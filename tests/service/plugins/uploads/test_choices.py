"""The possible answers to a question that a file leaves open, in the answers of POST /series."""

from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import xarray as xr

from service.http.problems import MAX_CHOICES
from tests.service.requests import CSV, answered

DAYS = [str(day) for day in np.arange("2022-01-01", "2022-03-02", dtype="datetime64[D]")]


def rows(header: str, *columns: list[str]) -> str:
    return "\n".join([header, *map(",".join, zip(*columns, strict=True))])


def sst(factor: float = 1.0, offset: float = 0.0) -> list[str]:
    return [f"{(15 + i % 7 / 10) * factor + offset:.1f}" for i in range(len(DAYS))]


IRREGULAR = [f"{day}T{i * 7 % 24:02}:{i * 11 % 60:02}:00Z" for i, day in enumerate(DAYS)]

QUESTIONS = [
    (
        "date,sst\n01/06/2010,15\n01/07/2010,16\n01/08/2010,17\n",
        [("dates", "dmy", "1 June 2010"), ("dates", "mdy", "6 January 2010")],
    ),
    (rows("time,sst", DAYS, sst(1.8, 32)), [("units", "fahrenheit", "59 °F, which is 15.0 °C")]),
    (
        rows("time,buoy_temp_top,buoy_temp_low", DAYS, sst(), sst(1, 1)),
        [("value_column", name, name) for name in ("buoy_temp_top", "buoy_temp_low")],
    ),
    (
        rows("begin,end,sst", DAYS, DAYS, sst()),
        [("time_column", name, name) for name in ("begin", "end")],
    ),
    (
        rows("time,depth,sst", [day for day in DAYS for _ in "12"], ["1", "5"] * len(DAYS), [*sst(), *sst()]),
        [("depth", "1", "1 m"), ("depth", "5", "5 m")],
    ),
    (
        rows("time,sst\nUTC,furlong", DAYS, sst()),
        [("units", "celsius", "°C"), ("units", "kelvin", "kelvin"), ("units", "fahrenheit", "°F")],
    ),
    (
        rows("time,sst", IRREGULAR, sst()),
        [("resample", "week", "Weekly means"), ("resample", "month", "Monthly means")],
    ),
    (
        rows("time,sst", DAYS, ["-999", *sst()[1:]]),
        [("missing", "-999", "-999 marks a missing value")],
    ),
    (rows("time,sst,sst_qc", DAYS, sst(), ["good"] * len(DAYS)), [("flags", "none", "Ignore the flags")]),
]


def send(client: httpx.Client, content: str | bytes, **parameters: str) -> httpx.Response:
    return client.post("/series", content=content, headers=CSV, params=parameters)


def listed(choices: Any) -> list[tuple[str, str, str]]:
    return [(choice["option"], choice["value"], choice["label"]) for choice in choices]


@pytest.mark.parametrize(("text", "choices"), QUESTIONS)
def test_a_refusal_lists_the_possible_answers(
    client: httpx.Client, text: str, choices: list[tuple[str, str, str]]
) -> None:
    refusal = send(client, text)
    assert refusal.status_code == 422
    assert listed(refusal.json()["choices"]) == choices


def test_each_possible_answer_reads_the_file(client: httpx.Client) -> None:
    read = 0
    for text, _ in QUESTIONS:
        for choice in send(client, text).json()["choices"]:
            again = send(client, text, **{choice["option"]: choice["value"]})
            # Temperatures that are °F are no sea temperatures in other units, which the next refusal says.
            read += again.status_code == 200
            assert again.status_code == 200 or choice["option"] == "units", (text[:40], choice)
    assert read >= len(QUESTIONS)


def test_a_file_of_stations_lists_them_as_possible_answers(client: httpx.Client) -> None:
    text = rows(
        "station,time,sst", [name for _ in DAYS for name in "ab"], [day for day in DAYS for _ in "ab"], sst() * 2
    )
    answer = answered(send(client, text))
    assert listed(answer["choices"]) == [("station", "a", "a"), ("station", "b", "b")]
    assert [station["choices"] for station in answer["stations"]] == [[], []]
    assert answered(send(client, text, station="a"))["choices"] == []


def test_an_answer_in_celsius_is_not_converted_to_celsius(client: httpx.Client) -> None:
    answer = send(client, rows("time,sst_degF", DAYS, sst()))
    assert answer.status_code == 422
    assert listed(answer.json()["choices"]) == [("units", "celsius", "15 °C")]


def test_a_station_that_cannot_be_read_has_its_own_possible_answers(client: httpx.Client) -> None:
    text = rows("time,pier_sst,quay_sst", DAYS, sst(), sst(1.8, 32))
    pier, quay = answered(send(client, text))["stations"]
    assert pier["choices"] == []
    assert listed(quay["choices"]) == [("units", "fahrenheit", "59 °F, which is 15.0 °C")]


def test_the_possible_answers_are_the_same_where_only_the_series_are_asked_for(client: httpx.Client) -> None:
    text = rows("time,pier_sst,quay_sst", DAYS, sst(1.8, 32), sst(1.8, 32))
    refusal = client.post("/series", content=text, headers=CSV | {"Accept": "application/x-ndjson"})
    assert refusal.status_code == 422
    assert listed(refusal.json()["choices"]) == [("units", "fahrenheit", "59 °F, which is 15.0 °C")]


def test_a_refusal_without_a_question_has_no_possible_answers(client: httpx.Client) -> None:
    assert "choices" not in send(client, "time,sst\n2001-01-01,warm\n").json()


def test_no_more_than_a_hundred_answers_are_listed(client: httpx.Client) -> None:
    names = [f"s{i}" for i in range(MAX_CHOICES + 20)]
    text = rows("station,time,sst", names * 2, [day for day in DAYS[:2] for _ in names], ["15"] * 2 * len(names))
    assert len(answered(send(client, text))["choices"]) == MAX_CHOICES


@pytest.mark.long
def test_a_grid_offers_a_place_near_its_middle(client: httpx.Client, tmp_path: Path) -> None:
    values = 15 + np.arange(30 * 9).reshape(30, 3, 3) % 5
    places = {"time": np.array(DAYS[:30], "datetime64[ns]"), "lat": [43.0, 43.5, 44.0], "lon": [8.0, 8.5, 9.0]}
    grid = xr.Dataset({"sst": (("time", "lat", "lon"), values.astype("f4"), {"units": "degree_C"})}, places)
    grid.to_netcdf(tmp_path / "grid.nc", engine="h5netcdf")
    content = (tmp_path / "grid.nc").read_bytes()
    answer = answered(send(client, content))
    assert listed(answer["choices"]) == [("at", "43.5,8.5", "The middle, 43.5N 8.5E")]
    assert answered(send(client, content, at="43.5,8.5"))["series"]

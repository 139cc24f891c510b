"""Stations whose readings the service fetches, from a server that fails like ERDDAP."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from service.settings import Settings
from tests.processes import wait_until
from tests.servers.erddap import Answer, Erddap, error, serving, year
from tests.service.requests import Json, answered
from tests.serving import serve

Replicas = Callable[[int], list[httpx.Client]]


@pytest.fixture
def erddap() -> Iterator[Erddap]:
    with serving() as server:
        yield server


@pytest.fixture
def replicas(seas: Path, store_url: str) -> Iterator[Replicas]:
    """Start services that share a store."""
    settings = Settings(artifacts=seas, store=SecretStr(store_url), allow_private_addresses=True)
    with ExitStack() as stack:
        yield lambda number: [stack.enter_context(serve(settings)) for _ in range(number)]


def source(erddap: Erddap, **fields: object) -> Json:
    cell = {"dataset": "year", "variable": "sst", "latitude": 43.625, "longitude": -9.125}
    return {"erddap": {"server": erddap.url, **cell, **fields}, "since": "2024-01-01"}


def put(service: httpx.Client, source: Json | None, station: str = "pier") -> Json:
    answer: Json = service.put(f"/stations/{station}", json={"step": "day", "source": source}).raise_for_status().json()
    return answer


def state(service: httpx.Client) -> Json:
    fetch: Json = answered(service.get("/stations/pier"))["fetch"]
    return fetch


def attempted(service: httpx.Client) -> Json:
    wait_until(lambda: state(service)["attempted"] is not None, "the source was not fetched")
    return state(service)


def test_readings_are_fetched_and_forecast_by_one_of_several_services(replicas: Replicas, erddap: Erddap) -> None:
    first, second = replicas(2)
    put(first, source(erddap))
    fetch = attempted(second)
    assert fetch["stored"] == {"new": 366, "revised": 0, "unchanged": 0, "refused": 0}
    assert (fetch["failures"], fetch["error"], fetch["succeeded"]) == (0, None, fetch["attempted"])
    assert fetch["next"] > fetch["attempted"]
    assert len(erddap.asked) == 1
    station = answered(second.get("/stations/pier"))
    assert station["newest"]["time"] == "2024-12-31T12:00:00Z"
    assert station["forecast"]["observed_until"] == "2024-12-31T12:00:00Z"
    given = {name: value for name, value in station["source"].items() if value is not None}
    assert given["erddap"]["dataset"] == "year"
    assert given["interval_minutes"] == 60
    assert put(first, station["source"])["fetch"] == fetch, "a source that is sent again is not fetched again"


def test_a_failed_fetch_is_shown_and_tried_again_and_deletes_nothing(replicas: Replicas, erddap: Erddap) -> None:
    (service,) = replicas(1)
    put(service, source(erddap))
    attempted(service)
    erddap.faults = [Answer(error(500, "out of memory"), 500)]
    put(service, source(erddap) | {"interval_minutes": 5})
    fetch = attempted(service)
    assert (fetch["failures"], fetch["error"]) == (1, "the server responded 500: out of memory")
    assert fetch["succeeded"] is None
    assert fetch["next"] > fetch["attempted"]
    assert answered(service.get("/stations"))["stations"][0]["newest"]["time"] == "2024-12-31T12:00:00Z"
    assert len(answered(service.get("/stations/pier/observations"))["values"]) == 366


def test_a_revision_at_the_source_is_a_revision_of_the_station(replicas: Replicas, erddap: Erddap) -> None:
    (service,) = replicas(1)
    put(service, source(erddap))
    attempted(service)
    *rows, last = year().splitlines()
    erddap.faults = [Answer("\n".join([*rows, last.rpartition(",")[0] + ",15.25"]) + "\n")]
    put(service, source(erddap) | {"interval_minutes": 5})
    assert attempted(service)["stored"] == {"new": 0, "revised": 1, "unchanged": 365, "refused": 0}


def test_a_station_without_a_source_is_no_longer_fetched(replicas: Replicas, erddap: Erddap) -> None:
    (service,) = replicas(1)
    put(service, source(erddap))
    attempted(service)
    answer = put(service, None)
    assert (answer["source"], answer["fetch"]) == (None, None)
    assert answer["newest"] is not None


@pytest.mark.parametrize(
    ("source", "location", "sentence"),
    [
        ({}, "body.source", "give either erddap or file"),
        ({"file": {"url": "ftp://sea.example/a.txt"}}, "body.source.file.url", "must begin with https:// or http://"),
        ({"file": {"url": "http://10.0.0.1/a.txt"}}, "body.source.file.url", "private network"),
        ({"file": {"url": "https://sea.example/a.nc", "format": "netcdf"}}, "body.source.file", "cannot be fetched"),
        ({"file": {"url": "https://sea.example/a.txt", "resample": "x"}}, "body.source.file", "unknown step 'x'"),
        ({"file": {"url": "https://sea.example/a.txt", "missing": ["nan"]}}, "body.source.file.missing[0]", "finite"),
        ({"erddap": {"server": "http://[::1]", "dataset": "d", "variable": "v"}}, "body.source.erddap.server", "net"),
        ({"erddap": {"server": "https://sea.example", "variable": "v"}}, "body.source.erddap.dataset", "required"),
        ({"file": {"url": "https://sea.example/a.txt"}, "interval_minutes": 1}, "body.source.interval_minutes", "5"),
        ({"file": {"url": "https://sea.example/a.txt"}, "since": "yesterday"}, "body.source.since", "yesterday"),
    ],
)  # fmt: skip
def test_a_source_that_cannot_be_fetched_is_refused(
    service: httpx.Client, source: Json, location: str, sentence: str
) -> None:
    answer = service.put("/stations/refused", json={"step": "day", "source": source})
    assert answer.status_code == 422
    places = answer.json()["errors"]
    assert [place["location"] for place in places] == [location]
    assert sentence in places[0]["message"]

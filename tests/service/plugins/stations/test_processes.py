"""A service in a process of its own, which is killed."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path

import httpx
import pytest

from tests.processes import Service, running
from tests.service.requests import Json, answered

BATCHES: list[Json] = [
    {"start": f"2024-{1 + i // 28:02}-{1 + i % 28:02}", "values": [10 + i / 100, 10.5 + i / 100]} for i in range(60)
]
"""Each corrects the last reading of the one before."""


@pytest.fixture
def settings(store_url: str) -> dict[str, str]:
    return {"store": store_url, "default_dataset": "nino12", "device": "cpu", "request_seconds": "600"}


def observations(service: Service) -> Json:
    return answered(httpx.get(f"{service.url}/stations/pier/observations?revisions=true", timeout=600))


def send(service: Service, batches: list[Json]) -> Iterator[Json]:
    with httpx.Client(base_url=service.url, timeout=600) as client:
        for batch in batches:
            yield answered(client.post("/stations/pier/observations", json=batch))


def create(service: Service) -> None:
    httpx.put(f"{service.url}/stations/pier", json={"step": "day"}, timeout=600).raise_for_status()


def expected(batches: list[Json]) -> list[tuple[str, int, float]]:
    """Return the time, revision and value of all that is stored after these batches."""
    history: dict[date, list[float]] = {}
    for batch in batches:
        first = date.fromisoformat(batch["start"])
        for i, value in enumerate(batch["values"]):
            revisions = history.setdefault(first + timedelta(days=i), [])
            if revisions[-1:] != [value]:
                revisions.append(value)
    return [(f"{day}T00:00:00Z", i, value) for day, values in sorted(history.items()) for i, value in enumerate(values)]


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_a_service_that_is_killed_among_batches_loses_none_and_stores_none_twice(
    artifacts: Path, settings: dict[str, str]
) -> None:
    answers = 0
    with running(artifacts, **settings) as service:
        create(service)
        with suppress(httpx.HTTPError):
            for _ in send(service, BATCHES):
                answers += 1
                if answers == 20:
                    service.process.kill()
    assert 20 <= answers < len(BATCHES)
    with running(artifacts, **settings) as service:
        # The client repeats the batch that was not answered, which may have been stored.
        list(send(service, BATCHES[answers:]))
        stored = observations(service)
    rows = zip(stored["timestamps"], stored["revision"], stored["values"], strict=True)
    assert list(rows) == expected(BATCHES)

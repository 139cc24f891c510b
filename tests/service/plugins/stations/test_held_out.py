"""A held-out daily series, fed a day at a time to a service that is killed on the way."""

import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.processes import Service, running
from tests.service.plugins.stations.buoy import HISTORY, MOST_DAYS, assert_scores, daily_means, day
from tests.service.plugins.stations.plain_verification import plain_verification
from tests.service.requests import Json, answered

pytestmark = pytest.mark.long

KILLED_AFTER = 20
"""Days after the history: then the service is killed while it works on the next one."""


@pytest.fixture
def settings(store_url: str) -> dict[str, str]:
    return {"store": store_url, "default_dataset": "nino12", "device": "cpu", "request_seconds": "600"}


def create(service: Service, station: str) -> None:
    url = f"{service.url}/stations/{station}"
    httpx.put(url, json={"step": "day", "horizon": 3}, timeout=600).raise_for_status()


def feed(service: Service, station: str, first: int, last: int) -> None:
    """Send the history if ``first`` is 0, and then a day at a time."""
    with httpx.Client(base_url=service.url, timeout=600) as client:
        if first == 0:
            send(client, station, 0, daily_means()[:HISTORY])
        for number in range(max(first, HISTORY), last):
            send(client, station, number, [daily_means()[number]])


def send(client: httpx.Client, station: str, first: int, values: list[float]) -> None:
    answered(client.post(f"/stations/{station}/observations", json={"start": day(first), "values": values}))


def get(service: Service, path: str) -> Any:
    return answered(httpx.get(f"{service.url}/stations/{path}", timeout=600))


def archive(service: Service, station: str) -> list[Json]:
    """Return the forecasts without the time at which they were issued."""
    forecasts = get(service, f"{station}/forecasts")["forecasts"]
    return [{name: value for name, value in forecast.items() if name != "issued"} for forecast in forecasts]


def test_a_killed_service_issues_and_scores_the_same_forecasts_as_one_that_is_not(
    seas: Path, settings: dict[str, str]
) -> None:
    killed_at = HISTORY + KILLED_AFTER
    with running(seas, **settings) as service:
        create(service, "pier")
        feed(service, "pier", 0, killed_at)
        begun = threading.Event()

        def send_next() -> None:
            with suppress(httpx.HTTPError), httpx.Client(base_url=service.url, timeout=600) as client:
                client.get("/health/live")
                begun.set()
                send(client, "pier", killed_at, [daily_means()[killed_at]])

        sender = threading.Thread(target=send_next)
        sender.start()
        begun.wait()
        service.process.kill()
        sender.join()
    with running(seas, **settings) as service:
        # The client repeats the reading that may have no answer.
        feed(service, "pier", killed_at, HISTORY + MOST_DAYS)
        create(service, "calm")
        feed(service, "calm", 0, HISTORY + MOST_DAYS)
        forecasts = archive(service, "pier")
        assert len(forecasts) == MOST_DAYS + 1
        assert forecasts == archive(service, "calm")
        # The first forecast of a model has nothing to learn from; the mixture takes over from the network.
        models = [forecast["model"] for forecast in forecasts]
        assert [*dict.fromkeys(models)] == [models[0], "mixture"]
        first = [forecast["plain"] is None for forecast in forecasts]
        assert [i for i, plain in enumerate(first) if plain] == [0, models.index("mixture")]
        expected = plain_verification(forecasts, get(service, "pier/observations"))
        leads = get(service, "pier/verification")["leads"]
        assert [lead["lead"] for lead in leads] == [*expected] == [1, 2, 3]
        for lead in leads:
            assert_scores(lead, expected[lead["lead"]])

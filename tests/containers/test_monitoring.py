"""Prometheus with the composition, and the queries of the dashboard."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from forecasting.series.sst_series import SstSeries
from tests.containers.composition import Composition
from tests.containers.engine import has_image
from tests.deploy.dashboard import queries
from tests.service.requests import body


@pytest.fixture(scope="module")
def prometheus(composition: Composition, nino12: SstSeries) -> Iterator[httpx.Client]:
    """A client of Prometheus, after some requests and scrapes."""
    configuration = composition.compose("--profile", "monitoring", "config", "--images")
    (image,) = [name for name in configuration.splitlines() if name.startswith("prom/")]
    if not has_image(image):
        pytest.skip(f"the image {image} is missing and cannot be pulled")
    composition.up("prometheus")
    address = f"http://{composition.compose('port', 'prometheus', '9090')}"
    try:
        with httpx.Client(base_url=address) as client, httpx.Client(base_url=composition.url) as proxy:
            # A rate needs two samples of each replica, of the worker and of the proxy.
            while len(ask(client, "count by (instance) (count_over_time(up[5m]) >= 2)")) < 4:
                proxy.post("/forecast", json=body(nino12, model="all")).raise_for_status()
            yield client
    finally:
        composition.compose("--profile", "monitoring", "rm", "--stop", "--force", "prometheus")


def ask(client: httpx.Client, query: str) -> list[dict[str, Any]]:
    """Return the result of a query."""
    answer = client.get("/api/v1/query", params={"query": query})
    assert answer.status_code == 200, answer.text
    result: list[dict[str, Any]] = answer.json()["data"]["result"]
    return result


def test_both_replicas_the_worker_and_the_proxy_are_scraped(prometheus: httpx.Client) -> None:
    up = {(sample["metric"]["job"], sample["value"][1]) for sample in ask(prometheus, "count by (job) (up == 1)")}
    assert up == {("service", "2"), ("worker", "1"), ("proxy", "1")}


@pytest.mark.parametrize("panel", queries())
def test_every_panel_of_the_dashboard_shows_something(prometheus: httpx.Client, panel: str) -> None:
    for query in queries()[panel]:
        assert ask(prometheus, query), query

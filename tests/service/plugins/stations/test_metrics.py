"""The metrics of stations in ``GET /metrics``."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from service.settings import Settings
from tests.service.plugins.stations.conftest import create, in_time
from tests.service.requests import Json, answered
from tests.serving import serve


@pytest.fixture(scope="module")
def service(seas: Path, own_store: str) -> Iterator[httpx.Client]:
    """A service of its own, since some figures are about all stations."""
    with serve(Settings(artifacts=seas, store=SecretStr(own_store), request_seconds=600)) as client:
        yield client


def figures(service: httpx.Client) -> dict[str, float]:
    """Return the metrics about stations of a service whose store is up."""
    return in_time(lambda: found if (found := metrics(service))["sst_store_up"] else None)


def metrics(service: httpx.Client) -> dict[str, float]:
    """Return the metrics about stations, by name and value of the label."""
    families = text_string_to_metric_families(service.get("/metrics").text)
    return {
        "/".join([sample.name, *sample.labels.values()]): sample.value
        for family in families
        for sample in family.samples
        if sample.name.startswith(("sst_station", "sst_store_up", "sst_store_seconds_count"))
    }


def changes(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    return {name: value - before.get(name, 0) for name, value in after.items() if value != before.get(name, 0)}


def send(service: httpx.Client, station: str, start: str, values: list[float]) -> Json:
    answer: Json = answered(service.post(f"/stations/{station}/observations", json={"start": start, "values": values}))
    return answer


def test_readings_and_forecasts_are_counted_over_all_stations(service: httpx.Client) -> None:
    before = figures(service)
    first, second = create(service, events=[{"name": "warm", "above": 20.0}]), create(service, horizon=1)
    values = [15 + number % 3 / 10 for number in range(20)]
    send(service, first, "2025-06-01", values)
    (forecast,) = answered(service.get(f"/stations/{first}/forecasts"))["forecasts"]
    send(service, first, "2025-06-20", [values[-1], 25.0, 99.0])
    service.patch(f"/stations/{first}/observations/2025-06-21", json={"flag": 1}).raise_for_status()
    send(service, second, "2025-06-01", values[:3])
    send(service, second, "2025-06-03", [16.0])
    after = changes(before, figures(service))
    assert after.pop("sst_station_oldest_newest_reading_age_seconds")
    assert after.pop("sst_store_seconds_count/read") > 0
    assert after.pop("sst_store_seconds_count/write") > 0
    (error,) = (after.pop(name) for name in [*after] if "absolute_error" in name)
    assert round(error, 6) == round(25.0 - forecast["sst"][0], 6)
    (persistence,) = (after.pop(name) for name in [*after] if "persistence_error" in name)
    assert round(persistence, 6) == round(25.0 - values[-1], 6)
    kind = "reference" if forecast["model"] in forecast["baselines"] else "universal"
    probability = forecast["events"][0]["by_lead"][0]
    bound = next(high for high in (0.1, 0.3, 0.5, 0.7, 0.9, 1) if probability < high or high == 1)
    low = {0.1: 0, 0.3: 0.1, 0.5: 0.3, 0.7: 0.5, 0.9: 0.7, 1: 0.9}[bound]
    assert after == {
        "sst_stations": 2,
        "sst_station_readings_total/new": 20 + 1 + 3,
        "sst_station_readings_total/revised": 1,
        "sst_station_readings_total/unchanged": 1,
        "sst_station_readings_total/refused": 1,
        "sst_station_forecasts_total": 3,
        f"sst_station_verified_total/{kind}/1": 1,
        f"sst_station_intervals_total/{kind}/1/80/outside": 1,
        f"sst_station_intervals_total/{kind}/1/95/outside": 1,
        f"sst_station_events_total/{kind}/1/beyond/{low:g}-{bound:g}": 1,
    }
    send(service, first, "2025-06-22", [answered(service.get(f"/stations/{first}/forecast"))["sst"][0]])
    inside = changes(before, figures(service))
    assert [
        sum(count for name, count in inside.items() if name.endswith(f"/{level}/inside")) for level in (80, 95)
    ] == [1, 1]


def test_the_age_is_that_of_the_station_that_has_been_silent_the_longest(service: httpx.Client) -> None:
    silent = create(service, step="month")
    send(service, silent, "1950-01", [15.0])
    age = timedelta(seconds=figures(service)["sst_station_oldest_newest_reading_age_seconds"])
    assert abs(datetime.now(UTC) - age - datetime(1950, 1, 1, tzinfo=UTC)) < timedelta(hours=1)


def test_metrics_are_served_when_the_store_cannot_be_used(artifacts: Path, tmp_path: Path) -> None:
    (tmp_path / "sst.db").write_bytes(b"no database" * 1_000)
    with serve(Settings(artifacts=artifacts, store=SecretStr(f"sqlite:///{tmp_path}/sst.db"))) as service:
        found = metrics(service)
    assert found["sst_store_up"] == 0
    assert "sst_stations" not in found

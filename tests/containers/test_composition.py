"""The running composition: its answers, its permissions and limits, and how it loads new releases."""

import asyncio
import json
import re
from typing import Any

import httpx
import pytest

from forecasting.series.sst_series import SstSeries
from tests.containers.composition import PROJECT, Composition, ask, start_state
from tests.containers.engine import docker, inspect
from tests.service.requests import body


def test_a_series_of_any_sea_is_forecast_at_the_first_start(client: httpx.Client) -> None:
    values = [15 + (day % 7) / 10 for day in range(60)]
    series = {"start": "2026-04-01", "step": "day", "values": values, "latitude": 43.6, "longitude": 9.1}
    forecast = (
        client.post("/forecast", json={"horizon": 3, "series": [series]}).raise_for_status().json()["forecasts"][0]
    )
    assert forecast["chosen"]["rmse"].keys() >= {"mixture", "ocean-daily-lstm", "damped"}
    assert len(forecast["sst"]) == 3


def test_a_forecast_comes_through_the_proxy(client: httpx.Client, nino12: SstSeries) -> None:
    dataset_forecast = client.get("/forecast", params={"horizon": 3}).raise_for_status().json()
    assert len(dataset_forecast["forecasts"][0]["sst"]) == 3
    series_forecast = client.post("/forecast", json=body(nino12)).raise_for_status().json()
    assert series_forecast["forecasts"][0]["timestamps"] == ["2011-01-01T00:00:00Z"]


def test_both_replicas_answer(composition: Composition, client: httpx.Client) -> None:
    def answered(replica: str) -> float:
        counts = re.findall(r'sst_request_seconds_count\{.*route="/forecast".*\} (.*)', ask(replica, "/metrics"))
        return sum(map(float, counts))

    replicas = composition.replicas()
    before = [answered(replica) for replica in replicas]
    for _ in range(20):
        client.get("/forecast").raise_for_status()
    more = [answered(replica) - count for replica, count in zip(replicas, before, strict=True)]
    assert len(more) == 2
    assert sum(more) == 20
    assert min(more) >= 5


def test_ports_are_published_on_loopback_only(composition: Composition) -> None:
    for container in composition.compose("ps", "--quiet").split():
        for bound in inspect(container)["HostConfig"]["PortBindings"].values():
            assert {place["HostIp"] for place in bound} == {"127.0.0.1"}


def test_replicas_cannot_reach_the_outside(composition: Composition) -> None:
    code = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=1)"
    (first, _) = composition.replicas()
    tried = docker("exec", first, "sh", "-c", f'python -c "{code}" 2>&1 || true')
    assert "Network is unreachable" in tried


def test_every_container_is_unprivileged_and_has_a_read_only_file_system(composition: Composition) -> None:
    for container in composition.compose("ps", "--quiet").split():
        status = dict(line.split(":\t", 1) for line in docker("exec", container, "cat", "/proc/1/status").splitlines())
        assert "0" not in status["Uid"].split()
        assert {name: int(status[name], 16) for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == dict.fromkeys(
            ("CapPrm", "CapEff", "CapBnd", "CapAmb"), 0
        )
        assert status["NoNewPrivs"] == "1"
        for folder in ("/", "/etc", "/usr/local", "/app/artifacts"):
            tried = docker("exec", "--user=0", container, "sh", "-c", f"mkdir -p {folder}/new 2>&1 || true")
            assert "Read-only file system" in tried


def test_replicas_run_as_an_unprivileged_user(composition: Composition) -> None:
    for replica in composition.replicas():
        assert docker("exec", replica, "id", "-u") == "10001"


def test_memory_and_processes_are_limited(composition: Composition) -> None:
    for container in composition.compose("ps", "--quiet", "--all").split():
        limits = inspect(container)["HostConfig"]
        assert 0 < limits["Memory"] <= 2 * 2**30
        assert 0 < limits["PidsLimit"] <= 256


def test_a_process_over_the_memory_limit_is_killed_and_the_replica_keeps_serving(
    composition: Composition, client: httpx.Client
) -> None:
    (first, _) = composition.replicas()
    before = start_state(first)[:2]
    tried = docker("exec", first, "sh", "-c", "python -c 'bytearray(2 << 30)'; echo $?")
    assert tried.splitlines()[-1] == "137"
    assert start_state(first)[:2] == before
    assert json.loads(ask(first, "/health/ready"))["status"] == "ready"


@pytest.mark.anyio
async def test_many_of_the_largest_requests_at_once_stay_within_the_memory_limit(
    composition: Composition, nino12: SstSeries
) -> None:
    request = body(nino12)
    request["series"][0]["values"] *= 3_000
    before = [start_state(replica)[:2] for replica in composition.replicas()]
    async with httpx.AsyncClient(base_url=composition.url, timeout=120) as client:
        request["series"] *= 24
        content = json.dumps(request).encode()
        assert 12e6 < len(content) < 16e6
        answers = await asyncio.gather(
            *(
                client.post("/forecast", content=content, headers={"Content-Type": "application/json"})
                for _ in range(12)
            )
        )
    assert {answer.status_code for answer in answers} <= {200, 503, 504}
    assert [start_state(replica)[:2] for replica in composition.replicas()] == before


def test_a_new_release_is_loaded_without_a_restart(composition: Composition, client: httpx.Client) -> None:
    before = [start_state(replica) for replica in composition.replicas()]
    old = client.get("/forecast").json()["version"]
    command = "python -m training --data data/nino12.csv --name nino12 --epochs 1 --seeds 1 --quiet"
    printed = composition.compose("run", "--rm", "--no-deps", "training", *command.split())
    (new,) = re.findall(r"artifacts/nino12/(\w+) is now serving", printed)
    assert new > old
    for replica in composition.replicas():
        while json.loads(ask(replica, "/forecast"))["version"] == old:
            pass
        assert json.loads(ask(replica, "/forecast"))["version"] == new
    assert [start_state(replica) for replica in composition.replicas()] == before


def test_an_altered_release_is_refused_and_the_old_one_keeps_serving(
    composition: Composition, client: httpx.Client
) -> None:
    good = client.get("/forecast").json()["version"]
    bad = "20990101T000000Z"
    composition.artifacts(
        f"cp -r nino12/{good} nino12/{bad} && sed -i s/{good}/{bad}/ nino12/{bad}/manifest.json && "
        f"printf x | dd conv=notrunc bs=1 seek=9999 of=nino12/{bad}/gru.pt && echo {bad} > nino12/current"
    )
    try:
        while composition.logs().count("its sha256 differs") < 2:
            pass
        for replica in composition.replicas():
            assert json.loads(ask(replica, "/health/ready"))["status"] == "ready"
            assert json.loads(ask(replica, "/forecast"))["version"] == good
    finally:
        composition.artifacts(f"echo {good} > nino12/current && rm -r nino12/{bad}")


def test_a_volume_with_a_release_stays_unchanged(composition: Composition) -> None:
    before = composition.artifacts("ls -lR")
    printed = composition.compose("run", "--rm", "--no-deps", "training")
    assert printed.splitlines()[-1] == "artifacts/nino12 already has a release"
    assert all(" already has " in line for line in printed.splitlines())
    assert composition.artifacts("ls -lR") == before


def test_training_can_write_the_volume_and_the_service_can_only_read_it(composition: Composition) -> None:
    def mounted(container: str) -> Any:
        (mount,) = [mount for mount in inspect(container)["Mounts"] if mount["Type"] == "volume"]
        assert mount["Name"] == f"{PROJECT}_artifacts"
        return mount["RW"]

    assert not any(map(mounted, composition.replicas()))
    assert mounted(composition.compose("ps", "--all", "--quiet", "training"))

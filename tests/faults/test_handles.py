"""A service that runs out of file handles: it refuses or waits, loses nothing, and recovers."""

import resource
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.faults.faults import Faults
from tests.faults.restarted import Restarted
from tests.faults.test_stations import READINGS, SETTINGS, check_problem, day, mixed, push, read, value
from tests.processes import allow_to_open

pytestmark = pytest.mark.long

PIERS = [f"pier-{i}" for i in range(8)]
TWIN = "twin"


def send(restarted: Restarted, station: str) -> httpx.Response | None:
    """Push readings through a connection of its own, which may be refused."""
    with httpx.Client(base_url=restarted.service.url, timeout=600) as client:
        try:
            return push(client, station, 0)
        except httpx.TransportError:
            return None


@pytest.mark.parametrize("more", [0, 1, 3, 6])
def test_pushes_without_file_handles_are_refused_or_wait_and_none_is_lost(
    releases: Path, watch: Callable[..., Faults], tmp_path: Path, more: int
) -> None:
    store = f"sqlite:///{tmp_path}/state/sst.db"
    settings = {"store": store, "default_dataset": "abroad", "background": False}
    with Restarted(releases, watch(tmp_path / "state"), **settings) as restarted:
        client = restarted.client
        for station in (*PIERS, TWIN):
            client.put(f"/stations/{station}", json=SETTINGS).raise_for_status()
            body = {"start": day(0), "values": [*map(value, range(READINGS))]}
            client.post(f"/stations/{station}/observations", json=body).raise_for_status()
        before = read(client, TWIN)
        push(client, TWIN, 0).raise_for_status()
        after = read(client, TWIN)
        # A service that has just started has opened the database once.
        restarted.kill()
        restarted.restart()
        pid = restarted.service.process.pid
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        restarted.client.get("/health/live").raise_for_status()
        allow_to_open(pid, more)
        with ThreadPoolExecutor(len(PIERS)) as threads:
            sent = threads.map(partial(send, restarted), PIERS)
            refused = restarted.client.get("/")
            assert refused.status_code == 503 or more
            resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
            # Connections that could not be accepted are now.
            answers = dict(zip(PIERS, sent, strict=True))
        for station, answer in answers.items():
            found = read(restarted.client, station)
            if answer is not None and answer.is_success:
                assert found == after
            else:
                assert mixed(found, before, after) == []
                if answer is not None:
                    check_problem(answer)
            push(restarted.client, station, 0).raise_for_status()
            assert read(restarted.client, station) == after
    assert not any("Traceback" in line for line in restarted.log)

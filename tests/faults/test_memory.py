"""A service that runs out of memory: it refuses, loses nothing that it has acknowledged, and recovers."""

import re
import resource
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.processes import running
from tests.service.requests import Json

pytestmark = pytest.mark.long

READINGS = 12_000
KIB = [256, 512, 1_024, 1_536, 2_048, 4_096, 65_536]
"""How much more memory than before the service may have."""


def address_space(pid: int) -> int:
    """Return the bytes of the address space of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"VmSize:\s+(\d+)", status)[0]) * 1024


def body(values: list[float]) -> Json:
    return {"start": "2024-01-01", "values": values}


def test_pushes_without_memory_are_refused_and_none_is_lost(releases: Path, tmp_path: Path) -> None:
    settings = {"store": f"sqlite:///{tmp_path}/sst.db", "default_dataset": "abroad", "background": False}
    path, statuses = "/stations/pier/observations", set[int]()
    possible: list[list[float]] = [[]]
    for kib in KIB:
        with running(releases, **settings) as service, httpx.Client(base_url=service.url, timeout=600) as client:
            client.put("/stations/pier", json={"step": "hour"}).raise_for_status()
            kept = client.get(path).raise_for_status().json()["values"]
            assert kept in possible
            sent = [15 + (i * 7 + kib) % 100 / 100 for i in range(READINGS)]
            # What is not acknowledged is stored as a whole, or not at all.
            possible = [kept, sent]
            pid = service.process.pid
            resource.prlimit(pid, resource.RLIMIT_AS, (address_space(pid) + kib * 1024, resource.RLIM_INFINITY))
            # If memory does not suffice for a refusal, there is no answer, or the process ends.
            with suppress(httpx.TransportError):
                answer = client.post(path, json=body(sent))
                statuses.add(answer.status_code)
                assert answer.is_success or "out of resources" in answer.json()["detail"], answer.text
                possible = [sent] if answer.is_success else possible
            service.process.kill()
    assert statuses == {200, 503}

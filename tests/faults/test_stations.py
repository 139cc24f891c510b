"""A service whose every write fails once, or that dies at it: nothing that it acknowledged is lost or half there."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from tests.faults.faults import KINDS, Faults, Kind, numbers
from tests.faults.restarted import Restarted
from tests.service.requests import Json, answered

pytestmark = pytest.mark.long

LEAST = 8
"""Faults of any job."""

SHARE = 3
"""See :func:`~tests.faults.faults.numbers`."""

PIER, TWIN = "pier", "twin"
"""The faults happen while the first is written; the second gets the same without them."""

READINGS = 40
FIRST = datetime.now(UTC).date() - timedelta(days=300)
WARM: Json = {"name": "warm", "above": 15.45, "for": 1}
SETTINGS: Json = {"step": "day", "horizon": 3, "events": [WARM], "alert_within": "P366D"}

VARIES = {
    *("age_seconds", "changed", "created", "delay_seconds", "id", "issued", "next", "raised", "received"),
    *("station", "time"),
}
"""Fields that differ between two stations with the same readings."""

Job = Callable[[httpx.Client, str, int], httpx.Response]
"""Writes a station for the n-th time, so that it changes."""


def day(n: int) -> str:
    """Return the time of a reading."""
    return f"{FIRST + timedelta(days=n)}T00:00:00Z"


def value(n: int) -> float:
    """Return a temperature; those of successive readings begin and end the event."""
    return round(15.2 + n % 2 / 2 + n % 7 / 100, 2)


def push(client: httpx.Client, station: str, n: int) -> httpx.Response:
    """Send a correction of the last reading, and another one."""
    last = READINGS + n - 1
    body = {"start": day(last), "values": [round(value(last) + 0.01, 2), value(last + 1)]}
    return client.post(f"/stations/{station}/observations", json=body)


def correct(client: httpx.Client, station: str, n: int) -> httpx.Response:
    """Correct the last reading, with which the event begins or ends."""
    reading = f"/stations/{station}/observations/{day(READINGS - 1)}"
    return client.patch(reading, json={"value": value(n)})


def change(client: httpx.Client, station: str, n: int) -> httpx.Response:
    """Change the event and the horizon, for which another forecast is issued."""
    event = WARM | {"above": 15.4 + n % 5 / 10}
    return client.put(f"/stations/{station}", json=SETTINGS | {"events": [event], "horizon": 3 + n % 4})


JOBS: dict[str, Job] = {"a push": push, "a correction": correct, "a change of settings": change}


def create(client: httpx.Client) -> None:
    """Create both stations, with readings."""
    for station in (PIER, TWIN):
        client.put(f"/stations/{station}", json=SETTINGS).raise_for_status()
        body = {"start": day(0), "values": [*map(value, range(READINGS))]}
        client.post(f"/stations/{station}/observations", json=body).raise_for_status()


def same(answer: object) -> object:
    """Return what two stations with the same readings have in common."""
    if isinstance(answer, dict):
        return {name: same(inner) for name, inner in answer.items() if name not in VARIES}
    return [*map(same, answer)] if isinstance(answer, list) else answer


def read(client: httpx.Client, station: str, limit: int = 3) -> Json:
    """Return what a reader gets of a station, apart from what varies, in parts that are written at once.

    Of forecasts, alerts and the audit, it has the last ``limit``.
    """
    settings = answered(client.get(f"/stations/{station}"))
    # It is made of the other parts, and of the time.
    del settings["summary"]
    states = {f"state of {event['name']}": event for event in settings.pop("events")}
    parts: Json = {"settings": settings, "newest": settings.pop("forecast"), **states}
    settings["events"] = [event.pop("settings") for event in states.values()]
    for name in ("observations?revisions=true", f"forecasts?limit={limit}", f"alerts?limit={limit}"):
        parts[name] = answered(client.get(f"/stations/{station}/{name}"))
    parts["audit"] = answered(client.get(f"/audit?station={station}&limit={limit}"))
    return {name: same(part) for name, part in parts.items()}


def mixed(found: Json, before: Json, after: Json) -> list[str]:
    """Return the parts that are neither as before nor as after a job."""
    # The state of an event that was changed is unknown until the next forecast.
    unknown = found["state of warm"]["state"] == "unknown"
    allowed = {"state of warm"} if unknown else set()
    return [name for name in found.keys() - allowed if found[name] not in (before[name], after[name])]


def check_problem(response: httpx.Response) -> None:
    """Check that a failure is told in a sentence that does not blame the caller."""
    assert response.status_code in (503, 507), response.text
    assert response.headers["content-type"] == "application/problem+json"
    detail = response.json()["detail"]
    assert detail
    assert "\n" not in detail


def attempt(job: Job, client: httpx.Client, n: int) -> httpx.Response | None:
    """Do a job, and return the answer, if the service lives to give one."""
    try:
        return job(client, PIER, n)
    except httpx.TransportError:
        return None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)
def test_nothing_is_lost_or_half_there_after_a_fault_and_the_next_attempt_completes_it(
    releases: Path,
    watch: Callable[..., Faults],
    tmp_path: Path,
    report: Callable[[int, int], None],
    job: Job,
    kind: Kind,
) -> None:
    folder = tmp_path / "state"
    faults, injected = watch(folder), 0
    store = f"sqlite:///{folder}/sst.db"
    with Restarted(releases, faults, store=store, default_dataset="abroad", background=False) as restarted:
        create(restarted.client)
        with faults.at(0, kind):
            job(restarted.client, PIER, 0).raise_for_status()
        assert faults.unsynced == []
        job(restarted.client, TWIN, 0).raise_for_status()
        for n, number in enumerate(numbers(len(faults.calls), SHARE), 1):
            before = read(restarted.client, PIER)
            assert before == read(restarted.client, TWIN)
            wanted = answered(job(restarted.client, TWIN, n))
            after = read(restarted.client, TWIN)
            with faults.at(number, kind):
                response = attempt(job, restarted.client, n)
            if not faults.injected:
                break
            injected += 1
            where = faults.describe(number)
            assert (response is None) == (kind == "the process dies"), where
            if response is None:
                restarted.restart()
            found = read(restarted.client, PIER)
            if response is not None and response.is_success:
                assert (same(answered(response)), found) == (same(wanted), after), where
            else:
                assert mixed(found, before, after) == [], where
                if response is not None:
                    check_problem(response)
            job(restarted.client, PIER, n).raise_for_status()
            assert read(restarted.client, PIER) == after, where
        assert read(restarted.client, PIER, limit=1_000) == read(restarted.client, TWIN, limit=1_000)
        assert not any("Traceback" in line for line in restarted.log + restarted.service.log)
    report(injected, LEAST)

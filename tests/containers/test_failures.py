"""Replicas killed, replaced and stopped while clients call."""

import asyncio
import json
import time

import httpx
import pytest

from forecasting.series.sst_series import SstSeries
from tests.conftest import ROOT
from tests.containers.composition import IMAGES, PROJECT, Composition, kill, start_state
from tests.containers.engine import docker, inspect
from tests.load import load
from tests.service.requests import body

pytestmark = pytest.mark.anyio

# Posts its standard input directly to one replica, and reports when the replica is processing it: two requests in
# flight, the scrape included. Three scrapes in a row exclude a health check that happens to run.
ASK_AND_TELL = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
from urllib.request import Request, urlopen

replica = f"http://{sys.argv[1]}:8000"
request = Request(f"{replica}/forecast", sys.stdin.buffer.read(), {"Content-Type": "application/json"})
with ThreadPoolExecutor() as threads:
    answer = threads.submit(lambda: json.load(urlopen(request)))
    seen = 0
    while seen < 3 and not answer.done():
        seen = seen + 1 if b"sst_requests_in_flight 2.0" in urlopen(f"{replica}/metrics").read() else 0
    print("in progress" if seen == 3 else "answered too soon", flush=True)
    print(len(answer.result()["forecasts"]), "forecasts")
"""


async def test_a_killed_replica_breaks_off_at_most_the_response_it_is_sending_and_is_restarted(
    composition: Composition, nino12: SstSeries
) -> None:
    before = {replica: start_state(replica) for replica in composition.replicas()}
    async with load(composition.url, body(nino12, model="all")) as calls:
        for replica in before:
            await calls.more(300)
            await asyncio.to_thread(kill, replica)
            await calls.more(300)
            await asyncio.to_thread(composition.up)
    # uvicorn sends the head of a response before its body, and the proxy cannot resend a request once it has the head.
    assert len(calls.failures) <= len(before)
    assert all(isinstance(failure, httpx.RemoteProtocolError) for failure in calls.failures)
    assert calls.statuses == {200: len(calls.answers)}
    for replica, (start, restarts, _) in before.items():
        again = start_state(replica)
        assert again[0] > start
        assert again[1] == restarts + 1


async def test_a_rolling_update_replaces_every_replica_and_loses_no_request(
    composition: Composition, nino12: SstSeries
) -> None:
    old = composition.replicas()
    async with load(composition.url, body(nino12)) as calls:
        await calls.more(100)
        script = str(ROOT / "deploy" / "rolling-update.sh")
        await asyncio.to_thread(composition.run, [script, *composition.arguments])
        await calls.more(100)
    assert not calls.failures
    assert calls.statuses == {200: len(calls.answers)}
    new = composition.replicas()
    assert len(new) == len(old)
    assert not set(new) & set(old)
    assert all(inspect(replica)["State"]["Health"]["Status"] == "healthy" for replica in new)


async def test_a_stopping_replica_finishes_its_work_in_time_and_exits_with_status_0(
    composition: Composition, nino12: SstSeries
) -> None:
    (first, _) = composition.replicas()
    grace = inspect(first)["Config"]["StopTimeout"]
    large = body(nino12, horizon=12)
    large["series"] *= 8_000
    # From a separate container, which outlives the replica.
    network = f"{PROJECT}_replicas"
    address = inspect(first)["NetworkSettings"]["Networks"][network]["IPAddress"]
    slow = await asyncio.create_subprocess_exec(
        "docker", "run", "--rm", "--interactive", "--network", network, IMAGES["service"],
        "python", "-c", ASK_AND_TELL, address,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert slow.stdin is not None
    assert slow.stdout is not None
    slow.stdin.write(json.dumps(large).encode())
    slow.stdin.close()
    assert await slow.stdout.readline() == b"in progress\n"
    begun = time.monotonic()
    await asyncio.to_thread(docker, "stop", first)
    took = time.monotonic() - begun
    assert await slow.stdout.read() == b"8000 forecasts\n"
    assert await slow.wait() == 0
    state = inspect(first)["State"]
    assert (state["ExitCode"], state["OOMKilled"]) == (0, False)
    assert took < grace
    composition.up()


def test_the_proxy_passes_on_refusals_unchanged(composition: Composition) -> None:
    with httpx.Client(base_url=composition.url, timeout=60) as client:
        refused = client.post("/forecast", content=b" " * (17 << 20), headers={"Content-Type": "application/json"})
        assert refused.status_code == 413
        assert refused.headers["content-type"] == "application/problem+json"
        assert client.get("/nothing").status_code == 404

"""Callers that take what they can: each gets a share, and the others are served."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from forecasting.series.sst_series import SstSeries
from service.middleware.keys import Role, new_key
from tests.processes import Service, running, wait_until
from tests.service.requests import JSON, body
from tests.service.server.test_limits import content, head
from tests.serving import connect

Headers = dict[str, str]


def forwarded(address: str) -> Headers:
    """Return the header by which a proxy says whose request it passes on."""
    return {"X-Forwarded-For": address}


@contextmanager
def greedy(service: Service, headers: Headers, n: int, size: int) -> Iterator[None]:
    """Keep ``n`` requests open that have sent all of ``size`` bytes but the last."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()
    with httpx.Client(base_url=service.url) as client, ExitStack() as wires:
        for _ in range(n):
            wire = wires.enter_context(connect(client))
            wire.sendall(head(size)[:-2] + lines + b"\r\n" + b" " * (size - 1))
        in_flight = f"sst_requests_in_flight {n + 1}.0"
        wait_until(lambda: in_flight in client.get("/metrics").text, "the requests are not taken up")
        yield
        wires.close()
        wait_until(lambda: "sst_requests_in_flight 1.0" in client.get("/metrics").text, "the requests stay")


@pytest.fixture(scope="module")
def proxied(artifacts: Path) -> Iterator[Service]:
    """A service behind a proxy that it trusts, with room for few requests and little memory."""
    with running(artifacts, max_waiting=6, max_waiting_bytes=400_000, trusted_proxies="127.0.0.0/8,::1") as service:
        yield service


@pytest.mark.parametrize("what", ["places", "memory"])
@pytest.mark.parametrize(
    ("taker", "same", "other"),
    [
        ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
        ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"),
        ("192.0.2.1", "::ffff:192.0.2.1", "::ffff:192.0.2.2"),
        ("192.0.2.1", "192.0.2.9, 192.0.2.1", "192.0.2.1, 192.0.2.2"),
    ],
)
def test_a_caller_that_holds_its_share_is_refused_and_others_are_answered(
    proxied: Service, nino12: SstSeries, what: str, taker: str, same: str, other: str
) -> None:
    n, size = (3, 10) if what == "places" else (2, 90_000)
    request, status = (content(body(nino12)), 200) if what == "places" else (b" " * 60_000, 400)
    with greedy(proxied, forwarded(taker), n, size):
        refused = httpx.post(f"{proxied.url}/forecast", content=request, headers=JSON | forwarded(same))
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert "too many requests are waiting from this caller" in refused.json()["detail"]
        answer = httpx.post(f"{proxied.url}/forecast", content=request, headers=JSON | forwarded(other))
        assert answer.status_code == status
        assert httpx.get(f"{proxied.url}/health/ready", headers=forwarded(same)).status_code == 200


@pytest.mark.long
def test_only_a_trusted_proxy_says_whose_a_request_is(artifacts: Path, nino12: SstSeries) -> None:
    with (
        running(artifacts, max_waiting=6, trusted_proxies="192.0.2.0/24") as service,
        greedy(service, forwarded("192.0.2.1"), 3, 10),
    ):
        refused = httpx.post(f"{service.url}/forecast", json=body(nino12), headers=forwarded("192.0.2.2"))
        assert refused.status_code == 503


@pytest.mark.long
def test_each_key_has_its_own_share(artifacts: Path, nino12: SstSeries) -> None:
    keys = {name: new_key(name, Role.FORECAST) for name in ("greedy", "other")}
    headers = {name: {"Authorization": f"Bearer {presented}"} for name, (presented, _) in keys.items()}
    lines = "\n".join(key.line for _, key in keys.values())
    with (
        running(artifacts, max_waiting=6, keys=lines, allow_anonymous=False) as service,
        greedy(service, headers["greedy"], 3, 10),
    ):
        answers = {
            name: httpx.post(f"{service.url}/forecast", json=body(nino12), headers=headers[name]) for name in keys
        }
        assert {name: answer.status_code for name, answer in answers.items()} == {"greedy": 503, "other": 200}

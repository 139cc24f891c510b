"""The webhooks of stations: their settings, and deliveries at least once."""

import asyncio
import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from sqlalchemy import Connection, make_url
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from service.app import create_app
from service.middleware.access import RateLimiter
from service.plugins.stations.addresses import shown_address
from service.plugins.stations.metrics import StationMetrics
from service.plugins.stations.notify import Notifier
from service.plugins.stations.outbound import Outbound
from service.plugins.stations.schemas import AlertAnswer
from service.plugins.stations.store.alerts import (
    Alert,
    Delivery,
    deliveries_of,
    put_alert,
    put_deliveries,
)
from service.plugins.stations.store.database import StationStore
from service.plugins.stations.store.stations import StationSettings, get_station, put_station
from service.plugins.stations.webhooks import (
    BOTH_VALID,
    FIRST_PAUSE,
    GIVEN_UP_AFTER,
    LONGEST_PAUSE,
    TESTS_A_MINUTE,
    TESTS_AT_ONCE,
    InputWebhook,
    WebhookSender,
    receivers,
    stored_webhooks,
)
from service.settings import Settings
from tests.servers.webhook_receiver import Answer, die, endless, hang, receiving, status
from tests.service.plugins.stations.conftest import create, in_time
from tests.service.requests import answered
from tests.serving import serve, serve_app

SLACK = "https://hooks.slack.example:8443/services/T000/B000/token"
SECRET = "a secret of the test"
RAISED = 1_782_000_000
NOBODY = Notifier((), allow_private=False)
STORED = {"url": SLACK, "secret": "at least 16 characters", "events": ["heatwave"]}


def test_a_shown_address_has_the_host_and_tells_two_of_one_host_apart() -> None:
    shown, other = shown_address(SLACK), shown_address(f"{SLACK}2")
    assert shown.startswith("https://hooks.slack.example:8443/...#")
    assert "token" not in shown
    assert shown != other


@pytest.mark.parametrize("url", [SLACK, SLACK.replace("https", "HTTPS"), SLACK.replace("https", "http")])
def test_a_shown_address_is_shown_as_it_is(url: str) -> None:
    assert shown_address(shown_address(url)) == shown_address(url)


@pytest.mark.parametrize("secret", [None, "another secret of this length"])
@pytest.mark.parametrize("url", [SLACK, shown_address(SLACK)], ids=["as sent", "as shown"])
def test_a_repeated_url_keeps_what_is_left_out(url: str, secret: str | None) -> None:
    (stored,) = stored_webhooks([InputWebhook(url=url, secret=secret)], [STORED], RAISED) or []
    assert (stored["url"], stored["secret"], stored["events"]) == (SLACK, secret or STORED["secret"], None)


@dataclass
class Post:
    """A station with a webhook for each URL, whose deliveries are sent at times that the test chooses."""

    url: str
    now: int = RAISED
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        self.metrics = StationMetrics(self.registry)

    def count(self, outcome: str) -> float | None:
        """Return how many attempts had this outcome."""
        return self.registry.get_sample_value("sst_station_deliveries_total", {"outcome": outcome})

    def run(self, work: Callable[[StationStore, WebhookSender], Any]) -> Any:
        async def working() -> Any:
            store = StationStore(make_url(self.url), self.metrics)
            try:
                return await work(store, WebhookSender(store, Outbound(allow_private=True), NOBODY, lambda: self.now))
            finally:
                store.close()

        return asyncio.run(working())

    def add(self, *urls: str) -> None:
        """Store an alert with a delivery to each URL."""
        webhooks = [{"url": url, "secret": SECRET, "events": None} for url in urls]

        def work(connection: Connection) -> None:
            put_station(connection, "pier", StationSettings("day", webhooks=webhooks), RAISED)
            station = get_station(connection, "pier").number
            number = put_alert(connection, Alert(station, "heat", "began", RAISED, RAISED, {"alert": "began"}))
            put_deliveries(connection, [Delivery(number, url, f"key of {url}", RAISED) for url in urls])

        self.run(lambda store, _: store.write(work))

    def pending(self) -> Any:
        """Return how many deliveries are pending, and since when."""
        figures = in_time(lambda: self.run(lambda store, _: store.figures()))
        return figures.pending, figures.oldest_pending

    def send(self) -> list[Delivery]:
        """Send what is due, and return what is stored of each delivery."""

        async def work(store: StationStore, sender: WebhookSender) -> list[Delivery]:
            await sender.run()
            return (await store.read(deliveries_of, [1]))[1]

        attempted: list[Delivery] = self.run(work)
        return attempted


def outcome(delivery: Delivery) -> tuple[int, int | None, int | None, int | None, str | None]:
    return delivery.attempts, delivery.next_attempt, delivery.delivered, delivery.status, delivery.error


@pytest.fixture
def post(store_url: str) -> Post:
    return Post(store_url)


@pytest.fixture
def sqlite_post(tmp_path: Path) -> Post:
    return Post(f"sqlite:///{tmp_path}/sst.db")


def test_an_alert_is_sent_once(post: Post) -> None:
    with receiving() as receiver:
        post.add(receiver.url)
        assert [*map(outcome, post.send())] == [(1, None, RAISED, 200, None)]
        _, headers, body = receiver.next()
        assert headers["content-type"] == "application/json"
        assert json.loads(body) == {"id": headers["webhook-id"], "alert": "began"}
        post.send()
        assert receiver.received.empty()


def test_a_failed_delivery_is_repeated_at_growing_intervals_with_the_same_key_and_body(post: Post) -> None:
    with receiving() as receiver:
        post.add(receiver.url)
        sent, pauses = [], []
        for code in (500, 503, 404):
            receiver.answers.put(status(code))
            (attempted,) = post.send()
            assert (attempted.status, attempted.error) == (code, f"the receiver responded with status {code}")
            assert attempted.next_attempt is not None
            pauses.append(attempted.next_attempt - post.now)
            post.now = attempted.next_attempt - 1
            assert post.send() == [attempted]
            post.now += 1
            sent.append(receiver.next())
            assert post.pending() == (1, RAISED)
        assert [*map(outcome, post.send())] == [(4, None, post.now, 200, None)]
        assert [post.count(name) for name in ("delivered", "failed", "given_up")] == [1, 3, 0]
        assert pauses == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
        last = receiver.next()
        assert {(each.body, each.headers["webhook-id"]) for each in sent} == {(last.body, f"key of {receiver.url}")}
        # A receiver refuses old times, so each attempt has its own.
        times = [int(each.headers["webhook-timestamp"]) for each in (*sent, last)]
        assert times == [RAISED, *(RAISED + FIRST_PAUSE * (2**i - 1) for i in (1, 2, 3))]


def test_a_delivery_is_given_up_after_a_day(sqlite_post: Post) -> None:
    with receiving() as receiver:
        url = receiver.url
    sqlite_post.add(url)
    times = []
    while (attempted := sqlite_post.send()[0]).next_attempt is not None:
        times.append(sqlite_post.now - RAISED)
        sqlite_post.now = attempted.next_attempt
    assert attempted.error is not None
    assert attempted.error.startswith("cannot connect to 127.0.0.1")
    assert sqlite_post.now - RAISED in range(GIVEN_UP_AFTER, GIVEN_UP_AFTER + LONGEST_PAUSE)
    assert max(times) < GIVEN_UP_AFTER
    assert len(times) > 10


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (die, "the request to 127.0.0.1 failed"),
        (
            status(301, Location="http://127.0.0.1:1/"),
            "the receiver redirects (status 301), and redirects are not followed",
        ),
    ],
    ids=["dies", "redirects"],
)
def test_an_attempt_that_fails_is_stored_with_the_reason(sqlite_post: Post, answer: Answer, error: str) -> None:
    with receiving() as receiver:
        sqlite_post.add(receiver.url)
        receiver.answers.put(answer)
        (attempted,) = sqlite_post.send()
        assert attempted.error is not None
        assert attempted.error.startswith(error)
        assert attempted.next_attempt == RAISED + FIRST_PAUSE


def test_the_body_of_an_answer_is_not_waited_for(sqlite_post: Post) -> None:
    with receiving() as receiver:
        sqlite_post.add(receiver.url)
        receiver.answers.put(endless)
        assert [*map(outcome, sqlite_post.send())] == [(1, None, RAISED, 200, None)]


def test_a_webhook_that_was_removed_gets_no_more_alerts(sqlite_post: Post) -> None:
    with receiving() as receiver:
        sqlite_post.add(receiver.url)
        sqlite_post.run(lambda store, _: store.write(put_station, "pier", StationSettings("day"), RAISED))
        (attempted,) = sqlite_post.send()
        assert (attempted.attempts, attempted.next_attempt) == (0, None)
        assert attempted.error == "its address was removed from the station before it was delivered"
        assert receiver.received.empty()


def test_a_private_address_is_not_called_unless_it_is_allowed(sqlite_post: Post) -> None:
    async def work(store: StationStore, _: WebhookSender) -> None:
        await WebhookSender(store, Outbound(allow_private=False), NOBODY, lambda: RAISED).run()

    with receiving() as receiver:
        sqlite_post.add(receiver.url)
        sqlite_post.run(work)
        (attempted,) = sqlite_post.send()
        assert attempted.error is not None
        assert "private network" in attempted.error
        assert receiver.received.empty()


def test_of_several_deliveries_to_a_host_that_does_not_answer_few_are_tried(sqlite_post: Post) -> None:
    with receiving() as receiver:
        sqlite_post.add(*(f"{receiver.url}/{i}" for i in range(40)))
        for _ in range(40):
            receiver.answers.put(die)
        attempted = sqlite_post.send()
        assert 0 < sum(each.attempts for each in attempted) < 40
        assert all(each.next_attempt == RAISED + FIRST_PAUSE for each in attempted)


@pytest.fixture(scope="module")
def open_service(seas: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A service that may call private addresses."""
    store = f"sqlite:///{tmp_path_factory.mktemp('state')}/sst.db"
    settings = Settings(artifacts=seas, store=SecretStr(store), allow_private_addresses=True, request_seconds=600)
    app = create_app(settings)
    # The tests of a station in a minute are limited, however long they take here.
    app.state.webhook_tests = RateLimiter(TESTS_A_MINUTE, clock=lambda: 0.0)
    with serve_app(app) as client:
        yield client


def library_secret(plain: str) -> str:
    """Return a secret that is not in the form of Standard Webhooks as their libraries take it."""
    return f"whsec_{b64encode(plain.encode()).decode()}"


def hooked(service: httpx.Client, *urls: str) -> str:
    """Create a station with an event and webhooks; return the path of its test."""
    webhooks = [{"url": url, "secret": SECRET} for url in urls]
    return f"/stations/{create(service, events=[{'name': 'warm', 'above': 25.0}], webhooks=webhooks)}/webhooks/test"


def test_a_test_is_signed_like_an_alert_and_not_stored(open_service: httpx.Client) -> None:
    with receiving() as receiver:
        path = hooked(open_service, receiver.url)
        station = path.split("/")[2]
        readings = {"start": "2025-06-01", "values": [20.0, 20.5]}
        open_service.post(f"/stations/{station}/observations", json=readings).raise_for_status()
        (tried,) = answered(open_service.post(path, json={}))["deliveries"]
        _, headers, body = receiver.next()
    assert (tried["url"], tried["delivered"], tried["status"], tried["error"]) == (
        shown_address(receiver.url), True, 200, None,
    )  # fmt: skip
    assert 0 <= tried["milliseconds"] < 600_000
    sent = Webhook(library_secret(SECRET)).verify(body, headers)
    assert sent["id"] == headers["webhook-id"]
    assert {name: sent[name] for name in ("test", "alert", "station", "event", "kind", "sst", "observed_until")} == {
        "test": True, "alert": "test", "station": station, "event": "warm", "kind": "threshold", "sst": 20.5,
        "observed_until": "2025-06-02T00:00:00Z",
    }  # fmt: skip
    assert {*AlertAnswer.model_fields} - {"deliveries"} <= sent.keys()
    assert answered(open_service.get(f"/stations/{station}/alerts"))["alerts"] == []


def test_each_webhook_is_tried_or_the_one_that_is_named(open_service: httpx.Client) -> None:
    with receiving() as good, receiving() as bad:
        bad.answers.put(status(500))
        path = hooked(open_service, good.url, bad.url)
        both = answered(open_service.post(path, json={}))["deliveries"]
        assert [(each["delivered"], each["status"], each["error"]) for each in both] == [
            (True, 200, None), (False, 500, "the receiver responded with status 500"),
        ]  # fmt: skip
        (one,) = answered(open_service.post(path, json={"url": shown_address(bad.url)}))["deliveries"]
        assert (one["url"], one["delivered"]) == (shown_address(bad.url), True)
        limited = open_service.post(path, json={})
        assert (limited.status_code, limited.headers["Retry-After"]) == (429, "5")
        assert good.received.qsize() == 1
    gone = hooked(open_service, good.url)
    (tried,) = answered(open_service.post(gone, json={"url": good.url}))["deliveries"]
    assert (tried["delivered"], tried["status"]) == (False, None)
    assert tried["error"].startswith("cannot connect to 127.0.0.1")


def test_receivers_that_hang_hold_up_a_number_of_tests_and_no_more(
    open_service: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.plugins.stations.webhooks.SECONDS", 600.0)
    with receiving() as receiver, ThreadPoolExecutor(TESTS_AT_ONCE) as threads:
        paths = [hooked(open_service, receiver.url) for _ in range(TESTS_AT_ONCE + 1)]
        for _ in range(TESTS_AT_ONCE):
            receiver.answers.put(hang)
        tests = [threads.submit(open_service.post, path, json={}) for path in paths[1:]]
        for _ in tests:
            receiver.next()
        refused = open_service.post(paths[0], json={})
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "10")
        assert answered(open_service.get("/stations"))
        receiver.closing.set()
        assert not any(answered(test.result())["deliveries"][0]["delivered"] for test in tests)
        (tried,) = answered(open_service.post(paths[0], json={}))["deliveries"]
        assert tried["delivered"]


def test_a_test_needs_a_webhook_of_the_station(open_service: httpx.Client) -> None:
    refused = open_service.post(hooked(open_service), json={})
    assert refused.status_code == 422
    assert refused.json()["detail"].startswith("the station has no webhooks")
    refused = open_service.post(hooked(open_service, SLACK), json={"url": "https://hooks.example/other"})
    assert refused.json()["errors"][0]["location"] == "body.url"
    assert open_service.post("/stations/nowhere/webhooks/test", json={}).status_code == 404


@pytest.mark.long
def test_a_test_does_not_reach_a_private_network(seas: Path, tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/sst.db"
    with receiving() as receiver:
        with serve(Settings(artifacts=seas, store=SecretStr(store), allow_private_addresses=True)) as client:
            path = hooked(client, receiver.url)
        with serve(Settings(artifacts=seas, store=SecretStr(store))) as client:
            (tried,) = answered(client.post(path, json={}))["deliveries"]
        assert "is on a private network" in tried["error"]
        assert receiver.received.empty()


def put_hook(service: httpx.Client, station: str, **hook: object) -> tuple[str, httpx.Response]:
    """Give a station one webhook; return the secret that the response shows, and the response."""
    response = service.put(f"/stations/{station}", json={"step": "day", "webhooks": [hook]})
    (shown,) = answered(response)["webhooks"]
    return shown["secret"], response


def test_a_secret_that_the_service_makes_is_shown_once_and_verifies_a_delivery(open_service: httpx.Client) -> None:
    with receiving() as receiver:
        station = create(open_service)
        secret, _ = put_hook(open_service, station, url=receiver.url)
        assert secret.startswith("whsec_")
        again, response = put_hook(open_service, station, url=receiver.url)
        others = [response, open_service.get(f"/stations/{station}"), open_service.get("/stations?limit=1000")]
        answered(open_service.post(f"/stations/{station}/webhooks/test", json={}))
        _, headers, body = receiver.next()
    assert again is None
    assert not any(secret in each.text for each in others)
    assert Webhook(secret).verify(body, headers)["alert"] == "test"
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body.replace(b"test", b"best"), headers)


@pytest.mark.parametrize("sent", ["new", "another secret of this length"], ids=["made", "sent"])
def test_the_secret_before_verifies_too_after_a_change(open_service: httpx.Client, sent: str) -> None:
    with receiving() as receiver:
        station = create(open_service)
        before, _ = put_hook(open_service, station, url=receiver.url)
        made, _ = put_hook(open_service, station, url=shown_address(receiver.url), secret=sent)
        answered(open_service.post(f"/stations/{station}/webhooks/test", json={}))
        _, headers, body = receiver.next()
    after = library_secret(sent) if made is None else made
    assert after != before
    assert (made is None) == (sent != "new")
    for secret in (before, after):
        assert Webhook(secret).verify(body, headers)["alert"] == "test"


def test_the_secret_before_signs_for_a_day(sqlite_post: Post) -> None:
    def change(store: StationStore, url: str) -> Any:
        sent = InputWebhook(url=url, secret="another secret of this length")
        webhooks = stored_webhooks([sent], [{"url": url, "secret": SECRET, "events": None}], RAISED)
        return store.write(put_station, "pier", StationSettings("day", webhooks=webhooks), RAISED)

    with receiving() as receiver:
        sqlite_post.add(receiver.url)
        sqlite_post.run(lambda store, _: change(store, receiver.url))
        receiver.answers.put(status(500))
        signatures = []
        for sqlite_post.now in (RAISED + BOTH_VALID - 1, RAISED + BOTH_VALID + LONGEST_PAUSE):
            sqlite_post.send()
            signatures.append(receiver.next().headers["webhook-signature"].split(" "))
    assert [len(each) for each in signatures] == [2, 1]
    assert signatures[0][0] != signatures[0][1]


@pytest.mark.parametrize(
    ("secret", "says"),
    [
        ("too short", "a secret must have 16 to 256 characters"),
        ("", "a secret must have 16 to 256 characters"),
        ("whsec_this is not base64 at all, not at all", "24 to 64 bytes in base64"),
        (f"whsec_{b64encode(bytes(23)).decode()}", "24 to 64 bytes in base64"),
        (f"whsec_{b64encode(bytes(65)).decode()}", "24 to 64 bytes in base64"),
    ],
)
def test_a_secret_that_no_library_would_take_is_refused(open_service: httpx.Client, secret: str, says: str) -> None:
    body = {"step": "day", "webhooks": [{"url": SLACK, "secret": secret}]}
    refused = open_service.put("/stations/refused", json=body)
    assert refused.status_code == 422
    assert refused.json()["detail"].startswith("body.webhooks[0].secret: ")
    assert says in refused.json()["detail"]
    assert not secret or secret not in refused.text


def test_alerts_about_the_station_itself_reach_every_webhook_that_does_not_refuse_them() -> None:
    hooks: list[dict[str, Any]] = [
        {"url": "all", "events": None},
        {"url": "some", "events": ["heat"], "health": True},
        {"url": "other", "events": ["cold"]},
        {"url": "deaf", "events": None, "health": False},
    ]
    got = {kind: [hook["url"] for hook in receivers(hooks, event, kind)] for event, kind in
           (("heat", "threshold"), ("silent", "silent"), ("stuck", "stuck"))}  # fmt: skip
    assert got == {
        "threshold": ["all", "some", "deaf"],
        "silent": ["all", "some", "other"],
        "stuck": ["all", "some", "other"],
    }


def test_whether_a_webhook_gets_alerts_about_the_station_itself_is_shown(open_service: httpx.Client) -> None:
    station = create(open_service)
    for health in (False, True):
        _, response = put_hook(open_service, station, url=SLACK, health=health, events=["silent"] if health else [])
        assert response.json()["webhooks"][0]["health"] is health
    refused = open_service.put(
        f"/stations/{station}",
        json={"step": "day", "webhooks": [{"url": SLACK, "health": False, "events": ["stuck"]}]},
    )
    assert refused.status_code == 422
    assert refused.json()["detail"].startswith("webhooks[0].events: 'stuck' is an alert about the health")

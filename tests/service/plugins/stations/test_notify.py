"""Alerts as sentences, sent through Apprise to receivers on loopback."""

import json
import socket
import socketserver
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from service.plugins.stations.addresses import shown_address
from service.plugins.stations.sentences import alert_sentence
from service.settings import Settings
from tests.processes import running
from tests.servers.webhook_receiver import Receiver, hang, receiving, status
from tests.service.plugins.stations.conftest import create
from tests.service.requests import Json, answered
from tests.serving import serve

WARM: Json = {"name": "warm", "above": 20.0}


@pytest.fixture(scope="module")
def service(seas: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A service that may notify addresses on loopback."""
    store = f"sqlite:///{tmp_path_factory.mktemp('state')}/sst.db"
    schemes = "json,ntfy,ntfys,mailto,mailtos,slack"
    settings = Settings(
        artifacts=seas,
        store=SecretStr(store),
        allow_private_addresses=True,
        notify_schemes=schemes,
        request_seconds=600,
    )
    with serve(settings) as client:
        yield client


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that sends a sentence may take long to start on a busy machine."""
    monkeypatch.setattr("service.plugins.stations.notify.NOTIFY_SECONDS", 600)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def ntfy(receiver: Receiver) -> str:
    """Return the address of a topic with a password."""
    return f"ntfy://user:pa55word@{receiver.url.removeprefix('http://')}/hidden-topic"


def sent_test(service: httpx.Client, station: str, url: str | None = None) -> list[Json]:
    response = service.post(f"/stations/{station}/webhooks/test", json={} if url is None else {"url": url})
    deliveries: list[Json] = answered(response)["deliveries"]
    return deliveries


def warming() -> Json:
    """Return the readings of the last thirty days, of which only today's is above 20 °C."""
    start = datetime.now(UTC) - timedelta(days=29)
    return {"start": start.date().isoformat(), "values": [round(15 + 5.1 * i / 29, 1) for i in range(30)]}


@pytest.mark.long
def test_an_alert_arrives_as_one_sentence_and_is_listed_without_its_password(
    service: httpx.Client, receiver: Receiver
) -> None:
    station, today = create(service, name="North pier", events=[WARM], notify=[ntfy(receiver)]), datetime.now(UTC)
    answered(service.post(f"/stations/{station}/observations", json=warming()))
    sent = json.loads(receiver.next().body)
    assert sent["message"] == (
        f"North pier: the event 'warm' began on {today.day} {today:%B}. Water: 20.1 °C."
    )  # fmt: skip
    assert (sent["topic"], sent["title"]) == ("hidden-topic", "Alert: North pier")
    listed = service.get(f"/stations/{station}/alerts")
    (delivery,) = answered(listed)["alerts"][0]["deliveries"]
    assert (delivery["url"], delivery["channel"]) == (shown_address(ntfy(receiver)), "notify")
    shown = service.get(f"/stations/{station}")
    assert answered(shown)["notify"] == [shown_address(ntfy(receiver))]
    assert not any(secret in each.text for secret in ("pa55word", "hidden-topic") for each in (listed, shown))


def test_an_address_may_be_sent_back_as_it_is_shown(service: httpx.Client, receiver: Receiver) -> None:
    station = create(service, notify=[ntfy(receiver)])
    shown = answered(service.get(f"/stations/{station}"))["notify"]
    kept = service.put(f"/stations/{station}", json={"step": "day", "notify": shown})
    assert answered(kept)["notify"] == shown
    (tried,) = sent_test(service, station, shown[0])
    assert (tried["url"], tried["channel"], tried["delivered"]) == (shown[0], "notify", True)
    received = receiver.next()
    assert "authorization" in received.headers
    assert "this is a test" in json.loads(received.body)["message"]
    other = service.put("/stations/elsewhere", json={"step": "day", "notify": shown})
    assert (other.status_code, other.json()["errors"][0]["location"]) == (422, "body.notify[0]")


def test_a_receiver_that_refuses_is_a_failed_attempt_without_the_password(
    service: httpx.Client, receiver: Receiver
) -> None:
    receiver.answers.put(status(403, b'{"code": 40301, "error": "forbidden pa55word"}'))
    station = create(service, notify=[ntfy(receiver)])
    (tried,) = sent_test(service, station)
    assert (tried["delivered"], tried["status"], tried["error"]) == (
        False,
        403,
        "the receiver responded with status 403",
    )


@pytest.mark.long
def test_a_failed_sentence_is_tried_again_like_a_webhook(service: httpx.Client, receiver: Receiver) -> None:
    receiver.answers.put(status(503))
    station = create(service, events=[WARM], notify=[ntfy(receiver)])
    answered(service.post(f"/stations/{station}/observations", json=warming()))
    receiver.next()
    delivery: Json = {}
    while not delivery.get("attempts"):
        (alert,) = answered(service.get(f"/stations/{station}/alerts"))["alerts"]
        (delivery,) = alert["deliveries"]
    assert (delivery["state"], delivery["attempts"], delivery["status"]) == ("waiting", 1, 503)
    assert delivery["next_attempt"] is not None


@pytest.mark.long
def test_a_receiver_that_hangs_fails_in_time_and_holds_up_nobody(service: httpx.Client, receiver: Receiver) -> None:
    receiver.answers.put(hang)
    station = create(service, notify=[ntfy(receiver)])
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(sent_test(service, station)))
    thread.start()
    receiver.next()
    assert answered(service.get(f"/stations/{station}"))["id"] == station
    thread.join()
    ((tried,),) = answers
    assert tried["delivered"] is False
    assert "127.0.0.1" in tried["error"]
    assert "pa55word" not in tried["error"]


def test_an_address_where_nobody_listens_is_named_without_its_password(service: httpx.Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    station = create(service, notify=[f"ntfy://user:pa55word@127.0.0.1:{port}/hidden-topic"])
    (tried,) = sent_test(service, station)
    assert (tried["delivered"], tried["status"]) == (False, None)
    assert tried["error"] == (
        f"127.0.0.1:{port} could not be reached, or did not take the message: check the address and its password"
    )


class Mail(socketserver.StreamRequestHandler):
    """A mail server that takes one message."""

    letters: list[str]

    def handle(self) -> None:
        self.wfile.write(b"220 mail\r\n")
        while line := self.rfile.readline():
            if line.upper().startswith(b"DATA"):
                self.wfile.write(b"354 go on\r\n")
                letter = b""
                while (text := self.rfile.readline()) != b".\r\n":
                    letter += text
                self.letters.append(letter.decode())
            if line.upper().startswith(b"QUIT"):
                break
            self.wfile.write(b"250 fine\r\n")
        self.wfile.write(b"221 bye\r\n")


@contextmanager
def mail_server() -> Iterator[tuple[int, list[str]]]:
    letters: list[str] = []
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), type("Of", (Mail,), {"letters": letters}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_address[1], letters
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_an_alert_can_be_a_mail(service: httpx.Client) -> None:
    with mail_server() as (port, letters):
        address = f"mailto://127.0.0.1:{port}?from=pier@example.org&to=me@example.org&mode=insecure"
        station = create(service, name="North pier", notify=[address])
        (tried,) = sent_test(service, station)
    assert tried["error"] is None
    (letter,) = letters
    assert "Subject: Alert: North pier" in letter


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("tgram://bot-token/chat", "addresses here begin with json://, ntfy://"),
        ("no address", "addresses here begin with"),
        ("mailtos://", "this is not a complete mailtos:// address"),
        ("ntfys://ntfy.example/...#3f2a9c", "partly hidden"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused(service: httpx.Client, address: str, says: str) -> None:
    refused = service.put("/stations/refused", json={"step": "day", "notify": ["ntfys://ntfy.example/a", address]})
    assert refused.status_code == 422
    assert refused.json()["detail"].startswith("notify[1]")
    assert says in refused.json()["detail"]
    assert "bot-token" not in refused.text
    assert service.get("/stations/refused").status_code == 404


def test_an_address_cannot_send_a_file_of_the_service(service: httpx.Client, tmp_path: Path) -> None:
    secret = tmp_path / "keys.json"
    secret.write_text('{"text": "a secret of the service"}', encoding="utf-8")
    tokens = "T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
    body = {"step": "day", "notify": [f"slack://{tokens}/?template={secret}"]}
    refused = service.put("/stations/refused", json=body)
    assert refused.status_code == 422
    assert refused.json()["detail"] == (
        "notify[0]: the address names a file of this service, which is not read: leave the file out"
    )


@pytest.mark.long
def test_only_public_hosts_are_called_unless_the_operator_allows_others(seas: Path, tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/sst.db"
    schemes = "ntfy,mailto"
    with receiving() as receiver, mail_server() as (port, letters):
        # The host that is called is not the one of the address.
        mail = f"mailto://user:pa55word@example.org:{port}?smtp=127.0.0.1&to=b@example.org&mode=insecure"
        open_settings = Settings(
            artifacts=seas, store=SecretStr(store), allow_private_addresses=True, notify_schemes=schemes
        )
        with serve(open_settings) as client:
            station = create(client, notify=[ntfy(receiver), mail])
        with serve(Settings(artifacts=seas, store=SecretStr(store), notify_schemes=schemes)) as client:
            tried = sent_test(client, station)
            refused = client.put("/stations/private", json={"step": "day", "notify": [ntfy(receiver)]})
        assert receiver.received.empty()
        assert letters == []
    assert all("is on a private network" in each["error"] for each in tried)
    assert refused.status_code == 422
    assert "is on a private network" in refused.json()["detail"]


@pytest.mark.long
def test_a_service_without_apprise_says_what_to_install(seas: Path, tmp_path: Path) -> None:
    without = "import runpy, sys; sys.modules['apprise'] = None; runpy.run_module('service', run_name='__main__')"
    program = (sys.executable, "-c", without)
    with running(seas, program, store=f"sqlite:///{tmp_path}/sst.db", default_dataset="nino12") as service:
        body = {"step": "day", "notify": ["ntfys://ntfy.example/pier"]}
        refused = httpx.put(f"{service.url}/stations/pier", json=body, timeout=600)
        assert httpx.put(f"{service.url}/stations/pier", json={"step": "day"}, timeout=600).status_code == 201
    assert refused.status_code == 501
    assert "pip install 'sst-forecasting[notify]'" in refused.json()["detail"]


CONTENT: Json = {
    "alert": "began", "station": "pier", "name": "North pier", "event": "heatwave", "kind": "marine_heatwave",
    "raised": "2026-06-03T06:00:12Z", "observed_until": "2026-06-03T00:00:00Z", "sst": 21.3, "units": "celsius",
    "since": "2026-06-03", "category": "Moderate", "previous_category": None, "probability": 0.93, "status": "raised",
    "reason": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({}, "North pier: the marine heatwave 'heatwave' began on 3 June (Moderate). Water: 21.3 °C."),
        (
            {"alert": "category_changed", "previous_category": "Moderate", "category": "Strong", "name": None},
            "pier: the marine heatwave 'heatwave' changed from Moderate to Strong. Water: 21.3 °C.",
        ),
        (
            {"alert": "ended", "category": None, "sst": None, "since": None},
            "North pier: the marine heatwave 'heatwave' has ended.",
        ),
        (
            {"alert": "expected", "kind": "threshold", "event": "warm", "probability": 0.7, "sst": 70.2,
             "units": "fahrenheit"},
            "North pier: the event 'warm' is expected, with a probability of 70 %. Water: 70.2 °F.",
        ),
        (
            {"alert": "expected", "kind": "degree_heating_weeks", "event": "corals", "probability": 0.998},
            "North pier: more of the coral heat stress 'corals' is expected, with a probability of more than 99 %. "
            "Water: 21.3 °C.",
        ),
        (
            {"kind": "threshold", "event": "warm", "since": "2025-12-31T22:00:00Z", "category": None, "late": True,
             "delay_seconds": 14_400},
            "North pier: the event 'warm' began at 22:00 on 31 December 2025, UTC. Water: 21.3 °C. This alert is late: "
            "its readings arrived 4 hours late.",
        ),
        (
            {"kind": "silent", "event": "silent", "observed_until": "2026-06-02T14:00:00Z"},
            "North pier: no new reading has arrived since that of 14:00 on 2 June, UTC.",
        ),
        ({"alert": "ended", "kind": "silent", "event": "silent", "sst": None}, "North pier: readings arrive again."),
        (
            {"kind": "stuck", "event": "stuck", "sst": None, "since": "2026-06-01"},
            "North pier: the readings have been a flat line since 1 June: check whether the sensor is stuck.",
        ),
        (
            {"alert": "ended", "kind": "stuck", "event": "stuck"},
            "North pier: the readings are no longer a flat line. Water: 21.3 °C.",
        ),
    ],
)  # fmt: skip
def test_an_alert_is_a_plain_sentence(change: Json, sentence: str) -> None:
    assert alert_sentence(CONTENT | change) == sentence

"""HAProxy with the configuration in deploy/haproxy, in front of two small servers."""

import json
import re
import shutil
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import httpx
import pytest
import trustme

from benchmarks.replicas import haproxy
from benchmarks.support.servers import serving
from tests.conftest import ROOT

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(shutil.which("haproxy") is None, reason="haproxy is not installed"),
]

FOLDER = ROOT / "deploy" / "haproxy"
HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\n"


class Replica(BaseHTTPRequestHandler):
    """Answers ``/first/STATUS`` with this status the first time, and all else with 200 and the headers received.

    The status 0 closes the connection.
    """

    seen: ClassVar[Counter[str]] = Counter()

    def do_GET(self) -> None:
        self.seen[self.path] += 1
        status = int(self.path.rpartition("/")[2]) if "/first/" in self.path and self.seen[self.path] == 1 else 200
        if not status:
            return
        content = json.dumps({name.lower(): value for name, value in self.headers.items()}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_POST(self) -> None:
        self.do_GET()

    def log_request(self, *args: object) -> None:
        """Write nothing."""


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of HAProxy, which waits one second for a head instead of thirty."""
    folder = tmp_path_factory.mktemp("proxy")
    with ExitStack() as stack:
        replicas = [stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Replica)) for _ in range(2)]
        for replica in replicas:
            threading.Thread(target=replica.serve_forever, daemon=True).start()
            stack.callback(replica.shutdown)
        program = haproxy(folder, [replica.server_port for replica in replicas])
        file = folder / "haproxy.cfg"
        text, changed = re.subn("timeout http-request 30s", "timeout http-request 1s", file.read_text())
        assert changed == 1
        file.write_text(text)
        yield stack.enter_context(serving(program, b"")).port


@pytest.mark.parametrize("rest", [b"", b"a"], ids=["silent", "one byte at a time"])
def test_a_head_that_is_not_complete_in_time_gets_a_408(port: int, rest: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=0.1) as client:
        client.sendall(HEAD + b"X-Slow: ")
        for _ in range(100):
            try:
                assert client.recv(100).startswith(b"HTTP/1.1 408 ")
                return
            except TimeoutError:
                client.sendall(rest)
    pytest.fail("no response in ten seconds")


def test_an_endless_head_is_refused(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(HEAD + b"X-Endless: " + b"a" * 2**18)
        assert client.recv(100).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    ("first", "then", "requests"),
    [
        pytest.param(503, 200, 2, id="a replica that stops"),
        pytest.param(0, 200, 2, id="a replica that breaks off"),
        pytest.param(504, 504, 1, id="too slow: four replicas would be too slow"),
        pytest.param(500, 500, 1, id="a fault"),
    ],
)
def test_a_request_is_sent_to_another_replica_only_if_the_first_went_away(
    port: int, first: int, then: int, requests: int
) -> None:
    path = f"/first/{first}"
    assert httpx.post(f"http://127.0.0.1:{port}{path}", content=b"{}").status_code == then
    assert Replica.seen[path] == requests


def test_replicas_learn_the_address_of_a_client_from_the_proxy_alone(port: int) -> None:
    claimed = {"X-Forwarded-For": "8.8.8.8", "Forwarded": "for=8.8.8.8", "X-Forwarded-Proto": "gopher"}
    # Java's client asks for HTTP/2 in this way.
    upgrade = {"Upgrade": "h2c", "Connection": "Upgrade"}
    received = httpx.get(f"http://127.0.0.1:{port}/", headers=claimed | upgrade).json()
    assert (received["x-forwarded-for"], received["x-forwarded-proto"]) == ("127.0.0.1", "http")
    assert not received.keys() & {"forwarded", "upgrade"}


@pytest.mark.parametrize("clients", ["http.cfg", "https.cfg"])
def test_the_files_are_valid_as_they_are(clients: str, tmp_path: Path) -> None:
    certificate = tmp_path / "tls.pem"
    trustme.CA().issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    text = (FOLDER / clients).read_text(encoding="utf-8")
    assert ("ssl crt /run/secrets/tls.pem" in text) == (clients == "https.cfg")
    (tmp_path / clients).write_text(text.replace("/run/secrets/tls.pem", str(certificate)))
    command = ["haproxy", "-c", "-f", str(FOLDER / "haproxy.cfg"), "-f", str(tmp_path / clients)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_both_frontends_treat_the_addresses_of_clients_alike() -> None:
    rules = [
        {line.strip() for line in (FOLDER / name).read_text().splitlines() if "orward" in line and "Proto" not in line}
        for name in ("http.cfg", "https.cfg")
    ]
    assert rules[0] == rules[1]

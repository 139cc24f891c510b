"""The same service on one or several databases: each call is made to all of them, and their answers must be equal."""

import os
import sqlite3
import struct
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Self

import httpx

from service.middleware.keys import Role, new_key
from tests.processes import SERVICE, Service, running
from tests.servers.postgres import Cluster

Json = dict[str, Any]

KEYS = {name: new_key(name, Role.STATION) for name in ("alice", "bob")}

TO_THE_SCHEMA_BEFORE = (
    "DROP TABLE feeds",
    "DROP TABLE pulses",
    "DROP TABLE audit",
    *(f"ALTER TABLE stations DROP COLUMN {name}" for name in ("visibility", "notify", "alert_within", "silent_after")),
    "ALTER TABLE deliveries DROP COLUMN channel",
    "UPDATE alembic_version SET version_num = 'stations'",
)
"""Statements, in SQLite and in PostgreSQL, that leave what the version before would have stored."""


_CLOCK = Path(__file__).parent / "clock"
"""With a module that Python imports at its start."""


class Answer(NamedTuple):
    """The status and the JSON of an answer."""

    status: int
    body: Any


class Call(NamedTuple):
    """A request about stations; a body that is text is a CSV file."""

    method: str
    path: str
    body: Json | str | None = None
    key: str = "alice"


class Store(NamedTuple):
    """A database, and how to run statements on it while no service does."""

    url: str
    run: Callable[[Sequence[str]], None]


def sqlite_store(folder: Path) -> Store:
    """Return a SQLite database in a folder."""
    path = folder / "sst.db"

    def run(statements: Sequence[str]) -> None:
        with closing(sqlite3.connect(path)) as connection, connection:
            for statement in statements:
                connection.execute(statement)

    return Store(f"sqlite:///{path}", run)


def postgres_store(cluster: Cluster) -> Store:
    """Return a new database of a server."""
    url = cluster.new_database()
    name = url.partition("@/")[2].partition("?")[0]

    def run(statements: Sequence[str]) -> None:
        for statement in statements:
            cluster.run(statement, name)

    return Store(url, run)


class Clock:
    """The clock of the services, Unix seconds."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.path.write_bytes(bytes(8))
        self.now = 0

    def set(self, now: int) -> None:
        self.now = now
        with self.path.open("r+b") as file:
            file.write(struct.pack("d", float(now)))


class Sides:
    """The services; they start with the first call, and again after each stop."""

    def __init__(self, artifacts: Path, clock: Clock, stores: Sequence[Store]) -> None:
        self.clock = clock
        self._artifacts, self._stores = artifacts, stores
        self._services: list[Service] = []
        self._clients: list[httpx.Client] = []
        self._open = ExitStack()
        self._threads = ThreadPoolExecutor(2)
        self.starts = 0

    def call(self, call: Call) -> Answer:
        """Make a call to all services, and return the answer."""
        self.start()
        answers = [_answer(client, call) for client in self._clients]
        assert all(_settled(answer) == _settled(answers[0]) for answer in answers), f"{call}: {answers}"
        return answers[0]

    @classmethod
    @contextmanager
    def of(cls, artifacts: Path, *stores: Store) -> Iterator[Self]:
        """Use services on these databases, and stop them at the end."""
        with tempfile.TemporaryDirectory() as folder:
            sides = cls(artifacts, Clock(Path(folder) / "clock"), stores)
            try:
                yield sides
            finally:
                sides.close()

    @property
    def are_compared(self) -> bool:
        """Whether there are several, which must do the same."""
        return len(self._stores) > 1

    def at_once(self, calls: Sequence[Call]) -> list[Answer]:
        """Make calls to the only service at the same time."""
        self.start()
        (client,) = self._clients
        return [*self._threads.map(partial(_answer, client), calls)]

    def kill_during(self, call: Call, seconds: float) -> None:
        """Kill the only service while it works on a call, which may be done or not."""
        self.start()
        (client,), (service,) = self._clients, self._services
        working = self._threads.submit(_answer, client, call)
        wait([working], timeout=seconds)
        service.process.kill()
        with suppress(httpx.TransportError):
            working.result()
        self.stop()

    def kill(self) -> None:
        """Kill the services."""
        for service in self._services:
            service.process.kill()
        self.stop()

    def stop(self) -> None:
        """Stop the services, as far as they are running."""
        self._open.close()
        self._services, self._clients = [], []

    def start(self) -> None:
        """Start the services, unless they are running."""
        path = os.pathsep.join(filter(None, [str(_CLOCK), os.environ.get("PYTHONPATH")]))
        self.starts += len(self._services) < len(self._stores)
        for store in self._stores[len(self._services) :]:
            service = self._open.enter_context(
                running(
                    self._artifacts,
                    SERVICE,
                    {"PYTHONPATH": path, "TEST_CLOCK": str(self.clock.path)},
                    store=store.url,
                    keys="\n".join(kept.line for _, kept in KEYS.values()),
                    allow_anonymous=False,
                    rate_limit=0,
                    device="cpu",
                )
            )
            self._services.append(service)
            self._clients.append(self._open.enter_context(httpx.Client(base_url=service.url, timeout=600)))

    def upgrade(self) -> None:
        """Kill the services, and give their databases the schema of the version before; the next start upgrades it."""
        self.kill()
        for store in self._stores:
            store.run(TO_THE_SCHEMA_BEFORE)

    def close(self) -> None:
        """End everything."""
        self.stop()
        self._threads.shutdown()


def _settled(answer: Answer) -> Answer:
    """Return an answer without silence, of which each service learns only when it looks after an upgrade."""
    if not isinstance(answer.body, dict):
        return answer
    body = _without_health(answer.body)
    if body.get("summary"):
        body["summary"] = _without_health(body["summary"])
    return answer._replace(body=body)


def _without_health(body: Json) -> Json:
    lists = {"events": "name", "alerts": "event"}
    return body | {
        name: [each for each in body[name] if each[key] not in ("silent", "stuck")]
        for name, key in lists.items()
        if name in body
    }


def _answer(client: httpx.Client, call: Call) -> Answer:
    key, _ = KEYS[call.key]
    sent: Json = {"headers": {"Authorization": f"Bearer {key}"}}
    if isinstance(call.body, str):
        sent |= {"content": call.body, "headers": sent["headers"] | {"Content-Type": "text/csv"}}
    elif call.body is not None:
        sent["json"] = call.body
    response = client.request(call.method, call.path, **sent)
    body = response.json() if response.content else None
    if isinstance(body, dict):
        body.pop("request_id", None)
    return Answer(response.status_code, body)

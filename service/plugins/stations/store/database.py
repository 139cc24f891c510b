"""The database of stations: where it is, how it is opened and migrated, its transactions, errors and threads."""

import asyncio
import logging
import os
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cache, partial
from http import HTTPStatus
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any, Concatenate, Final, ParamSpec, TypeAlias, TypeVar

from orjson import dumps, loads
from prometheus_client import CollectorRegistry
from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, func, make_url, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from forecasting.bundled import RELEASES
from forecasting.errors import RequestError
from forecasting.extras import needs_extra
from service.plugins.stations.metrics import StationFigures, StationMetrics, StoreCall
from service.plugins.stations.store.tables import ALERTS, DELIVERIES, FETCHES, METADATA, OBSERVATIONS, STATIONS
from service.settings import Settings
from service.worker.threads import Worker


class StoreError(Exception):
    """Base of the store's errors; ``str()`` is a sentence for the caller of the service."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class StoreUnavailableError(StoreError):
    """The database cannot be reached, read or written at the moment. Nothing of the transaction was stored."""


class UnknownStationError(StoreError):
    """There is no station with this ID."""

    status = HTTPStatus.NOT_FOUND

    def __init__(self, station: str) -> None:
        super().__init__(f"no station {station!r}: create it with PUT /stations/{station}, or see GET /stations")


class NotOwnerError(StoreError):
    """The station belongs to another key, so that this one may only read it."""

    status = HTTPStatus.FORBIDDEN

    def __init__(self, station: str) -> None:
        super().__init__(
            f"station {station!r} belongs to another key: use the key that created it or an admin key, or choose "
            "another ID"
        )


class HiddenStationError(StoreError):
    """A station would be created whose ID a station has that the caller may not see."""

    status = HTTPStatus.CONFLICT

    def __init__(self, station: str) -> None:
        super().__init__(f"the ID {station!r} is taken: choose another ID")


class OwnerChangeError(StoreError):
    """A caller who is not an administrator would give a station another owner."""

    status = HTTPStatus.FORBIDDEN

    def __init__(self) -> None:
        super().__init__("only an admin key can give a station another owner: leave owner out")


class AuditAccessError(StoreError):
    """The caller may not read the audit of a station, or any audit."""

    status = HTTPStatus.FORBIDDEN

    def __init__(self) -> None:
        super().__init__("reading the audit needs the key that owns the station, or an admin key")


class QuotaError(StoreError):
    """A key has as many stations, or stations with a source, as it may have."""

    status = HTTPStatus.CONFLICT


class UnknownReadingError(StoreError):
    """A station has no reading at a time."""

    status = HTTPStatus.NOT_FOUND

    def __init__(self, time: str) -> None:
        super().__init__(f"no reading at {time}: see GET /stations/{{id}}/observations for the times that have one")


class NoForecastError(StoreError):
    """No forecast was issued for a station yet."""

    status = HTTPStatus.NOT_FOUND

    def __init__(self, station: str) -> None:
        super().__init__(
            f"no forecast has been issued for station {station!r} yet: send readings, and the response says what is "
            "missing"
        )


class StepChangeError(StoreError):
    """A station that has readings would get another step."""

    status = HTTPStatus.CONFLICT


SQLITE: Final = "sqlite"
POSTGRESQL: Final = "postgresql+psycopg"
_SERVER_SCHEMES: Final = ("postgresql", "postgres")
"""What libpq and most providers write; SQLAlchemy would look for another driver."""


def store_url(settings: Settings) -> URL:
    """Return the URL of the database: that of ``SST_STORE``, or ``state/sst.db`` beside the artifacts.

    If the artifacts are the bundled ones or at a URL, ``state`` is in the working folder.
    """
    given = settings.store.get_secret_value()
    if given:
        url = _parse(given)
    else:
        beside = isinstance(settings.artifacts, Path) and settings.artifacts != RELEASES
        folder = Path(settings.artifacts).absolute().parent if beside else Path.cwd()
        url = URL.create(SQLITE, database=str(folder / "state" / "sst.db"))
    return url if settings.store_password_file is None else _with_password(url, settings.store_password_file)


def _parse(given: str) -> URL:
    try:
        url = make_url(given)
    except (ArgumentError, ValueError):
        raise _invalid("it is not a URL") from None
    if url.drivername == SQLITE and (not url.database or url.database == ":memory:" or url.query):
        raise _invalid("it names no file, or has parameters")
    if url.drivername in _SERVER_SCHEMES:
        url = url.set(drivername=POSTGRESQL)
    if url.drivername not in (SQLITE, POSTGRESQL):
        raise _invalid("it names another kind of database")
    if url.drivername == POSTGRESQL:
        with needs_extra("postgres", "The PostgreSQL database in SST_STORE"):
            import_module("psycopg")
    return url


def _with_password(url: URL, file: Path) -> URL:
    if url.drivername != POSTGRESQL or url.password is not None:
        raise RequestError(
            "SST_STORE_PASSWORD_FILE is set, so SST_STORE must name a PostgreSQL database without a password: "
            "postgresql://user@host/database",
            field="store_password_file",
        )
    try:
        password = file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise RequestError(
            f"cannot read SST_STORE_PASSWORD_FILE={file}: {reason}", field="store_password_file"
        ) from None
    if not password:
        raise RequestError(f"SST_STORE_PASSWORD_FILE={file} is empty", field="store_password_file")
    return url.set(password=password)


def _invalid(reason: str) -> RequestError:
    return RequestError(
        f"invalid setting SST_STORE: {reason}; write sqlite:////folder/sst.db, or "
        "postgresql://user:password@host/database",
        field="store",
    )


Item = TypeVar("Item")

BEFORE_ALL: Final = -(2**62)
AFTER_ALL: Final = 2**62
"""Before and after any time that a reading may have, Unix seconds."""

_AT_ONCE: Final = 500
"""IDs, numbers or conditions in one statement: SQLite takes up to 32 766 parameters."""

_SCRIPTS: Final = Path(__file__).parent / "migrations"

_migrating = Lock()  # Alembic keeps the migration that runs in global variables

_LOCK: Final = 7_305_417_221
"""The advisory lock of migrations in PostgreSQL: a number that other programs are unlikely to use."""

logger = logging.getLogger("service")

_CONNECT_SECONDS: Final = 5

_CONNECTIONS: Final = 8
"""Connections of one process at most."""

_WRITES: Final = "sst_writes"
"""Option of a connection whose transaction will write."""


def insert_into(table: Table, dialect: str) -> postgresql.Insert | sqlite.Insert:
    """Return an ``INSERT`` with ``ON CONFLICT``, which SQLAlchemy has only for each database separately."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


def take_turns(connection: Connection, name: str) -> None:
    """Let other transactions wait that take turns under this name; in SQLite, all that write do anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"sst {name}"))))


def put_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store rows, each in place of the one with the same primary key."""
    if rows:
        connection.execute(_replacing(table, connection.dialect.name), rows)


@cache
def _replacing(table: Table, dialect: str) -> postgresql.Insert | sqlite.Insert:
    insert = insert_into(table, dialect)
    changed = {column.name: insert.excluded[column.name] for column in table.c if not column.primary_key}
    return insert.on_conflict_do_update(index_elements=[*table.primary_key], set_=changed)


def by_period(periods: Mapping[int, tuple[int, int]]) -> Iterator[dict[str, Any]]:
    """Yield parameters of statements that read a period of each of some stations, those with the same one together.

    Most stations of a batch have their readings at the same times.
    """
    alike = defaultdict[tuple[int, int], list[int]](list)
    for station, period in periods.items():
        alike[period].append(station)
    for (begin, end), stations in alike.items():
        for some in parts(stations):
            yield {"stations": some, "begin": begin, "end": end}


def parts(items: Sequence[Item], size: int = _AT_ONCE) -> Iterator[Sequence[Item]]:
    """Yield ``items`` in parts that are not too many for one statement."""
    for begin in range(0, len(items), size):
        yield items[begin : begin + size]


def migrate(connection: Connection, *, is_new: bool) -> None:
    """Bring the database to the newest revision, in the transaction of ``connection``; create it only if ``is_new``.

    One process at a time does this: SQLite allows one writer, and in PostgreSQL the transaction takes a lock. If it is
    interrupted, the database is as it was before.
    """
    # Imported at the first use of a database: that takes a tenth of the time in which a service starts.
    from alembic import command
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    revision = MigrationContext.configure(connection).get_current_revision()
    if revision == scripts.get_current_head():
        return
    if revision is None and not is_new:
        raise _lost("the database of stations was replaced by one without tables")
    if revision is not None and revision not in {script.revision for script in scripts.walk_revisions()}:
        raise StoreUnavailableError(
            f"another version of this service has written the database (revision {revision}): start that version, or "
            "restore a backup from before the upgrade"
        )
    with _migrating:
        command.upgrade(config, "head")


def _lost(what: str) -> StoreUnavailableError:
    logger.warning("the store cannot be used: %s", what)
    return StoreUnavailableError(f"{what}: put it back, or restart the service to begin with an empty one")


class Database:
    """The database of the service. Create one in each process; its methods may be called from any thread.

    It is opened and brought to the newest revision at the first use. If it cannot be reached, the next transaction
    tries again. It is created only where the service has not used one since it was started: a database that vanishes
    is awaited, and never replaced by an empty one.
    """

    def __init__(self, url: URL, wait_seconds: float = 10, used: Path | None = None) -> None:
        """Use the database at ``url``. A transaction waits ``wait_seconds`` for another writer, or a connection.

        ``used`` is a file that the processes of a service share: it is there once one of them has used the database.
        """
        self._path = Path(url.database) if url.drivername == SQLITE and url.database else None
        self._engine = _engine(url, wait_seconds)
        # Each thread has its own database in memory, which any thread may close.
        self._empty = create_engine("sqlite://", connect_args={"check_same_thread": False})
        # All that one transaction reads belongs together. In SQLite it does anyway.
        self._snapshot: dict[str, str] = {} if self._path is not None else {"isolation_level": "REPEATABLE READ"}
        self._opening = Lock()
        self._opened: object = None
        """The file or server that has the newest revision; None before the first use."""
        self._used = used
        self._is_used = False

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Yield a connection for reading. Before the first write to SQLite, it has empty tables."""
        with self._unavailable():
            if not self.exists:
                with self._empty.connect() as connection:
                    METADATA.create_all(connection)
                    yield connection
                return
            self._open()
            with self._engine.connect().execution_options(**self._snapshot) as connection, connection.begin():
                yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Yield a connection whose transaction is on disk once the block ends, or undone if the block raises."""
        with self._unavailable():
            opened = self._open()
            with self._engine.connect().execution_options(**{_WRITES: True}) as connection, connection.begin():
                yield connection
                self._check(opened)
            # SQLite also writes to a file that was deleted, and does not say so.
            self._check(opened)

    @property
    def exists(self) -> bool:
        """Whether there is a database, or was one since the service was started; True for a server."""
        return self._path is None or self._was_used or self._identity() is not None

    @property
    def is_writable(self) -> bool:
        """Whether the file may be written, or created; True for a server. This opens no connection."""
        if self._path is None:
            return True
        # Path.exists() raises in folders that may not be read.
        path, *parents = self._path.absolute(), *self._path.absolute().parents
        folder = next((parent for parent in parents if os.access(parent, os.F_OK)), None)
        is_there = os.access(path, os.F_OK)
        is_free = path.is_file() and os.access(path, os.W_OK) if is_there else not self._was_used
        # SQLite writes a journal beside the file.
        return is_free and folder is not None and folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)

    def close(self) -> None:
        """Close all connections that are not in use."""
        self._engine.dispose()
        self._empty.dispose()

    def _open(self) -> object:
        """Create the database if there has been none, and bring it to the newest revision; return its identity."""
        with self._opening:
            identity = self._identity()
            if self._opened is not None and self._opened == identity:
                return identity
            is_new = not self._was_used
            if self._path is not None:
                if is_new:
                    self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                elif identity is None:
                    raise self._vanished()
                elif self._path.stat().st_size == 0:
                    # Opening it would delete what SQLite has written beside the file that was here before.
                    raise _lost(f"{self._path.name} was replaced by an empty file")
                _keep_private(self._path, create=is_new)
                identity = self._identity()
                # Connections to a file that was deleted or replaced still write to it.
                self._opened = None
                self._engine.dispose()
            with self._engine.connect().execution_options(**{_WRITES: True}) as connection, connection.begin():
                migrate(connection, is_new=is_new)
            self._opened = identity
            self._remember()
            return identity

    def _check(self, opened: object) -> None:
        """Raise StoreUnavailableError if the file is no longer the one that was opened."""
        identity = self._identity()
        if identity is None:
            raise self._vanished()
        if identity != opened:
            raise StoreUnavailableError("the database of stations was replaced meanwhile; try again")

    def _vanished(self) -> StoreUnavailableError:
        assert self._path is not None
        return _lost(f"the database of stations has vanished ({self._path.name})")

    @property
    def _was_used(self) -> bool:
        """Whether a process of this service has used the database since the service was started."""
        self._is_used = self._is_used or (self._used is not None and self._used.exists())
        return self._is_used

    def _remember(self) -> None:
        self._is_used = True
        if self._used is not None:
            # Without room for it, the other processes know it from their own use.
            with suppress(OSError):
                self._used.touch()

    def _identity(self) -> object:
        """Return what distinguishes the file from another in its place; for a server, a constant."""
        if self._path is None:
            return True
        try:
            status = self._path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return status.st_dev, status.st_ino

    @contextmanager
    def _unavailable(self) -> Iterator[None]:
        """Turn the driver's errors into one that says what the caller may do."""
        try:
            with _unavailable(self._path):
                yield
        except StoreUnavailableError as error:
            if isinstance(error.__cause__, ProgrammingError):
                # The tables of a server may be gone, or those of a backup: look before the next transaction.
                self._opened = None
            raise


def _keep_private(path: Path, *, create: bool) -> None:
    """Let only the user of the service read a SQLite file, which holds the secrets of webhooks; create it if need be.

    SQLite gives the files that it creates beside it the same mode.
    """
    if create:
        # Closing a file that is there would end the locks that other connections of this process have on it.
        with suppress(OSError):  # SQLite reports what is wrong with the file.
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDONLY, 0o600))
    for suffix in ("", "-wal", "-shm"):
        with suppress(OSError):
            path.with_name(path.name + suffix).chmod(0o600)


def _engine(url: URL, wait_seconds: float) -> Engine:
    is_file = url.drivername == SQLITE

    def open_file() -> sqlite3.Connection:
        # The mode creates no file: one that has vanished would be replaced by an empty one.
        uri = f"{Path(url.database or '').absolute().as_uri()}?mode=rw"
        return sqlite3.connect(uri, uri=True, timeout=wait_seconds, check_same_thread=False)

    engine = create_engine(
        url,
        pool_size=_CONNECTIONS,
        max_overflow=0,
        pool_timeout=wait_seconds,
        pool_pre_ping=not is_file,
        json_serializer=lambda content: dumps(content).decode(),
        json_deserializer=loads,
        **({"creator": open_file} if is_file else {}),
        connect_args={} if is_file else {"connect_timeout": _CONNECT_SECONDS, **_noticing(wait_seconds)},
    )
    if is_file:
        _set_up_sqlite(engine)
        return engine

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A statement waits for another transaction as long as one in SQLite.
        if connection.get_execution_options().get(_WRITES):
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {round(1_000 * wait_seconds)}")

    return engine


def _noticing(seconds: float) -> dict[str, int]:
    """Return options with which a connection ends ``seconds`` after the network stops delivering.

    Otherwise a call would wait for many minutes, and keep others from its thread.
    """
    probes = 3
    pause = max(1, round(seconds / (probes + 1)))
    return {
        "tcp_user_timeout": round(1_000 * seconds),
        "keepalives_idle": pause,
        "keepalives_interval": pause,
        "keepalives_count": probes,
    }


def _set_up_sqlite(engine: Engine) -> None:
    """Make transactions explicit, and durable once they end."""

    @event.listens_for(engine, "connect")
    def connect(connection: sqlite3.Connection, record: Any) -> None:
        # Python's module would begin transactions itself, and only before some statements.
        connection.isolation_level = None
        # Lets readings and a writing go on side by side. If it fails, another process is doing it for all.
        with suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that reads first and then writes would fail if another has written in between.
        writes = connection.get_execution_options().get(_WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _unavailable(path: Path | None) -> Iterator[None]:
    """Turn the driver's errors into one that says what the caller may do."""
    try:
        yield
    except (IntegrityError, DataError):
        raise
    except PoolTimeoutError:
        raise StoreUnavailableError("the database is busy: all connections are in use; try again later") from None
    except DBAPIError as error:
        logger.warning("the store cannot be used: %s", error.orig)
        reason = f"{path.name}: {error.orig}" if path else "the PostgreSQL server of SST_STORE cannot be used"
        raise StoreUnavailableError(f"{reason}; try again later, or ask the operator of the service") from error
    except OSError as error:
        logger.warning("the store cannot be used: %s", error)
        reason = f"{path.name if path else 'the database'}: {error.strerror}"
        raise StoreUnavailableError(f"{reason}; ask the operator of the service") from error


P = ParamSpec("P")
R = TypeVar("R")
Work: TypeAlias = Callable[Concatenate[Connection, P], R]
"""What is done with a connection, in one transaction."""

_THREADS: Final = 4
_LONG_THREADS: Final = 1

_FIGURES_SECONDS: Final = 2
"""How long metrics wait for the database."""


class StationStore:
    """The database of stations. A slow one holds up its own threads, and not those that forecast."""

    def __init__(self, url: URL, metrics: StationMetrics | None = None, used: Path | None = None) -> None:
        """Use the database at ``url``; ``used`` is as in :class:`Database`."""
        self.metrics = metrics or StationMetrics(CollectorRegistry())
        self.database = Database(url, used=used)
        self._threads = Worker(_THREADS, "store")
        self._long = Worker(_LONG_THREADS, "store-long")

    @property
    def exists(self) -> bool:
        """Whether there is a database, or was one since the service was started."""
        return self.database.exists

    @property
    def is_writable(self) -> bool:
        """Whether the database may be written, as far as its file tells."""
        return self.database.is_writable

    async def read(self, work: Work[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call ``work`` with a connection for reading and the arguments, and return its result."""
        return await self._call("read", self._threads, self.database.reading, work, *args, **kwargs)

    async def read_long(self, work: Work[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call ``work`` as :meth:`read` does, but one long work at a time, so that short ones do not wait for it."""
        return await self._call("read_long", self._long, self.database.reading, work, *args, **kwargs)

    async def write(self, work: Work[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call ``work`` in a transaction that is on disk when this returns."""
        return await self._call("write", self._threads, self.database.writing, work, *args, **kwargs)

    async def run(self, work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call ``work``, which uses no database, beside the transactions."""
        return await self._threads.run(partial(work, *args, **kwargs))

    async def figures(self) -> StationFigures | None:
        """Return the figures of all stations for metrics; None if the database cannot be used soon."""
        try:
            return await asyncio.wait_for(self.read(_figures), _FIGURES_SECONDS)
        except (StoreError, TimeoutError):
            return None

    def close(self) -> None:
        """Wait for transactions that have begun, and close the connections."""
        self._threads.shutdown(cancel_futures=True)
        self._long.shutdown(cancel_futures=True)
        self.database.close()

    async def _call(
        self,
        kind: StoreCall,
        threads: Worker,
        transaction: Callable[[], AbstractContextManager[Connection]],
        work: Work[P, R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Call ``work`` in one of ``threads``, and count how long that takes, the wait for a thread included."""

        def run() -> R:
            with transaction() as connection:
                return work(connection, *args, **kwargs)

        begin = time.perf_counter()
        try:
            return await threads.run(run, span=f"store.{kind}")
        finally:
            self.metrics.store_call(kind, time.perf_counter() - begin)


def takes_writes(connection: Connection) -> bool:
    """Return whether the server lets a transaction write: a standby, for example, does not. True for SQLite."""
    if connection.dialect.name == SQLITE:
        return True
    return bool(connection.scalar(text("SHOW transaction_read_only")) == "off")


def _figures(connection: Connection) -> StationFigures:
    newest = select(func.max(OBSERVATIONS.c.time)).where(OBSERVATIONS.c.station == STATIONS.c.number).scalar_subquery()
    each = select(newest.label("newest")).select_from(STATIONS).subquery()
    alerts = select(func.count(), func.min(ALERTS.c.raised)).select_from(DELIVERIES.join(ALERTS))
    count, oldest = connection.execute(select(func.count(), func.min(each.c.newest)).select_from(each)).one()
    pending, raised = connection.execute(alerts.where(DELIVERIES.c.next_attempt.is_not(None))).one()
    failed = select(func.count(FETCHES.c.station.distinct())).where(FETCHES.c.failures > 0)
    failing = connection.scalar(failed) or 0
    return StationFigures(count, oldest, pending, raised, failing)

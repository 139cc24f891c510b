"""The database: where it is, and how it is opened, migrated and shared."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from pydantic import SecretStr
from sqlalchemy import URL, create_engine, make_url, text

from forecasting.errors import RequestError
from service.plugins.stations.store import migrations
from service.plugins.stations.store.database import Database, StoreUnavailableError, store_url
from service.plugins.stations.store.stations import StationSettings, list_stations, put_station
from service.plugins.stations.store.tables import METADATA
from service.settings import Settings
from tests.servers.postgres import Cluster


def put(database: Database, name: str = "pier") -> None:
    with database.writing() as connection:
        put_station(connection, name, StationSettings("day"), 1)


def ids(database: Database) -> list[str]:
    with database.reading() as connection:
        return [station.id for station in list_stations(connection, 10)]


OPENED: list[Database] = []


def opened(url: URL, **options: Any) -> Database:
    OPENED.append(Database(url, **options))
    return OPENED[-1]


def at(path: Path) -> Database:
    return opened(make_url(f"sqlite:///{path}"))


@pytest.fixture(autouse=True)
def ending() -> Iterator[None]:
    """Close the databases of a test when it ends."""
    yield
    while OPENED:
        OPENED.pop().close()


def test_the_migrations_make_the_tables_that_the_code_expects(database: Database) -> None:
    with database.writing() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_the_file_is_created_at_the_first_write(tmp_path: Path) -> None:
    path = tmp_path / "state" / "sst.db"
    database = at(path)
    assert ids(database) == []
    assert not path.parent.exists()
    put(database)
    assert ids(database) == ["pier"]
    assert path.exists()


@pytest.mark.parametrize("before", [None, 0o644])
def test_only_the_user_of_the_service_can_read_the_file(tmp_path: Path, before: int | None) -> None:
    path = tmp_path / "state" / "sst.db"
    if before is None:
        folder_mode = 0o700
    else:
        # As earlier versions left it.
        folder_mode = 0o755
        path.parent.mkdir()
        path.parent.chmod(folder_mode)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
        path.chmod(before)
    database = at(path)
    put(database)
    files = sorted(path.parent.iterdir())
    assert [file.name for file in files] == ["sst.db", "sst.db-shm", "sst.db-wal"]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert path.parent.stat().st_mode & 0o777 == folder_mode


def test_several_read_at_once_before_the_first_write(tmp_path: Path) -> None:
    database = at(tmp_path / "sst.db")
    with ThreadPoolExecutor(4) as readers:
        assert list(readers.map(lambda _: ids(database), range(100))) == [[]] * 100
        put(database)
        assert list(readers.map(lambda _: ids(database), range(100))) == [["pier"]] * 100


def test_the_database_is_created_once_if_several_begin_together(store_url: str) -> None:
    databases = {name: opened(make_url(store_url)) for name in "abcd"}
    with ThreadPoolExecutor(len(databases)) as writers:
        list(writers.map(put, databases.values(), databases))
    assert [ids(database) for database in databases.values()] == [[*databases]] * len(databases)
    for database in databases.values():
        database.close()


def test_an_interrupted_migration_leaves_the_database_as_it_was(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: object, step: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("alembic.runtime.migration.HeadMaintainer.update_to_step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            put(database)
    put(database)
    assert ids(database) == ["pier"]


def test_a_database_of_a_newer_version_is_left_alone(database: Database, store_url: str) -> None:
    put(database)
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    later = opened(make_url(store_url))
    with pytest.raises(StoreUnavailableError, match=r"another version .* \(revision 9999\): start that"):
        put(later)
    later.close()


def test_a_file_that_is_not_a_database_is_refused_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "sst.db"
    path.write_text("something else entirely\n" * 100)
    database = at(path)
    with pytest.raises(StoreUnavailableError, match=r"sst\.db: file is not a database"):
        put(database)


def test_a_folder_that_cannot_be_created_is_refused_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    database = at(tmp_path / "state" / "sst.db")
    with pytest.raises(StoreUnavailableError, match=r"sst\.db: .*; ask the operator"):
        put(database)
    (tmp_path / "state").unlink()
    put(database)


def test_a_full_disk_refuses_a_write_and_keeps_those_before(tmp_path: Path) -> None:
    database = at(tmp_path / "sst.db")
    put(database)

    def fill() -> None:
        with database.writing() as connection:
            (pages,) = connection.exec_driver_sql("PRAGMA page_count").one()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
            for i in range(1_000):
                put_station(connection, f"buoy{i}", StationSettings("day"), 1)

    with pytest.raises(StoreUnavailableError, match="database or disk is full"):
        fill()
    assert ids(database) == ["pier"]


def test_a_writer_that_holds_the_file_delays_others_until_they_give_up(tmp_path: Path) -> None:
    path = tmp_path / "sst.db"
    database = opened(make_url(f"sqlite:///{path}"), wait_seconds=0.01)
    put(database)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailableError, match="database is locked; try again later"):
        put(database, "buoy")
    holder.execute("ROLLBACK")
    put(database, "buoy")
    holder.close()


VANISHED = r"has vanished \(sst\.db\): put it back, or restart the service"


def refused(database: Database, reason: str) -> None:
    for use in (put, ids):
        with pytest.raises(StoreUnavailableError, match=reason):
            use(database)
    assert not database.is_writable or reason != VANISHED


@pytest.mark.parametrize("part", ["folder", "file"])
def test_a_database_that_was_moved_away_is_awaited_and_nothing_of_it_is_lost(tmp_path: Path, part: str) -> None:
    path = tmp_path / "state" / "sst.db"
    moved = path.parent if part == "folder" else path
    database = at(path)
    put(database)
    moved.rename(tmp_path / "away")
    refused(database, VANISHED)
    assert not moved.exists()
    (tmp_path / "away").rename(moved)
    assert ids(database) == ["pier"]
    put(database, "buoy")
    database.close()
    assert ids(at(path)) == ["buoy", "pier"]


def test_a_database_that_comes_back_as_a_copy_is_used(tmp_path: Path) -> None:
    path, copy = tmp_path / "sst.db", tmp_path / "copy.db"
    database = at(path)
    put(database)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"VACUUM INTO '{copy}'")
    put(database, "buoy")
    for file in tmp_path.glob("sst.db*"):
        file.unlink()
    refused(database, VANISHED)
    copy.rename(path)
    assert ids(database) == ["pier"]
    put(database, "reef")
    assert ids(at(path)) == ["pier", "reef"]


def test_a_write_to_a_file_that_is_deleted_meanwhile_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sst.db"
    database = at(path)
    put(database)

    def write() -> None:
        with database.writing() as connection:
            put_station(connection, "buoy", StationSettings("day"), 1)
            path.rename(tmp_path / "away.db")

    with pytest.raises(StoreUnavailableError, match=VANISHED):
        write()
    (tmp_path / "away.db").rename(path)
    assert ids(database) == ["pier"]


@pytest.mark.parametrize(("pages", "reason"), [(0, "replaced by an empty file"), (1, "replaced by one without tables")])
def test_an_empty_database_in_place_of_one_with_stations_is_refused(tmp_path: Path, pages: int, reason: str) -> None:
    path, folder = tmp_path / "sst.db", tmp_path / "away"
    database = at(path)
    put(database)
    folder.mkdir()
    for file in tmp_path.glob("sst.db*"):
        file.rename(folder / file.name)
    if pages:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("VACUUM")
            connection.execute("PRAGMA user_version = 1")
    else:
        path.touch()
    refused(database, reason)
    for file in folder.iterdir():
        file.rename(path.with_name(file.name))
    assert ids(database) == ["pier"]


def test_an_empty_file_does_not_cost_what_is_only_in_the_log_of_the_one_that_was_moved_away(tmp_path: Path) -> None:
    path = tmp_path / "sst.db"
    database = at(path)
    put(database)
    path.rename(tmp_path / "away.db")
    path.touch()
    refused(database, "replaced by an empty file")
    (tmp_path / "away.db").rename(path)
    assert ids(database) == ["pier"]
    database.close()
    assert ids(at(path)) == ["pier"]


def test_a_process_that_has_not_used_a_vanished_database_creates_none_until_the_service_is_started_anew(
    tmp_path: Path,
) -> None:
    path, url = tmp_path / "state" / "sst.db", make_url(f"sqlite:///{tmp_path}/state/sst.db")
    first, second = (opened(url, used=tmp_path / "used") for _ in range(2))
    assert ids(second) == []
    put(first)
    path.parent.rename(tmp_path / "away")
    refused(second, VANISHED)
    refused(opened(url, used=tmp_path / "used"), VANISHED)
    anew = opened(url, used=tmp_path / "used of the next start")
    assert ids(anew) == []
    put(anew, "buoy")
    assert ids(first) == ids(second) == ["buoy"]
    for database in (first, second, anew):
        database.close()


@pytest.mark.long
@pytest.mark.parametrize("loss", ["DROP DATABASE {0} WITH (FORCE)", None])
def test_postgresql_without_its_tables_is_refused_until_they_are_back(postgres: Cluster, loss: str | None) -> None:
    url = make_url(postgres.new_database())
    database = opened(url)
    put(database)
    if loss:
        postgres.run(loss.format(url.database))
        with pytest.raises(StoreUnavailableError, match="the PostgreSQL server of SST_STORE cannot be used"):
            put(database)
        postgres.run(f"CREATE DATABASE {url.database}")
    else:
        postgres.run("DROP SCHEMA public CASCADE", url.database)
        postgres.run("CREATE SCHEMA public", url.database)
    with pytest.raises(StoreUnavailableError):
        ids(database)
    refused(database, r"replaced by one without tables: put it back")
    anew = opened(url)
    put(anew, "buoy")
    assert ids(database) == ["buoy"]
    for each in (database, anew):
        each.close()


@pytest.mark.long
def test_postgresql_may_stop_and_start_again(postgres: Cluster) -> None:
    database = opened(make_url(postgres.new_database()))
    put(database)
    postgres.stop()
    try:
        with pytest.raises(StoreUnavailableError, match="the PostgreSQL server of SST_STORE cannot be used"):
            put(database, "buoy")
    finally:
        postgres.start()
    put(database, "reef")
    assert ids(database) == ["pier", "reef"]


# Opens each database in a process that kills itself before a statement of the migration; prints which were killed.
KILL = """
import os, signal, sys
from sqlalchemy import Engine, event, make_url
from forecasting.errors import RequestError
from service.settings import Settings
from service.plugins.stations.store.database import Database

for place, url in enumerate(sys.argv[1:]):
    if not (child := os.fork()):
        seen = 0

        @event.listens_for(Engine, "before_cursor_execute")
        def count(connection, cursor, statement, *rest):
            global seen
            if statement.lstrip().startswith(("CREATE", "ALTER", "INSERT", "UPDATE")):
                if seen == 4 * place:
                    os.kill(os.getpid(), signal.SIGKILL)
                seen += 1

        with Database(make_url(url)).writing():
            pass
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL)
"""


def killed(urls: list[str]) -> int:
    """Migrate each database, killed four statements later than the one before; return how many were."""
    done = subprocess.run([sys.executable, "-c", KILL, *urls], capture_output=True, text=True, check=True)
    flags = done.stdout.split()
    assert flags == ["True"] * flags.count("True") + ["False"] * flags.count("False")
    return flags.count("True")


def check(url: str) -> None:
    database = opened(make_url(url))
    with database.writing() as connection:
        put_station(connection, "pier", StationSettings("day"), 1)
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    with database.reading() as connection:
        assert [station.id for station in list_stations(connection, 10)] == ["pier"]


@pytest.mark.long
def test_a_migration_killed_among_its_statements_is_completed_at_the_next_start(tmp_path: Path) -> None:
    urls = [f"sqlite:///{tmp_path}/{i}.db" for i in range(16)]
    places = killed(urls)
    assert 3 < places < len(urls)
    for url in urls[:places]:
        check(url)


@pytest.mark.long
def test_a_migration_of_postgresql_that_is_killed_is_completed_at_the_next_start(postgres: Cluster) -> None:
    urls = [postgres.new_database() for _ in range(4)]
    assert killed(urls) == len(urls)
    for url in urls:
        check(url)


def test_without_a_setting_the_store_is_beside_the_artifacts() -> None:
    url = store_url(Settings(artifacts=Path("/srv/sst/artifacts")))
    assert str(url) == "sqlite:////srv/sst/state/sst.db"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("state/sst.db", "it is not a URL"),
        ("sqlite://", "it names no file"),
        ("sqlite:///:memory:", "it names no file"),
        ("sqlite:///sst.db?mode=ro", "it names no file, or has parameters"),
        ("mysql://u:secret@host/sst", "it names another kind of database"),
        ("postgresql+asyncpg://u:secret@host/sst", "it names another kind of database"),
        ("postgresql+psycopg://u:secret@host:port/sst", "it is not a URL"),
    ],
)
def test_a_wrong_setting_is_refused_without_its_password(given: str, reason: str) -> None:
    with pytest.raises(
        RequestError, match=f"invalid setting SST_STORE: {reason}.*; write sqlite:////folder"
    ) as refused:
        store_url(Settings(store=SecretStr(given)))
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_each_common_scheme_names_postgresql(scheme: str) -> None:
    url = store_url(Settings(store=SecretStr(f"{scheme}://u:p@host/sst?sslmode=require")))
    assert url.render_as_string(hide_password=False) == "postgresql+psycopg://u:p@host/sst?sslmode=require"


def test_the_password_may_be_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("p@ss/word\n")
    url = store_url(Settings(store=SecretStr("postgresql+psycopg://u@host/sst"), store_password_file=secret))
    assert (url.username, url.password, url.host, url.database) == ("u", "p@ss/word", "host", "sst")


@pytest.mark.parametrize(
    ("store", "content", "reason"),
    [
        ("", b"secret", "must name a PostgreSQL database without a password"),
        ("postgresql+psycopg://u:other@host/sst", b"secret", "must name a PostgreSQL database without a password"),
        ("postgresql+psycopg://u@host/sst", None, "cannot read SST_STORE_PASSWORD_FILE=.*: No such file"),
        ("postgresql+psycopg://u@host/sst", b"\xff", "cannot read SST_STORE_PASSWORD_FILE=.*: it is not UTF-8 text"),
        ("postgresql+psycopg://u@host/sst", b"\n", "SST_STORE_PASSWORD_FILE=.* is empty"),
    ],
)
def test_a_file_that_gives_no_password_is_refused(
    tmp_path: Path, store: str, content: bytes | None, reason: str
) -> None:
    secret = tmp_path / "password"
    if content is not None:
        secret.write_bytes(content)
    with pytest.raises(RequestError, match=reason) as refused:
        store_url(Settings(store=SecretStr(store), store_password_file=secret))
    assert "secret" not in str(refused.value)


def test_a_database_of_the_version_before_is_upgraded_with_all_that_it_holds(store_url: str) -> None:
    url = make_url(store_url)
    if url.drivername == "sqlite":
        Path(url.database or "").parent.mkdir()
    before = create_engine(url)
    with before.begin() as connection:
        scripts = Config(attributes={"connection": connection})
        scripts.set_main_option("script_location", str(Path(migrations.__file__).parent))
        command.upgrade(scripts, "stations")
        connection.execute(
            text(
                "INSERT INTO stations (number, id, step, units, model, created, changed, batches, received, webhooks)"
                " VALUES (1, 'pier', 'day', 'celsius', 'best', 1, 1, 1, 86400, '[{\"url\": \"https://a.example\"}]')"
            )
        )
        connection.execute(
            text("INSERT INTO observations (station, time, revision, value, received) VALUES (1, 0, 0, 15.5, 86400)")
        )
    before.dispose()
    database = opened(make_url(store_url))
    with database.writing() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
        (station,) = list_stations(connection, 10)
        assert (station.id, station.newest and station.newest.value) == ("pier", 15.5)
        assert station.settings.webhooks == [{"url": "https://a.example"}]
        assert station.settings.alert_within is None

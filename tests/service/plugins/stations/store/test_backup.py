"""Backups as docs/guides/run-the-service.md takes and restores them, while the database is in use."""

import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import make_url

from service.plugins.stations.store.database import Database
from service.plugins.stations.store.observations import get_observations
from service.plugins.stations.store.stations import StationSettings, get_station, put_station
from tests.servers.postgres import PROGRAMS, Cluster
from tests.service.plugins.stations.conftest import observe

READINGS = {86_400 * day: 14 + day / 100 for day in range(50)}


def send(database: Database, readings: dict[int, float]) -> None:
    with database.writing() as connection:
        put_station(connection, "pier", StationSettings("day"), 1)
        observe(connection, get_station(connection, "pier").number, readings)


def stored(database: Database) -> dict[int, float]:
    with database.reading() as connection:
        rows = get_observations(connection, get_station(connection, "pier").number, limit=1_000)
    return {row.time: row.value for row in rows}


def check(database: Database, copy: Database) -> None:
    """Check that a copy has the content of the database, and can be written."""
    assert stored(copy) == READINGS
    send(copy, {0: 15.0})
    assert stored(copy)[0] == 15.0
    assert stored(database) == {**READINGS, 1: 16.0}
    database.close()
    copy.close()


@pytest.mark.parametrize("way", ["VACUUM INTO", ".backup"])
def test_sqlite_is_copied_while_it_is_in_use(tmp_path: Path, way: str) -> None:
    database, copy = tmp_path / "sst.db", tmp_path / "copy.db"
    source = Database(make_url(f"sqlite:///{database}"))
    send(source, READINGS)
    if way == "VACUUM INTO":
        with sqlite3.connect(database) as connection:
            connection.execute(f"VACUUM INTO '{copy}'")
        connection.close()
    elif shutil.which("sqlite3") is None:
        pytest.skip("sqlite3 is not installed")
    else:
        subprocess.run(["sqlite3", database, f".backup {copy}"], check=True)
    send(source, {1: 16.0})
    check(source, Database(make_url(f"sqlite:///{copy}")))


@pytest.mark.long
def test_postgresql_is_dumped_while_it_is_in_use(postgres: Cluster, tmp_path: Path) -> None:
    if not (PROGRAMS / "pg_dump").exists():
        pytest.skip("pg_dump is not installed")
    first, second = postgres.new_database(), postgres.new_database()
    source = Database(make_url(first))
    send(source, READINGS)
    dump = tmp_path / "sst.dump"
    plain, other = (url.replace("+psycopg", "") for url in (first, second))
    subprocess.run([PROGRAMS / "pg_dump", "-Fc", "-f", dump, plain], check=True)
    send(source, {1: 16.0})
    subprocess.run([PROGRAMS / "pg_restore", "--no-owner", "-d", other, dump], check=True)
    check(source, Database(make_url(second)))

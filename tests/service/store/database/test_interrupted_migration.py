"""Migrations that are killed among their statements, in processes of their own."""

import subprocess
import sys
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import make_url

from service.store.database.database import Database
from service.store.database.tables import METADATA
from service.store.stations import StationSettings, list_stations, put_station
from tests.servers.postgres import Cluster

# Opens each database in a process that kills itself before a statement of the migration; prints which were killed.
KILL = """
import os, signal, sys
from sqlalchemy import Engine, event, make_url
from service.store.database.database import Database

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
    database = Database(make_url(url))
    with database.writing() as connection:
        put_station(connection, "pier", StationSettings("day"), 1)
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    with database.reading() as connection:
        assert [station.id for station in list_stations(connection, 10)] == ["pier"]
    database.close()


def test_a_migration_killed_among_its_statements_is_completed_at_the_next_start(tmp_path: Path) -> None:
    urls = [f"sqlite:///{tmp_path}/{i}.db" for i in range(12)]
    places = killed(urls)
    assert 3 < places < len(urls)
    for url in urls[:places]:
        check(url)


def test_a_migration_of_postgresql_that_is_killed_is_completed_at_the_next_start(postgres: Cluster) -> None:
    urls = [postgres.new_database() for _ in range(4)]
    assert killed(urls) == len(urls)
    for url in urls:
        check(url)

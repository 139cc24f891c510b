"""Random histories of a station in PostgreSQL, alone and beside SQLite."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.histories.conftest import still  # noqa: F401
from tests.histories.history import search
from tests.histories.sides import Sides, Store, postgres_store, sqlite_store
from tests.servers.postgres import running_cluster

SHARE = 2
"""PostgreSQL takes longer than SQLite."""


@pytest.fixture(scope="module")
def postgres() -> Iterator[Store]:
    with running_cluster() as cluster:
        yield postgres_store(cluster)


def test_a_station_in_postgresql_does_what_its_model_says(still: Path, postgres: Store) -> None:  # noqa: F811
    with Sides.of(still, postgres) as sides:
        search(sides, seed=0, share=SHARE)


def test_all_answers_are_the_same_with_both_databases(still: Path, postgres: Store, tmp_path: Path) -> None:  # noqa: F811
    with Sides.of(still, sqlite_store(tmp_path), postgres) as sides:
        search(sides, seed=1, share=SHARE)

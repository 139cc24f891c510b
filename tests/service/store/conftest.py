"""An empty database of each kind."""

from collections.abc import Iterator

import pytest
from sqlalchemy import make_url

from service.store.database import Database


@pytest.fixture
def database(store_url: str) -> Iterator[Database]:
    database = Database(make_url(store_url))
    yield database
    database.close()

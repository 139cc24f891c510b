"""What tests with generated requests share."""

from collections.abc import Iterator

import pytest
import requests


@pytest.fixture(scope="session")
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        # Searching the environment for proxies takes longer than sending the request.
        session.trust_env = False
        yield session

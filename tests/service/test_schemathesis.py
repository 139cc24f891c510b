"""Requests made from the OpenAPI document, sound and broken: every answer is one that the document promises.

``make fuzz`` asks many more of them, and others each time.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from pydantic import SecretStr

from service.app import create_app
from service.keys import Role, new_key
from service.settings import Settings
from tests.serving import serve

CONFIG = schemathesis.Config.from_dict(
    {
        # What a release offers, its models, horizons and levels, is more than a document can say.
        "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", "401", "404", "422"]}},
        # What is asked does not depend on what was answered: the same requests each time.
        "phases": {"fuzzing": {"extra-data-sources": {"responses": False}, "error-feedback": {"enabled": False}}},
    }
)
Case = schemathesis.Case[Any]
document = schemathesis.openapi.from_dict(create_app(Settings()).app.openapi(), config=CONFIG)
patient = settings(
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
)


@pytest.fixture(scope="session")
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


@pytest.fixture(scope="module")
def guarded(artifacts: Path) -> Iterator[httpx.Client]:
    """A service that asks for keys; the client has one of an admin."""
    presented, key = new_key("ops", Role.ADMIN)
    with serve(Settings(artifacts=artifacts, keys=SecretStr(key.line), allow_anonymous=False)) as client:
        client.headers["Authorization"] = f"Bearer {presented}"
        yield client


@document.parametrize()
@patient
def test_an_open_service_answers_as_the_document_says(
    case: Case, client: httpx.Client, session: requests.Session
) -> None:
    case.call_and_validate(base_url=str(client.base_url), session=session)


@document.parametrize()
@patient
def test_a_service_with_keys_answers_as_the_document_says(
    case: Case, guarded: httpx.Client, session: requests.Session
) -> None:
    # Where the case has a key of its own, made up like the rest of it, that one is sent.
    headers = {} if "Authorization" in case.headers else {"Authorization": guarded.headers["Authorization"]}
    case.call_and_validate(base_url=str(guarded.base_url), session=session, headers=headers)

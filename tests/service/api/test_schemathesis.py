"""Valid and invalid requests generated from the OpenAPI document: every response must conform to it.

``make fuzz`` generates many more, and different ones in each run.
"""

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from pydantic import SecretStr

from service.app import create_app
from service.middleware.keys import Key, Role, new_key
from service.settings import Settings
from tests.service.api.openapi import openapi_document
from tests.service.api.schemathesis_config import CHECKS
from tests.serving import serve

# A malformed NDJSON line gets a 200 with an error in its place; test_streaming.py checks that.
pytestmark = pytest.mark.filterwarnings("ignore:Skipped test cases with unsupported payload media types:UserWarning")

PATHS = create_app(Settings()).state.paths

CONFIG = schemathesis.Config.from_dict(
    {
        **CHECKS,
        # Requests must not depend on earlier responses, so that every run sends the same ones.
        "phases": {"fuzzing": {"extra-data-sources": {"responses": False}, "error-feedback": {"enabled": False}}},
    }
)
Case = schemathesis.Case[Any]
document = schemathesis.openapi.from_dict(deepcopy(openapi_document()), config=CONFIG)
patient = settings(
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
)
# Every boundary value of every parameter, and then some values at random.
thorough = settings(patient, max_examples=settings().max_examples // 6)
few = settings(patient, max_examples=settings().max_examples // 20, phases=[Phase.generate])


@pytest.fixture(scope="module", params=[Role.ADMIN])
def key(request: pytest.FixtureRequest) -> tuple[str, Key]:
    """An admin key, as the client sends it and as the service stores it."""
    return new_key("ops", request.param)


# As a parameter, since schemathesis gives all operations the same test name in a test that has none.
@pytest.fixture(scope="module", params=["open"])
def opened(client: httpx.Client) -> httpx.Client:
    """A service that requires no key."""
    return client


@pytest.fixture(scope="module")
def guarded(artifacts: Path, key: tuple[str, Key]) -> Iterator[httpx.Client]:
    """A service that requires a key."""
    keys = SecretStr(key[1].line)
    with serve(Settings(artifacts=artifacts, keys=keys, allow_anonymous=False, rate_limit=0)) as client:
        yield client


@pytest.fixture(scope="module")
def exhausted(artifacts: Path, key: tuple[str, Key]) -> Iterator[httpx.Client]:
    """A service that allows one call a minute."""
    keys = SecretStr(key[1].line)
    with serve(Settings(artifacts=artifacts, keys=keys, allow_anonymous=False, rate_limit=1)) as client:
        yield client


@document.parametrize()
@few
def test_an_open_service_answers_as_the_document_says(
    case: Case, opened: httpx.Client, session: requests.Session
) -> None:
    case.call_and_validate(base_url=str(opened.base_url), session=session)


@pytest.mark.long
@document.parametrize()
@thorough
def test_a_service_with_keys_answers_as_the_document_says(
    case: Case, guarded: httpx.Client, session: requests.Session, key: tuple[str, Key]
) -> None:
    headers = {"Authorization": f"Bearer {key[0]}"}
    case.call_and_validate(base_url=str(guarded.base_url), session=session, headers=headers)


@document.parametrize()
@few
def test_a_request_without_a_key_is_refused_as_the_document_says(
    case: Case, guarded: httpx.Client, session: requests.Session
) -> None:
    response = case.call_and_validate(base_url=str(guarded.base_url), session=session)
    assert PATHS.is_open(case.path) or response.status_code == 401


@pytest.mark.long
@document.parametrize()
@few
def test_too_many_requests_are_refused_as_the_document_says(
    case: Case, exhausted: httpx.Client, session: requests.Session, key: tuple[str, Key]
) -> None:
    headers = {"Authorization": f"Bearer {key[0]}"}
    exhausted.get("/models", headers=headers)  # the one of this minute
    response = case.call_and_validate(base_url=str(exhausted.base_url), session=session, headers=headers)
    assert PATHS.is_open(case.path) or response.status_code == 429

"""Pages of listed origins can call the service, with keys and with requests that carry none before them."""

import httpx
import pytest
from pydantic import SecretStr, ValidationError

from service.app import create_app
from service.middleware.keys import Role, new_key
from service.settings import Settings

PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}

pytestmark = pytest.mark.anyio


def client_of(cors_origins: str) -> httpx.AsyncClient:
    """Return a client of a service with keys."""
    key = new_key("pier", Role.FORECAST)[1]
    app = create_app(Settings(cors_origins=cors_origins, keys=SecretStr(key.line), allow_anonymous=False))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost")


async def test_only_the_services_page_and_listed_origins_can_call() -> None:
    async with client_of(" https://Pier.example.org , http://localhost:3000") as client:
        for origin in ("https://pier.example.org", "http://localhost:3000"):
            allowed = await client.options("/forecast", headers=PREFLIGHT | {"Origin": origin})
            assert allowed.status_code == 200
            assert allowed.headers["access-control-allow-origin"] == origin
            answer = await client.post("/forecast", headers={"Origin": origin})
            assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (401, origin)
            assert "access-control-allow-credentials" not in answer.headers
        for origin in ("https://pier.example.org.evil.example", "http://pier.example.org", "null"):
            refused = await client.options("/forecast", headers=PREFLIGHT | {"Origin": origin})
            assert refused.status_code == 400
            assert refused.headers["content-type"] == "application/problem+json"
            problem = refused.json()
            assert problem["request_id"] == refused.headers["x-request-id"]
            assert problem["detail"] == (
                f"a page of {origin} may not send this POST request: origin not allowed; "
                "SST_CORS_ORIGINS lists the allowed origins"
            )
            assert refused.headers["x-content-type-options"] == "nosniff"
            assert "access-control-allow-origin" not in refused.headers
            answer = await client.post("/forecast", headers={"Origin": origin})
            assert "access-control-allow-origin" not in answer.headers


async def test_without_listed_origins_no_page_is_told_that_it_may_call() -> None:
    async with client_of("") as client:
        refused = await client.options("/forecast", headers=PREFLIGHT | {"Origin": "https://a.org"})
    assert "access-control-allow-origin" not in refused.headers


@pytest.mark.parametrize(
    "origin", ["pier.example.org", "https://a.org/", "https://a.org/x", "null", "https://*.a.org", "a b"]
)
async def test_an_invalid_origin_is_refused(origin: str) -> None:
    with pytest.raises(ValidationError, match=r"invalid origin .*: write https://host"):
        Settings(cors_origins=f"https://b.org,{origin}")


async def test_allowed_pages_can_send_trace_headers() -> None:
    asked = {"Origin": "https://a.org", "Access-Control-Request-Method": "POST"}
    async with client_of("https://a.org") as client:
        for names, status in (("traceparent,tracestate,authorization", 200), ("x-secret", 400)):
            answer = await client.options("/v2", headers=asked | {"Access-Control-Request-Headers": names})
            assert answer.status_code == status
            assert answer.headers["access-control-allow-origin"] == "https://a.org"
            assert answer.headers["x-request-id"]
    assert "headers not allowed" in answer.json()["error"]


async def test_allowed_pages_can_create_and_delete_stations() -> None:
    headers = PREFLIGHT | {"Origin": "https://a.org"}
    async with client_of("https://a.org") as client:
        for method, status in (("PUT", 200), ("DELETE", 200), ("PATCH", 400)):
            preflight = headers | {"Access-Control-Request-Method": method}
            answer = await client.options("/stations/pier", headers=preflight)
            assert answer.status_code == status
            assert answer.headers["access-control-allow-origin"] == "https://a.org"
    assert "may not send this PATCH request: method not allowed" in answer.json()["detail"]

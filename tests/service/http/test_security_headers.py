import httpx
import pytest
from fastapi import FastAPI
from pydantic import ValidationError
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from service.http.security_headers import PAGE_POLICY, security_headers, with_cors
from service.settings import Settings

PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}


def test_browsers_must_not_run_embed_sniff_or_leak_anything() -> None:
    headers = dict(security_headers())
    assert set(headers) == {
        b"content-security-policy", b"cross-origin-resource-policy", b"referrer-policy", b"x-content-type-options",
    }  # fmt: skip
    policy = headers[b"content-security-policy"].decode()
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script-src" not in policy
    assert headers[b"x-content-type-options"] == b"nosniff"


def test_the_page_runs_its_own_scripts_alone() -> None:
    policy = dict(security_headers(PAGE_POLICY))[b"content-security-policy"].decode()
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy.replace("style-src 'self' 'unsafe-inline'", "")
    assert "http" not in policy


async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that needs keys: it would refuse a preflight request that reached it."""
    await Response(status_code=401, headers={"Retry-After": "1"})(scope, receive, send)


def through(app: ASGIApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost")


@pytest.mark.anyio
async def test_only_the_services_page_and_listed_origins_can_call() -> None:
    assert with_cors(refuse, Settings().origins) is refuse
    origins = Settings(cors_origins=" https://Pier.example.org , http://localhost:3000").origins
    async with through(with_cors(refuse, origins)) as client:
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


@pytest.mark.anyio
async def test_cors_works_as_the_outermost_middleware_of_an_application() -> None:
    app = FastAPI()
    app.add_middleware(with_cors, origins=("*",))
    async with through(app) as client:
        allowed = await client.options("/forecast", headers=PREFLIGHT | {"Origin": "https://a.org"})
    assert allowed.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    "origin", ["pier.example.org", "https://a.org/", "https://a.org/x", "null", "https://*.a.org", "a b"]
)
def test_an_invalid_origin_is_refused(origin: str) -> None:
    with pytest.raises(ValidationError, match=r"invalid origin .*: write https://host"):
        Settings(cors_origins=f"https://b.org,{origin}")


@pytest.mark.anyio
async def test_allowed_pages_can_send_trace_headers() -> None:
    asked = {"Origin": "https://a.org", "Access-Control-Request-Method": "POST"}
    async with through(with_cors(refuse, ("https://a.org",))) as client:
        for names, status in (("traceparent,tracestate,authorization", 200), ("x-secret", 400)):
            answer = await client.options("/v2", headers=asked | {"Access-Control-Request-Headers": names})
            assert answer.status_code == status
            assert answer.headers["access-control-allow-origin"] == "https://a.org"
            assert answer.headers["x-request-id"]
    assert "headers not allowed" in answer.json()["error"]


@pytest.mark.anyio
async def test_allowed_pages_can_create_and_delete_stations() -> None:
    headers = PREFLIGHT | {"Origin": "https://a.org"}
    async with through(with_cors(refuse, ("https://a.org",))) as client:
        for method, status in (("PUT", 200), ("DELETE", 200), ("PATCH", 400)):
            preflight = headers | {"Access-Control-Request-Method": method}
            answer = await client.options("/stations/pier", headers=preflight)
            assert answer.status_code == status
            assert answer.headers["access-control-allow-origin"] == "https://a.org"
    assert "may not send this PATCH request: method not allowed" in answer.json()["detail"]

"""Other web pages cannot use the browser of someone who reaches the service."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from forecasting.series.sst_series import SstSeries
from service.app import create_app
from service.settings import Settings
from tests.service.requests import body
from tests.serving import serve

EVIL = "https://evil.example"
PAGE = "https://pier.example.org"


@pytest.fixture(scope="module")
def listing(artifacts: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A service without keys on loopback that allows one other page and one other host."""
    settings = Settings(
        artifacts=artifacts,
        store=SecretStr(f"sqlite:///{tmp_path_factory.mktemp('store')}/sst.db"),
        cors_origins=PAGE,
        allowed_hosts="Pier.example.org",
        background=False,
    )
    with serve(settings) as client:
        client.put("/stations/pier", json={"step": "day"}).raise_for_status()
        yield client


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"), ("GET", "/health/live"), ("GET", "/stations"), ("GET", "/nowhere"), ("OPTIONS", "/forecast"),
        ("POST", "/forecast"), ("POST", "/v2/models/nino12-gru/infer"), ("DELETE", "/stations/pier"),
    ],
)  # fmt: skip
def test_a_page_that_rebinds_its_name_to_loopback_gets_nothing(
    client: httpx.Client, nino12: SstSeries, method: str, path: str
) -> None:
    content = body(nino12) | {"model": "nino12-gru"} if method == "POST" else None
    response = client.request(method, path, json=content, headers={"Host": "evil.example:8000"})
    assert response.status_code == 421
    assert "the service does not answer for the host evil.example:8000" in response.text
    assert "SST_ALLOWED_HOSTS" in response.text


@pytest.mark.parametrize(
    ("host", "answered"),
    [
        ("localhost", True), ("LOCALHOST:9000", True), ("localhost.", True), ("127.0.0.1:1", True), ("[::1]:80", True),
        ("app.localhost", True), ("pier.example.org", True), ("Pier.Example.Org:8443", True),
        ("", False), ("::1", False), ("[::2]:8000", False), ("10.0.0.7", False), ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False), ("a.pier.example.org", False), ("evil.example:localhost", False),
    ],
)  # fmt: skip
def test_on_loopback_only_local_and_listed_hosts_are_answered(listing: httpx.Client, host: str, answered: bool) -> None:
    assert listing.get("/health/live", headers={"Host": host}).status_code == (200 if answered else 421)


@pytest.mark.parametrize(
    ("settings", "answered"),
    [
        (Settings(), False),
        (Settings(allowed_hosts="*"), True),
        (Settings(allowed_hosts="sst, [fd00::7]"), False),
        (Settings(host="::1"), False),
        (Settings(host="0.0.0.0"), True),
        (Settings(host="0.0.0.0", allowed_hosts="sst,fd00::7"), False),
    ],
)
@pytest.mark.anyio
async def test_elsewhere_any_host_is_answered_unless_some_are_listed(settings: Settings, answered: bool) -> None:
    transport = httpx.ASGITransport(create_app(settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:

        async def answers_to(host: str) -> bool:
            return (await client.get("/health/live", headers={"Host": host})).status_code == 200

        assert await answers_to("evil.example") == answered
        assert await answers_to("127.0.0.1:8000")
        assert await answers_to("10.0.0.7:8000") == (answered or settings.host == "0.0.0.0")
        for host in ("sst:8000", "[fd00::7]:8000"):
            assert await answers_to(host) == (answered or "sst" in settings.hosts)


REFUSED = [
    {"Origin": EVIL},
    {"Origin": "null"},
    {"Origin": f"{PAGE}.evil.example"},
    {"Origin": "http://pier.example.org"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": EVIL, "Sec-Fetch-Site": "cross-site"},
    {"Origin": "http://localhost:8000", "Host": "localhost:9000"},
    {"Origin": "http://localhost:8000", "Host": "localhost:8000", "Sec-Fetch-Site": "cross-site"},
]
ALLOWED = [
    {},
    {"Origin": PAGE, "Sec-Fetch-Site": "cross-site"},
    {"Origin": "http://localhost:8000", "Host": "localhost:8000", "Sec-Fetch-Site": "same-origin"},
    {"Origin": "http://localhost:8000", "Host": "localhost:8000"},
    {"Sec-Fetch-Site": "none"},
    # Behind a proxy that changes Host.
    {"Origin": "https://sst.example.org", "Sec-Fetch-Site": "same-origin"},
]


@pytest.mark.parametrize("headers", REFUSED)
def test_a_request_that_another_page_sends_changes_nothing(
    listing: httpx.Client, nino12: SstSeries, headers: dict[str, str]
) -> None:
    readings, plain = "time,sst\n2020-01-01,20\n", headers | {"Content-Type": "text/plain"}
    for response in (
        listing.post("/stations/pier/observations", content=readings, headers=plain),
        listing.post("/observations", content=readings, headers=plain),
        listing.put("/stations/other", json={"step": "day"}, headers=headers),
        listing.delete("/stations/pier", headers=headers),
        listing.post("/forecast?dataset=nino12", json=body(nino12), headers=headers),
        listing.post("/v2/repository/models/nino12-gru/unload", headers=headers),
    ):
        assert response.status_code == 403
        assert "SST_CORS_ORIGINS lists the allowed origins" in response.text
    assert listing.get("/stations/pier", headers=headers).json()["newest"] is None
    assert listing.get("/stations/other").status_code == 404


@pytest.mark.parametrize("headers", ALLOWED)
def test_programs_the_services_own_page_and_listed_pages_can_write(
    listing: httpx.Client, nino12: SstSeries, headers: dict[str, str]
) -> None:
    assert listing.put("/stations/own", json={"step": "day"}, headers=headers).is_success
    assert listing.post("/forecast?dataset=nino12", json=body(nino12), headers=headers).is_success


@pytest.mark.parametrize("host", ["https://a.org", "a.org:80", "a b", "*.a.org", "[::1]:80"])
def test_an_invalid_host_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match=r"invalid host .*: write a name or an address, without a scheme or a port"):
        Settings(allowed_hosts=f"b.org,{host}")

"""Access by path, by API key, and by the address that the service listens on."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from forecasting.errors import RequestError
from service.app import create_app
from service.http.problems import ProblemError, error_response
from service.middleware.access import Access, is_loopback, refuse_open_bind
from service.middleware.keys import ANONYMOUS, Key, Keys, Role, new_key
from service.settings import Settings
from tests.refused_start import refused_start

APP = create_app(Settings()).state
GUARDS = [guard for plugin in APP.plugins.values() for guard in plugin.guards]

PRESENTED, PIER = new_key("pier", Role.FORECAST)
STATION_PRESENTED, BOAT = new_key("boat", Role.STATION)
ADMIN_PRESENTED, OPS = new_key("ops", Role.ADMIN)
KEYS = Keys([PIER, BOAT, OPS])

SENT = {
    "nothing": None,
    "forecast": f"Bearer {PRESENTED}".encode(),
    "station": f"Bearer {STATION_PRESENTED}".encode(),
    "admin": f"bearer {ADMIN_PRESENTED}".encode(),
    "wrong": b"Bearer " + b"x" * 43,
    "login": b"Basic cGllcjpzZWNyZXQ=",
}
LOAD = "/v2/repository/models/nino12-gru/load"
OPEN = ["/", "/add", "/place/station/a/b", "/place/sea/à côté", "/place/", "/report/nino12", "/report/",
        "/about/models", "/health/live", "/health/ready", "/metrics", "/docs", "/openapi.json", "/favicon.ico",
        "/manual", "/manual/", "/manual/index",
        "/assets/page.js", "/assets/fonts/a-b_c.woff2", "/v2/health/live", "/v2/health/ready"]  # fmt: skip
FORECASTS = ["/forecast", "/compare", "/compare/plot", "/models/nino12-gru", "/series", "/v2",
             "/v2/models/nino12-gru/infer", "/v2/repository/index", "/nowhere"]  # fmt: skip
ADMIN = [LOAD, "/v2/repository/models/nino12-gru/unload", "/v2/repository/models/a/b/load", "/v2/repository/index/",
         "/v2/repository/"]  # fmt: skip
DISGUISED = ["//", "/health", "/health/", "//health/live", "/health//live", "/health/../forecast", "/Health/live",
             "/health/live/", "/health/.hidden", "/assets/../forecast", "/assets/a/../../forecast", "/assets/%2e%2e/x",
             "/assets/a\\..\\b", "/assets/a\n", "/assets", "/assets2/x", "/place", "/place/../forecast",
             "/place/sea/..", "/place/./x", "/place/%2e%2e/x", "/report/a\\..\\b", "/place/a\n", "/places/x", "/add/",
             "/metrics/", "/metricsx", "/METRICS",
             "/docs/x", "/v2/health", "/v2/healthy/live", "/forecast/health/live", ""]  # fmt: skip


def verdict(access: Access, path: str, sent: str, method: str = "POST") -> "int | Key | None":
    """The status that refuses, or whose request it is."""
    try:
        return access.check(path, SENT[sent], method)
    except ProblemError as error:
        return int(error.status)


def access(host: str = "127.0.0.1", keys: Keys = KEYS, allow_anonymous: bool | None = None) -> Access:
    return Access(Settings(host=host, allow_anonymous=allow_anonymous), keys, APP.paths, GUARDS)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
@pytest.mark.parametrize("sent", SENT)
@pytest.mark.parametrize("path", OPEN)
def test_probes_metrics_and_the_page_never_ask_for_a_key(host: str, sent: str, path: str) -> None:
    assert verdict(access(host), path, sent) is None


@pytest.mark.parametrize(
    ("host", "allow_anonymous", "nothing"),
    [
        ("0.0.0.0", None, 401),
        ("0.0.0.0", False, 401),
        ("0.0.0.0", True, ANONYMOUS),
        ("127.0.0.1", None, None),
        ("127.0.0.1", False, 401),
        ("127.0.0.1", True, ANONYMOUS),
    ],
)
@pytest.mark.parametrize("path", FORECASTS)
def test_forecasts_need_a_key_except_on_loopback_or_if_anonymous_calls_are_allowed(
    host: str, allow_anonymous: bool | None, nothing: "int | Key | None", path: str
) -> None:
    guarded = access(host, allow_anonymous=allow_anonymous)
    expected = {"nothing": nothing, "login": nothing, "wrong": 401, "forecast": PIER, "station": BOAT, "admin": OPS}
    assert {sent: verdict(guarded, path, sent) for sent in SENT} == expected


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
@pytest.mark.parametrize("allow_anonymous", [None, True])
@pytest.mark.parametrize("path", ADMIN)
def test_admin_calls_ask_for_an_admin_key_everywhere(host: str, allow_anonymous: bool | None, path: str) -> None:
    guarded = access(host, allow_anonymous=allow_anonymous)
    expected = {"nothing": 401, "login": 401, "wrong": 401, "forecast": 403, "station": 403, "admin": OPS}
    assert {sent: verdict(guarded, path, sent) for sent in SENT} == expected


@pytest.mark.parametrize("keys", [Keys(), Keys([PIER])])
@pytest.mark.parametrize("sent", SENT)
def test_without_an_admin_key_admin_calls_get_a_403_that_says_how_to_make_one(keys: Keys, sent: str) -> None:
    with pytest.raises(ProblemError, match="python -m service key --name NAME --role admin") as refused:
        access(keys=keys).check(LOAD, SENT[sent])
    assert refused.value.status == 403


@pytest.mark.parametrize("keys", [Keys(), Keys([PIER])])
def test_without_a_station_key_only_loopback_without_keys_may_write_stations(keys: Keys) -> None:
    local, public = access(keys=keys), access("0.0.0.0", keys=keys, allow_anonymous=True)
    for path in ("/stations/pier", "/stations/pier/observations", "/observations"):
        with pytest.raises(ProblemError, match=r"needs a station key, but none is configured: .* --role station"):
            public.check(path, SENT["forecast"], "POST")
        assert public.check(path, None, "GET") in (None, ANONYMOUS)
        if not keys:
            assert local.check(path, None, "PUT") is None


@pytest.mark.parametrize(
    ("host", "method", "has_method", "expected"),
    [
        # What is not refused here goes on to the routes, which answer 405.
        ("0.0.0.0", "PATCH", False, {"nothing": 401, "wrong": 401, "forecast": PIER, "station": BOAT, "admin": OPS}),
        ("0.0.0.0", "DELETE", False, {"nothing": 401, "wrong": 401, "forecast": PIER, "station": BOAT, "admin": OPS}),
        ("127.0.0.1", "PATCH", False, {"nothing": None, "wrong": 401, "forecast": PIER, "station": BOAT, "admin": OPS}),
        ("0.0.0.0", "PUT", True, {"nothing": 401, "wrong": 401, "forecast": 403, "station": BOAT, "admin": OPS}),
        ("0.0.0.0", "DELETE", True, {"nothing": 401, "wrong": 401, "forecast": 403, "station": BOAT, "admin": OPS}),
        ("127.0.0.1", "PUT", True, {"nothing": 401, "wrong": 401, "forecast": 403, "station": BOAT, "admin": OPS}),
    ],
)
def test_methods_that_a_station_path_has_need_the_role_and_others_only_what_forecasts_need(
    host: str, method: str, has_method: bool, expected: "dict[str, int | Key | None]"
) -> None:
    guarded = Access(Settings(host=host), KEYS, APP.paths, GUARDS, lambda path, method: has_method)
    assert {sent: verdict(guarded, "/stations/pier", sent, method) for sent in expected} == expected


@pytest.mark.parametrize("sent", SENT)
def test_without_keys_on_loopback_any_credential_can_forecast(sent: str) -> None:
    assert verdict(access(keys=Keys()), "/forecast", sent) is None


@pytest.mark.parametrize("path", DISGUISED)
def test_only_the_listed_paths_are_open_letter_for_letter(path: str) -> None:
    assert verdict(access("0.0.0.0"), path, "nothing") == 401


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Bearer  ", f"Bearer{PRESENTED}", PRESENTED, f"Bearer {PRESENTED} x",
     f"Bearer {PIER.digest.hex()}", f"Token {PRESENTED}"],
    ids=["empty", "no key", "a space", "two spaces", "no space", "no scheme", "more", "digest", "scheme"],
)  # fmt: skip
def test_a_malformed_authorization_header_is_a_401(header: str) -> None:
    with pytest.raises(ProblemError) as refused:
        access("0.0.0.0").check("/forecast", header.encode())
    assert refused.value.status == 401
    assert refused.value.headers is not None
    assert refused.value.headers["WWW-Authenticate"].startswith("Bearer")
    assert PRESENTED not in refused.value.detail


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "localhost", "LocalHost"])
def test_loopback_is_known_by_its_addresses(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "", "0", "10.0.0.7", "128.0.0.1", "fe80::1", "localhost.example.org", "buoy", "127.1"]
)
def test_any_other_host_needs_keys(host: str) -> None:
    assert not is_loopback(host)
    with pytest.raises(RequestError, match="SST_KEYS_FILE or SST_KEYS, or let everyone forecast with SST_ALLOW_ANON"):
        refuse_open_bind(Settings(host=host), Keys())
    refuse_open_bind(Settings(host=host), KEYS)
    refuse_open_bind(Settings(host=host, allow_anonymous=True), Keys())


def test_requiring_keys_without_any_is_refused() -> None:
    refuse_open_bind(Settings(), Keys())
    with pytest.raises(RequestError, match="SST_ALLOW_ANONYMOUS=false needs keys, but there are none"):
        refuse_open_bind(Settings(allow_anonymous=False), Keys())


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({}, "sst serve: other machines can reach 0.0.0.0, but there are no keys: create a key with"),
        ({"allow_anonymous": "perhaps"}, "SST_ALLOW_ANONYMOUS=perhaps"),
        ({"keys": f"{PIER.line}\npier:forecast:{PRESENTED}"}, "sst serve: SST_KEYS line 2: the last field must be"),
        ({"keys": PIER.line, "cors_origins": "https://a.org/"}, "invalid origin 'https://a.org/'"),
    ],
)
def test_a_start_that_would_expose_too_much_is_refused_before_it_listens(
    artifacts: Path, settings: dict[str, str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    messages = refused_start(capsys, "--host", "0.0.0.0", "--port", "0", "--artifacts", str(artifacts), **settings)
    assert sentence in "\n".join(messages)
    assert PRESENTED not in "\n".join(messages)


class Guard:
    """An application behind a policy: what a gate does, without all else that it does."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app, self.access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                self.access.check(scope["path"], dict(scope["headers"]).get(b"authorization"))
            except ProblemError as error:
                await error_response(error, scope)(scope, receive, send)
                return
        await self.app(scope, receive, send)


@pytest.fixture(scope="module")
def guarded() -> Iterator[socket.socket]:
    """The address of a server whose every call without a key that comes through is answered with 200."""
    app = FastAPI()
    app.add_api_route("/v2/repository/models/{model}/load", lambda model: model, methods=["POST"])
    app.add_api_route("/forecast", lambda: "forecast", methods=["POST"])
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(Guard(app, access("0.0.0.0")), log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield listener
    server.should_exit = True
    thread.join()


def status_of(server: socket.socket, target: str, authorization: str = "") -> int:
    """Return the status of a POST to this target, sent byte for byte."""
    with socket.create_connection(server.getsockname()) as connection:
        head = f"POST {target} HTTP/1.1\r\nHost: pier\r\nContent-Length: 0\r\nConnection: close\r\n{authorization}\r\n"
        connection.sendall(head.encode("latin-1"))
        return int(connection.makefile("rb").readline().split()[1])


@pytest.mark.parametrize(
    "target",
    [
        LOAD, LOAD + "/", "/" + LOAD, LOAD.upper(), LOAD + "?x=/health/live", LOAD + "#/health/live",
        LOAD + ";/health/live", "http://pier" + LOAD, "http://pier/health/live/.." + LOAD,
        "/v2/repository/models/nino12-gru%2Fload", "/v2/repository%2Fmodels/nino12-gru/load",
        "/%76%32/repository/models/a/load", "/v2//repository/models/a/load", "/v2/./repository/models/a/load",
        "/v2/repository/index/../models/a/load", "/health/../v2/repository/models/a/load",
        "/health/%2e%2e/v2/repository/models/a/load", "/assets/..%2f..%2fv2/repository/models/a/load",
        "/forecast", "/forecast/", "//forecast", "/%2fforecast", "/forecast?/health/live", "/forecast%3f/metrics",
        "/health/live/../../forecast",
    ],
)  # fmt: skip
def test_no_spelling_of_a_path_bypasses_the_policy(guarded: socket.socket, target: str) -> None:
    assert status_of(guarded, target) in (400, 401, 404)
    if "repository" in target.lower():
        assert status_of(guarded, target, f"Authorization: Bearer {PRESENTED}\r\n") in (307, 400, 403, 404)


def test_the_right_key_is_accepted(guarded: socket.socket) -> None:
    assert status_of(guarded, LOAD, f"Authorization: Bearer {ADMIN_PRESENTED}\r\n") == 200
    assert status_of(guarded, "/forecast", f"authorization: bearer {PRESENTED}\r\n") == 200

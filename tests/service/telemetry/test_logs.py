"""One line an event, that programs can read and clients cannot forge."""

import fcntl
import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest
from opentelemetry.sdk.trace import TracerProvider
from pydantic import SecretStr
from starlette.types import Scope

from forecasting.series.sst_series import SstSeries
from service.middleware.keys import Role, new_key
from service.settings import Settings
from service.telemetry.logs import (
    JsonFormatter,
    LineHandler,
    TextFormatter,
    access_logger,
    audit_logger,
    log_config,
    request_scope,
)
from service.worker.threads import Worker
from tests.processes import running
from tests.refused_start import refused_start
from tests.service.requests import body
from tests.serving import serve

Json = dict[str, Any]

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"

FORGED = 'gone\n{"level": "info", "message": "all is well"}\r\x1b[2K\x85\u2028\x00'


class Lines:
    """A logger, and the lines that it writes."""

    def __init__(self, formatter: logging.Formatter) -> None:
        self.stream = io.StringIO()
        handler = logging.StreamHandler(self.stream)
        handler.setFormatter(formatter)
        self.logger = logging.Logger("service", "INFO")
        self.logger.addHandler(handler)
        self.handler = handler

    def read(self) -> list[str]:
        return self.stream.getvalue().splitlines()

    def only_event(self) -> Json:
        (line,) = self.read()
        event: Json = json.loads(line)
        return event


@pytest.fixture
def lines() -> Lines:
    return Lines(JsonFormatter())


def fail(words: str) -> None:
    raise ValueError(words)


def test_an_event_is_one_json_object(lines: Lines) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    lines.logger.info(
        "loaded %d models", 3, extra={"version": "v1", "ms": 1.5, "path": Path("/a"), "rate": float("nan")}
    )
    event = lines.only_event()
    assert before <= datetime.fromisoformat(event["time"]) <= datetime.now(UTC)
    assert event.pop("time").endswith("Z")
    assert event == {
        "level": "info", "logger": "service", "message": "loaded 3 models",
        "version": "v1", "ms": 1.5, "path": "/a", "rate": "nan",
    }  # fmt: skip


def test_an_exception_is_text_within_its_line(lines: Lines) -> None:
    try:
        fail("no such buoy")
    except ValueError:
        lines.logger.exception("request failed")
    event = lines.only_event()
    assert event["exception"].startswith("Traceback")
    assert event["exception"].endswith("ValueError: no such buoy")


def test_extra_fields_cannot_replace_the_standard_fields_of_a_line(lines: Lines) -> None:
    lines.logger.info("real", extra={"level": "critical", "logger": "root", "time": "never"})
    event = lines.only_event()
    assert (event["level"], event["logger"], event["message"]) == ("info", "service", "real")
    assert event["time"] != "never"


@pytest.mark.parametrize("formatter", [JsonFormatter(), TextFormatter()])
def test_a_client_cannot_forge_a_line(formatter: logging.Formatter) -> None:
    lines = Lines(formatter)
    lines.logger.warning("no dataset %s", FORGED, extra={"dataset": FORGED})
    (line,) = lines.stream.getvalue().removesuffix("\n").split("\n")
    assert line.isprintable()
    assert "all is well" in line


def test_no_line_of_a_traceback_passes_for_an_event() -> None:
    lines = Lines(TextFormatter())
    try:
        fail("gone\nINFO:     all is well\x1b[2K")
    except ValueError:
        lines.logger.exception("request failed")
    first, *rest = lines.stream.getvalue().splitlines()
    assert first == "ERROR:    request failed"
    assert rest[-1] == "    INFO:     all is well\\x1b[2K"
    assert all(line.startswith("    ") for line in rest)


def in_request(headers: list[tuple[bytes, bytes]]) -> Scope:
    return {"type": "http", "request_id": "r-1", "headers": headers}


@pytest.fixture
def requested() -> Iterator[None]:
    token = request_scope.set(in_request([(b"traceparent", f"00-{TRACE}-{SPAN}-01".encode())]))
    yield
    request_scope.reset(token)


@pytest.mark.usefixtures("requested")
def test_a_line_carries_the_ids_of_its_request(lines: Lines) -> None:
    lines.logger.info("slow")
    event = lines.only_event()
    assert (event["request_id"], event["trace_id"], event["span_id"]) == ("r-1", TRACE, SPAN)


@pytest.mark.usefixtures("requested")
def test_a_line_within_a_span_of_the_service_has_its_id(lines: Lines) -> None:
    with TracerProvider().get_tracer("test").start_as_current_span("work") as span:
        lines.logger.info("slow")
    event, context = lines.only_event(), span.get_span_context()
    assert (event["trace_id"], event["span_id"]) == (f"{context.trace_id:032x}", f"{context.span_id:016x}")
    assert event["request_id"] == "r-1"


@pytest.mark.anyio
@pytest.mark.usefixtures("requested")
async def test_a_line_from_a_thread_has_the_ids_of_its_request(lines: Lines) -> None:
    with Worker(1, "slow") as worker:
        await worker.run(lines.logger.warning, "slow")
    assert lines.only_event()["request_id"] == "r-1"


@pytest.mark.usefixtures("requested")
def test_text_lines_have_the_ids_too() -> None:
    lines = Lines(TextFormatter())
    lines.logger.info("slow", extra={"ms": 12})
    assert lines.read() == [f"INFO:     slow request_id=r-1 trace_id={TRACE} span_id={SPAN} ms=12"]


def test_lines_outside_of_requests_have_no_ids(lines: Lines) -> None:
    lines.logger.info("loaded")
    assert set(lines.only_event()) == {"time", "level", "logger", "message"}


@pytest.mark.long
def test_the_access_log_has_one_line_a_request(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_logger, "handlers", [lines.handler])
    monkeypatch.setattr(access_logger, "level", logging.INFO)
    with serve(Settings(access_log=True)) as client:
        client.get("/health/live", headers={"X-Request-ID": "mine", "traceparent": f"00-{TRACE}-{SPAN}-00"})
        client.request("PROPFIND", "/health/live", headers={"X-Request-ID": "second"})
    events = {event["request_id"]: event for event in map(json.loads, lines.read())}
    mine, second = events["mine"], events["second"]
    assert mine["logger"] == "service.access"
    assert {name: mine[name] for name in ("method", "route", "status")} == {
        "method": "GET", "route": "/health/live", "status": 200,
    }  # fmt: skip
    assert 0 < mine["ms"] < 60_000
    assert (mine["trace_id"], mine["span_id"]) == (TRACE, SPAN)
    assert second["method"] == "other"
    assert "trace_id" not in second


KEYS = {role: new_key(f"the-{role}", role) for role in (Role.FORECAST, Role.ADMIN)}


@pytest.mark.parametrize("access_log", [True, False])
def test_lines_about_requests_name_the_caller_and_admin_calls_are_always_logged(
    artifacts: Path, nino12: SstSeries, lines: Lines, monkeypatch: pytest.MonkeyPatch, access_log: bool
) -> None:
    for logger in (access_logger, audit_logger):
        monkeypatch.setattr(logger, "handlers", [lines.handler])
        monkeypatch.setattr(logger, "level", logging.INFO)
    keys = "\n".join(key.line for _, key in KEYS.values())
    settings = Settings(artifacts=artifacts, keys=SecretStr(keys), allow_anonymous=True, access_log=access_log)
    with serve(settings) as client:
        client.get("/models")
        client.post("/forecast", json=body(nino12), headers=bearer(Role.FORECAST))
        client.post("/v2/repository/models/nino12-gru/unload", headers=bearer(Role.FORECAST))
        client.post("/v2/repository/models/nino12-gru/unload", headers=bearer(Role.ADMIN))
        client.delete("/stations/pier")
    logged = [
        (event["logger"], event["method"], event["route"], event.get("path"), event["status"], event.get("caller"))
        for event in map(json.loads, lines.read())
        if "health" not in event["route"]
    ]
    unload, path = "/v2/repository/models/{model}/unload", "/v2/repository/models/nino12-gru/unload"
    audit = [
        ("service.audit", "POST", unload, path, 403, None),
        ("service.audit", "POST", unload, path, 200, "the-admin"),
        ("service.audit", "DELETE", "/stations/{id}", "/stations/pier", 401, None),
    ]
    access = [
        ("service.access", "GET", "/models", None, 200, "anonymous"),
        ("service.access", "POST", "/forecast", None, 200, "the-forecast"),
        *(("service.access", *event[1:3], None, *event[4:]) for event in audit),
    ]
    assert [event for event in logged if event[0] == "service.audit"] == audit
    assert [event for event in logged if event[0] == "service.access"] == (access if access_log else [])


def bearer(role: Role) -> dict[str, str]:
    return {"Authorization": f"Bearer {KEYS[role][0]}"}


class Stream(io.StringIO):
    """A standard error stream that is a terminal or is not."""

    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


@pytest.mark.parametrize(
    ("asked", "terminal", "formatter"),
    [
        ("auto", True, TextFormatter),
        ("auto", False, JsonFormatter),
        ("text", False, TextFormatter),
        ("json", True, JsonFormatter),
    ],
)
def test_text_is_for_terminals_and_json_for_programs(
    monkeypatch: pytest.MonkeyPatch, asked: Literal["auto", "text", "json"], terminal: bool, formatter: type
) -> None:
    monkeypatch.setattr(sys, "stderr", Stream(terminal))
    assert log_config(Settings(log_format=asked))["formatters"]["line"]["()"] is formatter


@pytest.mark.long
def test_every_line_of_a_service_with_two_workers_is_json(artifacts: Path) -> None:
    with running(artifacts, log_format="json", workers=2) as service:
        pass
    assert_every_line_is_json(service.log)


def assert_every_line_is_json(log: list[str]) -> None:
    events = [json.loads(line) for line in log]
    assert {"service", "uvicorn.error"} <= {event["logger"] for event in events}
    assert any(event["message"].startswith("ready: ") for event in events)


_TROUBLE = """
import asyncio, logging, threading, warnings
from service.settings import Settings
from service.telemetry.logs import configure_logs

configure_logs(Settings(log_format="json"))

def fail():
    raise ValueError("no such\\nbuoy")

class Buoy:
    def __del__(self):
        fail()

async def forget():
    task = asyncio.create_task(asyncio.to_thread(fail))
    await asyncio.wait([task])
    del task

warnings.warn("first\\nsecond")
logging.getLogger("alembic.runtime.migration").info("Running upgrade")
thread = threading.Thread(target=fail, name="fetching")
thread.start()
thread.join()
asyncio.run(forget())
Buoy()
fail()
"""


def test_warnings_and_exceptions_that_nothing_handles_are_lines_like_all_others() -> None:
    done = subprocess.run([sys.executable, "-c", _TROUBLE], capture_output=True, text=True, check=False)
    events = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(event["level"], event["logger"]) for event in events] == [
        ("warning", "py.warnings"),
        ("info", "alembic.runtime.migration"),
        ("error", "service"),
        ("error", "asyncio"),
        ("error", "service"),
        ("critical", "service"),
    ]
    assert "UserWarning: first\nsecond" in events[0]["message"]
    assert events[2]["message"] == "thread fetching ended because of an unexpected error"
    assert all(event["exception"].endswith("ValueError: no such\nbuoy") for event in events[2:])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"port": "high"}, "invalid setting SST_PORT=high: expected a whole number from 0 to 65535"),
        ({"host": "0.0.0.0"}, "other machines can reach 0.0.0.0, but there are no keys"),
    ],
)
def test_a_start_that_fails_says_why_in_a_line_that_programs_can_read(
    capsys: pytest.CaptureFixture[str], settings: dict[str, str], message: str
) -> None:
    (line,) = refused_start(capsys, log_format="json", **settings)
    event = json.loads(line)
    assert (event["level"], event["logger"]) == ("critical", "service")
    assert event["message"].startswith(message)


@pytest.mark.long
def test_every_line_is_json_with_an_unreadable_database_and_extreme_thresholds_write_no_warning(
    artifacts: Path, nino12: SstSeries, tmp_path: Path
) -> None:
    (tmp_path / "sst.db").write_bytes(b"no database" * 1_000)
    with running(artifacts, log_format="json", store=f"sqlite:///{tmp_path}/sst.db") as service:
        before = len(service.log)
        for threshold, chance in ((1.7e308, 0.0), (-1.7e308, 1.0)):
            answer = httpx.post(f"{service.url}/forecast", json=body(nino12, thresholds=[threshold]))
            assert answer.json()["forecasts"][0]["exceedance"][0]["probability"] == [chance]
        service.wait_for("the store cannot be used")
        service.process.terminate()
        service.process.wait()
        service.wait_for("Finished server process")
    assert not any("Warning" in line for line in service.log[before:])
    assert_every_line_is_json(service.log)


def test_lines_that_are_not_read_in_time_are_dropped_and_counted() -> None:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 65_536)
    with open(reading) as reader, open(writing, "w") as stream:  # noqa: PTH123  a descriptor has no path
        handler = LineHandler(stream)
        handler.setFormatter(logging.Formatter("%(message)s"))
        logger = logging.Logger("service")
        logger.addHandler(handler)
        for number in range(60):
            logger.info("%02d %s", number, "x" * 100_000)
        lines = [reader.readline() for _ in range(42)]
        handler.close()
    assert [line.partition(" ")[0] for line in lines[:-1]] == [f"{number:02d}" for number in range(41)]
    assert lines[-1] == "19 log lines were dropped: the reader of standard error was too slow\n"

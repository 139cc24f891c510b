"""Spans when they are asked for, in the client's trace and with the parts of each request; otherwise nothing."""

import gzip
import http.server
import itertools
import logging
import queue
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased
from opentelemetry.trace import NoOpTracerProvider, SpanKind, StatusCode, format_span_id, format_trace_id
from pydantic import SecretStr

from forecasting.series.sst_series import SstSeries
from service.app import create_app
from service.settings import Settings
from service.telemetry.logs import JsonFormatter, access_logger
from service.telemetry.tracing import client_span, describe_process, request_tracer
from tests.processes import running, wait_until
from tests.servers.erddap import serving
from tests.service.requests import Json, body
from tests.service.telemetry.test_logs import SPAN, TRACE, Lines
from tests.serving import serve_app

TRACEPARENT = {"traceparent": f"00-{TRACE}-{SPAN}-01"}


@pytest.mark.parametrize(
    ("headers", "is_valid"),
    [
        ([f"00-{TRACE}-{SPAN}-01"], True),
        ([f"cc-{TRACE}-{SPAN}-00-what-the-future-will-be-like"], True),
        ([f"00-{TRACE}-{'0' * 16}-01"], False),
        ([f"00-{'٠' * 32}-{SPAN}-01"], False),
        ([""], False),
        ([f"00-{TRACE}-{SPAN}-01"] * 2, False),
        ([], False),
    ],
)
def test_one_valid_header_names_the_clients_span(headers: list[str], is_valid: bool) -> None:
    given = [(b"host", b"here"), *((b"traceparent", header.encode()) for header in headers)]
    span = client_span({"headers": given})
    found = span and (format_trace_id(span.trace_id), format_span_id(span.span_id))
    assert found == ((TRACE, SPAN) if is_valid else None)


VERSION = version("sst-forecasting")


@pytest.mark.parametrize(
    ("stated", "name", "release"),
    [
        ({}, "sst-forecasting", VERSION),
        ({"OTEL_SERVICE_NAME": "harbour"}, "harbour", VERSION),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=harbour, host.name=pier"}, "harbour", VERSION),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.version=7"}, "sst-forecasting", "7"),
    ],
)
def test_spans_name_the_service_and_its_version_unless_the_operator_does(
    monkeypatch: pytest.MonkeyPatch, stated: dict[str, str], name: str, release: str
) -> None:
    environment = dict(stated)
    describe_process(environment)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    attributes = Resource.create().attributes
    assert (attributes["service.name"], attributes["service.version"]) == (name, release)


DAYS: Json = {"start": "2024-01-01", "step": "day", "values": [15.0 + day % 5 / 10 for day in range(60)]}
SMALL: Json = {"series": [DAYS], "horizon": 2}
SOURCE = {"dataset": "year", "variable": "sst", "latitude": 43.625, "longitude": -9.125}


PARTS = ("queue", "inference", "writing", "call", "store.read", "store.write")


class Traced:
    """A service that traces everything, and its spans."""

    def __init__(self, app: FastAPI, client: httpx.Client, exporter: InMemorySpanExporter) -> None:
        self.app = app
        self.client = client
        self._exporter = exporter
        self._traces = itertools.count(1)

    def named(self, *names: str) -> list[ReadableSpan]:
        return [span for span in self._exporter.get_finished_spans() if span.name in names]

    def send(self, method: str, path: str, given: Json | None = None, **headers: str) -> ReadableSpan:
        """Send a request in a trace of its own, and return its span."""
        trace = next(self._traces)
        headers["traceparent"] = f"00-{trace:032x}-{1:016x}-01"
        self.client.request(method, path, json=given, headers=headers)

        def spans() -> list[ReadableSpan]:
            finished = self._exporter.get_finished_spans()
            return [span for span in finished if span.kind is SpanKind.SERVER and trace_of(span) == trace]

        # The answer may arrive before its span ends.
        wait_until(lambda: bool(spans()), "the span of the request did not end")
        (span,) = spans()
        return span

    def parts(self, whole: ReadableSpan) -> list[str]:
        """Return the names of the parts of a request or job, by their begin."""
        parts = [span for span in self.named(*PARTS) if trace_of(span) == trace_of(whole)]
        for part in parts:
            times = whole.start_time, part.start_time, part.end_time, whole.end_time
            assert sorted(time or 0 for time in times) == [*times]
        return [part.name for part in sorted(parts, key=lambda part: part.start_time or 0)]


def trace_of(span: ReadableSpan) -> int:
    assert span.context is not None
    trace: int = span.context.trace_id
    return trace


@pytest.fixture(scope="module")
def traced(seas: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    store = f"sqlite:///{tmp_path_factory.mktemp('state')}/sst.db"
    settings = Settings(artifacts=seas, store=SecretStr(store), allow_private_addresses=True, access_log=True)
    app = create_app(settings, telemetry={"tracer_provider": provider})
    with serve_app(app) as client:
        yield Traced(app, client, exporter)


@pytest.mark.parametrize(
    ("method", "path", "given", "encoding", "name", "status"),
    [
        ("GET", "/models/nino12-gru", None, "", "GET /models/{model}", 200),
        ("POST", "/forecast", SMALL, "", "POST /forecast", 200),
        ("POST", "/forecast", {"series": []}, "", "POST /forecast", 422),
        ("POST", "/forecast", SMALL, "br", "POST", 415),
    ],
)
def test_a_request_has_a_span_in_the_clients_trace_and_a_refusal_is_no_fault(
    traced: Traced, method: str, path: str, given: Json | None, encoding: str, name: str, status: int
) -> None:
    span = traced.send(method, path, given, **({"Content-Encoding": encoding} if encoding else {}))
    assert span.parent is not None
    assert span.parent.span_id == 1
    assert span.attributes is not None
    assert (span.name, span.attributes["http.response.status_code"]) == (name, status)
    assert span.status.status_code is not StatusCode.ERROR


def test_a_fault_marks_its_span(traced: Traced) -> None:
    traced.app.state.lifecycle.draining = True
    span = traced.send("GET", "/health/ready")
    traced.app.state.lifecycle.draining = False
    assert span.status.status_code is StatusCode.ERROR


def test_a_forecast_has_the_parts_queue_inference_and_writing(traced: Traced, nino12: SstSeries) -> None:
    small = body(nino12)
    large = small | {"series": [small["series"][0] | {"id": str(number)} for number in range(70)]}
    for request in (small, large, SMALL):
        first, *others, last = traced.parts(traced.send("POST", "/forecast", request))
        assert (first, last) == ("queue", "writing")
        assert "inference" in others
        assert set(others) <= {"queue", "inference"}


def test_a_forecast_through_fastapi_has_parts_too(traced: Traced) -> None:
    assert traced.parts(traced.send("GET", "/forecast?model=gru")) == ["inference", "writing"]


def test_windows_of_the_inference_protocol_wait_in_the_queue_and_are_inferred(traced: Traced) -> None:
    metadata = traced.client.get("/v2/models/nino12-gru").raise_for_status().json()
    inputs = [
        {"name": given["name"], "datatype": given["datatype"], "shape": [1, *given["shape"][1:]],
         "data": [15.0] * (given["shape"][1] if len(given["shape"]) > 1 else 1)}
        for given in metadata["inputs"]
    ]  # fmt: skip
    span = traced.send("POST", "/v2/models/nino12-gru/infer", {"inputs": inputs})
    assert traced.parts(span) == ["queue", "inference"]


def test_readings_are_traced_to_the_database(traced: Traced) -> None:
    traced.client.put("/stations/pier", json={"step": "day"}).raise_for_status()
    readings = {name: DAYS[name] for name in ("start", "values")}
    parts = traced.parts(traced.send("POST", "/stations/pier/observations", readings))
    assert {"queue", "store.read", "store.write", "inference"} <= set(parts)


def test_a_fetch_in_the_background_is_a_trace_of_its_own(traced: Traced) -> None:
    with serving() as erddap:
        source = {"erddap": {"server": erddap.url, **SOURCE}, "since": "2024-01-01"}
        traced.client.put("/stations/buoy", json={"step": "day", "source": source}).raise_for_status()
        wait_until(lambda: bool(traced.named("fetch")), "the source was not fetched")
    (fetch,) = traced.named("fetch")
    assert fetch.parent is None
    assert {"call", "store.write"} <= set(traced.parts(fetch))


def test_looking_for_work_in_the_background_leaves_no_spans(traced: Traced) -> None:
    assert [span for span in traced.named(*PARTS) if span.parent is None] == []


@pytest.fixture
def access_lines() -> Iterator[Lines]:
    lines, level = Lines(JsonFormatter()), access_logger.level
    access_logger.addHandler(lines.handler)
    access_logger.setLevel(logging.INFO)
    yield lines
    access_logger.removeHandler(lines.handler)
    access_logger.setLevel(level)


@pytest.mark.parametrize(
    ("method", "path", "given"),
    [("GET", "/models", None), ("POST", "/forecast", SMALL), ("POST", "/forecast", {"series": []})],
)
def test_the_access_line_of_a_traced_request_has_the_ids_of_its_span(
    traced: Traced, access_lines: Lines, method: str, path: str, given: Json | None
) -> None:
    context = traced.send(method, path, given).context
    wait_until(lambda: bool(access_lines.read()), "no access line was written")
    event = access_lines.only_event()
    assert context is not None
    assert (event["trace_id"], event["span_id"]) == (f"{context.trace_id:032x}", f"{context.span_id:016x}")


def test_requests_that_are_not_sampled_leave_no_spans(artifacts: Path, nino12: SstSeries) -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider(sampler=ParentBased(ALWAYS_OFF))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with serve_app(create_app(Settings(artifacts=artifacts), telemetry={"tracer_provider": provider})) as client:
        client.post("/forecast?model=gru", json=body(nino12)).raise_for_status()
        client.get("/forecast?model=gru").raise_for_status()
    assert exporter.get_finished_spans() == ()


def test_there_is_no_tracer_without_a_provider() -> None:
    assert request_tracer() is None
    assert request_tracer(NoOpTracerProvider()) is None
    assert request_tracer(TracerProvider()) is not None


@contextmanager
def collector() -> Iterator[tuple[str, "queue.Queue[tuple[str, bytes]]"]]:
    """An OTLP collector on loopback, and what it has received."""
    received: queue.Queue[tuple[str, bytes]] = queue.Queue()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            compressed = self.headers.get("Content-Encoding") == "gzip"
            received.put((self.path, gzip.decompress(body) if compressed else body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", received
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.long
@pytest.mark.parametrize("asked", [True, False])
def test_spans_are_exported_only_when_configured(artifacts: Path, asked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    with collector() as (endpoint, received):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        if asked:
            monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
        with running(artifacts) as service:
            httpx.get(f"{service.url}/models", headers=TRACEPARENT).raise_for_status()
    assert not any("Traceback" in line for line in service.log)
    sent = list(received.queue)
    spans = b"".join(body for path, body in sent if path == "/v1/traces")
    assert (bytes.fromhex(TRACE) in spans) == asked
    assert (b"sst-forecasting" in spans and b"service.version" in spans) == asked
    assert bool(sent) == asked


@pytest.mark.long
@pytest.mark.parametrize("workers", [1, 2])
def test_a_collector_that_does_not_answer_does_not_delay_the_stop(
    artifacts: Path, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
        with running(artifacts, workers=workers, linger_seconds=0, drain_seconds=1) as service:
            service.wait_for("Application startup complete", times=workers)
            service.process.terminate()
            assert service.process.wait() == 0
            service.wait_for("does not respond: dropped what could not be sent in 2 seconds")
    assert not any("is killed" in line for line in service.log)

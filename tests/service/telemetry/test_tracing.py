"""Spans when they are asked for, in the client's trace; nothing when they are not."""

import gzip
import http.server
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NoOpTracerProvider, StatusCode

from forecasting.series.sst_series import SstSeries
from service.app import create_app
from service.settings import Settings
from service.telemetry.tracing import request_tracer
from tests.processes import running
from tests.service.requests import body
from tests.service.telemetry.test_trace_context import SPAN, TRACE
from tests.serving import serve_app
from tests.zygote.process import Popen

TRACEPARENT = {"traceparent": f"00-{TRACE}-{SPAN}-01"}


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def provider(exporter: InMemorySpanExporter) -> TracerProvider:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider


def server_span(exporter: InMemorySpanExporter, name: str) -> ReadableSpan:
    (span,) = [span for span in exporter.get_finished_spans() if span.name == name]
    return span


def assert_continues(span: ReadableSpan) -> None:
    assert span.context is not None
    assert f"{span.context.trace_id:032x}" == TRACE
    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" == SPAN


def test_a_request_through_the_application_continues_the_clients_trace(
    artifacts: Path, provider: TracerProvider, exporter: InMemorySpanExporter
) -> None:
    app = create_app(Settings(artifacts=artifacts), telemetry={"tracer_provider": provider})
    with serve_app(app) as client:
        client.get("/models/nino12-gru", headers=TRACEPARENT).raise_for_status()
    span = server_span(exporter, "GET /models/{model}")
    assert_continues(span)
    assert span.attributes is not None
    assert span.attributes["http.response.status_code"] == 200


def test_a_forecast_has_a_span_of_the_same_kind(
    provider: TracerProvider, exporter: InMemorySpanExporter, artifacts: Path, nino12: SstSeries
) -> None:
    with serve_app(create_app(Settings(artifacts=artifacts), telemetry={"tracer_provider": provider})) as client:
        client.post("/forecast?model=gru", json=body(nino12), headers=TRACEPARENT).raise_for_status()
    span = server_span(exporter, "POST /forecast")
    assert_continues(span)
    assert span.attributes is not None
    assert span.attributes["http.route"] == "/forecast"
    assert span.attributes["http.response.status_code"] == 200


def test_a_refused_forecast_is_not_a_fault_in_its_span(
    provider: TracerProvider, exporter: InMemorySpanExporter, artifacts: Path
) -> None:
    with serve_app(create_app(Settings(artifacts=artifacts), telemetry={"tracer_provider": provider})) as client:
        assert client.post("/forecast", json={"series": []}).status_code == 422
    span = server_span(exporter, "POST /forecast")
    assert span.attributes is not None
    assert span.attributes["http.response.status_code"] == 422
    assert span.status.status_code is not StatusCode.ERROR


def test_a_fault_marks_its_span(provider: TracerProvider, exporter: InMemorySpanExporter, artifacts: Path) -> None:
    app = create_app(Settings(artifacts=artifacts), telemetry={"tracer_provider": provider})
    with serve_app(app) as client:
        app.state.lifecycle.draining = True
        assert client.get("/health/ready").status_code == 503
    span = exporter.get_finished_spans()[-1]
    assert span.status.status_code is StatusCode.ERROR
    assert span.parent is None


def test_a_refused_forecast_has_a_span(
    provider: TracerProvider, exporter: InMemorySpanExporter, artifacts: Path
) -> None:
    settings = Settings(artifacts=artifacts, max_body_bytes=1_024)
    with serve_app(create_app(settings, telemetry={"tracer_provider": provider})) as client:
        assert client.post("/forecast", content=b" " * 1_025, headers=TRACEPARENT).status_code == 413
    span = server_span(exporter, "POST")
    assert_continues(span)
    assert span.attributes is not None
    assert span.attributes["http.response.status_code"] == 413


def test_there_is_no_tracer_without_a_provider(provider: TracerProvider) -> None:
    assert request_tracer() is None
    assert request_tracer(NoOpTracerProvider()) is None
    assert request_tracer(provider) is not None


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


@pytest.mark.parametrize("asked", [True, False])
def test_spans_are_exported_only_when_configured(artifacts: Path, asked: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with collector() as (endpoint, received):
        process = Popen(
            [sys.executable, "-m", "service", "--port", str(port)],
            env=os.environ
            | {"SST_ARTIFACTS": str(artifacts), "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
            | ({"FASTAPI_OTEL_AUTO_CONFIGURE": "true"} if asked else {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            assert "Serving" in process.stdout.readline()
            httpx.get(f"http://127.0.0.1:{port}/models", headers=TRACEPARENT, timeout=60).raise_for_status()
        finally:
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=60)
    assert "Traceback" not in errors
    sent = list(received.queue)
    spans = b"".join(body for path, body in sent if path == "/v1/traces")
    assert (bytes.fromhex(TRACE) in spans) == asked
    assert (b"sst-forecasting" in spans and b"service.version" in spans) == asked
    assert bool(sent) == asked


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

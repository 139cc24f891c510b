"""The parts of a request in its trace, and the ids of the trace in its log lines."""

import itertools
import logging
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased
from opentelemetry.trace import SpanKind
from pydantic import SecretStr

from forecasting.series.sst_series import SstSeries
from service.app import create_app
from service.settings import Settings
from service.telemetry.logs import JsonFormatter, access_logger
from tests.processes import wait_until
from tests.servers.erddap import serving
from tests.service.requests import Json, body
from tests.service.telemetry.test_logs import Lines
from tests.serving import serve_app

DAYS: Json = {"start": "2024-01-01", "step": "day", "values": [15.0 + day % 5 / 10 for day in range(60)]}
SMALL: Json = {"series": [DAYS], "horizon": 2}
SOURCE = {"dataset": "year", "variable": "sst", "latitude": 43.625, "longitude": -9.125}


PARTS = ("queue", "inference", "writing", "call", "store.read", "store.write")


class Traced:
    """A service that traces everything, and its spans."""

    def __init__(self, client: httpx.Client, exporter: InMemorySpanExporter) -> None:
        self.client = client
        self._exporter = exporter
        self._traces = itertools.count(1)

    def named(self, *names: str) -> list[ReadableSpan]:
        return [span for span in self._exporter.get_finished_spans() if span.name in names]

    def send(self, method: str, path: str, given: Json | None = None) -> ReadableSpan:
        """Send a request in a trace of its own, and return its span."""
        trace = next(self._traces)
        self.client.request(method, path, json=given, headers={"traceparent": f"00-{trace:032x}-{1:016x}-01"})

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
    with serve_app(create_app(settings, telemetry={"tracer_provider": provider})) as client:
        yield Traced(client, exporter)


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

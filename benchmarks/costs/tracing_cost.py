"""Cost of traces: processor time of a small request, without them, with few of them, and with all."""

from collections.abc import Iterator, Sequence

import uvloop
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Sampler, TraceIdRatioBased

from benchmarks.costs.request_cost import BODIES, CONNECTIONS, traced_costs
from benchmarks.support.payloads import simple_bodies

_SAMPLERS: tuple[tuple[str, Sampler | None], ...] = (
    ("off", None),
    ("1 % of the requests", TraceIdRatioBased(0.01)),
    ("all requests", ALWAYS_ON),
)


class _Encoding(SpanExporter):
    """Encodes spans as for a collector, and drops them."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        encode_spans(spans).SerializeToString()
        return SpanExportResult.SUCCESS


def measure() -> Iterator[str]:
    """Yield a table: microseconds of processor time per request, those of the exporter's thread included."""
    bodies = simple_bodies(BODIES)
    yield f"µs of processor time per request, with {' / '.join(map(str, CONNECTIONS))} at a time:"
    yield "| tracing | from bytes to bytes |"
    yield "|---|---:|"
    for name, sampler in _SAMPLERS:
        costs = uvloop.run(traced_costs(bodies, None if sampler is None else _provider(sampler)))
        yield f"| {name} | {' / '.join(f'{cost:.0f}' for cost in costs)} |"


def _provider(sampler: Sampler) -> TracerProvider:
    provider = TracerProvider(sampler=sampler)
    provider.add_span_processor(BatchSpanProcessor(_Encoding()))
    return provider

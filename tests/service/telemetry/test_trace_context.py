"""The client's span is read from its ``traceparent`` header as W3C Trace Context says."""

import pytest
from opentelemetry.trace import format_span_id, format_trace_id

from service.telemetry.tracing import client_span

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"


def span_of(headers: list[tuple[bytes, bytes]]) -> tuple[str, str] | None:
    span = client_span({"headers": headers})
    return None if span is None else (format_trace_id(span.trace_id), format_span_id(span.span_id))


@pytest.mark.parametrize(
    "header",
    [
        f"00-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-00",
        f"00-{TRACE}-{SPAN}-ff",
        f"01-{TRACE}-{SPAN}-01",
        f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like",
        f" 00-{TRACE}-{SPAN}-01",
    ],
)
def test_a_valid_header_is_read(header: str) -> None:
    assert span_of([(b"traceparent", header.encode())]) == (TRACE, SPAN)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "00",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN.upper()}-01",
        f"00-{TRACE}-{SPAN}-0A",
        f"0-{TRACE}-{SPAN}-01",
        f"00-{TRACE[1:]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}0-01",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01-",
        f"01-{TRACE}-{SPAN}-01more",
        f"00_{TRACE}_{SPAN}_01",
        f"00-{TRACE}-{SPAN}-01\nmore",
        f"00-{'g' * 32}-{SPAN}-01",
        f"00-{'٠' * 32}-{SPAN}-01",
    ],
)
def test_an_invalid_header_is_ignored(header: str) -> None:
    assert span_of([(b"traceparent", header.encode())]) is None


def test_one_header_counts_and_two_do_not() -> None:
    header = (b"traceparent", f"00-{TRACE}-{SPAN}-01".encode())
    assert span_of([(b"host", b"here"), header]) == (TRACE, SPAN)
    assert span_of([header, header]) is None
    assert span_of([]) is None

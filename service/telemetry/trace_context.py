"""W3C Trace Context, level 1: which trace of a client's a request belongs to.

https://www.w3.org/TR/trace-context-1/
"""

import re
from typing import Final, NamedTuple

from starlette.types import Scope

_TRACEPARENT: Final = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?", re.DOTALL)


class TraceContext(NamedTuple):
    """A client's span that a request is part of; ids are lower-case hexadecimal, of 32 and 16 digits."""

    trace_id: str
    span_id: str


def parse_traceparent(header: bytes) -> TraceContext | None:
    """The value of a ``traceparent`` header; None where it is not valid, which the standard has us ignore.

    Of later versions than 00 the part is read that version 00 has.
    """
    found = _TRACEPARENT.fullmatch(header)
    if found is None:
        return None
    version, trace_id, span_id, more = found.groups()
    if version == b"ff" or (version == b"00" and more) or not (trace_id.strip(b"0") and span_id.strip(b"0")):
        return None
    return TraceContext(trace_id.decode(), span_id.decode())


def trace_context(scope: Scope) -> TraceContext | None:
    """What the client of this request sent; None where it sent nothing valid, or several headers."""
    sent = [value for name, value in scope["headers"] if name == b"traceparent"]
    return parse_traceparent(sent[0]) if len(sent) == 1 else None

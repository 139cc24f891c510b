"""The answers to requests that are not valid HTTP/1.1."""

from http import HTTPStatus
from typing import Final

import httptools

from service.http.problems import ProblemError

MAX_HEAD_BYTES: Final = 2**16
"""Bytes of a request line and its headers, and of the trailers behind a chunked body."""

_CLOSE: Final = {"Connection": "close"}


def bad_request(detail: str) -> ProblemError:
    """Return a 400 that closes the connection."""
    return ProblemError(HTTPStatus.BAD_REQUEST, detail, headers=_CLOSE)


def malformed(error: Exception) -> ProblemError:
    """Return the 400 for what the parser found wrong."""
    is_target = isinstance(error, httptools.HttpParserInvalidURLError)
    remedy = "escape the characters in its target that are not ASCII" if is_target else "use an HTTP library to send it"
    return bad_request(f"the request is not valid HTTP/1.1 ({error}): {remedy}")


def head_too_large() -> ProblemError:
    """Return the 431 for a request line and headers over :data:`MAX_HEAD_BYTES`."""
    detail = f"the head of the request is too large: send at most {MAX_HEAD_BYTES} bytes of target and headers"
    return ProblemError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, detail, headers=_CLOSE)

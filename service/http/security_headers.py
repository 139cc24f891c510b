"""Headers that limit what browsers do with a response, as raw ASGI headers, and cross-origin requests (CORS)."""

import secrets
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from service.http.problems import ProblemError, error_response

RawHeaders = tuple[tuple[bytes, bytes], ...]

ALWAYS: Final = "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

# Styles are allowed because a browser shows an SVG plot, or any picture, as a document with styles.
DATA_POLICY: Final = f"default-src 'none'; style-src 'unsafe-inline'; {ALWAYS}"
PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data: blob:; font-src 'self'; "
    f"connect-src 'self'; {ALWAYS}"
)

_CORS_HEADERS: Final = ("vary", "access-control-allow-origin")
_MAX_SHOWN: Final = 200
"""Characters of a header that a message repeats."""


def as_lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return headers in the form of HTTP/1.1, one line each."""
    return b"".join([b"%s: %s\r\n" % header for header in headers])


def security_headers(policy: str = DATA_POLICY) -> RawHeaders:
    """Return the headers of a response with this Content-Security-Policy."""
    return (
        (b"content-security-policy", policy.encode("ascii")),
        (b"cross-origin-resource-policy", b"same-origin"),
        (b"referrer-policy", b"no-referrer"),
        (b"x-content-type-options", b"nosniff"),
    )


def with_cors(app: ASGIApp, origins: Sequence[str]) -> ASGIApp:
    """Return ``app`` with CORS for pages of these ``origins``; ``app`` itself if there are none.

    Preflight requests carry no key, so CORS is handled before keys are checked. A page sends its key in a header that
    it sets itself, so credentials such as cookies are not allowed.
    """
    if not origins:
        return app
    return _Cors(
        app,
        allow_origins=origins,
        allow_methods=("GET", "HEAD", "POST", "PUT", "DELETE"),
        allow_headers=(
            *("Authorization", "Content-Type", "Inference-Header-Content-Length", "X-Request-ID"),
            *("traceparent", "tracestate"),
        ),
        expose_headers=("Inference-Header-Content-Length", "Retry-After", "X-Request-ID"),
    )


class _Cors(CORSMiddleware):
    """Starlette's CORS, with a request ID on preflight responses, and refusals as problem documents."""

    def preflight_response(self, request_headers: Headers) -> Response:
        """Return the response to a preflight request with these headers."""
        return _Preflight(super().preflight_response(request_headers), request_headers)


class _Preflight(Response):
    def __init__(self, response: Response, request_headers: Headers) -> None:
        super().__init__(response.body, response.status_code)
        self._response = response
        self._request_headers = request_headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response, or a problem document if it is a refusal."""
        scope["request_id"] = secrets.token_hex(12)
        response = self._response
        if response.status_code != HTTPStatus.OK:
            response = error_response(ProblemError(HTTPStatus.BAD_REQUEST, self._reason()), scope)
            response.headers.update(
                {name: value for name, value in self._response.headers.items() if name in _CORS_HEADERS}
            )
        response.raw_headers += [*security_headers(), (b"x-request-id", scope["request_id"].encode())]
        await response(scope, receive, send)

    def _reason(self) -> str:
        headers = self._request_headers
        refused = bytes(self._response.body).decode().removeprefix("Disallowed CORS ")
        return (
            f"a page of {headers['origin'][:_MAX_SHOWN]} may not send this "
            f"{headers['access-control-request-method'][:_MAX_SHOWN]} request: {refused} not allowed; "
            "SST_CORS_ORIGINS lists the allowed origins"
        )

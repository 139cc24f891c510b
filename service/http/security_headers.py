"""What every answer tells browsers not to do with it, as raw ASGI headers that are made once."""

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

# Styles, since an SVG plot opened by itself is a document, and so is a browser's own view of a picture.
DATA_POLICY: Final = f"default-src 'none'; style-src 'unsafe-inline'; {ALWAYS}"
# Styles may be inline: plotly.js brings some, and nothing on the page makes markup of text.
PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self'; "
    f"connect-src 'self'; {ALWAYS}"
)

_OF_CORS: Final = ("vary", "access-control-allow-origin")
_SHOWN: Final = 200
"""Characters of a header that a sentence repeats."""


def as_lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Headers as HTTP/1.1 has them, a line each."""
    return b"".join([b"%s: %s\r\n" % header for header in headers])


def security_headers(policy: str = DATA_POLICY) -> RawHeaders:
    """The headers of an answer with this Content-Security-Policy."""
    return (
        (b"content-security-policy", policy.encode("ascii")),
        (b"cross-origin-resource-policy", b"same-origin"),
        (b"referrer-policy", b"no-referrer"),
        (b"x-content-type-options", b"nosniff"),
    )


def with_cors(app: ASGIApp, origins: Sequence[str]) -> ASGIApp:
    """``app``, callable by pages of these ``origins``; ``app`` itself where there are none.

    Preflights carry no key, so this stands outside of what checks keys. Keys come in a header that a page sets, so
    cookies and a browser's own logins are not let through.
    """
    if not origins:
        return app
    return _Cors(
        app,
        allow_origins=origins,
        allow_methods=("GET", "HEAD", "POST"),
        allow_headers=(
            *("Authorization", "Content-Type", "Inference-Header-Content-Length", "X-Request-ID"),
            *("traceparent", "tracestate"),
        ),
        expose_headers=("Inference-Header-Content-Length", "Retry-After", "X-Request-ID"),
    )


class _Cors(CORSMiddleware):
    """Starlette's, whose answers to preflights are named, and whose refusals are problem documents."""

    def preflight_response(self, request_headers: Headers) -> Response:
        """The answer to a preflight, from its headers."""
        return _Preflight(super().preflight_response(request_headers), request_headers)


class _Preflight(Response):
    def __init__(self, found: Response, request_headers: Headers) -> None:
        super().__init__(found.body, found.status_code)
        self._found = found
        self._request_headers = request_headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, or the refusal that stands in its place."""
        scope["request_id"] = secrets.token_hex(12)
        response = self._found
        if response.status_code != HTTPStatus.OK:
            response = error_response(ProblemError(HTTPStatus.BAD_REQUEST, self._why()), scope)
            response.headers.update({name: value for name, value in self._found.headers.items() if name in _OF_CORS})
        response.raw_headers += [*security_headers(), (b"x-request-id", scope["request_id"].encode())]
        await response(scope, receive, send)

    def _why(self) -> str:
        asked = self._request_headers
        what = bytes(self._found.body).decode().removeprefix("Disallowed CORS ")
        return (
            f"a page of {asked['origin'][:_SHOWN]} may not send {asked['access-control-request-method'][:_SHOWN]} with "
            f"these headers here: {what} not allowed; SST_CORS_ORIGINS names the origins whose pages may call"
        )

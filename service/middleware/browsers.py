"""What browsers may send, read and do: hosts, origins, requests across origins (CORS), and headers of responses."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from service.http.problems import ProblemError, error_response
from service.middleware.access import READING, is_address, is_loopback
from service.settings import Settings
from service.telemetry.logs import request_scope

RawHeaders = tuple[tuple[bytes, bytes], ...]

ALWAYS: Final = "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

# Styles are allowed because a browser shows an SVG plot, or any picture, as a document with styles.
DATA_POLICY: Final = f"default-src 'none'; style-src 'unsafe-inline'; {ALWAYS}"
PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data: blob:; font-src 'self'; "
    f"connect-src 'self'; {ALWAYS}"
)


def security_headers() -> RawHeaders:
    """Return the headers of a response that is data."""
    return (
        (b"content-security-policy", DATA_POLICY.encode("ascii")),
        (b"cross-origin-resource-policy", b"same-origin"),
        (b"referrer-policy", b"no-referrer"),
        (b"x-content-type-options", b"nosniff"),
    )


_OWN_SITES: Final = frozenset({b"same-origin", b"none"})
"""Values of ``Sec-Fetch-Site`` of requests that no other page made."""

_CORS_HEADERS: Final = ("vary", "access-control-allow-origin")
_MAX_SHOWN: Final = 200
"""Characters of a header that a message repeats."""


class Origins:
    """Refuses what other web pages have a browser send. Programs send none of the headers that betray a page.

    - Where only this machine can reach the service, or the setting ``allowed_hosts`` is set, ``Host`` must name this
      machine or a host of the setting. Otherwise, a page could rebind its own name to this machine, and read
      everything. An address cannot be rebound, so others than loopback are answered where they can be reached.
    - Requests that may change something (all but GET, HEAD and OPTIONS) must come from a page of the service itself or
      of a listed origin.
    """

    def __init__(self, settings: Settings) -> None:
        """Read the policy from ``settings``."""
        self._listed = frozenset(origin.encode() for origin in settings.origins)
        self._hosts = settings.hosts
        self._is_local = is_loopback(settings.host)
        self._any_host = "*" in self._hosts or not (self._hosts or self._is_local)
        self._answers_to = lru_cache(maxsize=64)(self._is_own_host)

    def check(self, method: str, headers: Mapping[bytes, bytes]) -> None:
        """Raise ProblemError: 421 for another host, 403 if another page may have sent the request."""
        host, origin = headers.get(b"host"), headers.get(b"origin")
        if not self._answers_to(host):
            raise ProblemError(
                HTTPStatus.MISDIRECTED_REQUEST,
                f"the service does not answer for the host {_shown(host)}: use localhost, or add the host to "
                "SST_ALLOWED_HOSTS",
                reason="forbidden",
            )
        if method in READING or origin in self._listed or b"*" in self._listed:
            return
        site = headers.get(b"sec-fetch-site")
        # A proxy may have changed Host, but the browser knows. It says so to https and localhost only. Programs send
        # neither header.
        is_own = host is not None and origin is not None and origin.lower().partition(b"://")[2] == host.lower()
        if site not in _OWN_SITES and (site is not None or not (origin is None or is_own)):
            raise ProblemError(
                HTTPStatus.FORBIDDEN,
                f"a page of {_shown(origin) or 'another site'} may not send {method} requests; SST_CORS_ORIGINS lists "
                "the allowed origins",
                reason="forbidden",
            )

    def _is_own_host(self, host: bytes | None) -> bool:
        """Whether the service answers requests with this ``Host``; None if it was not sent, as browsers never do."""
        if self._any_host or host is None:
            return True
        text = host.decode("latin-1").lower()
        name = (text[1:].partition("]") if text.startswith("[") else text.partition(":"))[0].rstrip(".")
        if not self._is_local and is_address(name):
            return True
        return name in self._hosts or is_loopback(name) or name.endswith(".localhost")


def _shown(header: bytes | None) -> str:
    """Return what a message repeats of a header."""
    return (header or b"").decode("latin-1")[:_MAX_SHOWN]


class CorsMiddleware(CORSMiddleware):
    """Starlette's CORS for pages of listed origins, with problem documents as refusals.

    Preflight requests carry no key, so CORS is handled before keys are checked. A page sends its key in a header that
    it sets itself, so credentials such as cookies are not allowed.
    """

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=("GET", "HEAD", "POST", "PUT", "DELETE"),
            allow_headers=(
                *("Authorization", "Content-Type", "Inference-Header-Content-Length", "X-Request-ID"),
                *("traceparent", "tracestate"),
            ),
            expose_headers=("Inference-Header-Content-Length", "Retry-After", "X-Request-ID"),
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        """Return the response to a preflight request with these headers."""
        response = super().preflight_response(request_headers)
        scope = request_scope.get()
        if response.status_code == HTTPStatus.OK or scope is None:
            return response
        refused = bytes(response.body).decode().removeprefix("Disallowed CORS ")
        detail = (
            f"a page of {request_headers['origin'][:_MAX_SHOWN]} may not send this "
            f"{request_headers['access-control-request-method'][:_MAX_SHOWN]} request: {refused} not allowed; "
            "SST_CORS_ORIGINS lists the allowed origins"
        )
        headers = {name: response.headers[name] for name in _CORS_HEADERS if name in response.headers}
        return error_response(ProblemError(HTTPStatus.BAD_REQUEST, detail, headers=headers), scope)

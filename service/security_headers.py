"""What every answer tells browsers not to do with it, as raw ASGI headers that are made once."""

from collections.abc import Iterable, Sequence
from typing import Final

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

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
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=("GET", "HEAD", "POST"),
        allow_headers=("Authorization", "Content-Type", "Inference-Header-Content-Length", "X-Request-ID"),
        expose_headers=("Inference-Header-Content-Length", "Retry-After", "X-Request-ID"),
    )

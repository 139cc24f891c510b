"""Headers that limit what browsers do with a response, as raw ASGI headers."""

from typing import Final

RawHeaders = tuple[tuple[bytes, bytes], ...]

ALWAYS: Final = "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

# Styles are allowed because a browser shows an SVG plot, or any picture, as a document with styles.
DATA_POLICY: Final = f"default-src 'none'; style-src 'unsafe-inline'; {ALWAYS}"
PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data: blob:; font-src 'self'; "
    f"connect-src 'self'; {ALWAYS}"
)


def security_headers(policy: str = DATA_POLICY) -> RawHeaders:
    """Return the headers of a response with this Content-Security-Policy."""
    return (
        (b"content-security-policy", policy.encode("ascii")),
        (b"cross-origin-resource-policy", b"same-origin"),
        (b"referrer-policy", b"no-referrer"),
        (b"x-content-type-options", b"nosniff"),
    )

"""Responses that browsers keep, and ask about again before they use them."""

from collections.abc import Mapping
from hashlib import sha256
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

REVALIDATE: Final = {"Cache-Control": "no-cache"}


def revalidated(
    request: Request, content: str | bytes, media_type: str, headers: Mapping[str, str] = REVALIDATE
) -> Response:
    """Return ``content`` with an ``ETag``, or 304 without it if the browser has it already.

    The tag is weak, because the content may be compressed on its way.
    """
    data = content if isinstance(content, bytes) else content.encode()
    tag = f'W/"{sha256(data).hexdigest()[:24]}"'
    headers = {**headers, "ETag": tag}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(data, headers=headers, media_type=media_type)

"""``/docs``: FastAPI's page of Swagger UI, rendered once, so that a policy can name just what it runs."""

import re
from base64 import b64encode
from hashlib import sha256
from typing import Final

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse

from service.security_headers import ALWAYS

PATH: Final = "/docs"

_SWAGGER_UI: Final = "https://cdn.jsdelivr.net/npm/swagger-ui-dist@5/"
_INLINE_SCRIPT: Final = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def install_docs(app: FastAPI) -> str:
    """Serve ``/docs`` for an ``app`` made with ``docs_url=None``; returns the page's Content-Security-Policy."""
    page = get_swagger_ui_html(
        openapi_url=app.openapi_url or "/openapi.json",
        title=f"{app.title} - Swagger UI",
        swagger_js_url=f"{_SWAGGER_UI}swagger-ui-bundle.js",
        swagger_css_url=f"{_SWAGGER_UI}swagger-ui.css",
        swagger_favicon_url=f"{_SWAGGER_UI}favicon-32x32.png",
    )
    html = bytes(page.body).decode()

    async def docs() -> HTMLResponse:
        return HTMLResponse(html)

    app.add_api_route(PATH, docs, include_in_schema=False)
    return _policy(html)


def _policy(html: str) -> str:
    """Swagger UI from its one folder, and of inline scripts those that the page has; it cannot do without styles."""
    digests = (sha256(script.encode()).digest() for script in _INLINE_SCRIPT.findall(html))
    scripts = " ".join(f"'sha256-{b64encode(digest).decode()}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {_SWAGGER_UI} {scripts}; style-src {_SWAGGER_UI} 'unsafe-inline'; "
        f"img-src 'self' data: blob: {_SWAGGER_UI}; connect-src 'self'; {ALWAYS}"
    )

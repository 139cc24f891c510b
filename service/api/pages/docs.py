"""``/docs``: FastAPI's page with Swagger UI, rendered once so that its policy can name exactly the scripts it runs.

Swagger UI comes from the package that the extra ``page`` installs, or from a public server without it.
"""

import re
from base64 import b64encode
from hashlib import sha256
from typing import Final

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse

from service.api.pages.assets import Assets
from service.http.security_headers import ALWAYS

PATH: Final = "/docs"

_PUBLIC_SERVER: Final = "https://cdn.jsdelivr.net/npm/swagger-ui-dist@5"
_INLINE_SCRIPT: Final = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def install_docs(app: FastAPI, assets: Assets) -> str:
    """Add ``/docs`` to an ``app`` made with ``docs_url=None``. Returns the page's Content-Security-Policy."""
    source = assets.swagger.folder if assets.swagger else _PUBLIC_SERVER
    page = get_swagger_ui_html(
        openapi_url=app.openapi_url or "/openapi.json",
        title=f"{app.title} - Swagger UI",
        swagger_js_url=f"{source}/swagger-ui-bundle.js",
        swagger_css_url=f"{source}/swagger-ui.css",
        swagger_favicon_url=f"{assets.page.folder}/icon.svg",
    )
    html = bytes(page.body).decode()

    async def docs() -> HTMLResponse:
        return HTMLResponse(html)

    app.add_api_route(PATH, docs, include_in_schema=False)
    return _policy(html, "'self'" if assets.swagger else f"{_PUBLIC_SERVER}/")


def _policy(html: str, source: str) -> str:
    """Allow Swagger UI from ``source`` and the page's own inline scripts. Swagger UI needs inline styles."""
    digests = (sha256(script.encode()).digest() for script in _INLINE_SCRIPT.findall(html))
    scripts = " ".join(f"'sha256-{b64encode(digest).decode()}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {source} {scripts}; style-src {source} 'unsafe-inline'; "
        f"img-src 'self' data: blob:; connect-src 'self'; {ALWAYS}"
    )

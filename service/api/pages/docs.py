"""``/docs``: Swagger UI inside the page's frame, with the page's header and footer.

Swagger UI comes from the package that the extra ``page`` installs, or from a public server without it.
"""

import re
from string import Template
from typing import Final

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from service.api.pages.assets import PAGE, Assets
from service.http.security_headers import ALWAYS

PATH: Final = "/docs"

_PUBLIC_SERVER: Final = "https://cdn.jsdelivr.net/npm/swagger-ui-dist@5"
_LINK: Final = f'<a href="{PATH}">'


def install_docs(app: FastAPI, assets: Assets) -> str:
    """Add ``/docs`` to an ``app`` made with ``docs_url=None``. Returns the page's Content-Security-Policy."""
    html = _html(app, assets)

    async def docs() -> HTMLResponse:
        return HTMLResponse(html, headers={"Cache-Control": "no-cache"})

    app.add_api_route(PATH, docs, include_in_schema=False)
    return _policy("'self'" if assets.swagger else f"'self' {_PUBLIC_SERVER}/")


def _html(app: FastAPI, assets: Assets) -> str:
    page = (PAGE / "index.html").read_text(encoding="utf-8")
    template = (PAGE / "docs" / "docs.html").read_text(encoding="utf-8")
    header = _element("header", page).replace(_LINK, _LINK.replace(">", ' aria-current="page">'))
    parts = {"header": header, "footer": _element("footer", page)}
    return Template(Template(template).safe_substitute(parts)).substitute(
        assets=assets.page.folder,
        swagger=assets.swagger.folder if assets.swagger else _PUBLIC_SERVER,
        openapi=app.openapi_url or "/openapi.json",
        version=app.version,
    )


def _element(name: str, html: str) -> str:
    """Return the only element ``name`` of the page, so that both pages show the same."""
    (element,) = re.findall(f"<{name}[ >].*?</{name}>", html, re.DOTALL)
    return str(element)


def _policy(source: str) -> str:
    """Allow scripts and styles from ``source``. Swagger UI needs inline styles."""
    return (
        f"default-src 'none'; script-src {source}; style-src {source} 'unsafe-inline'; "
        f"img-src 'self' data: blob:; connect-src 'self'; {ALWAYS}"
    )

"""``/docs``: Swagger UI inside the page's frame, with the page's header and footer.

Swagger UI comes from the package that the extra ``page`` installs. Without it, the page says so: nothing is loaded from
another server.
"""

import re
from string import Template
from typing import Final

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from service.api.pages.assets import PAGE, Assets
from service.http.security_headers import ALWAYS

PATH: Final = "/docs"

_ABOUT: Final = "<p>Open a call to see its fields and responses. <b>Try it out</b> sends a request to this service.</p>"
_NOT_INSTALLED: Final = (
    '<p class="notice" id="not-installed">The calls are not shown, because Swagger UI is not installed. To install it, '
    "run <code>pip install 'sst-forecasting[page]'</code>, and restart the service.</p>"
)
# Swagger UI needs inline styles.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    f"img-src 'self' data: blob:; connect-src 'self'; {ALWAYS}"
)
_LINK: Final = f'<a href="{PATH}">'


def install_docs(app: FastAPI, assets: Assets) -> str:
    """Add ``/docs`` to an ``app`` made with ``docs_url=None``. Returns the page's Content-Security-Policy."""
    html = _html(app, assets)

    async def docs() -> HTMLResponse:
        return HTMLResponse(html, headers={"Cache-Control": "no-cache"})

    app.add_api_route(PATH, docs, include_in_schema=False)
    return _POLICY


def _html(app: FastAPI, assets: Assets) -> str:
    page = (PAGE / "index.html").read_text(encoding="utf-8")
    template = (PAGE / "docs" / "docs.html").read_text(encoding="utf-8")
    if assets.swagger is None:
        template = "\n".join(line for line in template.splitlines() if "$swagger" not in line)
    header = _element("header", page).replace(_LINK, _LINK.replace(">", ' aria-current="page">'))
    parts = {
        "header": header,
        "footer": _element("footer", page),
        "about": _ABOUT if assets.swagger else _NOT_INSTALLED,
    }
    return Template(Template(template).safe_substitute(parts)).substitute(
        assets=assets.page.folder,
        swagger=assets.swagger.folder if assets.swagger else "",
        openapi=app.openapi_url or "/openapi.json",
        version=app.version,
    )


def _element(name: str, html: str) -> str:
    """Return the only element ``name`` of the page, so that both pages show the same."""
    (element,) = re.findall(f"<{name}[ >].*?</{name}>", html, re.DOTALL)
    return str(element)

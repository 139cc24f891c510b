"""The addresses of the page, `/docs`, the files that both load, and the page that says that there is no such address.

`/docs` is Swagger UI inside the page's frame. It comes from the package that the extra ``page`` installs; without it,
`/docs` says so: nothing is loaded from another server.
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from string import Template
from typing import Any, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response

from service.api.dependencies import SettingsDep
from service.http.caching import REVALIDATE, revalidated
from service.http.paths import FILE
from service.http.problems import error_response
from service.middleware.access import forecasts_are_open
from service.middleware.browsers import ALWAYS, PAGE_POLICY
from service.plugins.page.assets import BUNDLE, Assets, AssetsDep, html_page

HOME: Final = "/"
VIEWS: Final[Mapping[str, tuple[str, ...]]] = {
    HOME: ("home",),
    "/add": ("add",),
    "/outlook": ("outlook",),
    "/place/file": ("place", "file-source"),
    "/place/sea/{dataset:path}": ("place", "sea-source"),
    "/place/station/{station:path}": ("place", "station-source"),
    "/place/{unknown:path}": ("place",),
    "/report/{dataset:path}": ("report",),
    "/about/models": ("loaded-models",),
}
"""The modules of each address of the page, as in address.js and place.js. A part of a path may contain slashes."""

OPEN: Final = (
    *("/", "/add", "/outlook", "/about/models", "/manual/?", "/docs", r"/favicon\.ico"),
    f"/(?:assets|manual){FILE}",
    # The page says itself that there is no such place. What a proxy could take for another path still needs a key.
    r"/(?:place|report)(?:/(?!\.{1,2}(?:/|\Z))[^/\\%\x00-\x1f]*)+",
)
"""Paths that need no key."""

_SEA: Final = {
    "Model card": "/models/best/card?dataset=$id",
    "Errors, as text": "/compare?dataset=$id&format=markdown",
    "Forecast, as JSON": "/forecast?dataset=$id",
    "Readings, as JSON": "/series?dataset=$id",
}
_EXAMPLE: Final = {"An example": "/place/sea/$example"}
_FILES: Final = {"How to send a file": "/manual/guides/call-the-service", **_EXAMPLE}
_PLAIN: Final[Mapping[str, Mapping[str, str]]] = {
    "/place/sea/": _SEA,
    "/report/": _SEA,
    "/place/station/": {
        "Forecast, as JSON": "/stations/$id/forecast",
        "Past errors, as CSV": "/stations/$id/verification?format=csv",
        "Readings, as JSON": "/stations/$id/observations",
        "Alerts, as JSON": "/stations/$id/alerts",
    },
    "/add": {"How to add a place": "/manual/guides/stations", **_FILES},
    "/place/file": _FILES,
    "/about/models": {"Model card": "/models/best/card", "Models, as JSON": "/models"},
    "/outlook": {"Newest outlook, as JSON": "/outlooks/latest", "Its first day": "/outlooks/latest/anomaly/1.png"},
    "/": {"Your places, as JSON": "/stations", **_EXAMPLE},
}
"""Where browsers without JavaScript find what an address shows; ``/`` is for all others."""

_PLOT: Final = "/compare/plot?dataset=$id"
_PICTURES: Final = {"/place/station/": "/stations/$id/card.svg", "/place/sea/": _PLOT, "/report/": _PLOT}

_START_WITH_MODELS: Final = ("/place/sea/", "/report/", "/about/")
"""Addresses whose views ask for `/models` first. A browser can ask earlier if that needs no key."""

router = APIRouter(include_in_schema=False)

_CACHE_FOREVER: Final = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}


def _page_of(path: str) -> Callable[..., Response]:
    """Return the handler of an address: the page, with links to its modules so that browsers load them all at once."""

    def page(request: Request, assets: AssetsDep, settings: SettingsDep) -> Response:
        if path == HOME and not {"view", "dataset"}.isdisjoint(request.query_params):
            return _moved(dict(request.query_params), settings.default_dataset)
        is_bundled = BUNDLE in assets.page.files
        content = {
            "script": BUNDLE if is_bundled else "modules/main.js",
            "modules": [] if is_bundled else assets.page.modules_of("main", *VIEWS[path]),
            "starts_with_models": path.startswith(_START_WITH_MODELS) and forecasts_are_open(settings),
            "largest": settings.max_body_bytes,
            **_plain(path, settings.default_dataset, *map(str, request.path_params.values())),
        }
        return html_page(request, "index.html", assets, PAGE_POLICY, **content)

    return page


for _path in VIEWS:
    router.add_api_route(_path, _page_of(_path), response_model=None)


def _plain(path: str, example: str, id: str = "") -> dict[str, Any]:
    """Return a picture, if there is one, and links to what the address shows, which need no JavaScript."""
    start = next(start for start in _PLAIN if path.startswith(start))
    names = {"id": quote(id, safe=""), "example": quote(example, safe="")}

    def link(template: str) -> str:
        return Template(template).substitute(names)

    links = [(what, link(address)) for what, address in {**_PLAIN[start], "Guides": "/manual/index"}.items()]
    return {"picture": link(_PICTURES.get(start, "")), "links": links}


def _moved(query: dict[str, str], default_dataset: str) -> RedirectResponse:
    """Return the redirect from an address of earlier versions, such as ``/?view=compare&dataset=nino12``."""
    view, dataset = query.pop("view", "forecast"), quote(query.pop("dataset", default_dataset), safe="")
    station = quote(query.pop("station", ""), safe="") if view == "stations" else ""
    path = {
        "forecast": f"/place/sea/{dataset}",
        "data": "/add",
        "stations": f"/place/station/{station}" if station else HOME,
        "compare": f"/report/{dataset}",
        "operate": "/about/models",
    }.get(view, HOME)
    options = f"?{urlencode(query, safe=',:')}" if query else ""
    return RedirectResponse(path + options, HTTPStatus.PERMANENT_REDIRECT, REVALIDATE)


# Not async: the first request for a large file compresses it.
@router.get("/assets/{path:path}")
def asset(request: Request, assets: AssetsDep) -> Response:
    """Return a file of the page or of Swagger UI."""
    file = assets.by_path.get(request.scope["path"])
    if file is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(file.content, headers=_CACHE_FOREVER, media_type=file.media_type)
    headers = _CACHE_FOREVER | {"Content-Encoding": "gzip"}
    return Response(file.compressed, headers=headers, media_type=file.media_type)


@router.get("/favicon.ico")
def icon(request: Request, assets: AssetsDep) -> Response:
    """Return the page's icon, which browsers request for other responses too."""
    file = assets.page.files["icon.svg"]
    return revalidated(request, file.content, file.media_type)


_MAX_ADDRESS: Final = 200
"""Characters of an address that the page repeats."""

DOCS_PATH: Final = "/docs"

# Swagger UI needs inline styles.
_DOCS_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    f"img-src 'self' data: blob:; connect-src 'self'; {ALWAYS}"
)


@router.get(DOCS_PATH)
async def docs(request: Request, assets: AssetsDep) -> Response:
    """Return Swagger UI with the operations of the service."""
    content: dict[str, Any] = {
        "title": "API",
        "swagger": assets.swagger and assets.swagger.folder,
        "openapi": request.app.openapi_url,
        "version": request.app.version,
    }
    return html_page(request, "docs.html", assets, _DOCS_POLICY, **content)


def install_missing_page(app: FastAPI, assets: Assets) -> None:
    """Show a page in browsers at addresses that do not exist."""

    async def answer(request: Request, error: Exception) -> Response:
        problem = error_response(error, request.scope)
        if problem.status_code != HTTPStatus.NOT_FOUND or "text/html" not in request.headers.get("accept", ""):
            return problem
        address = request.scope["path"][:_MAX_ADDRESS]
        return html_page(
            request, "missing.html", assets, status=HTTPStatus.NOT_FOUND, title="There is no such page", address=address
        )

    app.add_exception_handler(HTTPException, answer)

"""The page, `/docs`, and the files they load: the page's own, and browser libraries from Python packages.

The folder of each bundle is named after its content or version, so that browsers can cache its files forever. `/docs`
is Swagger UI inside the page's frame. It comes from the package that the extra ``page`` installs; without it, `/docs`
says so: nothing is loaded from another server.
"""

import gzip
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import sha256
from html import escape
from http import HTTPStatus
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import Annotated, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response

from service.api.dependencies import SettingsDep, app_state
from service.middleware.access import forecasts_are_open
from service.middleware.browsers import ALWAYS, PAGE_POLICY

MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

PAGE: Final = Path(__file__).parents[1] / "page"

BUNDLE: Final = "bundle.js"
"""All modules of the page in one file, which wheels have if a bundler was there when they were built."""

_STYLES: Final = re.compile(r' *<link rel="stylesheet" href="\$assets/(.*?)">\n')
_IMPORT: Final = re.compile(rb'^(?:import|export) [^"]*"\./([^"]+)";', re.MULTILINE)

_COMPRESSION_LEVEL: Final = 6
"""Level 9 takes a third longer for Swagger UI and saves 0.2 %."""


@dataclass(frozen=True)
class Asset:
    """A file, read and compressed on the first request, then kept in memory.

    Attributes:
        paths: one, or those that are joined.
    """

    paths: tuple[Path, ...]

    @property
    def media_type(self) -> str:
        """The media type of the file, by its suffix."""
        return MEDIA_TYPES[self.paths[0].suffix]

    @cached_property
    def content(self) -> bytes:
        """The bytes of the file."""
        return b"".join(path.read_bytes() for path in self.paths)

    @cached_property
    def compressed(self) -> bytes:
        """The bytes of the file, compressed with gzip."""
        return gzip.compress(self.content, _COMPRESSION_LEVEL, mtime=0)


@dataclass(frozen=True, eq=False)
class Bundle:
    """The files under one folder.

    Attributes:
        folder: the URL of the folder, such as ``/assets/flask-swagger-ui-5.32.2``.
        files: the files by their path in the folder.
    """

    folder: str
    files: Mapping[str, Asset]

    def modules_of(self, *names: str) -> list[str]:
        """Return the paths of some modules and of all modules that they import."""
        pending, modules = [f"modules/{name}.js" for name in names], dict[str, None]()
        while pending:
            path = pending.pop()
            if path not in modules:
                modules[path] = None
                pending += [f"modules/{name.decode()}" for name in _IMPORT.findall(self.files[path].content)]
        return sorted(modules)


@dataclass(frozen=True)
class Assets:
    """All files that the service provides to browsers.

    Attributes:
        page: the files of the page.
        swagger: Swagger UI; None if the package is not installed.
    """

    page: Bundle
    swagger: Bundle | None

    @classmethod
    def find(cls) -> "Assets":
        """Find the assets of the installed packages."""
        return cls(_page(), _swagger())

    @cached_property
    def by_path(self) -> Mapping[str, Asset]:
        """Every file, by its URL path."""
        bundles = [bundle for bundle in (self.page, self.swagger) if bundle]
        return {f"{bundle.folder}/{name}": asset for bundle in bundles for name, asset in bundle.files.items()}


def _page() -> Bundle:
    paths = sorted(path for path in PAGE.rglob("*") if path.suffix in MEDIA_TYPES)
    files = {path.relative_to(PAGE).as_posix(): Asset((path,)) for path in paths}
    files["page.css"] = Asset(tuple(PAGE / name for name in _STYLES.findall(_index())))
    digest = sha256()
    for name, asset in files.items():
        digest.update(b"%s\0%d\0" % (name.encode(), len(asset.content)) + asset.content)
    return Bundle(f"/assets/page-{digest.hexdigest()[:12]}", files)


def _index() -> str:
    return (PAGE / "index.html").read_text(encoding="utf-8")


def _swagger() -> Bundle | None:
    """Return Swagger UI, without importing the package that brings it; None if it is not installed."""
    spec = find_spec("flask_swagger_ui")
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0]) / "dist"
    files = {name: Asset((folder / name,)) for name in ("swagger-ui-bundle.js", "swagger-ui.css")}
    return Bundle(f"/assets/flask-swagger-ui-{version('flask-swagger-ui')}", files)


HOME: Final = "/"
VIEWS: Final[Mapping[str, tuple[str, ...]]] = {
    HOME: ("home",),
    "/add": ("add",),
    "/place/file": ("place", "file-source"),
    "/place/sea/{dataset:path}": ("place", "sea-source"),
    "/place/station/{station:path}": ("place", "station-source"),
    "/place/{unknown:path}": ("place",),
    "/report/{dataset:path}": ("report",),
    "/about/models": ("loaded-models",),
}
"""The modules of each address of the page, as in address.js and place.js. A part of a path may contain slashes."""

_SEA: Final = {
    "Forecast": "/forecast?dataset=$id",
    "How right were we?": "/compare?dataset=$id&format=markdown",
    "Readings": "/series?dataset=$id",
    "Models": "/models",
}
_PLAIN: Final[Mapping[str, Mapping[str, str]]] = {
    "/place/sea/": _SEA,
    "/report/": _SEA,
    "/place/station/": {
        "Forecast": "/stations/$id/forecast",
        "How right were we?": "/stations/$id/verification?format=csv",
        "Readings": "/stations/$id/observations",
        "Alerts": "/stations/$id/alerts",
    },
    "/": {"Your places": "/stations", "Forecasts of the example": "/forecast", "Models": "/models"},
}
"""Where browsers without JavaScript find what an address shows; ``/`` is for all others."""

_PICTURES: Final = {"/place/station/": "/stations/$id/card.svg", "/place/sea/": "/compare/plot?dataset=$id"}

_START_WITH_MODELS: Final = ("/place/sea/", "/report/", "/about/")
"""Addresses whose views ask for `/models` first. A browser can ask earlier if that needs no key."""

router = APIRouter(include_in_schema=False)

_CACHE_FOREVER: Final = {"Cache-Control": "public, max-age=31536000, immutable"}
_REVALIDATE: Final = {"Cache-Control": "no-cache"}


AssetsDep = Annotated[Assets, app_state("assets")]


def _page_of(path: str) -> Callable[..., Response]:
    """Return the handler of an address: the page, with links to its modules so that browsers load them all at once."""

    def page(request: Request, assets: AssetsDep, settings: SettingsDep) -> Response:
        if path == HOME and not {"view", "dataset"}.isdisjoint(request.query_params):
            return _moved(dict(request.query_params), settings.default_dataset)
        modules = tuple(assets.page.modules_of("main", *VIEWS[path]))
        starts_with_models = path.startswith(_START_WITH_MODELS) and forecasts_are_open(settings)
        html = _page_html(assets.page, modules, settings.max_body_bytes, starts_with_models)
        html = html.replace(_PLAIN_MARK, _plain(path, *map(str, request.path_params.values())))
        return HTMLResponse(html, headers=_REVALIDATE | {"Content-Security-Policy": PAGE_POLICY})

    return page


for _path in VIEWS:
    router.add_api_route(_path, _page_of(_path), response_model=None)


_PLAIN_MARK: Final = "<!-- plain -->"


def _plain(path: str, id: str = "") -> str:
    """Return a picture and a table of links to what the address shows, which need no JavaScript."""
    start = next(start for start in _PLAIN if path.startswith(start))

    def link(template: str) -> str:
        return escape(Template(template).substitute(id=quote(id, safe="")))

    picture = f'<p><img src="{link(_PICTURES[start])}" alt=""></p>' if start in _PICTURES else ""
    rows = (
        f'<tr><th scope="row">{what}</th><td><a href="{link(address)}">{link(address)}</a></td></tr>'
        for what, address in {**_PLAIN[start], "Guides": "/manual/index"}.items()
    )
    return f'{picture}<table class="values"><caption>Where to go</caption><tbody>{"".join(rows)}</tbody></table>'


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
    return RedirectResponse(path + options, HTTPStatus.PERMANENT_REDIRECT, _REVALIDATE)


# Not async: the first request for a large file compresses it.
@router.get("/assets/{path:path}")
def asset(request: Request, assets: AssetsDep) -> Response:
    """Return a file of the page or of Swagger UI."""
    file = assets.by_path.get(request.scope["path"])
    if file is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return _file(request, file, _CACHE_FOREVER)


@router.get("/favicon.ico")
def icon(request: Request, assets: AssetsDep) -> Response:
    """Return the page's icon, which browsers request for other responses too."""
    return _file(request, assets.page.files["icon.svg"], _REVALIDATE)


def _file(request: Request, asset: Asset, caching: Mapping[str, str]) -> Response:
    headers = {**caching, "Vary": "Accept-Encoding"}
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(asset.content, headers=headers, media_type=asset.media_type)
    return Response(asset.compressed, headers=headers | {"Content-Encoding": "gzip"}, media_type=asset.media_type)


@lru_cache(maxsize=64)
def _page_html(page: Bundle, modules: tuple[str, ...], max_bytes: int, starts_with_models: bool) -> str:
    """Return the HTML with one style sheet, and a link to each thing that a browser should load at once.

    These are the modules, unless they are bundled, and what the view asks for first.
    """
    style, *others = _STYLES.finditer(text := _index())
    text = text[: style.start()] + style[0].replace(style[1], "page.css") + text[others[-1].end() :]
    preloads = [f'<link rel="modulepreload" href="{page.folder}/{name}">' for name in modules]
    if BUNDLE in page.files:
        preloads, text = [], text.replace("modules/main.js", BUNDLE)
    if starts_with_models:
        preloads.append('<link rel="preload" href="/models" as="fetch" crossorigin="anonymous">')
    return Template(text).substitute(assets=page.folder, preloads="\n  ".join(preloads), largest=max_bytes)


DOCS_PATH: Final = "/docs"

_ABOUT: Final = "<p>Open a call to see its fields and responses. <b>Try it out</b> sends a request to this service.</p>"
_NOT_INSTALLED: Final = (
    '<p class="notice" id="not-installed">The calls are not shown, because Swagger UI is not installed. To install it, '
    "run <code>pip install 'sst-forecasting[page]'</code>, and restart the service.</p>"
)
# Swagger UI needs inline styles.
_DOCS_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    f"img-src 'self' data: blob:; connect-src 'self'; {ALWAYS}"
)
_DOCS_LINK: Final = f'<a href="{DOCS_PATH}">'


def install_docs(app: FastAPI, assets: Assets) -> None:
    """Add ``/docs`` to an ``app`` made with ``docs_url=None``."""
    html = _docs_html(app, assets)

    async def docs() -> HTMLResponse:
        return HTMLResponse(html, headers=_REVALIDATE | {"Content-Security-Policy": _DOCS_POLICY})

    app.add_api_route(DOCS_PATH, docs, include_in_schema=False)


def _docs_html(app: FastAPI, assets: Assets) -> str:
    page = _index()
    template = (PAGE / "docs" / "docs.html").read_text(encoding="utf-8")
    if assets.swagger is None:
        template = "\n".join(line for line in template.splitlines() if "$swagger" not in line)
    header = element("header", page).replace(_DOCS_LINK, _DOCS_LINK.replace(">", ' aria-current="page">'))
    parts = {
        "header": header,
        "footer": element("footer", page),
        "about": _ABOUT if assets.swagger else _NOT_INSTALLED,
    }
    return Template(Template(template).safe_substitute(parts)).substitute(
        assets=assets.page.folder,
        swagger=assets.swagger.folder if assets.swagger else "",
        openapi=app.openapi_url or "/openapi.json",
        version=app.version,
    )


def element(name: str, html: str) -> str:
    """Return the only element ``name`` of the page, so that both pages show the same."""
    (element,) = re.findall(f"<{name}[ >].*?</{name}>", html, re.DOTALL)
    return str(element)

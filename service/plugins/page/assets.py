"""The files that browsers load, from the page and from Python packages, and the templates that link to them.

The folder of each bundle is named after its content or version, so that browsers can cache its files forever.
"""

import gzip
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import sha256
from http import HTTPStatus
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Final

from jinja2 import Environment, FileSystemLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from service.api.dependencies import app_state
from service.http.caching import REVALIDATE, revalidated
from service.middleware.browsers import ALWAYS

MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

PAGE: Final = Path(__file__).parent / "static"

BUNDLE: Final = "bundle.js"
"""All modules of the page in one file, which wheels have if a bundler was there when they were built."""

_STYLES: Final = ("colours", "style", "parts", "charts", "evidence", "place", "forms", "places", "media")
"""The style sheets of the page, in their order: ``page.css`` is all of them."""

_IMPORT: Final = re.compile(rb'^(?:import|export) [^"]*"\./([^"]+)";', re.MULTILINE)

_COMPRESSION_LEVEL: Final = 6
"""Level 9 takes a third longer for Swagger UI and saves 0.2 %."""


@dataclass(frozen=True)
class Asset:
    """A file, read and compressed on the first request, then kept in memory."""

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
    """The files under one folder."""

    folder: str
    files: Mapping[str, Asset]

    def modules_of(self, *names: str) -> list[str]:
        """Return the paths of some modules and of all modules that they import."""
        pending, modules = [f"modules/{name}.js" for name in names], dict[str, None]()
        while pending:
            path = pending.pop()
            if path not in modules:
                modules[path] = None
                pending += self._imports[path]
        return sorted(modules)

    @cached_property
    def _imports(self) -> Mapping[str, Sequence[str]]:
        """The paths that each module imports."""
        return {
            path: [f"modules/{name.decode()}" for name in _IMPORT.findall(asset.content)]
            for path, asset in self.files.items()
            if path.startswith("modules/")
        }


@dataclass(frozen=True)
class Assets:
    """All files that the service provides to browsers."""

    page: Bundle
    swagger: Bundle | None
    has_outlooks: bool = False

    @classmethod
    def find(cls, *, has_outlooks: bool = False) -> "Assets":
        """Find the assets of the installed packages."""
        return cls(_page(), _swagger(), has_outlooks)

    @cached_property
    def by_path(self) -> Mapping[str, Asset]:
        """Every file, by its URL path."""
        bundles = [bundle for bundle in (self.page, self.swagger) if bundle]
        return {f"{bundle.folder}/{name}": asset for bundle in bundles for name, asset in bundle.files.items()}


def _page() -> Bundle:
    paths = sorted(path for path in PAGE.rglob("*") if path.suffix in MEDIA_TYPES)
    files = {path.relative_to(PAGE).as_posix(): Asset((path,)) for path in paths}
    files["page.css"] = Asset(tuple(PAGE / f"{name}.css" for name in _STYLES))
    digest = sha256()
    for name, asset in files.items():
        digest.update(b"%s\0%d\0" % (name.encode(), len(asset.content)) + asset.content)
    return Bundle(f"/assets/page-{digest.hexdigest()[:12]}", files)


def _swagger() -> Bundle | None:
    """Return Swagger UI, without importing the package that brings it; None if it is not installed."""
    spec = find_spec("flask_swagger_ui")
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0]) / "dist"
    files = {name: Asset((folder / name,)) for name in ("swagger-ui-bundle.js", "swagger-ui.css")}
    return Bundle(f"/assets/flask-swagger-ui-{version('flask-swagger-ui')}", files)


AssetsDep = Annotated[Assets, app_state("assets")]

STATIC_POLICY: Final = f"default-src 'none'; style-src 'self'; img-src 'self'; {ALWAYS}"
"""Of pages without script."""


def html_page(
    request: Request,
    template: str,
    assets: Assets,
    policy: str = STATIC_POLICY,
    status: HTTPStatus = HTTPStatus.OK,
    **content: Any,
) -> Response:
    """Return a template, such as ``report.html``, with this content; 304 if the browser has that already."""
    html = (
        _environment()
        .get_template(template)
        .render(assets=assets.page.folder, has_outlooks=assets.has_outlooks, **content)
    )
    headers = REVALIDATE | {"Content-Security-Policy": policy}
    if status != HTTPStatus.OK:
        return HTMLResponse(html, status, headers)
    return revalidated(request, html, HTMLResponse.media_type, headers)


@lru_cache
def _environment() -> Environment:
    return Environment(loader=FileSystemLoader(PAGE), autoescape=True, trim_blocks=True, lstrip_blocks=True)

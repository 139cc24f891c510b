"""The routes of the page and its files."""

from collections.abc import Mapping
from functools import lru_cache
from http import HTTPStatus
from string import Template
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response

from service.api.dependencies import SettingsDep
from service.api.pages.assets import PAGE, Asset, Assets

PATH: Final = "/"
VIEWS: Final = ("forecast", "data", "stations", "compare", "operate")
"""The views of the page, as in address.js. The first is the default."""

router = APIRouter(include_in_schema=False)

_CACHE_FOREVER: Final = {"Cache-Control": "public, max-age=31536000, immutable"}
_REVALIDATE: Final = {"Cache-Control": "no-cache"}


async def _assets(request: Request) -> Assets:
    assets: Assets = request.app.state.assets
    return assets


AssetsDep = Annotated[Assets, Depends(_assets)]


@router.get(PATH)
def page(assets: AssetsDep, settings: SettingsDep, view: str = "") -> HTMLResponse:
    """Return the page, with links to the modules of a view so that browsers load them all at once."""
    view = view if view in VIEWS else VIEWS[0]
    modules = tuple(assets.page.modules_of("main", view))
    return HTMLResponse(_html(assets.page.folder, modules, settings.max_body_bytes), headers=_REVALIDATE)


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


@lru_cache
def _html(folder: str, modules: tuple[str, ...], max_bytes: int) -> str:
    """Return the HTML, which preloads these modules."""
    preloads = "\n  ".join(f'<link rel="modulepreload" href="{folder}/{name}">' for name in modules)
    text = (PAGE / "index.html").read_text(encoding="utf-8")
    return Template(text).substitute(assets=folder, preloads=preloads, largest=max_bytes)

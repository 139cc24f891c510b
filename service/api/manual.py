"""The guides and the reference, which the package carries, as pages without script."""

from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Final

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse

from service.api.pages import PAGE, AssetsDep
from service.api.static_pages import markdown_html, static_page

FOLDER: Final = PAGE / "manual"
"""A link to ``docs``."""

router = APIRouter(include_in_schema=False)


# Not async: the first request for a page reads and renders it.
@router.get("/manual/{name:path}")
def manual(name: str, assets: AssetsDep) -> HTMLResponse:
    """Return a page of the documentation, such as ``guides/stations``."""
    file = _files().get(name)
    if file is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    title, content = _rendered(file)
    return static_page("manual.html", assets, title=title, content=content)


@cache
def _files() -> dict[str, Path]:
    """Return the files by their names without a suffix."""
    return {path.relative_to(FOLDER).with_suffix("").as_posix(): path for path in FOLDER.glob("**/*.md")}


@cache
def _rendered(file: Path) -> tuple[str, str]:
    """Return the title and the HTML of a file, which is kept: there are only the files of the package."""
    text = file.read_text(encoding="utf-8")
    return text.partition("\n")[0].removeprefix("# "), markdown_html(text)

"""The guides and the reference, which the package carries, as pages without script."""

from functools import lru_cache
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


# Not async: it reads a file.
@router.get("/manual/{name:path}")
def manual(name: str, assets: AssetsDep) -> HTMLResponse:
    """Return a page of the documentation, such as ``guides/stations``."""
    file = _files().get(name)
    if file is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    text = file.read_text(encoding="utf-8")
    return static_page("manual.html", assets, title=_title(text), content=markdown_html(text))


@lru_cache
def _files() -> dict[str, Path]:
    """Return the files by their names without a suffix."""
    return {path.relative_to(FOLDER).with_suffix("").as_posix(): path for path in FOLDER.glob("**/*.md")}


def _title(text: str) -> str:
    return text.partition("\n")[0].removeprefix("# ")

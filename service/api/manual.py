"""The guides and the reference, which the package carries, as pages without script, and their Markdown as HTML."""

import re
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse
from markdown_it import MarkdownIt
from markdown_it.token import Token
from starlette.exceptions import HTTPException
from starlette.responses import Response

from service.api.assets import PAGE, AssetsDep, html_page

FOLDER: Final = PAGE / "manual"
"""A link to ``docs``."""

_MOST: Final = 6
"""The lowest level of headings."""

_SCROLL: Final = 'class="scroll" tabindex="0" role="group"'
_SELF: Final = "http://127.0.0.1:8000"
"""The service, in the examples of the documentation."""

router = APIRouter(include_in_schema=False)


@router.get("/manual")
@router.get("/manual/")
async def contents() -> RedirectResponse:
    """Lead to the contents of the documentation."""
    return RedirectResponse("/manual/index", HTTPStatus.PERMANENT_REDIRECT)


# Not async: the first request for a page reads and renders it.
@router.get("/manual/{name:path}")
def manual(request: Request, name: str, assets: AssetsDep) -> Response:
    """Return a page of the documentation, such as ``guides/stations``."""
    if name not in _files():
        raise HTTPException(HTTPStatus.NOT_FOUND)
    title, content = _rendered(_files()[name])
    return html_page(request, "manual.html", assets, title=title, content=content)


@cache
def _files() -> dict[str, Path]:
    """Return the files by their names without a suffix."""
    return {path.relative_to(FOLDER).with_suffix("").as_posix(): path for path in FOLDER.glob("**/*.md")}


@cache
def _rendered(file: Path) -> tuple[str, str]:
    """Return the title and the HTML of a file, which is kept: there are only the files of the package."""
    text = file.read_text(encoding="utf-8")
    return text.partition("\n")[0].removeprefix("# "), markdown_html(text)


def markdown_html(text: str, lower: int = 0) -> str:
    """Return Markdown as HTML.

    HTML in the text stays text. Links to other Markdown files lead to their pages, links to examples of the service to
    the service itself, and links to files that have no page lead nowhere.
    """
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(text)
    slugs: dict[str, int] = {}
    for i, token in enumerate(tokens):
        # Cells have their alignment as an inline style, which the policy forbids.
        token.attrs.pop("style", None)
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + lower, _MOST)}"
        if token.type == "heading_open":
            token.attrs["id"] = _anchor(tokens[i + 1].content, slugs)
        token.children = [_linked(child) for child in token.children or () if child.type != "image"]
    html = str(markdown.renderer.render(tokens, markdown.options, {}))
    html = html.replace("<table>", f'<div {_SCROLL} aria-label="Table"><table class="values">')
    html = html.replace("</table>", "</table></div>")
    return html.replace("<pre>", f'<pre {_SCROLL} aria-label="Code">')


def _anchor(heading: str, seen: dict[str, int]) -> str:
    """Return the id of a heading, as the documentation site forms it."""
    slug = re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", heading.encode("ascii", "ignore").decode()).strip().lower())
    seen[slug] = n = seen.get(slug, -1) + 1
    return f"{slug}_{n}" if n else slug


def _linked(token: Token) -> Token:
    """Return a part of a line, whose link leads to where this service has it."""
    if token.type != "link_open":
        return token
    address = str(token.attrs["href"])
    path, mark, anchor = address.partition("#")
    if f"{address}/".startswith(f"{_SELF}/"):
        # One slash: two would lead to another host, and none to another scheme.
        token.attrs["href"] = f"/{address.removeprefix(_SELF).lstrip('/')}"
    elif "://" in path:
        return token
    elif path.endswith(".md") and not path.startswith("../../"):
        token.attrs["href"] = path.removesuffix(".md") + mark + anchor
    elif path:
        del token.attrs["href"]
    return token

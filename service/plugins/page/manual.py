"""The guides, the reference and the notebooks, which the package carries, as pages without script."""

import json
import re
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from itertools import chain
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse
from markdown_it import MarkdownIt
from markdown_it.token import Token
from starlette.exceptions import HTTPException
from starlette.responses import Response

from service.plugins.page.assets import PAGE, STATIC_POLICY, AssetsDep, html_page

FOLDER: Final = PAGE / "manual"
"""A link to ``docs``."""

_SCROLL: Final = 'class="scroll" tabindex="0" role="group"'
_POLICY: Final = STATIC_POLICY.replace("img-src 'self'", "img-src 'self' data:")
"""Notebooks contain their plots."""

_PLOT: Final = "data:image/png;base64,"
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
    return html_page(request, "manual.html", assets, _POLICY, title=title, content=content)


@cache
def _files() -> dict[str, Path]:
    """Return the files by their names without a suffix."""
    paths = chain(FOLDER.glob("**/*.md"), FOLDER.glob("**/*.ipynb"))
    return {path.relative_to(FOLDER).with_suffix("").as_posix(): path for path in paths}


@cache
def _rendered(file: Path) -> tuple[str, str]:
    """Return the title and the HTML of a file, which is kept: there are only the files of the package."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".ipynb":
        text = notebook_markdown(text)
    return text.partition("\n")[0].removeprefix("# "), markdown_html(text)


def notebook_markdown(notebook: str) -> str:
    """Return a notebook as Markdown: its text, its code, and what that printed and drew."""
    parts = []
    for cell in json.loads(notebook)["cells"]:
        text = "".join(cell["source"])
        parts += (
            [text] if cell["cell_type"] == "markdown" else [_fenced(text, "python"), *map(_output, cell["outputs"])]
        )
    return "\n\n".join(parts) + "\n"


def _output(output: Mapping[str, Any]) -> str:
    data = output.get("data", {})
    if "image/png" in data:
        return f"![Plot of the code above]({_PLOT}{''.join(data['image/png'].split())})"
    if "text/markdown" in data:
        return "".join(data["text/markdown"])
    return _fenced("".join(output["text"] if "text" in output else data["text/plain"]))


def _fenced(text: str, language: str = "text") -> str:
    return f"```{language}\n{text.rstrip()}\n```"


def markdown_html(text: str) -> str:
    """Return Markdown as HTML.

    HTML in the text stays text, and the only images are the plots of notebooks. Links to other pages lead there, links
    to examples of the service to the service itself, and links to files that have no page lead nowhere.
    """
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(text)
    slugs: dict[str, int] = {}
    for i, token in enumerate(tokens):
        # Cells have their alignment as an inline style, which the policy forbids.
        token.attrs.pop("style", None)
        if token.type == "heading_open":
            token.attrs["id"] = _anchor(tokens[i + 1].content, slugs)
        token.children = [_linked(child) for child in token.children or () if child.type != "image" or _is_plot(child)]
    html = str(markdown.renderer.render(tokens, markdown.options, {}))
    html = html.replace("<table>", f'<div {_SCROLL} aria-label="Table"><table class="values">')
    html = html.replace("</table>", "</table></div>")
    return html.replace("<pre>", f'<pre {_SCROLL} aria-label="Code">')


def _anchor(heading: str, seen: dict[str, int]) -> str:
    """Return the id of a heading, as the documentation site forms it."""
    slug = re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", heading.encode("ascii", "ignore").decode()).strip().lower())
    seen[slug] = n = seen.get(slug, -1) + 1
    return f"{slug}_{n}" if n else slug


def _is_plot(image: Token) -> bool:
    return str(image.attrs["src"]).startswith(_PLOT)


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
    elif path.endswith((".md", ".ipynb")) and not path.startswith("../../"):
        token.attrs["href"] = path.removesuffix(".md").removesuffix(".ipynb") + mark + anchor
    elif path:
        del token.attrs["href"]
    return token

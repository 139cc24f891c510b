"""Pages without script: the frame of the page, and Markdown as HTML."""

import re
from functools import lru_cache
from string import Template
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader
from markdown_it import MarkdownIt
from markdown_it.token import Token
from starlette.responses import HTMLResponse

from service.api.pages import PAGE, Assets, element

_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_HEADERS: Final = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"}
_CONTROL: Final = re.compile(r"<label.*?</label>", re.DOTALL)
"""A control of the page's header, which needs script."""

_MOST: Final = 6
"""The lowest level of headings."""

_SCROLL: Final = 'class="scroll" tabindex="0" role="group"'
_SELF: Final = "http://127.0.0.1:8000"
"""The service, in the examples of the documentation."""


def static_page(name: str, assets: Assets, **content: Any) -> HTMLResponse:
    """Return the template ``name`` with this content, between the header and the footer of the page."""
    template = _environment().get_template(name)
    return HTMLResponse(template.render(**_frame(assets.page.folder), **content), headers=_HEADERS)


@lru_cache
def _environment() -> Environment:
    return Environment(loader=FileSystemLoader(PAGE), autoescape=True, trim_blocks=True, lstrip_blocks=True)


@lru_cache
def _frame(folder: str) -> dict[str, str]:
    """Return the header and the footer of the page, whose files are in ``folder``."""
    index = (PAGE / "index.html").read_text(encoding="utf-8")
    header = Template(_CONTROL.sub("", element("header", index))).substitute(assets=folder)
    return {"assets": folder, "header": header, "footer": element("footer", index)}


def markdown_html(text: str, lower: int = 0) -> str:
    """Return Markdown as HTML.

    HTML in the text stays text. Links to other Markdown files lead to their pages, links to examples of the service to
    the service itself, and links to files that have no page lead nowhere.

    Args:
        text: Markdown with tables.
        lower: by how many levels headings are lowered.
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

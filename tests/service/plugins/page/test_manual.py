"""The documentation that the service carries, and the links between it and the page."""

import re
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin

import httpx
import pytest

from service.plugins.page.assets import PAGE
from service.plugins.page.manual import markdown_html
from tests.conftest import ROOT

NAMES = sorted(
    path.relative_to(ROOT / "docs").with_suffix("").as_posix()
    for path in (ROOT / "docs").glob("**/*")
    if path.suffix in (".md", ".ipynb")
)


class Anchors(HTMLParser):
    """The ids and the links of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids, self.links = set[str](), set[str]()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.ids.add(values.get("id") or "")
        if tag == "a":
            self.links.add(values.get("href") or "")


def test_every_link_of_the_manual_leads_to_a_page_and_its_heading(client: httpx.Client) -> None:
    pages = {f"/manual/{name}": client.get(f"/manual/{name}") for name in NAMES}
    assert {answer.status_code for answer in pages.values()} == {200}
    found = {path: Anchors(answer.text) for path, answer in pages.items()}
    broken = []
    for path, anchors in found.items():
        for link in filter(None, anchors.links):
            target, anchor = urldefrag(urljoin(path, link))
            if "://" in target or target in ("/docs", "/openapi.json", "/metrics"):
                continue
            if target in found:
                works = not anchor or anchor in found[target].ids
            else:
                answer = client.get(target)
                works = answer.status_code == 200 and "text/html" in answer.headers["content-type"]
            broken += [] if works else [(path, link)]
    assert broken == []
    assert {"/", "/add", "/about/models", "/report/nino12"} <= set.union(*(anchors.links for anchors in found.values()))


def test_every_link_of_the_page_to_the_manual_leads_to_a_page() -> None:
    files = [*PAGE.glob("*.html"), *PAGE.glob("modules/*.js")]
    linked = {name for file in files for name in re.findall(r'"/manual/([^"#]+)', file.read_text())}
    assert "index" in linked
    assert linked <= set(NAMES)


def test_a_page_of_the_manual_has_no_script_and_needs_no_key(client: httpx.Client) -> None:
    answer = client.get("/manual/guides/stations")
    assert "<title>Track your stations · SST forecasting</title>" in answer.text
    assert "<script" not in answer.text
    assert "script-src" not in answer.headers["content-security-policy"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_a_notebook_is_a_page_with_its_text_code_output_and_plots(client: httpx.Client) -> None:
    answer = client.get("/manual/notebooks/own_series")
    assert "<title>Forecast your own series · SST forecasting</title>" in answer.text
    assert '<code class="language-python">' in answer.text
    assert '<img src="data:image/png;base64,' in answer.text
    assert "img-src 'self' data:" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("name", ["nothing", "guides", "../pyproject", "%2e%2e/README", "guides/stations.md"])
def test_what_the_manual_does_not_have_is_not_found(client: httpx.Client, name: str) -> None:
    assert client.get(f"/manual/{name}").status_code == 404


@pytest.mark.parametrize("path", ["/manual", "/manual/"])
def test_the_manual_opens_with_its_contents(client: httpx.Client, path: str) -> None:
    answer = client.get(path, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (308, "/manual/index")


@pytest.mark.parametrize(("address", "link"), [
    ("http://127.0.0.1:8000/add?units=kelvin", "/add?units=kelvin"), ("http://127.0.0.1:8000", "/"),
    ("http://127.0.0.1:8000//elsewhere.example", "/elsewhere.example"),
    ("http://127.0.0.1:8000javascript:alert(1)", "http://127.0.0.1:8000javascript:alert(1)"),
    ("http://127.0.0.1:80001/x", "http://127.0.0.1:80001/x"), ("guides/stations.md#new", "guides/stations#new"),
    ("https://elsewhere.example/README.md", "https://elsewhere.example/README.md"),
])  # fmt: skip
def test_links_lead_to_this_service_or_stay_as_they_are(address: str, link: str) -> None:
    assert markdown_html(f"[x]({address})") == f'<p><a href="{link}">x</a></p>\n'


def test_markdown_never_becomes_markup_and_headings_have_one_id_each() -> None:
    html = markdown_html("# A & b\n\n## A\n\n## A\n\n<b>x</b> [y](javascript:z) [n](page.png) ![p](p.png)")
    assert '<h1 id="a-b">A &amp; b</h1>' in html
    assert ('<h2 id="a">' in html, '<h2 id="a_1">' in html) == (True, True)
    assert "&lt;b&gt;x&lt;/b&gt; [y](javascript:z) <a>n</a> " in html
    assert "<img" not in html

import re
from dataclasses import replace

import httpx
import pytest
from fastapi import FastAPI

from service.api.pages.assets import PAGE, Assets
from service.api.pages.docs import PATH, install_docs


async def shown(app: FastAPI) -> str:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        html = (await client.get(PATH)).raise_for_status().text
        (document,) = re.findall(r'data-openapi="(.*?)"', html)
        assert (await client.get(document)).json()["info"]["title"] == "SST"
        return html


@pytest.mark.anyio
@pytest.mark.parametrize(("installed", "counts"), [(True, [2, 3]), (False, [1, 2])])
async def test_the_documentation_loads_files_of_the_service_alone(installed: bool, counts: list[int]) -> None:
    app = FastAPI(title="SST", docs_url=None)
    assets = Assets.find() if installed else replace(Assets.find(), swagger=None)
    rules = {rule.split()[0]: rule.split()[1:] for rule in install_docs(app, assets).split("; ")}
    html = await shown(app)
    assert rules["default-src"] == ["'none'"]
    assert (rules["script-src"], rules["style-src"]) == (["'self'"], ["'self'", "'unsafe-inline'"])
    scripts = re.findall(r'<script [^>]*src="(.*?)"', html)
    styles = re.findall(r'(?:rel="stylesheet" href=|@import url\()"(.*?)"', html)
    assert [len(scripts), len(styles)] == counts
    assert {*scripts, *styles} <= assets.by_path.keys()
    # No script is inline, so the policy needs no exception for one.
    assert not re.search(r"<script(?![^>]* src=)", html)
    assert not re.search("https?://", html)
    assert ("pip install 'sst-forecasting[page]'" in html) == (not installed)


@pytest.mark.anyio
async def test_the_documentation_has_the_header_and_the_footer_of_the_page() -> None:
    app, assets = FastAPI(title="SST", docs_url=None), Assets.find()
    install_docs(app, assets)
    html = await shown(app)
    page = (PAGE / "index.html").read_text().replace("$assets", assets.page.folder)
    for name in ("header", "footer"):
        (element,) = re.findall(f"<{name}[ >].*?</{name}>", page, flags=re.DOTALL)
        assert element in html.replace(' aria-current="page"', "")
    assert '<a href="/docs" aria-current="page">' in html
    assert "$" not in html


def test_the_files_of_the_documentation_are_served_by_the_service_itself(client: httpx.Client) -> None:
    html = client.get(PATH).text
    for address in re.findall(r'(?:src|href)="(/assets/.*?)"', html):
        client.get(address).raise_for_status()
    (script,) = re.findall(r'src="(/assets/[^"]*swagger-ui-bundle.js)"', html)
    assert "SwaggerUIBundle" in client.get(script).text

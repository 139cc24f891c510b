import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256

import httpx
import pytest
from fastapi import FastAPI

from service.api.pages.assets import Assets
from service.api.pages.docs import PATH, install_docs


@pytest.mark.anyio
@pytest.mark.parametrize("installed", [True, False])
async def test_the_policy_of_the_documentation_allows_only_what_the_page_loads(installed: bool) -> None:
    app = FastAPI(title="SST", docs_url=None)
    assets = Assets.find() if installed else replace(Assets.find(), swagger=None)
    rules = {rule.split()[0]: rule.split()[1:] for rule in install_docs(app, assets).split("; ")}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
        html = (await client.get(PATH)).raise_for_status().text
        (document,) = re.findall(r"url: '(.*?)'", html)
        assert (await client.get(document)).json()["info"]["title"] == "SST"
    assert rules["default-src"] == ["'none'"]
    for pattern, rule in (("script src", "script-src"), ('rel="stylesheet" href', "style-src")):
        (address,) = re.findall(f'{pattern}="(.*?)"', html)
        if installed:
            assert address in assets.by_path
            assert "'self'" in rules[rule]
        else:
            assert any(address.startswith(source) for source in rules[rule])
    (inline,) = re.findall(r"<script>(.*?)</script>", html, flags=re.DOTALL)
    digest = b64encode(sha256(inline.encode()).digest()).decode()
    assert rules["script-src"][1:] == [f"'sha256-{digest}'"]
    assert (re.search("https?://", html.replace(inline, "")) is None) == installed


def test_swagger_ui_is_served_by_the_service_itself(client: httpx.Client) -> None:
    (script,) = re.findall(r'script src="(.*?)"', client.get(PATH).text)
    assert "SwaggerUIBundle" in client.get(script).raise_for_status().text

import re
from base64 import b64encode
from hashlib import sha256

import httpx
import pytest
from fastapi import FastAPI

from service.docs_page import PATH, install_docs


@pytest.mark.anyio
async def test_the_policy_of_the_documentation_lets_through_what_the_page_loads_and_no_more() -> None:
    app = FastAPI(title="SST", docs_url=None)
    rules = {rule.split()[0]: rule.split()[1:] for rule in install_docs(app).split("; ")}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
        html = (await client.get(PATH)).raise_for_status().text
        (document,) = re.findall(r"url: '(.*?)'", html)
        assert (await client.get(document)).json()["info"]["title"] == "SST"
    assert rules["default-src"] == ["'none'"]
    for pattern, rule in (
        ("script src", "script-src"),
        ('rel="stylesheet" href', "style-src"),
        ('icon" href', "img-src"),
    ):
        (address,) = re.findall(f'{pattern}="(.*?)"', html)
        assert any(address.startswith(source) for source in rules[rule])
    (inline,) = re.findall(r"<script>(.*?)</script>", html, flags=re.DOTALL)
    digest = b64encode(sha256(inline.encode()).digest()).decode()
    assert rules["script-src"][1:] == [f"'sha256-{digest}'"]
    assert all(source.endswith("/") for source in rules["script-src"][:1])

"""The page, its files, and ``/docs``."""

import html
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from service.middleware.browsers import PAGE_POLICY
from service.plugins.page.assets import BUNDLE, PAGE, Asset, Assets
from service.plugins.page.pages import DOCS_PATH, router
from service.settings import Settings
from tests.conftest import ROOT
from tests.serving import serve

LOADED = re.compile(r'(?:href|src)="(/assets/[^"]+)"')


def test_the_page_loads_nothing_from_elsewhere_and_runs_no_inline_script(client: httpx.Client) -> None:
    answer = client.get("/")
    html = answer.raise_for_status().text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    policy = dict(rule.split(" ", 1) for rule in answer.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert "//" not in re.sub(r"</?[a-z]+>", "", " ".join(re.findall(r'(?:href|src)="([^"]+)"', html)))
    assert re.findall(r"<script(?![^>]* src=)|<style| style=| on[a-z]+=", html) == []


@pytest.mark.parametrize(("path", "entry"), [
    ("/", "home"), ("/add", "add"), ("/place/sea/nino12", "sea-source"), ("/place/station/a%2Fb", "station-source"),
    ("/place/file", "file-source"), ("/place/nowhere", "place"), ("/report/nino12", "report"), ("/report/", "report"),
    ("/about/models", "loaded-models"), ("/outlook", "outlook"),
])  # fmt: skip
def test_each_address_is_the_page_and_preloads_its_modules_and_no_others(
    client: httpx.Client, path: str, entry: str
) -> None:
    answer = client.get(path).raise_for_status()
    assert answer.headers["content-security-policy"] == PAGE_POLICY
    preloaded = re.findall(r'modulepreload" href="/assets/[^"]+/(.*?)"', answer.text)
    needed, pending = set[str](), ["main.js", *(["place.js"] if path.startswith("/place/") else []), f"{entry}.js"]
    while pending:
        name = pending.pop()
        if name not in needed:
            needed.add(name)
            pending += re.findall(r'from "\./(.*?)"', (PAGE / "modules" / name).read_text())
    assert set(preloaded) == needed
    assert len(preloaded) < len(list(PAGE.glob("modules/*.js")))


def test_without_javascript_links_hold_the_name_of_the_place_escaped(client: httpx.Client) -> None:
    html = client.get("/place/station/a%2Fb%22%3Cc%26").text
    assert 'href="/stations/a%2Fb%22%3Cc%26/forecast"' in html
    assert 'src="/stations/a%2Fb%22%3Cc%26/card.svg"' in html


def test_the_style_sheets_are_one_file_in_their_order(client: httpx.Client) -> None:
    html = client.get("/").text
    (sheet,) = re.findall(r'rel="stylesheet" href="(.*?)"', html)
    css = client.get(sheet).text
    first, *others, last = sorted((path.read_text() for path in PAGE.glob("*.css")), key=css.index)
    assert (first, last) == ((PAGE / "colours.css").read_text(), (PAGE / "media.css").read_text())
    assert css == "".join((first, *others, last))


@pytest.mark.parametrize("is_open", [True, False])
@pytest.mark.anyio
async def test_a_bundle_takes_the_place_of_the_modules(tmp_path: Path, is_open: bool) -> None:
    assets, file = Assets.find(), tmp_path / BUNDLE
    file.write_text("show()")
    page = replace(assets.page, files={**assets.page.files, BUNDLE: Asset((file,))})
    app = FastAPI()
    app.include_router(router)
    app.state.assets, app.state.settings = replace(assets, page=page), Settings(allow_anonymous=is_open)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        html = (await client.get("/place/sea/nino12")).text
        (script,) = re.findall(r'<script type="module" src="(.*?)"', html)
        assert (await client.get(script)).text == "show()"
    assert "modulepreload" not in html
    # What every view of a sea asks for first; with a key, a browser cannot ask before it knows the key.
    assert re.findall(r'rel="preload" href="(.*?)"', html) == ["/models"] * is_open


@pytest.mark.parametrize(("deno", "bundle"), [
    (None, None), ("for last; do :; done; cat $last > ${out#--output=}", (PAGE / "modules" / "main.js").read_text()),
    ("echo half > ${out#--output=}; exit 1", None),
])  # fmt: skip
def test_a_wheel_has_a_bundle_if_deno_makes_one(tmp_path: Path, deno: str | None, bundle: str | None) -> None:
    if deno is not None:
        program = tmp_path / "bin" / "deno"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\nfor each; do case $each in --output=*) out=$each;; esac; done\n{deno}\n")
        program.chmod(0o755)
    build = [sys.executable, "setup.py", "-q", "build_py", "--build-lib", str(tmp_path / "lib")]
    path = f"{tmp_path / 'bin'}:/usr/bin:/bin" if deno else f"{tmp_path / 'bin'}"
    subprocess.run(build, cwd=ROOT, env=os.environ | {"PATH": path}, check=True, capture_output=True)
    page = tmp_path / "lib" / "service" / "plugins" / "page" / "static"
    assert (page / "modules" / "main.js").exists()
    assert ((page / BUNDLE).read_text() if bundle is not None else (page / BUNDLE).exists() or None) == bundle


@pytest.mark.parametrize(("old", "new"), [
    ("view=forecast", "/place/sea/nino12"),
    ("view=forecast&dataset=buoy&model=all&levels=80,95", "/place/sea/buoy?model=all&levels=80,95"),
    ("dataset=buoy", "/place/sea/buoy"),
    ("dataset=//elsewhere/", "/place/sea/%2F%2Felsewhere%2F"),
    ("view=data&units=kelvin", "/add?units=kelvin"),
    ("view=stations&search=pier", "/?search=pier"),
    ("view=stations&station=a/b&lead=3", "/place/station/a%2Fb?lead=3"),
    ("view=compare&dataset=buoy&from=2001-01-01T00:00", "/report/buoy?from=2001-01-01T00:00"),
    ("view=operate", "/about/models"),
    ("view=nonsense", "/"),
])  # fmt: skip
def test_addresses_of_earlier_versions_lead_to_the_new_ones(client: httpx.Client, old: str, new: str) -> None:
    answer = client.get(f"/?{old}", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (308, new)


def test_every_file_of_the_page_is_served_compressed_and_cached_for_good(client: httpx.Client) -> None:
    paths = set(LOADED.findall(client.get("/place/sea/nino12").text))
    assert any(path.endswith("/modules/plot.js") for path in paths)
    for path in paths:
        answer = client.get(path).raise_for_status()
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["content-type"].split(";")[0] in ("text/css", "text/javascript", "image/svg+xml")
        plain = client.get(path, headers={"Accept-Encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert plain.content == answer.content


def test_modules_import_only_existing_modules() -> None:
    for module in PAGE.glob("modules/*.js"):
        for name in re.findall(r'from "(.*?)"', module.read_text()):
            assert (module.parent / name).is_file(), f"{module.name} imports {name}"


def test_different_content_has_a_different_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Assets.find().page.folder
    shutil.copytree(PAGE, tmp_path, ignore=shutil.ignore_patterns("manual"), dirs_exist_ok=True)
    (tmp_path / "icon.svg").write_text("<svg/>")
    monkeypatch.setattr("service.plugins.page.assets.PAGE", tmp_path)
    assert Assets.find().page.folder != before


@pytest.mark.parametrize(
    "path", ["/assets/", "/assets/page/../app.py", "/assets/flask-swagger-ui-0/swagger-ui.css", "/assets/%2e%2e/app.py"]
)
def test_nothing_else_is_served(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 404


def test_page_and_files_need_no_key(artifacts: Path) -> None:
    digest = "0" * 64
    with serve(Settings(artifacts=artifacts, allow_anonymous=False, keys=f"pier:forecast:{digest}")) as client:
        paths = LOADED.findall(client.get("/").raise_for_status().text)
        for path in ("/favicon.ico", "/add", "/place/station/pier", *paths):
            client.get(path).raise_for_status()
        assert client.get("/models").status_code == 401


def test_forecasts_of_a_dataset_start_from_the_end_of_its_series(client: httpx.Client) -> None:
    recent = client.get("/series").raise_for_status().json()
    forecast = client.get("/forecast").json()
    assert (recent["dataset"], recent["step"], recent["units"]) == ("nino12", "month", "celsius")
    assert recent["timestamps"][-1] == "2010-12-01T00:00:00Z"
    assert forecast["forecasts"][0]["timestamps"] == ["2011-01-01T00:00:00Z"]
    assert len(recent["values"]) == len(recent["timestamps"]) >= 24
    assert recent["values"][-1] == forecast["forecasts"][0]["baselines"]["persistence"][0]
    assert client.get("/series", params={"dataset": "atlantis"}).status_code == 404


def test_the_climatology_of_the_past_year_continues_in_the_forecast(client: httpx.Client) -> None:
    past = client.get("/series").raise_for_status().json()["climatology"]
    ahead = client.get("/forecast", params={"horizon": 3}).json()["forecasts"][0]["baselines"]["climatology"]
    assert past[-12:-9] == pytest.approx(ahead)


def test_the_record_of_the_training_has_losses_and_seeds(client: httpx.Client) -> None:
    record = client.get("/compare/training").raise_for_status().json()
    assert [network["model"] for network in record["networks"]] == ["nino12-rnn", "nino12-lstm", "nino12-gru"]
    for network in record["networks"]:
        assert len(network["train_loss"]) == len(network["validation_loss"]) == network["epochs"] == 2
        assert [run["seed"] for run in network["seeds"]] == [0, 1]
    assert record["configuration"]["hidden"] == 4
    one_seed = client.get("/compare/training", params={"dataset": "buoy"}).json()
    assert [network["seeds"] for network in one_seed["networks"]] == [[], [], []]


async def shown(app: FastAPI) -> tuple[str, str]:
    """The documentation and its Content-Security-Policy."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        answer = (await client.get(DOCS_PATH)).raise_for_status()
        html = answer.text
        (document,) = re.findall(r'data-openapi="(.*?)"', html)
        assert (await client.get(document)).json()["info"]["title"] == "SST"
        return html, answer.headers["content-security-policy"]


@pytest.mark.anyio
@pytest.mark.parametrize(("installed", "counts"), [(True, [2, 4]), (False, [1, 3])])
async def test_the_documentation_loads_files_of_the_service_alone(installed: bool, counts: list[int]) -> None:
    app = FastAPI(title="SST", docs_url=None)
    assets = Assets.find() if installed else replace(Assets.find(), swagger=None)
    app.include_router(router)
    app.state.assets = assets
    html, policy = await shown(app)
    rules = {rule.split()[0]: rule.split()[1:] for rule in policy.split("; ")}
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


FRAME = re.compile("<(header|footer)[ >].*?</(?:header|footer)>", re.DOTALL)


@pytest.mark.parametrize("path", [DOCS_PATH, "/manual/index", "/nowhere"])
def test_every_page_has_the_header_and_the_footer_of_the_views(client: httpx.Client, path: str) -> None:
    def links(path: str) -> list[str]:
        html = client.get(path, headers=BROWSER).text
        return re.findall("<a .*?</a>", "".join(found[0] for found in FRAME.finditer(html)))

    current = [link for link in links(path) if "aria-current" in link]
    assert current == ['<a href="/docs" aria-current="page">API</a>'] * (path == DOCS_PATH)
    assert [link.replace(' aria-current="page"', "") for link in links(path)] == links("/")


@pytest.mark.parametrize("path", ["/", "/place/sea/nino12", DOCS_PATH, "/manual/index", "/favicon.ico"])
def test_a_browser_loads_a_page_again_only_if_it_has_changed(client: httpx.Client, path: str) -> None:
    first = client.get(path).raise_for_status()
    assert first.headers["cache-control"] == "no-cache"
    again = client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    other = client.get(path, headers={"If-None-Match": client.get("/manual/guides/stations").headers["etag"]})
    assert other.content == first.content


BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.mark.parametrize("path", ["/nowhere", "/manual/guides/<b>", "/assets/nothing.js"])
def test_a_browser_gets_a_page_where_there_is_none(client: httpx.Client, path: str) -> None:
    answer = client.get(path, headers=BROWSER)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "<h1>There is no such page</h1>" in answer.text
    assert "etag" not in answer.headers
    assert f"{html.escape(path)} leads nowhere" in answer.text
    assert {"/", "/manual/index", "/docs"} <= set(re.findall('<a href="(.*?)"', answer.text))
    assert client.get(path).headers["content-type"] == "application/problem+json"


def test_the_files_of_the_documentation_are_served_by_the_service_itself(client: httpx.Client) -> None:
    html = client.get(DOCS_PATH).text
    for address in re.findall(r'(?:src|href)="(/assets/.*?)"', html):
        client.get(address).raise_for_status()
    (script,) = re.findall(r'src="(/assets/[^"]*swagger-ui-bundle.js)"', html)
    assert "SwaggerUIBundle" in client.get(script).text

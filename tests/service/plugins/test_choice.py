"""Which plug-ins a service has, as ``SST_PLUGINS`` says."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import httpx
import pytest

from forecasting.errors import MissingExtraError, RequestError
from forecasting.series.sst_series import SstSeries
from service.app import create_app
from service.plugin import load_plugins
from service.plugins import PLUGINS
from service.settings import Settings
from tests.forecasting.test_extras import run_without
from tests.processes import running
from tests.refused_start import refused_start
from tests.service.requests import answered, body

_NAMES = """
import sys
from service.app import create_app
from service.settings import Settings
create_app(Settings())
print(*sys.modules)
"""
_IN_USE = """
import logging; logging.basicConfig(level="INFO")
from service.app import create_app
from service.settings import Settings
print(*create_app(Settings()).state.plugins)
"""


@pytest.mark.long
def test_without_plug_ins_the_service_forecasts_and_compares_and_their_paths_are_unknown(
    artifacts: Path, nino12: SstSeries
) -> None:
    with running(artifacts, plugins="none") as service, httpx.Client(base_url=service.url, timeout=600) as client:
        forecast = answered(client.post("/forecast", json=body(nino12)))
        assert len(forecast["forecasts"]) == 1
        assert answered(client.get("/compare?dataset=nino12"))["models"]
        assert answered(client.get("/health/ready"))["store"] is None
        assert "sst_request_seconds" in client.get("/metrics").text
        arrow = {"Content-Type": "application/vnd.apache.arrow.stream"}
        assert client.post("/forecast", content=b"", headers=arrow).status_code == 415
        for path in ("/v2/health/live", "/stations", "/series", "/outlooks/latest", "/docs", "/"):
            missing = client.get(path, headers={"Accept": "text/html"})
            assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json"), path
        document = answered(client.get("/openapi.json"))
    assert "arrow" not in str(document["paths"]["/forecast"]["post"]).lower()
    tags = {tag["name"] for tag in document["tags"]}
    assert tags == {"forecast", "events", "compare", "models", "health", "metrics"}
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]
    assert {tag for operation in operations for tag in operation["tags"]} == tags
    linked = {
        link["operationId"]
        for operation in operations
        for response in operation["responses"].values()
        for link in response.get("links", {}).values()
    }
    assert linked <= {operation["operationId"] for operation in operations}


@pytest.mark.long
def test_a_plug_in_that_is_left_out_is_not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    imported = {}
    for chosen in ("all", "none"):
        monkeypatch.setenv("SST_PLUGINS", chosen)
        printed = subprocess.run([sys.executable, "-c", _NAMES], check=True, capture_output=True, text=True).stdout
        imported[chosen] = printed.split()
    assert {*imported["all"]} >= {*PLUGINS.values()}
    assert [name for name in imported["none"] if name.startswith("service.plugins.")] == []
    assert {"sqlalchemy", "alembic", "jinja2", "markdown_it", "pyarrow"}.isdisjoint(imported["none"])


@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        ("all", [*PLUGINS]),
        ("", [*PLUGINS]),
        ("inference", ["inference"]),
        ("Stations, uploads", ["uploads", "stations"]),
    ],
)
def test_plug_ins_are_chosen_by_name_and_all_by_default(chosen: str, names: list[str]) -> None:
    plugins = load_plugins(chosen, PLUGINS)
    assert [*plugins.items()] == [(name, import_module(PLUGINS[name]).PLUGIN) for name in names]


@pytest.mark.parametrize("left_out", [*PLUGINS])
def test_a_service_without_one_plug_in_and_those_that_require_it_starts_and_describes_itself(left_out: str) -> None:
    gone = {left_out}
    for name, module in PLUGINS.items():
        gone |= {name} if gone & import_module(module).PLUGIN.requires else set()
    app = create_app(Settings(plugins=",".join(name for name in PLUGINS if name not in gone)))
    document = app.openapi()
    tags = {tag["name"] for tag in document["tags"]}
    used = {tag for methods in document["paths"].values() for each in methods.values() for tag in each["tags"]}
    assert used == tags


def test_a_name_that_no_plug_in_has_stops_the_start_with_one_sentence(
    artifacts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    messages = refused_start(capsys, "--port", "0", "--artifacts", str(artifacts), plugins="inference,tide")
    assert messages == [
        "sst serve: invalid setting SST_PLUGINS=inference,tide: there is no plug-in 'tide'; write all, none, or some "
        "of columns, uploads, stations, outlooks, inference, page"
    ]


@pytest.mark.long
@pytest.mark.parametrize(
    ("package", "extra", "kept"),
    [
        ("sqlalchemy", "stations", ["columns", "uploads", "outlooks", "inference"]),
        ("jinja2", "page", ["columns", "uploads", "stations", "outlooks", "inference"]),
        ("pyarrow", "columns", ["uploads", "stations", "outlooks", "inference", "page"]),
    ],
)
def test_the_small_installation_serves_without_the_plug_ins_whose_packages_it_lacks(
    package: str, extra: str, kept: list[str]
) -> None:
    done = run_without(package, _IN_USE)
    assert done.stdout.split() == kept
    assert f"left out: the plug-in {extra} needs the extra `{extra}` (no package {package!r})" in done.stderr


TIDE = """
from fastapi import APIRouter
from service.plugin import Plugin

router = APIRouter()

@router.get("/tide")
def tide() -> float:
    return 1.5

PLUGIN = Plugin([router], requires=frozenset({%s}))
"""


@pytest.fixture
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Two plug-ins, of which one requires the other."""
    (tmp_path / "sea_level.py").write_text(TIDE % "")
    (tmp_path / "surge.py").write_text(TIDE % "'sea'")
    (tmp_path / "absent.py").write_text("import no_such_package_at_all\n")
    monkeypatch.syspath_prepend(tmp_path)
    return {"sea": "sea_level", "surge": "surge", "absent": "absent"}


def test_a_plug_in_without_one_that_it_requires_is_refused(known: dict[str, str]) -> None:
    with pytest.raises(RequestError, match=r"^invalid setting SST_PLUGINS=surge: surge needs sea; add what is missing"):
        load_plugins("surge", known)
    assert len(load_plugins("surge,sea", known)) == 2


def test_of_all_plug_ins_those_without_their_packages_are_left_out_and_a_named_one_is_refused(
    known: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "service")
    assert len(load_plugins("all", known)) == 2
    assert "left out: the plug-in absent needs the extra `absent`" in caplog.text
    with pytest.raises(MissingExtraError, match="needs the extra `absent`"):
        load_plugins("absent", known)

"""The metrics that Prometheus collects, and the queries of the dashboard."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from forecasting.series.sst_series import SstSeries
from service.plugins.stations.metrics import StationMetrics, VerifiedForecast
from service.settings import Settings
from service.telemetry.metrics import Metrics
from tests.conftest import ROOT
from tests.deploy.dashboard import DASHBOARDS, labels, metrics, queries, unknown
from tests.service.requests import body
from tests.serving import serve

PROMETHEUS = ROOT / "deploy" / "prometheus" / "prometheus.yml"
GRAFANA = ROOT / "deploy" / "grafana"


@pytest.fixture(scope="module")
def exposition(artifacts: Path, nino12: SstSeries) -> str:
    """The answer of ``GET /metrics`` after a forecast and a refusal."""
    with serve(Settings(artifacts=artifacts)) as client:
        client.post("/forecast", json=body(nino12, model="all")).raise_for_status()
        client.post("/v2/repository/models/nino12-gru/load", json={})
        return client.get("/metrics").text


def alerts() -> list[str]:
    """Return the expressions of all alerts."""
    groups = yaml.safe_load((PROMETHEUS.parent / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    return [rule["expr"] for group in groups for rule in group["rules"]]


def test_every_query_of_the_dashboards_and_alerts_uses_existing_metrics_and_labels(exposition: str) -> None:
    # Forecasts of stations have labels once one is verified.
    counted = Metrics()
    StationMetrics(counted.registry).verified([VerifiedForecast(1, "universal", 0.1, 0.2, {80: True}, [(0.5, True)])])
    exposed = exposition + counted.exposition()[0].decode()
    labels_of: dict[str, set[str]] = {}
    for name, inside in re.findall(r"^(\w+)(?:\{(.*)\})? ", exposed, flags=re.MULTILINE):
        labels_of.setdefault(name, {"job", "instance"}).update(re.findall(r"(\w+)=", inside))
    all_queries = [query for panel in queries().values() for query in panel] + alerts()
    assert len(all_queries) > 45
    for query in all_queries:
        names = {name for name in metrics(query) if not name.startswith("haproxy_")}
        assert names <= set(labels_of), query
        for name in names:
            assert labels(query) <= labels_of[name], query


def test_every_metric_of_the_service_is_on_a_dashboard(exposition: str) -> None:
    families = {
        name for name in re.findall(r"^# TYPE (\w+) ", exposition, flags=re.MULTILINE) if name.startswith("sst_")
    }
    shown = " ".join(query for panel in queries().values() for query in panel)
    assert {name for name in families if name not in shown} == set()


@pytest.mark.long
@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_accepts_the_configuration_and_the_metrics(exposition: str) -> None:
    subprocess.run(["promtool", "check", "config", PROMETHEUS], check=True, capture_output=True)
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=exposition, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_grafana_knows_every_field_of_the_dashboard_and_panels_do_not_overlap(path: Path) -> None:
    dashboard = json.loads(path.read_text(encoding="utf-8"))
    assert unknown(dashboard) == []
    panels = dashboard["panels"]
    cells = [
        (panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y)
        for panel in panels
        for x in range(panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_the_composition_mounts_the_data_source_and_the_dashboards_where_grafana_reads_them() -> None:
    composition = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    targets = {config["source"]: config["target"] for config in composition["services"]["grafana"]["configs"]}
    (provider,) = yaml.safe_load((GRAFANA / "dashboards.yml").read_text())["providers"]
    (source,) = yaml.safe_load((GRAFANA / "datasources.yml").read_text())["datasources"]
    for name, path in zip(("dashboard", "stations-dashboard"), DASHBOARDS, strict=True):
        assert Path(targets[name]).parent == Path(provider["options"]["path"])
        assert ROOT / composition["configs"][name]["file"] == path
        assert f'"uid": "{source["uid"]}"' in path.read_text()
    assert source["url"] == "http://prometheus:9090"

"""The alerts, and what Prometheus and the Prometheus Operator read them from."""

import re
import shutil
import subprocess
from pathlib import Path

import jsonschema
import pytest
import yaml

from tests.conftest import ROOT
from tests.deploy.kustomize import Manifest, of, rendered, unlisted
from tests.deploy.operator_schemas import SCHEMAS

ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
KUBERNETES = ROOT / "deploy" / "kubernetes"
CASES = sorted((ROOT / "tests" / "deploy" / "alerts").glob("*.yml"))
NAMES = re.findall(r"alert: (\w+)", ALERTS.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def monitoring() -> list[Manifest]:
    return rendered(KUBERNETES / "monitoring")


@pytest.mark.long
@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool, which evaluates the alerts, is not installed")
@pytest.mark.parametrize("cases", CASES, ids=lambda path: path.stem)
def test_each_alert_fires_on_what_it_is_for_and_on_nothing_else(cases: Path) -> None:
    done = subprocess.run(["promtool", "test", "rules", cases], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_each_alert_has_a_case_that_fires_it_and_advice_in_the_guide(name: str) -> None:
    assert any(f'alertname="{name}"' in cases.read_text(encoding="utf-8") for cases in CASES)
    guide = (ROOT / "docs" / "guides" / "run-the-service.md").read_text(encoding="utf-8")
    assert f"| `{name}` |" in guide


def test_the_composition_gives_prometheus_the_alerts_where_it_reads_them() -> None:
    composition = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    targets = {mount["source"]: Path(mount["target"]) for mount in composition["services"]["prometheus"]["configs"]}
    configuration = yaml.safe_load((ALERTS.parent / "prometheus.yml").read_text(encoding="utf-8"))
    assert [str(targets["prometheus"].parent / name) for name in configuration["rule_files"]] == [
        str(targets["alerts"])
    ]
    assert ROOT / composition["configs"]["alerts"]["file"] == ALERTS


def test_prometheus_alone_reaches_the_worker_of_the_composition() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    assert {name for name, service in services.items() if "metrics" in service.get("networks", [])} == {
        "prometheus", "worker",
    }  # fmt: skip
    assert "ports" not in services["worker"]


def test_every_object_of_the_operator_has_the_fields_that_it_reads(monitoring: list[Manifest]) -> None:
    assert unlisted(KUBERNETES / "monitoring") == []
    assert {manifest["kind"] for manifest in monitoring} == set(SCHEMAS)
    for manifest in monitoring:
        jsonschema.validate(manifest, SCHEMAS[manifest["kind"]])


def test_a_cluster_has_the_alerts_of_the_composition(monitoring: list[Manifest]) -> None:
    alerts = of(monitoring, "PrometheusRule", "sst-forecasting")["spec"]
    assert alerts == yaml.safe_load(ALERTS.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("kind", "name", "endpoints"),
    [
        ("ServiceMonitor", "service", "endpoints"),
        ("PodMonitor", "worker", "podMetricsEndpoints"),
        ("PodMonitor", "proxy", "podMetricsEndpoints"),
    ],
)
def test_each_monitor_selects_its_pods_under_the_name_of_their_job(
    monitoring: list[Manifest], kind: str, name: str, endpoints: str
) -> None:
    monitor, manifests = of(monitoring, kind, name)["spec"], rendered(KUBERNETES)
    if kind == "ServiceMonitor":
        service = of(manifests, "Service", name)
        labels, ports = service["metadata"]["labels"], service["spec"]["ports"]
    else:
        pod = of(manifests, "Deployment", name)["spec"]["template"]
        labels, ports = pod["metadata"]["labels"], pod["spec"]["containers"][0]["ports"]
    assert monitor["selector"]["matchLabels"].items() <= labels.items()
    assert labels[monitor["jobLabel"]] == name
    assert {endpoint["port"] for endpoint in monitor[endpoints]} <= {port["name"] for port in ports}

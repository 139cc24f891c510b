"""The alerts, and what Prometheus and the Prometheus Operator read them from."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

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


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool, which evaluates the alerts, is not installed")
@pytest.mark.parametrize("cases", CASES, ids=lambda path: path.stem)
def test_each_alert_fires_on_what_it_is_for_and_on_nothing_else(cases: Path) -> None:
    done = subprocess.run(["promtool", "test", "rules", cases], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_each_alert_has_a_case_that_fires_it_and_advice_in_the_guide(name: str) -> None:
    assert any(f'alertname="{name}"' in cases.read_text(encoding="utf-8") for cases in CASES)
    guide = (ROOT / "docs" / "guides" / "deploy.md").read_text(encoding="utf-8")
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


def test_the_monitors_select_the_replicas_and_the_worker_under_the_names_of_their_jobs(
    monitoring: list[Manifest],
) -> None:
    def scraped(kind: str, name: str, endpoints: str) -> tuple[dict[str, Any], str, set[str]]:
        monitor = of(monitoring, kind, name)["spec"]
        ports = {endpoint["port"] for endpoint in monitor[endpoints]}
        return monitor["selector"]["matchLabels"], monitor["jobLabel"], ports

    manifests = rendered(KUBERNETES)
    service, pod = of(manifests, "Service"), of(manifests, "Deployment", "worker")["spec"]["template"]
    ports = {port["name"] for port in service["spec"]["ports"]}
    container_ports = {port["name"] for port in pod["spec"]["containers"][0]["ports"]}
    for labels, existing, (selector, job_label, scraped_ports), job in (
        (service["metadata"]["labels"], ports, scraped("ServiceMonitor", "service", "endpoints"), "service"),
        (pod["metadata"]["labels"], container_ports, scraped("PodMonitor", "worker", "podMetricsEndpoints"), "worker"),
    ):
        assert selector.items() <= labels.items()
        assert labels[job_label] == job
        assert scraped_ports <= existing

"""The manifests in deploy/kubernetes/, as a cluster reads them."""

import re
import shutil
from typing import Any

import kubernetes_validate
import pytest
import yaml

from service.settings import Settings
from tests.conftest import ROOT
from tests.deploy.kustomize import Manifest, of, rendered, unlisted

FOLDER = ROOT / "deploy" / "kubernetes"
PROXY = ROOT / "deploy" / "haproxy"
VERSIONS = ("1.32", "1.35")
OURS = (("Deployment", "service"), ("Deployment", "worker"), ("Job", "training"))
PODS = (*OURS, ("Deployment", "proxy"))

needs_kubectl = pytest.mark.skipif(
    shutil.which("kubectl") is None, reason="kubectl, which renders the manifests, is not installed"
)


@pytest.fixture(scope="module")
def manifests() -> list[Manifest]:
    return rendered(FOLDER)


def pod_of(manifests: list[Manifest], kind: str, name: str) -> tuple[Manifest, Manifest]:
    """Return the pod of a deployment or job, and its only container."""
    pod = of(manifests, kind, name)["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    return pod, container


def environment(manifests: list[Manifest], name: str) -> dict[str, Manifest]:
    """Return the variables of a deployment by name."""
    return {variable["name"]: variable for variable in pod_of(manifests, "Deployment", name)[1]["env"]}


def configuration() -> str:
    """Return the configuration of HAProxy that the composition shares."""
    return (PROXY / "haproxy.cfg").read_text(encoding="utf-8")


@pytest.mark.long
@needs_kubectl
def test_kustomize_puts_every_object_in_the_namespace_and_names_every_image(manifests: list[Manifest]) -> None:
    for manifest in manifests:
        if manifest["kind"] != "Namespace":
            assert manifest["metadata"]["namespace"] == "sst-forecasting"
    for kind, name in OURS:
        assert pod_of(manifests, kind, name)[1]["image"].startswith("registry.example.com/sst-forecasting-")


def test_every_file_of_the_folder_is_listed() -> None:
    assert unlisted(FOLDER) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_matches_its_schema_strictly(manifests: list[Manifest], version: str) -> None:
    kinds = {manifest["kind"] for manifest in manifests}
    assert kinds >= {"Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy", "Job"}
    for manifest in manifests:
        kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize(("kind", "name"), PODS)
def test_pods_are_as_restricted_as_the_composition(manifests: list[Manifest], kind: str, name: str) -> None:
    pod, container = pod_of(manifests, kind, name)
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["runAsUser"] == (99 if name == "proxy" else 10_001)
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not pod["automountServiceAccountToken"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"]["memory"]


@pytest.mark.parametrize("name", ["service", "proxy"])
def test_a_rolling_update_waits_for_a_new_pod_and_lets_the_old_one_drain(manifests: list[Manifest], name: str) -> None:
    assert of(manifests, "Deployment", name)["spec"]["strategy"]["rollingUpdate"] == {
        "maxSurge": 1, "maxUnavailable": 0,
    }  # fmt: skip
    pod, container = pod_of(manifests, "Deployment", name)
    if name == "service":
        # A database that fails must not take the replicas out of service, nor restart them.
        paths = {container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "readiness")}
        assert paths == {"/v2/health/ready"}
        settings = environment(manifests, name)
        drain = sum(int(settings[f"SST_{part}_SECONDS"]["value"]) for part in ("DRAIN", "LINGER"))
    else:
        (seconds,) = re.findall(r"^ *timeout server (\d+)s$", configuration(), re.MULTILINE)
        drain = int(seconds)
    assert pod["terminationGracePeriodSeconds"] > container["lifecycle"]["preStop"]["sleep"]["seconds"] + drain


@pytest.mark.parametrize("name", ["service", "worker"])
def test_every_setting_is_a_setting_of_the_service(manifests: list[Manifest], name: str) -> None:
    assert {setting.removeprefix("SST_").lower() for setting in environment(manifests, name)} <= set(
        Settings.model_fields
    )


def test_one_worker_does_the_background_work_and_shares_the_secret_database(manifests: list[Manifest]) -> None:
    assert of(manifests, "Deployment", "worker")["spec"]["replicas"] == 1
    worker, service = environment(manifests, "worker"), environment(manifests, "service")
    assert (worker["SST_BACKGROUND"]["value"], service["SST_BACKGROUND"]["value"]) == ("true", "false")
    for settings in (worker, service):
        # Without the secret, pods start all the same.
        assert settings["SST_STORE"]["valueFrom"] == {
            "secretKeyRef": {"name": "sst-store", "key": "url", "optional": True}
        }


@pytest.mark.long
@needs_kubectl
def test_the_proxy_is_that_of_the_composition(manifests: list[Manifest]) -> None:
    pod, container = pod_of(manifests, "Deployment", "proxy")
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    mounted = {mount["mountPath"]: volumes[mount["name"]] for mount in container["volumeMounts"]}
    config_map = of(manifests, "ConfigMap", mounted["/usr/local/etc/haproxy"]["configMap"]["name"])
    assert config_map["data"] == {name: (PROXY / name).read_text() for name in ("haproxy.cfg", "https.cfg")}
    assert mounted["/run/secrets"]["secret"]["secretName"] == "sst-tls"
    secured = yaml.safe_load((ROOT / "compose.secure.yml").read_text().replace("!override", ""))["services"]["proxy"]
    assert container["command"] == secured["command"]
    composed = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["proxy"]
    assert composed["image"] == f"${{HAPROXY_IMAGE:-{container['image']}}}"


def test_the_proxy_finds_every_replica_and_clients_find_the_proxy(manifests: list[Manifest]) -> None:
    service, entrance = of(manifests, "Service"), of(manifests, "Service", "proxy")
    # Without an address of its own, the name resolves to the addresses of the replicas.
    assert service["spec"]["clusterIP"] == "None"
    (port,) = service["spec"]["ports"]
    (variable,) = environment(manifests, "proxy").values()
    assert variable["value"] == f"service.sst-forecasting.svc.cluster.local:{port['port']}"
    ((slots, name),) = re.findall(r'server-template replica (\d+) "\$\{(\w+)-service:8000\}"', configuration())
    assert variable["name"] == name
    assert of(manifests, "HorizontalPodAutoscaler")["spec"]["maxReplicas"] <= int(slots)
    ports = {port["name"]: port["containerPort"] for port in pod_of(manifests, "Deployment", "proxy")[1]["ports"]}
    assert [port["targetPort"] for port in entrance["spec"]["ports"]] == ["https"]
    assert f"bind :{ports['https']} ssl" in (PROXY / "https.cfg").read_text()
    assert f"bind :{ports['metrics']}\n" in configuration()
    assert entrance["spec"]["externalTrafficPolicy"] == "Local"


def test_only_the_worker_reaches_public_addresses(manifests: list[Manifest]) -> None:
    def reaches_addresses(name: str) -> bool:
        rules = of(manifests, "NetworkPolicy", name)["spec"]["egress"]
        return any("ipBlock" in peer for rule in rules for peer in rule["to"])

    assert [name for _, name in PODS if reaches_addresses(name)] == ["worker"]


SCRAPES = {"namespaceSelector": {"matchLabels": {"sst-forecasting/may-scrape": "true"}}}
IS_PROXY = {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "proxy"}}}


@pytest.mark.parametrize(
    ("name", "reached"),
    [
        pytest.param("proxy", {"https": None, "metrics": [SCRAPES]}, id="all clients reach the proxy"),
        pytest.param("service", {"http": [IS_PROXY, SCRAPES]}, id="the proxy and Prometheus reach the replicas"),
        pytest.param("worker", {"http": [SCRAPES]}, id="Prometheus reaches the worker"),
        pytest.param("training", {}, id="nobody reaches training"),
    ],
)
def test_the_network_lets_through_only_what_is_needed(
    manifests: list[Manifest], name: str, reached: dict[str, Any]
) -> None:
    rules = of(manifests, "NetworkPolicy", name)["spec"]["ingress"]
    assert {port["port"]: rule.get("from") for rule in rules for port in rule["ports"]} == reached


@pytest.mark.parametrize("name", ["service", "proxy"])
def test_every_selector_matches_the_pods(manifests: list[Manifest], name: str) -> None:
    labels = of(manifests, "Deployment", name)["spec"]["template"]["metadata"]["labels"].items()
    for kind, path in (
        ("Service", ("selector",)),
        ("Deployment", ("selector", "matchLabels")),
        ("PodDisruptionBudget", ("selector", "matchLabels")),
        ("NetworkPolicy", ("podSelector", "matchLabels")),
    ):
        selector = of(manifests, kind, name)["spec"]
        for key in path:
            selector = selector[key]
        assert selector.items() <= labels

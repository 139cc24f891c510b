"""The manifests in deploy/kubernetes/, as a cluster reads them."""

import shutil

import kubernetes_validate
import pytest

from service.settings import Settings
from tests.conftest import ROOT
from tests.deploy.kustomize import Manifest, of, rendered, unlisted

FOLDER = ROOT / "deploy" / "kubernetes"
VERSIONS = ("1.32", "1.35")
PODS = (("Deployment", "service"), ("Deployment", "worker"), ("Job", "training"))


@pytest.fixture(scope="module")
def manifests() -> list[Manifest]:
    return rendered(FOLDER)


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl, which renders the manifests, is not installed")
def test_kustomize_puts_every_object_in_the_namespace_and_names_every_image(manifests: list[Manifest]) -> None:
    for manifest in manifests:
        if manifest["kind"] != "Namespace":
            assert manifest["metadata"]["namespace"] == "sst-forecasting"
    for kind, name in PODS:
        (container,) = of(manifests, kind, name)["spec"]["template"]["spec"]["containers"]
        assert container["image"].startswith("registry.example.com/sst-forecasting-")


def test_every_file_of_the_folder_is_listed() -> None:
    assert unlisted(FOLDER) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_matches_its_schema_strictly(manifests: list[Manifest], version: str) -> None:
    kinds = {manifest["kind"] for manifest in manifests}
    assert kinds >= {"Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy", "Job"}
    for manifest in manifests:
        kubernetes_validate.validate(manifest, version, strict=True)


def test_pods_are_as_restricted_as_the_composition(manifests: list[Manifest]) -> None:
    for kind, name in PODS:
        pod = of(manifests, kind, name)["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["runAsUser"] == 10_001
        assert not pod["automountServiceAccountToken"]
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]


def test_a_rolling_update_waits_for_a_new_replica_and_lets_the_old_one_drain(
    manifests: list[Manifest],
) -> None:
    spec = of(manifests, "Deployment")["spec"]
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/health/ready"
    settings = {variable["name"]: variable.get("value") for variable in container["env"]}
    drain = int(settings["SST_DRAIN_SECONDS"]) + int(settings["SST_LINGER_SECONDS"])
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


def test_only_the_worker_reaches_public_addresses(manifests: list[Manifest]) -> None:
    def reaches_addresses(name: str) -> bool:
        rules = of(manifests, "NetworkPolicy", name)["spec"]["egress"]
        return any("ipBlock" in peer for rule in rules for peer in rule["to"])

    assert [name for name in ("service", "worker", "training") if reaches_addresses(name)] == ["worker"]


def test_only_what_scrapes_it_reaches_the_worker(manifests: list[Manifest]) -> None:
    (rule,) = of(manifests, "NetworkPolicy", "worker")["spec"]["ingress"]
    assert rule["from"] == [{"namespaceSelector": {"matchLabels": {"sst-forecasting/may-scrape": "true"}}}]


def environment(manifests: list[Manifest], name: str) -> dict[str, Manifest]:
    """Return the variables of a deployment by name."""
    (container,) = of(manifests, "Deployment", name)["spec"]["template"]["spec"]["containers"]
    return {variable["name"]: variable for variable in container["env"]}


def test_every_selector_matches_the_replicas(manifests: list[Manifest]) -> None:
    labels = of(manifests, "Deployment")["spec"]["template"]["metadata"]["labels"].items()
    for kind, path in (
        ("Service", ("selector",)),
        ("Deployment", ("selector", "matchLabels")),
        ("PodDisruptionBudget", ("selector", "matchLabels")),
        ("NetworkPolicy", ("podSelector", "matchLabels")),
    ):
        selector = of(manifests, kind)["spec"]
        for key in path:
            selector = selector[key]
        assert selector.items() <= labels

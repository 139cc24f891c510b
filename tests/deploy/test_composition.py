"""docker-compose.yml and the configuration of HAProxy, where they must agree."""

import re
import tomllib
from typing import Any

import pytest
import yaml

from service.settings import Settings
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    composition = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    services: dict[str, Any] = composition["services"]
    return services


@pytest.fixture(scope="module")
def replica(services: dict[str, Any]) -> dict[str, Any]:
    service: dict[str, Any] = services["service"]
    return service


@pytest.fixture(scope="module")
def proxy() -> str:
    return (ROOT / "deploy" / "haproxy" / "haproxy.cfg").read_text(encoding="utf-8")


def seconds(pattern: str, text: str) -> float:
    (number,) = re.findall(pattern + r" (\d+)s\b", text)
    return float(number)


@pytest.mark.parametrize("file", ["docker-compose.yml", "compose.secure.yml", "compose.gpu.yml"])
def test_every_setting_is_a_setting_of_the_service(file: str) -> None:
    # The tag !override only matters when files are merged.
    text = (ROOT / file).read_text(encoding="utf-8").replace("!override", "")
    services = yaml.safe_load(text)["services"]
    names = {name for role in ("service", "worker") for name in services.get(role, {}).get("environment", {})}
    assert {name.removeprefix("SST_").lower() for name in names} <= set(Settings.model_fields)


def test_with_keys_no_process_of_the_service_is_open(services: dict[str, Any]) -> None:
    secured = yaml.safe_load((ROOT / "compose.secure.yml").read_text(encoding="utf-8").replace("!override", ""))
    processes = [name for name, service in services.items() if "SST_ALLOW_ANONYMOUS" in service.get("environment", {})]
    assert processes == ["service", "worker"]
    for name in processes:
        environment = secured["services"][name]["environment"]
        assert (environment["SST_ALLOW_ANONYMOUS"], environment["SST_KEYS_FILE"]) == ("false", "/run/secrets/keys")
        assert "keys" in secured["services"][name]["secrets"]


def test_public_images_are_named_by_digest_and_actions_by_commit() -> None:
    """A tag can be moved to something else."""
    texts = {
        name: (ROOT / name).read_text() for name in ("Dockerfile", "docker-compose.yml", ".github/workflows/ci.yml")
    }
    bases = re.findall(r"^ARG PYTHON_IMAGE=(.*)$|^FROM (?!\$PYTHON_IMAGE )(\S+)", texts["Dockerfile"], re.MULTILINE)
    stages = set(re.findall(r"^FROM .* AS (\S+)$", texts["Dockerfile"], re.MULTILINE))
    images = [name for base in bases for name in base if name and name not in stages]
    images += [name for name in re.findall(r"^ *image: (.*)$", texts["docker-compose.yml"], re.MULTILINE)
               if not name.startswith("sst-forecasting-")]  # fmt: skip
    assert len(images) == 5
    for image in images:
        assert re.fullmatch(r"(\$\{[A-Z]+_IMAGE:-)?[a-z/]+:[\w.-]+@sha256:[0-9a-f]{64}\}?", image), image
    actions = re.findall(r"^ *- uses: (.*)$", texts[".github/workflows/ci.yml"], re.MULTILINE)
    for action in actions:
        assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v[\d.]+", action), action


def test_extras_as_in_the_deployment_guide_reach_every_image_that_is_built(services: dict[str, Any]) -> None:
    builds = [service["build"] for service in services.values() if "build" in service]
    assert {build["target"] for build in builds} == {"service", "training", "scoring"}
    assert all("EXTRAS" in build["args"] for build in builds)
    optional = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    guide = (ROOT / "docs" / "guides" / "run-the-service.md").read_text(encoding="utf-8")
    named = {extra for extras in re.findall(r"EXTRAS=([\w,]+)", guide) for extra in extras.split(",")}
    assert {"columns", "signing", "s3"} <= named <= set(optional)


def test_the_worker_alone_does_background_work_in_the_store_of_the_replicas(services: dict[str, Any]) -> None:
    replica, worker = services["service"]["environment"], services["worker"]["environment"]
    assert (replica["SST_BACKGROUND"], worker["SST_BACKGROUND"]) == ("false", "true")
    for name in ("SST_STORE", "SST_STORE_PASSWORD_FILE"):
        assert worker[name] == replica[name]
    assert services["worker"]["image"] == services["service"]["image"]


def test_the_database_is_reached_by_the_replicas_and_the_worker_alone(services: dict[str, Any]) -> None:
    assert {name for name, service in services.items() if "database" in service.get("networks", [])} == {
        "postgres", "service", "worker",
    }  # fmt: skip
    assert services["postgres"]["networks"] == ["database"]
    assert "ports" not in services["postgres"]


def test_the_password_of_the_database_is_in_no_variable(services: dict[str, Any]) -> None:
    password = (ROOT / "deploy" / "postgres" / "password").read_text().strip()
    for name in ("postgres", "service", "worker"):
        assert services[name]["secrets"] == ["postgres"]
        assert password not in str(services[name]["environment"])


def test_replicas_believe_the_proxy_about_addresses(replica: dict[str, Any]) -> None:
    assert Settings(trusted_proxies=replica["environment"]["SST_TRUSTED_PROXIES"]).proxies


def test_a_stopping_replica_has_time_to_finish_its_requests(replica: dict[str, Any]) -> None:
    settings = replica["environment"]
    lasts = settings["SST_LINGER_SECONDS"] + settings["SST_DRAIN_SECONDS"]
    assert int(replica["stop_grace_period"].removesuffix("s")) > lasts


def test_a_stopping_replica_lingers_until_the_proxy_has_noticed(replica: dict[str, Any], proxy: str) -> None:
    (checks,) = re.findall(r"check inter 1s fall (\d)", proxy)
    assert replica["environment"]["SST_LINGER_SECONDS"] > int(checks)


def test_the_proxy_waits_longer_than_the_service_for_an_answer(proxy: str) -> None:
    assert seconds("timeout server", proxy) > Settings.model_fields["request_seconds"].default

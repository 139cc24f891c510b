"""The composition with keys and TLS: who has access, and that secrets appear nowhere."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import trustme

from forecasting.series.sst_series import SstSeries
from service.middleware.keys import Role, new_key
from tests.conftest import ROOT
from tests.containers.composition import IMAGES, Composition
from tests.containers.conftest import Build
from tests.containers.engine import docker
from tests.service.requests import body


class Secured:
    """A composition with keys and TLS."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        certificate = authority.issue_cert("127.0.0.1")
        self.key, kept = new_key("pier", Role.FORECAST)
        self.digest = kept.digest.hex()
        pem = certificate.private_key_and_cert_chain_pem.bytes().decode()
        # The volume of the database remembers the password that it was created with.
        password = (ROOT / "deploy" / "postgres" / "password").read_text()
        # The containers run as different users, and each reads its file.
        for name, text in (("keys", f"{kept.line}\n"), ("tls.pem", pem), ("postgres", password)):
            (folder / name).write_text(text)
            (folder / name).chmod(0o644)
        self.secrets = [
            self.key,
            self.digest,
            password.strip(),
            *certificate.private_key_pem.bytes().decode().splitlines()[1:-1],
        ]
        files = ("docker-compose.yml", "compose.secure.yml")
        settings = {"SST_SECRETS": str(folder)}
        self.composition = Composition(files, settings, ("https", 8443))
        self.trust = ssl.create_default_context()
        authority.configure_trust(self.trust)


@pytest.fixture(scope="module")
def secured(build: Build, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    secured = Secured(tmp_path_factory.mktemp("secrets"))
    secured.composition.up()
    yield secured
    secured.composition.down()


@pytest.fixture
def stranger(secured: Secured) -> Iterator[httpx.Client]:
    """A client without a key."""
    with httpx.Client(base_url=secured.composition.url, verify=secured.trust, timeout=60) as client:
        yield client


def test_a_caller_with_a_key_gets_a_forecast_over_tls(
    secured: Secured, stranger: httpx.Client, nino12: SstSeries
) -> None:
    headers = {"Authorization": f"Bearer {secured.key}"}
    answer = stranger.post("/forecast", json=body(nino12), headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["strict-transport-security"].startswith("max-age=")


def test_a_caller_without_a_valid_key_gets_no_forecast(stranger: httpx.Client) -> None:
    assert stranger.get("/forecast").status_code == 401
    assert stranger.get("/forecast", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert stranger.get("/health/ready").status_code == 200


def test_the_worker_needs_a_key_too(secured: Secured) -> None:
    (worker,) = secured.composition.compose("ps", "--quiet", "worker").split()
    code = "import httpx; print(httpx.get('http://127.0.0.1:8000/forecast').status_code)"
    assert docker("exec", worker, "python", "-c", code) == "401"


def test_metrics_are_not_public(stranger: httpx.Client) -> None:
    assert stranger.get("/metrics").status_code == 404


def test_nobody_can_connect_without_tls(secured: Secured) -> None:
    address = secured.composition.url.removeprefix("https://")
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"http://{address}/health/ready")
    published = docker(
        "inspect", "-f", "{{json .NetworkSettings.Ports}}", secured.composition.compose("ps", "-q", "proxy")
    )
    assert "8080/tcp" not in published


def test_no_secret_appears_in_images_container_descriptions_or_logs(secured: Secured, stranger: httpx.Client) -> None:
    stranger.get("/forecast", headers={"Authorization": f"Bearer {secured.key}"}).raise_for_status()
    stranger.get("/forecast", headers={"Authorization": f"Bearer {secured.key}x"})
    stranger.get("/forecast", params={"model": "none"}, headers={"Authorization": f"Bearer {secured.key}"})
    containers = secured.composition.compose("ps", "--all", "--quiet").split()
    written = [secured.composition.logs(), docker("inspect", *containers, *IMAGES.values())]
    written += [docker("history", "--no-trunc", image) for image in IMAGES.values()]
    assert "ready: nino12-rnn" in written[0]
    for text in written:
        assert not [secret for secret in secured.secrets if secret in text]

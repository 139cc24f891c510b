"""A service that trusts some keys loads only the releases that they have signed."""

import json
import shutil
from pathlib import Path

import pytest

import sst
from forecasting.releases.release import point_current
from service.settings import Settings
from tests.processes import wait_for
from tests.refused_start import refused_start
from tests.serving import serve
from tests.signing import make_key, sign


@pytest.fixture
def signed(two_releases: Path, tmp_path: Path) -> tuple[Path, Path, Path]:
    """A copy of two releases of nino12, the older of which serves and is signed, and the pair of keys of alice."""
    private, public = make_key(tmp_path, "alice")
    dataset = two_releases / "nino12"
    older = min(path.name for path in dataset.iterdir() if path.is_dir())
    point_current(dataset, older)
    sign(two_releases, private)
    return two_releases, private, public


@pytest.mark.long
def test_an_unsigned_release_is_refused_until_a_trusted_key_has_signed_it(
    signed: tuple[Path, Path, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    artifacts, private, public = signed
    dataset = artifacts / "nino12"
    older, newer = sorted(path.name for path in dataset.iterdir() if path.is_dir())
    mallory, _ = make_key(tmp_path, "mallory")

    with serve(Settings(artifacts=artifacts, trusted_keys=str(public), reload_seconds=0.05)) as client:
        point_current(dataset, newer)
        wait_for(caplog, f"still serving the loaded one: {dataset / newer} is not signed: it has no manifest.sig")
        sign(dataset / newer, mallory)
        wait_for(
            caplog, "which is not trusted: trust that key, or sign the release with a trusted one, available: alice"
        )
        assert client.get("/forecast").json()["version"] == older
        sign(dataset / newer, private)
        wait_for(caplog, f"now serving nino12 release {newer}")
        assert client.get("/forecast").json()["version"] == newer
        shutil.rmtree(dataset / older)
        assert client.get("/compare/hindcast", params={"model": "gru"}).status_code == 200


@pytest.mark.long
def test_an_old_signed_release_is_refused_until_the_rollback_is_signed(
    signed: tuple[Path, Path, Path], caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("INFO")
    artifacts, private, public = signed
    dataset = artifacts / "nino12"
    older, newer = sorted(path.name for path in dataset.iterdir() if path.is_dir())
    sign(dataset / newer, private)
    refusal = f"{dataset / older} is older than {newer}, which is signed too: to go back, sign the rollback"
    capsys.readouterr()
    (message,) = refused_start(capsys, "--port", "0", "--artifacts", str(artifacts), trusted_keys=str(public))
    assert refusal in message
    point_current(dataset, newer)
    with serve(Settings(artifacts=artifacts, trusted_keys=str(public), reload_seconds=0.05)) as client:
        # Even if nothing is left of the newer one.
        (dataset / newer).rename(artifacts / "removed")
        point_current(dataset, older)
        wait_for(caplog, f"still serving the loaded one: {refusal}")
        assert client.get("/forecast").json()["version"] == newer
        (artifacts / "removed").rename(dataset / newer)
        assert sst.run(["rollback", "nino12", older, "--out", str(artifacts), "--key", str(private)]) == 0
        wait_for(caplog, f"now serving nino12 release {older}")


def test_the_service_does_not_start_with_a_release_that_nobody_trusted_signed(
    signed: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    artifacts, _, public = signed
    folder = artifacts / "buoy"
    release = folder / (folder / "current").read_text().strip()
    file = json.loads((release / "manifest.json").read_bytes())
    (release / "manifest.json").write_text(json.dumps(file))
    messages = refused_start(capsys, "--port", "0", "--artifacts", str(artifacts), trusted_keys=str(public))
    assert len(messages) == 1
    assert messages[0].startswith(f"sst serve: {release}: the manifest has changed since alice (sha256:")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_trusted_key_that_cannot_be_read_stops_the_start(
    artifacts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], workers: str
) -> None:
    key = tmp_path / "alice.pub.pem"
    messages = refused_start(
        capsys, "--port", "0", "--artifacts", str(artifacts), trusted_keys=str(key), workers=workers
    )
    assert messages == [
        f"sst serve: invalid setting SST_TRUSTED_KEYS: cannot read the public key {key}: No such file or directory"
    ]

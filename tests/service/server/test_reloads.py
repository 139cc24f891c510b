"""A new release is loaded while the service runs, and a broken one refused."""

import re
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from forecasting.releases.release import current_version, point_current
from service.middleware.keys import Role, new_key
from service.settings import Settings
from tests.processes import wait_for
from tests.service.server.releases import spoil
from tests.serving import serve

REFUSED = "refused a new release of nino12; still serving the loaded one"


def reloads(client: httpx.Client) -> dict[str, float]:
    """Return the number of checks for new releases, by outcome."""
    counts = re.findall(r'sst_reloads_total{outcome="(\w+)"} (\S+)', client.get("/metrics").text)
    return {outcome: float(count) for outcome, count in counts}


def test_a_broken_release_is_refused_and_the_old_one_still_served(
    two_releases: Path, caplog: pytest.LogCaptureFixture
) -> None:
    dataset = two_releases / "nino12"
    good, bad = sorted(path.name for path in dataset.iterdir() if path.is_dir())
    point_current(dataset, good)
    spoil(dataset / bad)
    presented, key = new_key("ops", Role.ADMIN)
    settings = Settings(artifacts=two_releases, keys=SecretStr(key.line), reload_seconds=0.05)
    with serve(settings) as client:
        point_current(dataset, bad)
        wait_for(caplog, REFUSED)
        client.headers["Authorization"] = f"Bearer {presented}"
        loaded = client.post("/v2/repository/models/nino12-gru/load", json={})
        assert loaded.status_code == 409
        assert "gru.pt has changed since it was published" in loaded.json()["error"]
        assert client.get("/forecast").json()["version"] == good
        spoil(dataset / bad)
        assert client.post("/v2/repository/models/nino12-gru/load", json={}).status_code == 200
        assert client.get("/forecast").json()["version"] == bad
        assert current_version(dataset) == bad


@pytest.mark.long
def test_a_refused_release_is_tried_again_once_its_files_have_changed(
    two_releases: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    dataset = two_releases / "nino12"
    good, late = sorted(path.name for path in dataset.iterdir() if path.is_dir())
    point_current(dataset, good)
    checkpoint = dataset / late / "gru.pt"
    content = checkpoint.read_bytes()
    checkpoint.write_bytes(content[: len(content) // 2])
    with serve(Settings(artifacts=two_releases, reload_seconds=0.05)) as client:
        point_current(dataset, late)
        wait_for(caplog, REFUSED)
        counts = dict.fromkeys(["unchanged", "failed"], 0.0)
        # The checks go on and find nothing new: what has not changed is not read again.
        for _ in range(5_000):
            counts = reloads(client)
            assert counts["failed"] == 1
            if counts["unchanged"] > 5:
                break
        assert counts["unchanged"] > 5
        assert client.get("/forecast").json()["version"] == good
        checkpoint.write_bytes(content)
        wait_for(caplog, f"now serving nino12 release {late}")
        assert client.get("/forecast").json()["version"] == late


@pytest.mark.long
def test_a_missing_artifacts_folder_is_counted_at_each_check_and_logged_once(
    two_releases: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("INFO")
    with serve(Settings(artifacts=two_releases, reload_seconds=0.05)) as client:
        two_releases.rename(two_releases.with_name("elsewhere"))
        # Every check fails, not only the first.
        assert any(reloads(client)["failed"] >= 3 for _ in range(5_000))
        assert client.get("/forecast").status_code == 200
        two_releases.with_name("elsewhere").rename(two_releases)
        wait_for(caplog, "checking for new releases again")
    cannot_check = "cannot check for new releases; still serving the loaded ones"
    (failure,) = (message for message in caplog.messages if cannot_check in message)
    assert f"cannot read the artifacts folder {two_releases}: No such file or directory" in failure
    assert not any(record.exc_info for record in caplog.records)
    assert "Traceback" not in capsys.readouterr().err

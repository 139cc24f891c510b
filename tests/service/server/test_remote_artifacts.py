"""A service whose releases are in a bucket of S3."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import sst
from forecasting.releases.release import point_current
from service.plugins.stations.store.database import store_url
from service.settings import Settings
from tests.processes import wait_for
from tests.refused_start import refused_start
from tests.servers.s3 import S3Server, s3_server
from tests.serving import serve


@pytest.fixture
def s3() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


def push(source: Path, url: str) -> None:
    assert sst.run(["release", "push", str(source), url]) == 0


@pytest.mark.long
def test_releases_in_a_bucket_are_served_and_followed_and_an_outage_changes_nothing(
    s3: S3Server, two_releases: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    dataset = two_releases / "nino12"
    older, newer = sorted(path.name for path in dataset.iterdir() if path.is_dir())
    url = f"{s3.url}/{tmp_path.name}"
    point_current(dataset, older)
    push(two_releases, url)

    settings = Settings(artifacts=url, artifacts_cache=tmp_path / "cache", reload_seconds=0.2)
    with serve(settings) as client:
        assert client.get("/forecast").json()["version"] == older
        push(dataset / newer, url)
        wait_for(caplog, f"now serving nino12 release {newer}")
        assert client.get("/forecast").json()["version"] == newer
        s3.stop()
        wait_for(caplog, "cannot check for new releases; still serving the loaded ones: cannot ")
        assert client.get("/forecast").json()["version"] == newer
        s3.start()
        wait_for(caplog, "checking for new releases again")
    assert caplog.text.count("cannot check for new releases") == 1
    assert "Traceback" not in caplog.text
    s3.stop()
    with serve(settings) as client:
        assert client.get("/forecast").json()["version"] == newer
    assert f"serving the releases that were copied before: cannot list {url}" in caplog.text
    s3.start()


def test_the_service_does_not_start_without_the_bucket_and_without_a_copy(
    s3: S3Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache = str(tmp_path / "cache")
    (empty,) = refused_start(capsys, "--port", "0", "--artifacts", f"{s3.url}/none", artifacts_cache=cache)
    assert empty == (f"sst serve: {s3.url}/none holds no release: push one with sst release push, or correct the URL")
    s3.stop()
    (away,) = refused_start(capsys, "--port", "0", "--artifacts", f"{s3.url}/other", artifacts_cache=cache)
    assert away.startswith(f"sst serve: cannot list {s3.url}/other: ")
    s3.start()


def test_a_url_that_cannot_be_used_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (message,) = refused_start(
        capsys, "--port", "0", artifacts="nowhere://me:secret@bucket/a", artifacts_cache=str(tmp_path)
    )
    assert message.startswith("sst serve: cannot use nowhere://bucket/a: ")
    assert "secret" not in message


def test_stations_are_not_remembered_in_the_cache_of_releases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    url = store_url(Settings(artifacts="s3://bucket/artifacts"))
    assert url.database == str(tmp_path / "state" / "sst.db")

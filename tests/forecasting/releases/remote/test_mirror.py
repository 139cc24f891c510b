"""The local copy of releases in another place is complete, shared, and stays when the place cannot be reached."""

import fcntl
import os
import re
import shutil
from contextlib import ExitStack
from pathlib import Path

import pytest

from forecasting.errors import ReleaseError, RemoteError
from forecasting.releases.release import Release, current_versions, versions
from forecasting.releases.remote.copies import push
from forecasting.releases.remote.mirror import Mirror
from forecasting.releases.remote.remote_folder import RemoteFolder
from tests.servers.s3 import s3_server
from tests.signing import make_key, make_release, sign


def version(day: int) -> str:
    return f"202601{day:02}T000000Z"


class Bucket:
    """A place that releases are pushed to, and the folder that they are made in."""

    def __init__(self, folder: Path) -> None:
        self.made, self.place, self.cache = folder / "made", folder / "bucket", folder / "cache"
        self.url = f"file://{self.place}"

    def publish(self, dataset: str, day: int) -> Path:
        path = make_release(self.made, dataset, version(day), {"gru.pt": f"{dataset} {day}".encode()})
        self.push(path)
        return path

    def push(self, path: Path) -> None:
        push(path, RemoteFolder.open(self.url), make_current=True)

    def mirror(self) -> Mirror:
        """Return the mirror of another process, with the same cache."""
        return Mirror(self.url, self.cache)


@pytest.fixture
def bucket(tmp_path: Path) -> Bucket:
    """A place with one release of each of two datasets."""
    bucket = Bucket(tmp_path)
    bucket.publish("nino12", 1)
    bucket.publish("buoy", 1)
    return bucket


def test_the_copy_follows_what_is_current(bucket: Bucket) -> None:
    mirror = bucket.mirror()
    assert mirror.is_empty
    mirror.refresh(0)
    assert current_versions(mirror.folder) == {"buoy": version(1), "nino12": version(1)}
    bucket.publish("nino12", 2)
    mirror.refresh(0)
    assert current_versions(mirror.folder) == {"buoy": version(1), "nino12": version(2)}
    assert Release.open(mirror.folder / "nino12" / version(2)).read("gru.pt") == b"nino12 2"
    bucket.push(bucket.made / "nino12" / version(1))
    (bucket.place / "buoy" / "current").unlink()
    mirror.refresh(0)
    assert current_versions(mirror.folder) == {"nino12": version(1)}


def test_processes_that_share_a_cache_copy_once(bucket: Bucket) -> None:
    bucket.mirror().refresh(60)
    bucket.publish("nino12", 2)
    other = bucket.mirror()
    other.refresh(60)
    assert current_versions(other.folder)["nino12"] == version(1)
    other.refresh(0)
    assert current_versions(other.folder)["nino12"] == version(2)


def test_a_process_does_not_wait_for_one_that_is_copying(bucket: Bucket) -> None:
    mirror = bucket.mirror()
    with (mirror.folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        mirror.refresh(0)
        assert mirror.is_empty
    mirror.refresh(0)
    assert not mirror.is_empty


def test_an_unreachable_folder_leaves_the_copy_and_every_process_gets_the_same_sentence(bucket: Bucket) -> None:
    mirror, other = bucket.mirror(), bucket.mirror()
    mirror.refresh(0)
    bucket.place.rename(bucket.place.with_name("away"))
    sentence = re.escape(f"{bucket.url} holds no release: push one with sst release push, or correct the URL")
    with pytest.raises(RemoteError, match=sentence):
        mirror.refresh(0)
    with pytest.raises(RemoteError, match=sentence):
        other.refresh(60)
    assert current_versions(other.folder)["nino12"] == version(1)
    bucket.place.with_name("away").rename(bucket.place)
    other.refresh(0)
    mirror.refresh(60)


def test_a_release_that_is_incomplete_does_not_become_current_and_holds_up_no_other(bucket: Bucket) -> None:
    mirror = bucket.mirror()
    mirror.refresh(0)
    bucket.publish("buoy", 2)
    bucket.publish("nino12", 2)
    file = bucket.place / "buoy" / version(2) / "gru.pt"
    content = file.read_bytes()
    file.write_bytes(content[:2])
    with pytest.raises(ReleaseError, match=r"gru\.pt differs from the manifest: push the release again"):
        mirror.refresh(0)
    assert current_versions(mirror.folder) == {"buoy": version(1), "nino12": version(2)}
    assert versions(mirror.folder / "buoy") == [version(1)]
    file.write_bytes(content)
    mirror.refresh(0)
    assert current_versions(mirror.folder)["buoy"] == version(2)


@pytest.mark.parametrize("content", [b"", b"../../etc", b"\xff"])
def test_a_pointer_that_names_no_version_is_refused(bucket: Bucket, content: bytes) -> None:
    mirror = bucket.mirror()
    mirror.refresh(0)
    (bucket.place / "nino12" / "current").write_bytes(content)
    with pytest.raises(ReleaseError, match="bucket/nino12/current does not name a version"):
        mirror.refresh(0)
    assert current_versions(mirror.folder)["nino12"] == version(1)


def test_a_signature_that_is_added_later_is_copied(bucket: Bucket, tmp_path: Path) -> None:
    mirror = bucket.mirror()
    mirror.refresh(0)
    private, _ = make_key(tmp_path, "alice")
    sign(bucket.made / "nino12", private)
    bucket.push(bucket.made / "nino12" / version(1))
    mirror.refresh(0)
    signature = f"nino12/{version(1)}/manifest.sig"
    assert (mirror.folder / signature).read_bytes() == (bucket.made / signature).read_bytes()


def test_a_damaged_copy_is_made_again_by_the_next_process(bucket: Bucket) -> None:
    mirror = bucket.mirror()
    mirror.refresh(0)
    file = mirror.folder / "nino12" / version(1) / "gru.pt"
    file.write_bytes(b"damaged")
    bucket.mirror().refresh(0)
    assert file.read_bytes() == b"nino12 1"


def test_a_copy_that_was_removed_is_made_again_when_its_release_serves_again(bucket: Bucket) -> None:
    mirror = bucket.mirror()
    mirror.refresh(0)
    bucket.publish("nino12", 2)
    mirror.refresh(0)
    shutil.rmtree(mirror.folder / "nino12" / version(1))
    bucket.push(bucket.made / "nino12" / version(1))
    mirror.refresh(0)
    assert current_versions(mirror.folder)["nino12"] == version(1)
    assert (mirror.folder / "nino12" / version(1) / "gru.pt").read_bytes() == b"nino12 1"


def test_a_copy_that_was_interrupted_is_finished(bucket: Bucket) -> None:
    mirror = bucket.mirror()
    unfinished = mirror.folder / "nino12" / f".pulling-{version(1)}"
    unfinished.mkdir(parents=True)
    (unfinished / "gru.pt").write_bytes(b"nino")
    (unfinished / ".pulling-gru.pt").write_bytes(b"nin")
    mirror.refresh(0)
    copy = mirror.folder / "nino12" / version(1)
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == {
        "gru.pt": b"nino12 1",
        "manifest.json": (bucket.made / "nino12" / version(1) / "manifest.json").read_bytes(),
    }
    assert not unfinished.exists()


@pytest.mark.parametrize("dataset", ["nino12", "gone"])
def test_the_files_of_an_interrupted_copy_are_removed_once_another_release_is_current(
    bucket: Bucket, dataset: str
) -> None:
    mirror = bucket.mirror()
    mirror.refresh(0)
    unfinished = mirror.folder / dataset / f".pulling-{version(2)}"
    unfinished.mkdir(parents=True)
    (unfinished / "gru.pt").write_bytes(b"half")
    mirror.refresh(0)
    assert not unfinished.exists()
    assert current_versions(mirror.folder) == {"buoy": version(1), "nino12": version(1)}


def test_the_copy_keeps_the_five_releases_that_were_current_last(bucket: Bucket) -> None:
    mirror = bucket.mirror()
    for day in range(1, 8):
        if day > 1:
            bucket.publish("nino12", day)
        mirror.refresh(0)
        # Releases of one test are copied within the resolution of the clock of some file systems.
        os.utime(mirror.folder / "nino12" / version(day), (day, day))
    assert versions(mirror.folder / "nino12") == [version(day) for day in range(3, 8)]


def test_mirrors_of_different_places_do_not_mix(bucket: Bucket, tmp_path: Path) -> None:
    shutil.copytree(bucket.place, tmp_path / "another")
    another = Mirror(f"file://{tmp_path}/another", bucket.cache)
    another.refresh(0)
    assert bucket.mirror().is_empty
    assert not another.is_empty


@pytest.mark.long
def test_buckets_of_the_same_name_on_two_servers_do_not_mix(bucket: Bucket) -> None:
    folders = []
    with ExitStack() as servers:
        for day in (2, 3):
            url = servers.enter_context(s3_server()).url
            release = make_release(bucket.made, "nino12", version(day), {"gru.pt": b"network"})
            push(release, RemoteFolder.open(url), make_current=True)
            mirror = Mirror(url, bucket.cache)
            assert mirror.is_empty
            mirror.refresh(0)
            folders.append(mirror.folder)
    assert [current_versions(folder) for folder in folders] == [{"nino12": version(2)}, {"nino12": version(3)}]


@pytest.mark.parametrize(
    "config",
    [
        "[default]\nendpoint_url = {}\n",
        "[default]\nservices = here\n[services here]\ns3 =\n  endpoint_url = {}\n",
    ],
)
def test_a_profile_that_names_another_server_has_a_cache_of_its_own(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: str
) -> None:
    folders = set()
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    with s3_server() as server:
        folders.add(Mirror(server.url, bucket.cache).folder)
        monkeypatch.delenv("AWS_ENDPOINT_URL")
        folders.add(Mirror(server.url, bucket.cache).folder)
        (tmp_path / "config").write_text(config.format("http://127.0.0.1:1"))
        folders.add(Mirror(server.url, bucket.cache).folder)
        monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
        folders.add(Mirror(server.url, bucket.cache).folder)
    # That of the environment, that of AWS twice, and that of the profile.
    assert len(folders) == 3


def test_a_copy_is_used_in_another_region_and_without_credentials(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with s3_server() as server:
        push(bucket.made / "nino12" / version(1), RemoteFolder.open(server.url), make_current=True)
        Mirror(server.url, bucket.cache).refresh(0)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        monkeypatch.setenv("AWS_PROFILE", "missing")
        mirror = Mirror(server.url, bucket.cache)
        with pytest.raises(RemoteError, match="missing"):
            mirror.refresh(0)
    assert current_versions(mirror.folder) == {"nino12": version(1)}


def test_a_cache_that_cannot_be_written_is_one_sentence(bucket: Bucket) -> None:
    bucket.cache.write_text("a file")
    with pytest.raises(ReleaseError, match=r"cannot use the release cache .*; set SST_ARTIFACTS_CACHE to another"):
        bucket.mirror()

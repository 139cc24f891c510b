"""Releases are copied to a bucket and back, complete or not at all."""

import json
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

import sst
from forecasting.releases.release import current_version
from tests.servers.s3 import s3_server
from tests.signing import make_key, make_release, sign

OLD, NEW = "20260101T000000Z", "20260102T000000Z"
FILES = {"gru.pt": b"network", "evaluated/gru.pt": b"evaluated", "empty.csv": b""}


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with s3_server() as server:
        yield server.url


@pytest.fixture(params=["s3", "file", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty place for releases."""
    if request.param == "s3":
        return f"{request.getfixturevalue('s3')}/{tmp_path.name}/artifacts"
    return f"{request.param}://{tmp_path}/bucket/artifacts"


@pytest.fixture
def artifacts(tmp_path: Path) -> Path:
    """Releases of two datasets."""
    folder = tmp_path / "artifacts"
    make_release(folder, "buoy", OLD, FILES)
    make_release(folder, "nino12", OLD, {"gru.pt": b"older"})
    make_release(folder, "nino12", NEW, FILES)
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def write(url: str, text: str) -> None:
    with fsspec.open(url, "wt") as file:
        file.write(text)


def push(source: Path, url: str, *options: str) -> int:
    return sst.run(["release", "push", str(source), url, *options])


def pull(url: str, destination: Path, *options: str) -> int:
    return sst.run(["release", "pull", url, str(destination), *options])


def test_a_pushed_release_can_be_pulled(
    artifacts: Path, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert push(artifacts, url) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{url}/buoy/{OLD}: 3 of 3 files copied; it is now current",
        f"{url}/nino12/{NEW}: 3 of 3 files copied; it is now current",
    ]
    copy = tmp_path / "copy"
    assert pull(url, copy) == 0
    assert content(copy) == {
        name: data for name, data in content(artifacts).items() if not name.startswith(f"nino12/{OLD}")
    }
    assert capsys.readouterr().out.splitlines()[0] == f"{copy}/buoy/{OLD}: 3 of 3 files copied; it is now current"
    assert pull(f"{url}/nino12", copy) == 0
    assert capsys.readouterr().out == f"{copy}/nino12/{NEW}: 0 of 3 files copied; it is now current\n"


def test_a_release_can_be_moved_without_making_it_current(artifacts: Path, url: str, tmp_path: Path) -> None:
    assert push(artifacts, url) == 0
    assert push(artifacts / "nino12" / OLD, url, "--keep-current") == 0
    copy = tmp_path / "copy"
    assert pull(f"{url}/nino12", copy) == 0
    assert pull(f"{url}/nino12/{OLD}", copy, "--keep-current") == 0
    assert (copy / "nino12" / OLD / "gru.pt").read_bytes() == b"older"
    assert current_version(copy / "nino12") == NEW


def test_a_push_copies_only_what_is_missing_or_damaged(
    artifacts: Path, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert push(artifacts / "nino12", url) == 0
    write(f"{url}/nino12/{NEW}/gru.pt", "damaged")
    capsys.readouterr()
    assert push(artifacts / "nino12", url) == 0
    assert "1 of 3 files copied" in capsys.readouterr().out


def test_a_version_is_never_pushed_over_another_release(
    artifacts: Path, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert push(artifacts / "nino12", url) == 0
    other = make_release(tmp_path / "other", "nino12", NEW, {"gru.pt": b"another"})
    assert push(other, url) == 2
    assert f"{url}/nino12/{NEW} already holds a different release: a version never changes" in capsys.readouterr().err


def test_a_damaged_release_is_not_pushed(artifacts: Path, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    (artifacts / "nino12" / NEW / "empty.csv").write_bytes(b"changed")
    assert push(artifacts / "nino12", url) == 2
    assert "empty.csv has changed since it was published" in capsys.readouterr().err
    assert sst.run(["release", "pull", url, str(artifacts)]) == 2
    assert f"{url} holds no release" in capsys.readouterr().err


def test_a_pull_that_ends_early_publishes_nothing_and_goes_on_later(
    artifacts: Path, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert push(artifacts / "nino12", url) == 0
    write(f"{url}/nino12/{NEW}/gru.pt", "damaged")
    copy = tmp_path / "copy"
    assert pull(url, copy) == 2
    assert f"{url}/nino12/{NEW}/gru.pt differs from the manifest: push the release again" in capsys.readouterr().err
    assert not (copy / "nino12" / NEW).exists()
    assert current_version(copy / "nino12") is None
    write(f"{url}/nino12/{NEW}/gru.pt", "network")
    assert pull(url, copy) == 0
    assert "1 of 3 files copied; it is now current" in capsys.readouterr().out
    assert content(copy / "nino12" / NEW) == content(artifacts / "nino12" / NEW)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("gru.pt", "gru.pt differs from the manifest: push the release again"),
        ("manifest.json", "manifest.json: it has 8796093022208 bytes, and at most 1048576 are expected"),
        ("manifest.sig", "manifest.sig: it has 8796093022208 bytes, and at most 1048576 are expected"),
    ],
)
def test_a_file_larger_than_the_memory_is_refused_unread(
    artifacts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, sentence: str
) -> None:
    url = f"file://{tmp_path}/bucket/artifacts"
    assert push(artifacts / "nino12", url) == 0
    with (tmp_path / "bucket" / "artifacts" / "nino12" / NEW / name).open("ab") as file:
        file.truncate(2**43)
    assert pull(url, tmp_path / "copy") == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "copy" / "nino12" / NEW).exists()


def test_a_pull_never_replaces_a_local_release(
    artifacts: Path, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert push(artifacts / "nino12", url) == 0
    other = make_release(tmp_path / "other", "nino12", NEW, {"gru.pt": b"another"})
    assert pull(url, tmp_path / "other") == 2
    assert f"{other} differs from {url}/nino12/{NEW}: remove the folder to pull it again" in capsys.readouterr().err
    assert (other / "gru.pt").read_bytes() == b"another"


def test_only_releases_signed_by_a_trusted_key_are_pulled(
    artifacts: Path, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    private, public = make_key(tmp_path, "alice")
    copy = tmp_path / "copy"
    assert push(artifacts / "nino12", url) == 0
    assert pull(url, copy, "--trusted-key", str(public)) == 2
    assert f"{url}/nino12/{NEW} is not signed: it has no manifest.sig" in capsys.readouterr().err
    assert not copy.exists()
    # A release that was pulled before it was signed gets its signature.
    assert pull(url, copy) == 0
    sign(artifacts / "nino12", private)
    assert push(artifacts / "nino12", url) == 0
    assert pull(url, copy, "--trusted-key", str(public)) == 0
    assert sst.run(["release", "verify", str(copy), "--trusted-key", str(public)]) == 0


@pytest.mark.parametrize(
    "name",
    [
        "../../../escaped",
        "/tmp/escaped",
        "folder/../../escaped",
        "manifest.json",
        "manifest.sig",
        "a//b",
        ".",
        "",
        "a\0b",
        "a\nb",
    ],
)
def test_a_manifest_cannot_name_a_file_outside_its_release(
    artifacts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    place = tmp_path / "bucket"
    assert push(artifacts / "nino12", f"file://{place}") == 0
    file = place / "nino12" / NEW / "manifest.json"
    manifest = json.loads(file.read_bytes())
    manifest["files"][name] = manifest["files"]["gru.pt"]
    file.write_text(json.dumps(manifest))
    assert pull(f"file://{place}", tmp_path / "copy") == 2
    assert f"the manifest lists {name!r}, which is not the name of a file" in capsys.readouterr().err
    assert not list(tmp_path.rglob("escaped"))


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("nowhere://bucket/artifacts", "cannot use nowhere://bucket/artifacts: "),
        ("s3://no-such-bucket/artifacts", "no-such-bucket"),
    ],
)
def test_a_place_that_cannot_be_reached_is_one_sentence(
    s3: str, artifacts: Path, capsys: pytest.CaptureFixture[str], url: str, sentence: str
) -> None:
    assert push(artifacts, url) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("sst release push: cannot ")
    assert sentence in line


def test_no_message_repeats_a_password(artifacts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert push(artifacts, "nowhere://alice:secret@host/artifacts") == 2
    assert "secret" not in capsys.readouterr().err


def test_a_push_to_a_path_makes_its_folders(artifacts: Path, tmp_path: Path) -> None:
    place = tmp_path / "share" / "artifacts"
    assert push(artifacts / "nino12", str(place)) == 0
    assert content(place / "nino12" / NEW) == content(artifacts / "nino12" / NEW)


def test_credentials_for_s3_come_from_the_environment_only(artifacts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert push(artifacts, "s3://alice:secret@bucket/artifacts") == 2
    assert capsys.readouterr().err == (
        "sst release push: cannot use s3://bucket/artifacts with a user and password in it: "
        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY instead\n"
    )

"""Training, checks of values and rollbacks use no release that nobody trusted signed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import sst
from forecasting import read_csv
from forecasting.errors import ReleaseError
from forecasting.models.universal.metadata import UNIVERSAL
from forecasting.releases.release import current_version, open_current, point_current
from forecasting.releases.remote.mirror import Mirror
from forecasting.releases.trust import TrustedKeys
from tests.signing import make_key, make_release, sign
from training.evaluate import Predecessor
from training.fit.universal_start import UniversalStart
from training.publish.release import next_version

VERSION, NEWER = "20260101T000000Z", "20260102T000000Z"


def test_training_and_checks_of_values_refuse_a_release_before_they_read_its_networks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    artifacts, table = tmp_path / "artifacts", tmp_path / "buoy.csv"
    files = {"gru.pt": b"not a network", "gru.json": json.dumps({"kind": UNIVERSAL}).encode()}
    make_release(artifacts, "ocean-daily", VERSION, files)
    private, _ = make_key(tmp_path, "mallory")
    _, public = make_key(tmp_path, "alice")
    sign(artifacts, private)
    table.write_text("time,sst\n" + "".join(f"2025-01-{day:02},12.{day}\n" for day in range(1, 29)))
    monkeypatch.setenv("SST_TRUSTED_KEYS", str(public))
    with pytest.raises(ReleaseError, match="which is not trusted"):
        UniversalStart.find([artifacts], read_csv(table))
    with pytest.raises(ReleaseError, match="which is not trusted"):
        Predecessor.load(artifacts, "ocean-daily")
    capsys.readouterr()
    sst.run(["inspect", str(table), "--check", "--artifacts", str(artifacts)])
    text = capsys.readouterr().out
    assert "the values are not checked: " in text
    assert "which is not trusted" in text


def test_a_rollback_refuses_a_release_that_no_trusted_key_signed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    artifacts = tmp_path / "artifacts"
    older = make_release(artifacts, "buoy", VERSION, {"gru.pt": b"older"})
    newer = make_release(artifacts, "buoy", NEWER, {"gru.pt": b"newer"})
    private, public = make_key(tmp_path, "alice")
    sign(newer, private)
    monkeypatch.setenv("SST_TRUSTED_KEYS", str(public))
    assert sst.run(["rollback", "buoy", "--out", str(artifacts)]) == 2
    assert f"{older} is not signed" in capsys.readouterr().err
    assert current_version(artifacts / "buoy") == newer.name
    assert sst.run(["rollback", "buoy", "--out", str(artifacts), "--key", str(private)]) == 0
    assert current_version(artifacts / "buoy") == older.name


@pytest.fixture
def signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A dataset with two releases, signed by a key that is trusted, and the private key. The newer one is current."""
    private, public = make_key(tmp_path, "alice")
    for version in (VERSION, NEWER):
        sign(make_release(tmp_path / "artifacts", "buoy", version, {"gru.pt": version.encode()}), private)
    monkeypatch.setenv("SST_TRUSTED_KEYS", str(public))
    return tmp_path / "artifacts" / "buoy", private


def serving(dataset: Path) -> str | None:
    """Return the version that a program with trusted keys uses; None if it refuses the current one as too old."""
    try:
        return open_current(dataset.parent, dataset.name, TrustedKeys.chosen(())).version
    except ReleaseError as error:
        if "which is signed too: to go back, sign the rollback with sst rollback buoy" not in str(error):
            raise
        return None


def test_current_goes_back_and_forth_by_signed_rollbacks_alone(
    signed: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    dataset, private = signed
    back = ["rollback", "buoy", VERSION, "--out", str(dataset.parent)]
    assert serving(dataset) == NEWER
    assert sst.run(back) == 2
    assert f"{dataset / VERSION} is older than {NEWER}, which is signed too" in capsys.readouterr().err
    assert current_version(dataset) == NEWER
    point_current(dataset, VERSION)
    assert (serving(dataset), sst.run(["release", "verify", str(dataset)])) == (None, 1)

    assert sst.run([*back, "--key", str(private)]) == 0
    assert (serving(dataset), sst.run(["release", "verify", str(dataset)])) == (VERSION, 0)
    of_rollback = (dataset / VERSION / "manifest.sig").read_bytes()
    sign(dataset / VERSION, private)
    assert serving(dataset) == VERSION
    # What was rolled back does not come back by itself.
    point_current(dataset, NEWER)
    assert serving(dataset) is None
    assert sst.run(["rollback", "buoy", NEWER, "--out", str(dataset.parent), "--key", str(private)]) == 0
    assert serving(dataset) == NEWER

    # The rollback can be replayed no more than a release.
    (dataset / VERSION / "manifest.sig").write_bytes(of_rollback)
    point_current(dataset, VERSION)
    assert serving(dataset) is None
    newest = make_release(dataset.parent, "buoy", next_version(dataset), {"gru.pt": b"newest"})
    sign(newest, private)
    assert serving(dataset) == newest.name


@pytest.mark.parametrize("forge", [lambda number: number, lambda number: "20991231T000000Z"])
def test_the_number_of_a_rollback_is_signed(signed: tuple[Path, Path], forge: Callable[[str], str]) -> None:
    dataset, private = signed
    assert sst.run(["rollback", "buoy", "--out", str(dataset.parent), "--key", str(private)]) == 0
    file = dataset / VERSION / "manifest.sig"
    content = json.loads(file.read_bytes())
    number = content["signatures"][-1]["number"]
    content["signatures"] = [content["signatures"][-1] | {"number": forge(number)}]
    file.write_text(json.dumps(content))
    assert sst.run(["release", "verify", str(dataset / VERSION)]) == (0 if forge(number) == number else 1)


def test_a_pull_does_not_go_back_to_an_old_signed_release(
    signed: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset, private = signed
    url, copy = f"file://{tmp_path}/bucket", tmp_path / "copy"
    assert sst.run(["release", "push", str(dataset / VERSION), url, "--keep-current"]) == 0
    assert sst.run(["release", "push", str(dataset), url]) == 0
    assert sst.run(["release", "pull", url, str(copy)]) == 0
    mirror = Mirror(url, tmp_path / "cache", TrustedKeys.chosen(()))
    mirror.refresh(0)
    point_current(tmp_path / "bucket" / "buoy", VERSION)
    assert sst.run(["release", "pull", url, str(copy)]) == 2
    assert f"is older than {NEWER}, which is signed too" in capsys.readouterr().err
    with pytest.raises(ReleaseError, match=f"is older than {NEWER}, which is signed too"):
        mirror.refresh(0)
    assert [current_version(folder / "buoy") for folder in (copy, mirror.folder)] == [NEWER, NEWER]

    assert sst.run(["rollback", "buoy", "--out", str(dataset.parent), "--key", str(private)]) == 0
    assert sst.run(["release", "push", str(dataset), url]) == 0
    assert sst.run(["release", "pull", url, str(copy)]) == 0
    mirror.refresh(0)
    assert [serving(folder / "buoy") for folder in (copy, mirror.folder)] == [VERSION, VERSION]


def test_without_trusted_keys_nothing_is_signed_and_releases_go_back(
    signed: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, _ = signed
    monkeypatch.delenv("SST_TRUSTED_KEYS")
    assert sst.run(["rollback", "buoy", "--out", str(dataset.parent)]) == 0
    assert serving(dataset) == VERSION

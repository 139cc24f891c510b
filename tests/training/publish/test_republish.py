import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from forecasting.errors import ReleaseError
from forecasting.networks.checkpoint import load
from forecasting.networks.device import CPU
from forecasting.releases.loaded_release import LoadedRelease
from forecasting.releases.release import MANIFEST, open_current, versions
from forecasting.series.sst_series import SstSeries
from tests.conftest import NINO12
from tests.forecasting.universal import tiny
from tests.signing import make_key, sign
from training.cli.main import main
from training.publish.event_scores import rescore_events
from training.publish.release import seal
from training.run import Published


@pytest.fixture
def older(published: Published, tmp_path: Path) -> Path:
    """A folder with a copy of a release of a place."""
    shutil.copytree(published.path, tmp_path / "nino12" / published.path.name)
    (tmp_path / "nino12" / "current").write_text(published.path.name)
    return tmp_path


def test_training_writes_how_the_leads_go_together(published: Published, nino12: SstSeries) -> None:
    release = open_current(published.path.parent.parent, "nino12")
    for name in ("gru.pt", "evaluated/gru.pt"):
        dependence = load(release.read(name), CPU)[1].dependence
        assert dependence is not None
        correlation = np.asarray(dependence.correlation)
        assert correlation.shape == (12, 12)
        assert 0.3 < correlation[0, 1] < 0.95
        assert correlation[0, 11] < correlation[0, 1] < correlation[10, 11] + 0.1
    network = LoadedRelease.load(release, CPU).forecasters["gru"]
    assert network.forecast(nino12, 12).outlook(nino12, paths=20).calibrated


def test_a_release_of_a_place_is_published_again_with_the_same_weights(
    older: Path, published: Published, capsys: pytest.CaptureFixture[str]
) -> None:
    before = open_current(older, "nino12")
    assert main(["add-dependence", "nino12", "--out", str(older)]) == 0
    after = open_current(older, "nino12")
    assert str(after.path) in capsys.readouterr().out
    assert after.version > before.version
    assert after.manifest.files.keys() == before.manifest.files.keys()
    LoadedRelease.load(after, CPU)
    for name in ("gru.pt", "evaluated/gru.pt"):
        (old, known), (new, metadata) = (load(release.read(name), CPU) for release in (before, after))
        assert metadata.version == after.version
        assert metadata.errors == known.errors
        for tensor, other in zip(old.state_dict().values(), new.state_dict().values(), strict=True):
            torch.testing.assert_close(tensor, other, rtol=0, atol=0)
    sidecar = json.loads((after.path / "gru.json").read_bytes())
    assert sidecar["dependence"]["correlation"][0][0] == 1
    assert (after.path / "predictions.csv").read_bytes() == (before.path / "predictions.csv").read_bytes()


def test_a_universal_release_is_published_again(tmp_path: Path) -> None:
    tiny.publish(tmp_path, "ocean-daily", "day", {"gru": 0.0, "rnn": 0.1})
    assert main(["add-dependence", "ocean-daily", "--out", str(tmp_path), "--seas", "20"]) == 0
    assert len(versions(tmp_path / "ocean-daily")) == 2
    sidecar = json.loads((open_current(tmp_path, "ocean-daily").path / "rnn.json").read_bytes())
    correlation = np.asarray(sidecar["dependence"]["correlation"])
    # The last value persists, so that errors are those of seas that wander.
    assert correlation[0, 1] > correlation[0, 5] > 0
    assert correlation[4, 5] > 0.5


def test_only_a_release_that_a_trusted_key_signed_is_published_again_and_the_new_one_has_to_be_signed(
    older: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    private, public = make_key(tmp_path, "alice")
    monkeypatch.setenv("SST_TRUSTED_KEYS", str(public))
    before = open_current(older, "nino12")
    assert main(["add-dependence", "nino12", "--out", str(older)]) == 2
    assert f"{before.path} is not signed" in capsys.readouterr().err
    assert versions(older / "nino12") == [before.version]
    sign(older / "nino12", private)
    capsys.readouterr()
    monkeypatch.delenv("SST_TRUSTED_KEYS")
    assert main(["add-dependence", "nino12", "--out", str(older)]) == 0
    after = open_current(older, "nino12").path
    out = capsys.readouterr().out
    assert f"{after} is not signed: " in out
    assert out.endswith(f" release sign {after} --key FILE\n")
    assert main(["release", "sign", str(after), "--key", str(private)]) == 0
    assert main(["release", "verify", str(after), "--trusted-key", str(public)]) == 0


def test_scores_of_events_are_added_only_to_a_release_that_a_trusted_key_signed(
    older: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    private, public = make_key(tmp_path, "alice")
    release = open_current(older, "nino12").path
    monkeypatch.setenv("SST_TRUSTED_KEYS", str(public))
    with pytest.raises(ReleaseError, match="is not signed"):
        rescore_events(NINO12, release)
    sign(release, private)
    rescore_events(NINO12, release)
    assert not (release / "manifest.sig").exists()
    assert f"sign it again with sst release sign {release} --key FILE" in caplog.text


def test_a_release_without_evaluated_networks_is_refused(older: Path, capsys: pytest.CaptureFixture[str]) -> None:
    release = open_current(older, "nino12")
    shutil.rmtree(release.path / "evaluated")
    (release.path / MANIFEST).unlink()
    seal(release.path, "nino12", release.version)
    assert main(["add-dependence", "nino12", "--out", str(older)]) == 2
    assert "has no networks that have not seen its test part" in capsys.readouterr().err
    assert versions(older / "nino12") == [release.version]


def test_a_name_that_is_not_published_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["add-dependence", "nowhere", "--out", str(tmp_path)]) == 2
    assert "no dataset 'nowhere' is published" in capsys.readouterr().err

"""Training, checks of values and rollbacks use no release that nobody trusted signed."""

import json
from pathlib import Path

import pytest

from forecasting import read_csv
from forecasting.errors import ReleaseError
from forecasting.releases.release import current_version
from forecasting.universal.network.metadata import UNIVERSAL
from tests.signing import make_key, make_release, sign
from training.cli.main import main
from training.fit.universal_start import UniversalStart
from training.publish.predecessor import Predecessor

VERSION = "20260101T000000Z"


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
    main(["inspect", str(table), "--check", "--artifacts", str(artifacts)])
    text = capsys.readouterr().out
    assert "the values are not checked: " in text
    assert "which is not trusted" in text


def test_a_rollback_refuses_a_release_that_no_trusted_key_signed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    artifacts = tmp_path / "artifacts"
    older = make_release(artifacts, "buoy", VERSION, {"gru.pt": b"older"})
    newer = make_release(artifacts, "buoy", "20260102T000000Z", {"gru.pt": b"newer"})
    private, public = make_key(tmp_path, "alice")
    sign(newer, private)
    monkeypatch.setenv("SST_TRUSTED_KEYS", str(public))
    assert main(["rollback", "buoy", "--out", str(artifacts)]) == 2
    assert f"{older} is not signed" in capsys.readouterr().err
    assert current_version(artifacts / "buoy") == newer.name
    sign(older, private)
    assert main(["rollback", "buoy", "--out", str(artifacts)]) == 0
    assert current_version(artifacts / "buoy") == older.name

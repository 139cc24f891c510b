"""Releases at a URL are copied to the cache, and forecast from there."""

from pathlib import Path

import pytest

import sst
from tests.scoring.commands import score
from tests.scoring.tables.sample import long_table


def test_a_release_in_another_place_forecasts_as_it_does_here(
    artifacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"file://{tmp_path}/bucket"
    assert sst.run(["release", "push", str(artifacts / "nino12"), url]) == 0
    monkeypatch.setenv("SST_ARTIFACTS_CACHE", str(tmp_path / "cache"))
    table = long_table(tmp_path / "in.csv", stations=1)
    for place, output in ((url, "there.csv"), (str(artifacts), "here.csv")):
        assert score(table, tmp_path / output, "--dataset", "nino12", "--artifacts", place) == 0
    assert (tmp_path / "there.csv").read_bytes() == (tmp_path / "here.csv").read_bytes()
    (tmp_path / "bucket").rename(tmp_path / "away")
    capsys.readouterr()
    assert score(table, tmp_path / "later.csv", "--dataset", "nino12", "--artifacts", url) == 0
    warning = f"sst score: using the releases that were copied before: {url} holds no release"
    assert capsys.readouterr().err.startswith(warning)
    assert (tmp_path / "later.csv").read_bytes() == (tmp_path / "here.csv").read_bytes()
    assert score(table, tmp_path / "out.csv", "--dataset", "nino12", "--artifacts", f"file://{tmp_path}/none") == 2
    assert "/none holds no release: push one with sst release push" in capsys.readouterr().err

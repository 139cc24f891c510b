"""The script that fills the volume of artifacts in containers, run without one."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

OLD, NEW, OWN = "20260101T000000Z", "20261101T000000Z", "20270101T000000Z"


@pytest.fixture
def app(tmp_path: Path) -> Path:
    release = tmp_path / "universal" / "ocean-daily" / NEW
    release.mkdir(parents=True)
    (release / "gru.pt").write_text("weights")
    (release.parent / "current").write_text(f"{NEW}\n")
    trained = tmp_path / "artifacts" / "pier"
    trained.mkdir(parents=True)
    (trained / "current").write_text(f"{OLD}\n")
    return tmp_path


def fill(app: Path) -> None:
    environment = os.environ | {"DATASETS": "pier"}
    subprocess.run(["sh", ROOT / "deploy" / "fill-artifacts.sh"], cwd=app, env=environment, check=True)


@pytest.mark.parametrize(("serving", "expected"), [(None, NEW), (OLD, NEW), (OWN, OWN)])
def test_a_universal_release_is_copied_and_serves_unless_a_newer_one_does(
    app: Path, serving: str | None, expected: str
) -> None:
    dataset = app / "artifacts" / "ocean-daily"
    if serving is not None:
        (dataset / serving).mkdir(parents=True)
        (dataset / "current").write_text(f"{serving}\n")
    for _ in range(2):
        fill(app)
        assert (dataset / "current").read_text() == f"{expected}\n"
        assert (dataset / NEW / "gru.pt").read_text() == "weights"
        assert {entry.name for entry in dataset.iterdir()} == {"current", NEW} | ({serving} if serving else set())

"""A release whose publication fails at any write, or whose process dies at it: the last good release serves."""

import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest

import sst
from tests.conftest import NINO12
from tests.faults.commands import Sweep
from tests.faults.faults import KINDS, Faults, Kind
from tests.training.importing import modules

pytestmark = pytest.mark.long

TINY = ("--from-scratch", "--epochs", 1, "--hidden", 2, "--cells", "rnn", "--workers", 1, "--quiet")
NAME = "sea"


def damaged(folder: Path) -> list[str]:
    """Return the files of all releases that are not as their manifests say."""
    found = []
    for release in (folder / NAME).glob("2*"):
        manifest = release / "manifest.json"
        files = json.loads(manifest.read_text())["files"] if manifest.exists() else {"manifest.json": {}}
        for name, entry in files.items():
            content = (release / name).read_bytes() if (release / name).exists() else b""
            if hashlib.sha256(content).hexdigest() != entry.get("sha256"):
                found.append(f"{release.name}/{name}")
    return found


def served(folder: Path) -> Mapping[str, Any]:
    """Return the forecast of the release that serves, as a user gets it, and what is wrong with any release."""
    output = io.StringIO()
    with redirect_stdout(output):
        options = ("--dataset", NAME, "--model", "all", "--artifacts", str(folder), "--format", "json")
        assert sst.run(["forecast", str(NINO12), *options]) == 0
    answer = json.loads(output.getvalue())
    forecasts = {each["model"]: each["forecasts"][0]["sst"] for each in answer["models"]}
    return {"forecasts": forecasts, "damaged": damaged(folder)}


def train(folder: Path, data: Path) -> Sequence[object]:
    return ("-m", "training", "--data", NINO12, "--name", NAME, "--out", folder, *TINY)


def bring(folder: Path, data: Path) -> Sequence[object]:
    network = modules.save(modules.Steady(), data / "steady.pt")
    return ("sst.py", "release", "import", network, "--data", NINO12, "--name", NAME, "--out", folder, "--horizon", 3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("command", "share", "least"), [(train, 30, 2), (bring, 15, 3)], ids=["a training", "an import"]
)
def test_the_last_good_release_serves_after_a_fault_and_the_next_command_publishes_another(
    abroad: Path,
    watch: Callable[..., Faults],
    tmp_path: Path,
    report: Callable[[int, int], None],
    command: Callable[[Path, Path], Sequence[object]],
    share: int,
    least: int,
    kind: Kind,
) -> None:
    folder, before = tmp_path / "artifacts", tmp_path / "before"
    network = modules.save(modules.Persistent(), tmp_path / "persistent.pt")
    options = ("--data", NINO12, "--name", NAME, "--out", before, "--horizon", 3)
    assert sst.run(["release", "import", str(network), *map(str, options)]) == 0
    injected = Sweep(watch(folder), command(folder, tmp_path), folder, before, served).run(kind, share)
    report(injected, least)

"""An outlook that fails at any write, or whose process dies at it: the last good outlook stays the latest."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.commands import Sweep
from tests.faults.faults import KINDS, Faults, Kind
from tests.scoring.commands import snapshot
from tests.scoring.outlook.sample import DAYS, grid, outlook, saved

pytestmark = pytest.mark.long

LEAST = 3
SHARE = 20


def found(folder: Path) -> dict[str, object]:
    """Return what a reader finds: the latest outlook, and the others by their names."""
    latest = (folder / "latest").resolve()
    described = {name: content for name, content in snapshot(latest).items() if not name.endswith("outlook.json")}
    others = [path.name for path in folder.iterdir() if not path.name.startswith(".") and path != folder / "latest"]
    complete = all(len(snapshot(folder / name)) == len(snapshot(latest)) for name in others)
    return {"latest": (latest.name, described), "complete": complete}


@pytest.mark.parametrize("kind", KINDS)
def test_the_last_good_outlook_stays_the_latest_after_a_fault_and_the_same_command_makes_the_next(
    releases: Path, watch: Callable[..., Faults], tmp_path: Path, report: Callable[[int, int], None], kind: Kind
) -> None:
    folder, before = tmp_path / "out", tmp_path / "before"
    options = ("--artifacts", releases, "--horizon", 1, "--quiet")
    yesterday = saved(tmp_path, grid().isel(time=slice(0, DAYS - 1)), "yesterday.nc")
    assert outlook(yesterday, "-o", before, *options) == 0
    command = ("sst.py", "outlook", saved(tmp_path), "-o", folder, *options)
    report(Sweep(watch(folder), command, folder, before, found).run(kind, SHARE), LEAST)

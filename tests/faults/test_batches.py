"""A batch run whose every write fails once, or that dies at it: the same command completes it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.commands import Sweep
from tests.faults.faults import KINDS, Faults, Kind
from tests.scoring.commands import score
from tests.scoring.grids.sample import oisst, opened, save, temperatures
from tests.scoring.tables.sample import long_table

pytestmark = pytest.mark.long


def table(folder: Path) -> dict[str, bytes]:
    """Return the forecasts that a reader finds in a table."""
    return {"forecasts": (folder / "out.csv").read_bytes()}


def grid(folder: Path) -> dict[str, bytes]:
    """Return the forecasts that a reader finds in a grid."""
    with opened(folder / "out.nc") as found:
        return {"forecasts": b"".join(found[name].values.tobytes() for name in sorted(map(str, found.variables)))}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("name", "read", "share", "least"), [("out.csv", table, 4, 10), ("out.nc", grid, 6, 8)], ids=["a table", "a grid"]
)
def test_a_run_that_fails_at_any_write_is_completed_by_the_same_command(
    seas: Path,
    watch: Callable[..., Faults],
    tmp_path: Path,
    report: Callable[[int, int], None],
    name: str,
    read: Callable[[Path], dict[str, bytes]],
    share: int,
    least: int,
    kind: Kind,
) -> None:
    folder, before = tmp_path / "out", tmp_path / "before"
    before.mkdir()
    is_table = read is table
    given = long_table(tmp_path / "in.csv", 6) if is_table else save(oisst(temperatures()), tmp_path / "in.nc")
    model, chunk = ("ocean-monthly-gru", 120) if is_table else ("nino12-gru", 24)
    options = ("--model", model, "--artifacts", seas, "--chunk", chunk, "--quiet")
    assert score(given, before / name, *options, "--horizon", 1) == 0
    command = ("-m", "scoring", given, folder / name, *options, "--horizon", 2, "--overwrite")
    report(Sweep(watch(folder), command, folder, before, read).run(kind, share), least)

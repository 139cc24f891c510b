"""A batch run whose every write fails once, or that dies at it: the same command completes it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.commands import Sweep
from tests.faults.faults import KINDS, Faults, Kind
from tests.scoring.commands import score
from tests.scoring.tables.sample import long_table

LEAST = 15
SHARE = 3


def result(folder: Path) -> dict[str, bytes | None]:
    """Return the forecasts that a reader finds."""
    return {"forecasts": (folder / "out.csv").read_bytes()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_that_fails_at_any_write_is_completed_by_the_same_command(
    seas: Path,
    watch: Callable[..., Faults],
    tmp_path: Path,
    report: Callable[[int, int], None],
    kind: Kind,
) -> None:
    folder, before = tmp_path / "out", tmp_path / "before"
    before.mkdir()
    table = long_table(tmp_path / "in.csv", 6)
    options = ("--model", "ocean-monthly-gru", "--artifacts", seas, "--chunk", 120, "--quiet")
    assert score(table, before / "out.csv", *options, "--horizon", 1) == 0
    command = ("-m", "scoring", table, folder / "out.csv", *options, "--horizon", 2, "--overwrite")
    injected = Sweep(watch(folder), command, folder, before, result).run(kind, SHARE)
    report(injected, LEAST)

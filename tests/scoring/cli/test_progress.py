"""What a person sees while a run lasts, and when it is over."""

import json
import os
import pty
import re
import sys
import termios
from pathlib import Path

import pytest

from forecasting.models.metadata import digest
from tests.scoring.commands import finish, score, start
from tests.scoring.grids.sample import oisst, save, temperatures
from tests.scoring.independent import checkpoint
from tests.scoring.tables.sample import long_table


def shown(terminal: int) -> str:
    """All that was written to a terminal whose other end is closed."""
    text = b""
    try:
        while piece := os.read(terminal, 4_096):
            text += piece
    except OSError:  # as Linux says that nothing will come any more
        pass
    return text.decode()


@pytest.mark.parametrize(("options", "seen"), [((), True), (("--quiet",), False)])
def test_a_terminal_shows_progress_rate_and_time_left(
    artifacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], seen: bool
) -> None:
    grid = save(oisst(temperatures()), tmp_path / "in.nc")
    terminal, end = pty.openpty()
    termios.tcsetwinsize(end, (24, 80))
    with open(end, "w") as stderr, monkeypatch.context() as patch:  # noqa: PTH123  a descriptor has no path
        patch.setattr(sys, "stderr", stderr)
        assert (
            score(grid, tmp_path / "out.nc", "--dataset", "nino12", "--artifacts", artifacts, "--chunk", 8, *options)
            == 0
        )
    text = shown(terminal)
    os.close(terminal)
    assert bool(re.search(r"100%\|.+\| 48\.0/48\.0 \[\d\d:\d\d<00:00, .*[\d.]+k? ?cells/s\]", text)) == seen, text
    assert ("cells" in text) == seen


def test_the_last_line_has_the_totals_and_the_summary_their_origin(
    artifacts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = temperatures()
    values[-1, 0, 2:4] = float("nan")
    values[12, 1, 2] = float("nan")
    grid = save(oisst(values), tmp_path / "in.nc")
    assert score(grid, tmp_path / "out.nc", "--model", "nino12-gru", "--artifacts", artifacts, "--levels", 80) == 0
    captured = capsys.readouterr()
    assert "\r" not in captured.err  # no bar where nobody looks
    assert re.search(
        r"out.nc: 34 of 48 cells forecast by nino12-gru \S+, release of one place, named by the user; "
        r"12 not forecast: no value .*; 1 gap_filled; ",
        captured.out,
    )
    assert re.search(r"; \d+\.\d s, [\d,]+ cells/s$", captured.out.strip())
    summary = json.loads((tmp_path / "out.nc.summary.json").read_text())
    assert (summary["cells"], summary["forecast"], summary["levels"], summary["horizon"]) == (48, 34, [80], 1)
    late = "the last value is missing: end the series at its last observation"
    assert summary["missing"] == {"no value at any time (land)": 12, late: 2}
    assert summary["warnings"]["gap_filled"] == 1
    assert summary["rate"] > 0
    assert summary["input_sha256"] == digest(grid.read_bytes())
    assert summary["model_sha256"] == digest(checkpoint(artifacts, "nino12", "gru").read_bytes())


def test_characters_that_a_terminal_cannot_show_are_escaped(artifacts: Path, tmp_path: Path) -> None:
    table = long_table(tmp_path / "in.csv", 2)
    # Stations that are too short are counted together, with an ellipsis for what differs between them.
    with table.open("a") as file:
        file.write("S2,2010-12-01,20.0\nS3,2010-12-01,20.0\n")
    status, printed, _ = finish(
        start(table, tmp_path / "out.csv", "--dataset", "nino12", "--artifacts", artifacts, PYTHONIOENCODING="latin-1")
    )
    assert status == 0
    assert "2 of 4 stations forecast" in printed
    assert "2 not forecast: \\u2026 value" in printed

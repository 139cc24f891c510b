"""What a person sees while a run lasts, and when it is over."""

import json
import os
import pty
import re
import sys
import termios
from collections.abc import Callable
from pathlib import Path

import pytest

from forecasting.models.metadata import digest
from tests.scoring.commands import finish, score, start
from tests.scoring.grids.sample import oisst, save, temperatures
from tests.scoring.independent import checkpoint
from tests.scoring.outlook import sample as outlooks
from tests.scoring.tables.sample import long_table
from tests.servers.erddap import Answer, serving


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
    command = (grid, tmp_path / "out.nc", "--dataset", "nino12", "--artifacts", artifacts, "--chunk", 8, *options)
    text = on_terminal(monkeypatch, lambda: score(*command))
    assert bool(re.search(r"100%\|.+\| 48\.0/48\.0 \[\d\d:\d\d<00:00, .*[\d.]+k? ?cells/s\]", text)) == seen, text
    assert ("cells" in text) == seen


ONE_DEGREE = """Row Type,Variable Name,Attribute Name,Data Type,Value
dimension,time,,double,"nValues=60, evenlySpaced=true, averageSpacing=1 day"
dimension,latitude,,double,"nValues=180, evenlySpaced=true, averageSpacing=1.0"
attribute,latitude,actual_range,double,"-90.0, 89.0"
dimension,longitude,,double,"nValues=360, evenlySpaced=true, averageSpacing=1.0"
attribute,longitude,actual_range,double,"0.0, 359.0"
variable,sst,,double,"time, latitude, longitude"
"""


def on_terminal(monkeypatch: pytest.MonkeyPatch, run: Callable[[], int]) -> str:
    """Return what a command that ends well writes to a terminal of 80 columns."""
    terminal, end = pty.openpty()
    termios.tcsetwinsize(end, (24, 80))
    with open(end, "w") as stderr, monkeypatch.context() as patch:  # noqa: PTH123  a descriptor has no path
        patch.setattr(sys, "stderr", stderr)
        assert run() == 0
    text = shown(terminal)
    os.close(terminal)
    return text


@pytest.mark.long
def test_an_outlook_shows_the_progress_of_each_long_part(
    seas: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = bytes(outlooks.grid().to_netcdf(engine="scipy"))
    usual = outlooks.baseline_file(tmp_path, "climatology", "threshold")
    command = ("-o", tmp_path / "out", "--artifacts", seas, "--horizon", 1, "--days", 60, "--baseline", usual)
    with serving() as erddap:
        erddap.files |= {"/erddap/griddap/year.nc": Answer(content), "/erddap/info/year/index.csv": Answer(ONE_DEGREE)}
        address = (f"{erddap.url}/griddap/year", "--lat=-4:-1", "--lon", "176:183")
        text = on_terminal(monkeypatch, lambda: outlooks.outlook(*address, *command))
    for part, total, unit in (
        ("downloading", "15.4k", "B/s"),
        ("reading sst", "1.92k", "values/s"),
        ("reading usual.nc", "[\\d.]+k", "values/s"),
        ("forecasting", "32.0", "cells/s"),
        ("drawing", "5.00", "(maps/s|s/ maps)"),
    ):
        assert re.search(rf"{part}: 100%\|.+[|/]{total} \[\d\d:\d\d<00:00, .*{unit}\]", text), (part, text)


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


@pytest.mark.long
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

import sys
from pathlib import Path

import pytest

from tests.conftest import NINO12, ROOT
from tests.forks import run

pytestmark = pytest.mark.long


def test_the_gallery_compares_simulated_seas_with_a_real_series(tmp_path: Path) -> None:
    figure = tmp_path / "gallery.png"
    arguments = ("--step", "month", "--places", "12", "--out", figure)
    done = run([sys.executable, "-m", "research.simulation", NINO12, *arguments], cwd=ROOT)
    header, _, *rows = done.stdout.splitlines()
    assert header.startswith("| | RMS increment |")
    assert [row.split("|")[1].strip() for row in rows] == [
        "simulated, 5%",
        "simulated, 50%",
        "simulated, 95%",
        "nino12",
    ]
    assert all(float(cell) for cell in rows[-1].strip("|").split("|")[1:])
    assert figure.read_bytes().startswith(b"\x89PNG")

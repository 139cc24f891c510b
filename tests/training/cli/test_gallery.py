from pathlib import Path

import pytest

import sst
from tests.conftest import NINO12


def test_the_gallery_compares_simulated_seas_with_a_real_series(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figure = tmp_path / "gallery.png"
    assert sst.run(["train", "gallery", str(NINO12), "--step", "month", "--places", "12", "--out", str(figure)]) == 0
    header, _, *rows = capsys.readouterr().out.splitlines()
    assert header.startswith("| | RMS increment |")
    assert [row.split("|")[1].strip() for row in rows] == [
        "simulated, 5%",
        "simulated, 50%",
        "simulated, 95%",
        "nino12",
    ]
    assert all(float(cell) for cell in rows[-1].strip("|").split("|")[1:])
    assert figure.read_bytes().startswith(b"\x89PNG")

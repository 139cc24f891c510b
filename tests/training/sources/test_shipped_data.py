from pathlib import Path

import pytest

from tests.conftest import ROOT
from training.data.shipped import write_series


@pytest.mark.filterwarnings("ignore::DeprecationWarning:statsmodels", "ignore::DeprecationWarning:bokeh_sampledata")
def test_the_command_makes_the_files_that_ship(tmp_path: Path) -> None:
    write_series(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["neracoos-b01.csv", "nino12.csv"]
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (ROOT / "data" / path.name).read_bytes()

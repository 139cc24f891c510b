"""Batch scoring in its container, on the caller's files."""

import os
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from forecasting.series.sst_series import SstSeries
from tests.containers.composition import Composition
from tests.scoring.grids.sample import oisst, opened, save, temperatures

SOMEBODY = pytest.param(12_345, marks=pytest.mark.skipif(os.getuid() != 0, reason="only root gives files to others"))


def score(composition: Composition, folder: Path, *arguments: str) -> None:
    """Run the scoring service of the composition on the files of a folder."""
    settings = {**composition.settings, "SST_FILES": str(folder)}
    command = ["--profile", "scoring", "run", "--rm", "--no-deps", "scoring", *arguments]
    replace(composition, settings=settings).compose(*command)


@pytest.mark.parametrize("owner", [os.getuid(), SOMEBODY])
def test_a_table_of_the_caller_is_scored_and_the_output_belongs_to_the_caller(
    composition: Composition, nino12: SstSeries, tmp_path: Path, owner: int
) -> None:
    source = tmp_path / "in.csv"
    nino12.to_pandas().rename_axis("time").rename("sst").to_csv(source)
    for path in (tmp_path, source):
        os.chown(path, owner, owner if os.getuid() == 0 else -1)
    score(composition, tmp_path, "in.csv", "out.csv")
    assert (tmp_path / "out.csv").stat().st_uid == owner
    assert len(pd.read_csv(tmp_path / "out.csv")) == 1


def test_a_grid_of_the_caller_is_scored(composition: Composition, tmp_path: Path) -> None:
    save(oisst(temperatures(6, 8)), tmp_path / "in.nc")
    score(composition, tmp_path, "in.nc", "out.nc")
    # Land is in two columns of eight.
    assert int(opened(tmp_path / "out.nc")["sst"].notnull().sum()) == 36

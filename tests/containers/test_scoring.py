"""Batch scoring in its container, on the files of whoever calls it."""

import os
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from forecasting.series import SstSeries
from tests.containers.composition import Composition

SOMEBODY = pytest.param(12_345, marks=pytest.mark.skipif(os.getuid() != 0, reason="only root gives files to others"))


@pytest.mark.parametrize("owner", [os.getuid(), SOMEBODY])
def test_a_table_beside_the_caller_is_scored_and_the_answer_is_the_callers(
    composition: Composition, nino12: SstSeries, tmp_path: Path, owner: int
) -> None:
    source = tmp_path / "in.csv"
    nino12.to_pandas().rename_axis("time").rename("sst").to_csv(source)
    for path in (tmp_path, source):
        os.chown(path, owner, owner if os.getuid() == 0 else -1)
    settings = {**composition.settings, "SST_FILES": str(tmp_path)}
    command = ["--profile", "scoring", "run", "--rm", "--no-deps", "scoring", "in.csv", "out.csv"]
    replace(composition, settings=settings).compose(*command)
    assert (tmp_path / "out.csv").stat().st_uid == owner
    assert len(pd.read_csv(tmp_path / "out.csv")) == 1

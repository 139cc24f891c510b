"""Batch scoring in its container, on the files of whoever calls it."""

import os
from pathlib import Path

import pandas as pd
import pytest

from forecasting.series import SstSeries
from tests.containers.composition import Composition


@pytest.mark.parametrize("owner", [0, 12_345])
def test_a_table_beside_the_caller_is_scored_and_the_answer_is_the_callers(
    composition: Composition, nino12: SstSeries, tmp_path: Path, owner: int
) -> None:
    source = tmp_path / "in.csv"
    nino12.to_pandas().rename_axis("time").rename("sst").to_csv(source)
    for path in (tmp_path, source):
        os.chown(path, owner, owner)
    composition.compose(
        "--profile",
        "scoring",
        "run",
        "--rm",
        "--no-deps",
        "--volume",
        f"{tmp_path}:/files",
        "scoring",
        "in.csv",
        "out.csv",
    )
    assert (tmp_path / "out.csv").stat().st_uid == owner
    assert len(pd.read_csv(tmp_path / "out.csv")) == 1

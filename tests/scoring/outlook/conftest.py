"""Outlooks to verify."""

from pathlib import Path

import pytest

from tests.scoring.outlook.sample import LEADS, MORNINGS, grid, outlook, saved


@pytest.fixture(scope="session")
def folder(seas: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Outlooks of three mornings, and all days as ``came.nc``."""
    path = tmp_path_factory.mktemp("verify-outlooks")
    for days in MORNINGS:
        given = saved(path, grid().isel(time=slice(0, days)))
        assert outlook(given, "-o", path / "out", "--artifacts", seas, "--horizon", LEADS, "--quiet") == 0
    saved(path, name="came.nc")
    return path

"""A service with a clock that tests set, and networks whose forecasts are known."""

import shutil
from pathlib import Path

import pytest

from tests.forecasting.models.universal import tiny


@pytest.fixture(scope="session")
def still(artifacts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of artifacts with a default dataset, and a network that forecasts the last reading and a bias."""
    folder = tmp_path_factory.mktemp("still") / "artifacts"
    shutil.copytree(artifacts / "nino12", folder / "nino12")
    tiny.publish(folder, "ocean-daily", "day", {"gru": 0.01})
    return folder

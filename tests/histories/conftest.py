"""Services whose clock the tests set, and whose networks make forecasts that are known."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.forecasting.models.universal import tiny
from tests.histories.model import BIAS
from tests.histories.sides import Sides, sqlite_store


@pytest.fixture(scope="session")
def still(artifacts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of artifacts with a default dataset, and a network that forecasts the last reading plus a bias."""
    folder = tmp_path_factory.mktemp("still") / "artifacts"
    shutil.copytree(artifacts / "nino12", folder / "nino12")
    tiny.publish(folder, "ocean-daily", "day", {"gru": BIAS})
    return folder


@pytest.fixture(scope="module")
def sqlite_sides(still: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sides]:
    with Sides.of(still, sqlite_store(tmp_path_factory.mktemp("histories"))) as sides:
        yield sides

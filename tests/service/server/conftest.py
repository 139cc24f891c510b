"""An artifacts folder with two releases, for tests that change the release that serves."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from forecasting.series.sst_series import SstSeries
from service.settings import Settings
from tests.conftest import NINO12
from tests.service.conftest import Http
from tests.serving import serve
from training.config import TrainingConfig
from training.examples.dataset import Dataset
from training.run import Destination, train


@pytest.fixture(scope="session")
def trained_twice(
    artifacts: Path, nino12: SstSeries, small: TrainingConfig, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("trained_twice") / "artifacts"
    shutil.copytree(artifacts, folder)
    config = small.model_copy(update={"seed": 7, "epochs": 1})
    train(Dataset.divide(nino12, config), NINO12, Destination("nino12", folder), config)
    return folder


@pytest.fixture
def two_releases(trained_twice: Path, tmp_path: Path) -> Path:
    """An artifacts folder with two releases of nino12, for one test to change."""
    return Path(shutil.copytree(trained_twice, tmp_path / "artifacts"))


@pytest.fixture(scope="module")
def client(artifacts: Path, http: Http) -> Iterator[httpx.Client]:
    """A service of one file of tests alone, since they break its connections and count what that does."""
    with serve(Settings(artifacts=artifacts, http=http)) as client:
        yield client

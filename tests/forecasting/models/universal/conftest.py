from pathlib import Path

import pytest

from forecasting.models.universal.release import UniversalRelease
from forecasting.releases.release import SeaRelease
from tests.forecasting.models.universal.tiny import publish


@pytest.fixture(scope="session")
def universal_artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a daily and a monthly universal release; the LSTM of the daily one is 0.3 °C too warm."""
    artifacts = tmp_path_factory.mktemp("universal")
    publish(artifacts, "ocean-daily", "day", {"lstm": 0.3, "gru": 0.0})
    publish(artifacts, "ocean-monthly", "month", {"gru": 0.0})
    return artifacts


@pytest.fixture(scope="session")
def daily(universal_artifacts: Path) -> UniversalRelease:
    folder = next((universal_artifacts / "ocean-daily").glob("2*"))
    return SeaRelease.open(folder).universal


@pytest.fixture(scope="session")
def monthly(universal_artifacts: Path) -> UniversalRelease:
    folder = next((universal_artifacts / "ocean-monthly").glob("2*"))
    return SeaRelease.open(folder).universal

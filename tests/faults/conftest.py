"""The library that injects faults, and releases to forecast with."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.faults import Faults, compiled
from tests.forecasting.models.universal import tiny


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("library"))


@pytest.fixture
def watch(library: Path, tmp_path: Path) -> Callable[..., Faults]:
    """Watch the calls that change a folder, or send to a port."""
    return lambda folder, port=0: Faults.of(library, tmp_path / "control", folder, port)


@pytest.fixture
def report(record_property: Callable[[str, object], None]) -> Callable[[int, int], None]:
    """Record how many faults a test has injected, and check that these are not less than there must be."""

    def report(injected: int, least: int) -> None:
        record_property("faults", injected)
        assert injected >= least

    return report


@pytest.fixture(scope="session")
def releases(abroad: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with few and small releases, with which a service starts in half a second."""
    folder = Path(shutil.copytree(abroad, tmp_path_factory.mktemp("faults") / "artifacts"))
    tiny.publish(folder, "ocean-daily", "day", {"gru": 0.01})
    return folder

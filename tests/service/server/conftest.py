"""An artifacts folder with two releases, for tests that change the release that serves."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from service.settings import Settings
from tests.serving import serve


@pytest.fixture
def two_releases(trained_twice: Path, tmp_path: Path) -> Path:
    """An artifacts folder with two releases of nino12, for one test to change."""
    return Path(shutil.copytree(trained_twice, tmp_path / "artifacts"))


@pytest.fixture(scope="module")
def client(artifacts: Path) -> Iterator[httpx.Client]:
    """A service of one file of tests alone, since they break its connections and count what that does."""
    with serve(Settings(artifacts=artifacts)) as client:
        yield client

"""The images built, and the composition brought up, once a session; skipped where there is no engine."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.conftest import ROOT
from tests.containers.composition import Composition
from tests.containers.engine import what_is_missing

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ours = [item for item in items if HERE in item.path.parents]
    missing = what_is_missing() if ours else ""
    for item in ours:
        item.add_marker(pytest.mark.containers)
        if missing:
            item.add_marker(pytest.mark.skip(reason=missing))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass(frozen=True)
class Build:
    """What was built.

    Attributes:
        forgotten: a secret that lay in the folder meanwhile.
    """

    forgotten: str


@pytest.fixture(scope="session")
def build() -> Iterator[Build]:
    """The images, from a folder in which somebody has left a secret, and of which not all is for others to read.

    No container is left afterwards.
    """
    forgotten = Build(secrets.token_hex(32))
    left = [ROOT / "forgotten.pem", ROOT / "data" / "forgotten.pem"]
    private = [ROOT / "forecasting" / "errors.py", ROOT / "data" / "nino12.csv", ROOT / "deploy" / "fill-artifacts.sh"]
    modes = [file.stat().st_mode for file in private]
    composition = Composition(("docker-compose.yml", "tests/containers/compose.build.yml"))
    composition.down()
    try:
        for file in left:
            file.write_text(forgotten.forgotten)
        for file, mode in zip(private, modes, strict=True):
            file.chmod(mode & 0o700)
        composition.compose("--profile", "*", "build")
    finally:
        for file in left:
            file.unlink()
        for file, mode in zip(private, modes, strict=True):
            file.chmod(mode)
    yield forgotten
    composition.down()


@pytest.fixture(scope="module")
def composition(build: Build) -> Composition:
    """docker-compose.yml, up and healthy."""
    composition = Composition()
    composition.up()
    return composition


@pytest.fixture
def client(composition: Composition) -> Iterator[httpx.Client]:
    """A client of the proxy."""
    with httpx.Client(base_url=composition.url, timeout=60) as client:
        yield client

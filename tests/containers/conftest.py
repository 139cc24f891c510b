"""Fixtures: the images, built once per session, and the running composition. Without an engine, tests are skipped."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.conftest import ROOT
from tests.containers.composition import Composition
from tests.containers.engine import engine_problem

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    container_tests = [item for item in items if HERE in item.path.parents]
    missing = engine_problem() if container_tests else ""
    for item in container_tests:
        item.add_marker(pytest.mark.containers)
        item.add_marker(pytest.mark.long)
        if missing:
            item.add_marker(pytest.mark.skip(reason=missing))


@dataclass(frozen=True)
class Build:
    """The images that were built."""

    forgotten: str


@pytest.fixture(scope="session")
def build() -> Iterator[Build]:
    """Build the images from a folder with a forgotten secret and files that others cannot read.

    All containers are removed at the end.
    """
    build = Build(secrets.token_hex(32))
    secret_files = [ROOT / "forgotten.pem", ROOT / "data" / "forgotten.pem"]
    private = [ROOT / "forecasting" / "errors.py", ROOT / "data" / "nino12.csv", ROOT / "deploy" / "fill-artifacts.sh"]
    modes = [file.stat().st_mode for file in private]
    composition = Composition(("docker-compose.yml", "tests/containers/compose.build.yml"))
    composition.down()
    try:
        for file in secret_files:
            file.write_text(build.forgotten)
        for file, mode in zip(private, modes, strict=True):
            file.chmod(mode & 0o700)
        composition.compose("--profile", "*", "build")
    finally:
        for file in secret_files:
            file.unlink()
        for file, mode in zip(private, modes, strict=True):
            file.chmod(mode)
    yield build
    composition.down()


@pytest.fixture(scope="module")
def composition(build: Build) -> Composition:
    """The composition of docker-compose.yml, running and healthy."""
    composition = Composition()
    composition.up()
    return composition


@pytest.fixture
def client(composition: Composition) -> Iterator[httpx.Client]:
    """A client of the proxy."""
    with httpx.Client(base_url=composition.url, timeout=60) as client:
        yield client

"""What users get who install the distribution and have no checkout."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.conftest import NINO12, ROOT
from tests.e2e.test_readme import blocks

FILES = ("pyproject.toml", "README.md", "LICENSE", "sst.py")
FOLDERS = ("forecasting", "training", "service", "scoring", "artifacts", "data", "docs")
PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a fresh installation from a wheel. Its dependencies are those of the tests."""
    source, wheels, target = (tmp_path_factory.mktemp(name) for name in ("source", "wheels", "installed"))
    for name in FILES:
        shutil.copy(ROOT / name, source)
    for name in FOLDERS:
        shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    # A release that the owner of the checkout has trained.
    shutil.copytree(ROOT / "artifacts" / "nino12", source / "artifacts" / "mine")
    subprocess.run([*PIP, "wheel", "--no-deps", "--no-build-isolation", "-w", wheels, source], check=True)
    (wheel,) = wheels.iterdir()
    subprocess.run([*PIP, "install", "--no-deps", "--no-compile", "--target", target, wheel], check=True)
    return target


def start(installed: Path, folder: Path, *command: str | Path) -> "subprocess.Popen[str]":
    """Start a command of Python in ``folder``, where only the installation is known and each warning is an error."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SST_")}
    environment |= {"PYTHONPATH": str(installed), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "error"}
    return subprocess.Popen([sys.executable, *command], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)


def output(installed: Path, folder: Path, *command: str | Path) -> str:
    with start(installed, folder, *command) as process:
        printed, _ = process.communicate()
    assert process.returncode == 0
    return printed


@pytest.mark.long
def test_the_example_of_the_readme_runs_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    (example,) = blocks("python")
    assert re.findall(r"^2011-0\d", output(installed, tmp_path, "-c", example), flags=re.MULTILINE) == [
        "2011-01", "2011-02", "2011-03",
    ]  # fmt: skip
    assert not [*tmp_path.iterdir()]


def test_the_service_serves_the_bundled_releases_and_stores_in_the_working_folder(
    installed: Path, tmp_path: Path
) -> None:
    before = {*installed.rglob("*")}
    with start(installed, tmp_path, installed / "bin" / "sst", "serve", "--port", "0") as process:
        assert process.stdout is not None
        (url,) = re.findall(r"Serving on (\S+)", process.stdout.readline())
        models = httpx.get(f"{url}/models", timeout=60).raise_for_status().json()["models"]
        httpx.put(f"{url}/stations/pier", json={"step": "day"}).raise_for_status()
        page = httpx.get(url).raise_for_status().text
        httpx.get(f"{url}/manual/guides/stations").raise_for_status()
        process.terminate()
    assert {model["model"].rpartition("-")[0] for model in models} == {
        "nino12", "neracoos-b01", "ocean-hourly", "ocean-daily", "ocean-weekly", "ocean-monthly",
    }  # fmt: skip
    assert "<title>SST forecasting</title>" in page
    assert (tmp_path / "state" / "sst.db").is_file()
    assert {*installed.rglob("*")} == before


@pytest.mark.long
def test_commands_use_the_bundled_releases(installed: Path, tmp_path: Path) -> None:
    shutil.copy(NINO12, tmp_path / "sea.csv")
    sst = installed / "bin" / "sst"
    output(installed, tmp_path, sst, "score", "sea.csv", "forecast.csv")
    assert "mixture" in (tmp_path / "forecast.csv").read_text()
    assert "not checked" not in output(installed, tmp_path, sst, "inspect", "--check", "sea.csv")

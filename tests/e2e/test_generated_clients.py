"""The guide to generated clients works as it is typed, without a warning, against a service in its own process."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.processes import Service, running

GUIDE = (ROOT / "docs" / "guides" / "generate-a-client.md").read_text(encoding="utf-8")
SHOWN_AT = "http://127.0.0.1:8000"
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", GUIDE, flags=re.DOTALL | re.MULTILINE)
CURL, GENERATE, NPM = (text for language, text in BLOCKS if not language)

# What a bundler or tsx would use; with every check that a user may switch on.
TSC = "npx tsc --strict --exactOptionalPropertyTypes --target es2022 --module esnext --moduleResolution bundler"


def block(language: str) -> str:
    (text,) = (text for name, text in BLOCKS if name == language)
    return str(text)


def run(command: list[str], folder: Path) -> str:
    """Run a command in a folder, and return what it prints to either stream."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(folder), "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with running(ROOT / "artifacts", default_dataset="nino12") as service:
        yield service


@pytest.fixture(scope="module")
def folder(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a user who has saved the document."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    folder = tmp_path_factory.mktemp("generated")
    run(["bash", "-c", CURL.replace(SHOWN_AT, service.url)], folder)
    assert (folder / "openapi.json").stat().st_size > 10_000
    return folder


@pytest.fixture(scope="module")
def python_client(service: Service, folder: Path) -> Path:
    """The folder, with a package from openapi-python-client and the program of the guide."""
    pytest.importorskip("openapi_python_client")
    (folder / "client.yml").write_text(block("yaml"))
    install, generate = GENERATE.splitlines()
    assert install == "pip install openapi-python-client"
    printed = run([*generate.split(), "--fail-on-warning"], folder)
    assert "warning" not in printed.lower()
    (folder / "forecast.py").write_text(block("python").replace(SHOWN_AT, service.url))
    return folder


@pytest.fixture(scope="module")
def typescript_client(service: Service, folder: Path) -> Path:
    """The folder, with types from openapi-typescript and the program of the guide."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed; install it with: apt install npm")
    install, generate = NPM.splitlines()
    installed = subprocess.run(
        [*install.split(), "--no-audit", "--no-fund"], cwd=folder, capture_output=True, text=True
    )
    if installed.returncode:
        pytest.skip(f"npm cannot install openapi-typescript: {installed.stderr.strip().splitlines()[-1]}")
    printed = run(generate.split(), folder)
    assert "warn" not in printed.lower()
    assert "error" not in printed.lower()
    (folder / "forecast.mts").write_text(block("ts").replace(SHOWN_AT, service.url))
    return folder


def test_the_generated_python_client_forecasts(python_client: Path) -> None:
    lines = run([sys.executable, "forecast.py"], python_client).splitlines()
    assert [line.split()[:2] for line in lines] == [["pier", f"2011-0{month}-01"] for month in (1, 2, 3)]
    assert all(10 < float(line.split()[2]) < 35 for line in lines)


def test_the_generated_python_client_has_a_function_for_each_operation_id(python_client: Path) -> None:
    document = (python_client / "openapi.json").read_text()
    ids = re.findall(r'"operationId": ?"(\w+)"', document)
    modules = {path.stem for path in (python_client / "sst_api" / "api").glob("*/*.py")} - {"__init__"}
    assert {re.sub("([A-Z])", lambda capital: f"_{capital[1].lower()}", name) for name in ids} == modules


@pytest.mark.long
def test_the_generated_python_client_is_typed(python_client: Path) -> None:
    pytest.importorskip("mypy")
    # Only the command line of httpx imports these libraries, which are larger than all others together.
    (python_client / "mypy.ini").write_text("[mypy]\n[mypy-click.*,pygments.*,rich.*]\nfollow_imports = skip\n")
    # What mypy has found out about the libraries serves the next run of the tests, too.
    cache = ROOT / ".mypy_cache" / "generated"
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(cache), "forecast.py"]
    assert "Success" in run(command, python_client)


@pytest.mark.long
def test_the_typescript_program_is_sound_and_forecasts(typescript_client: Path) -> None:
    run([*TSC.split(), "forecast.mts"], typescript_client)
    lines = run(["node", "forecast.mjs"], typescript_client).splitlines()
    assert [line.split()[1] for line in lines] == ["pier"] * 3
    assert len({line.split()[0] for line in lines}) == 3

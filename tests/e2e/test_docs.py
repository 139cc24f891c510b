"""The examples in the documentation run as they are."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
from pydantic import SecretStr

from service.settings import Settings
from tests.conftest import ROOT
from tests.serving import serve

SHOWN_AT = "127.0.0.1:8000"

Block = tuple[str, str]
"""A block of code: its page and its text."""


def blocks(pattern: str, *pages: str) -> list[Block]:
    code_blocks = []
    for page in pages:
        text = (ROOT / "docs" / page).read_text(encoding="utf-8")
        code_blocks += [(page, block) for block in re.findall(pattern, text, flags=re.DOTALL | re.MULTILINE)]
    return code_blocks


PYTHON_PAGES = (
    "guides/prepare-your-data.md",
    "reference/inference-protocol.md",
    "reference/python-api.md",
    "reference/python-client.md",
    "reference/releases.md",
)
WEATHER = blocks(r"^```python\n(import numpy.*?)^```", "guides/stations.md")
PYTHON = [*blocks(r"^```python\n(.*?)^```", *PYTHON_PAGES), *WEATHER]
CURL = blocks(r"^ *```\n( *curl .*?)^ *```", "guides/call-the-service.md")
TABLE = blocks(r"^```python\n([^`]*?stations\.parquet.*?)^```", "guides/call-the-service.md")


STATIONS = blocks(
    r"^```(?:python)?\n((?:sst station|head|from service.client) (?!add (?:reef|pier)).*?)^```", "guides/stations.md"
)
"""The steps of one walk, in order: shell and Python."""


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    store = tmp_path_factory.mktemp("store") / "sst.db"
    with serve(Settings(artifacts=ROOT / "artifacts", store=SecretStr(f"sqlite:///{store}"))) as client:
        yield client


def here(block: str, client: httpx.Client) -> str:
    """Return ``block`` with the address of the running service."""
    return block.replace(SHOWN_AT, client.base_url.netloc.decode())


def test_there_are_examples_to_run() -> None:
    assert list(dict.fromkeys(page for page, _ in PYTHON)) == [*PYTHON_PAGES, "guides/stations.md"]
    assert len(WEATHER) == 1
    assert len(CURL) == 5
    assert len(STATIONS) == 5
    assert len(TABLE) == 1


@pytest.mark.filterwarnings("ignore:`torch.jit.load` is ")
@pytest.mark.parametrize("block", [text for _, text in PYTHON], ids=[page for page, _ in PYTHON])
def test_python_runs(
    block: str, shipped: httpx.Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    exec(here(block, shipped), {})
    assert bool(capsys.readouterr().out.strip()) == ("print(" in block)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("block", [text for _, text in CURL])
def test_curl_is_answered(block: str, shipped: httpx.Client, tmp_path: Path) -> None:
    stations = tmp_path / "stations.ndjson"
    stations.write_text(json.dumps({"id": "pier", "start": "2009-01-01", "values": [24.0 + i % 3 for i in range(24)]}))
    command = here(block, shipped).replace("curl ", "curl -sSf ").replace(stations.name, str(stations))
    ran = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith(("{", "| Model"))


def test_a_table_of_stations_is_answered_by_a_table(
    shipped: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = pd.date_range("2009-01-01", periods=24, freq="MS")
    sst = [24.0 + i % 3 for i in range(24)]
    pd.DataFrame({"id": "pier", "time": times, "sst": sst}).to_parquet(tmp_path / "stations.parquet")
    monkeypatch.chdir(tmp_path)
    ((_, program),) = TABLE
    names: dict[str, Any] = {}
    exec(here(program, shipped), names)
    assert names["forecasts"]["station"].to_list() == ["pier"] * 3
    assert names["forecasts"]["error"].is_null().all()


@pytest.mark.long
def test_the_walk_through_stations_runs_from_beginning_to_end(
    shipped: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data").symlink_to(ROOT / "data")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SST_URL", str(shipped.base_url))
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    for _, block in STATIONS:
        if block.startswith("from"):
            exec(here(block, shipped), {})
            assert capsys.readouterr().out.count("2016-") > 30
            continue
        ran = subprocess.run(["bash", "-e", "-c", block], capture_output=True, text=True, timeout=120)
        assert (ran.returncode, ran.stderr) == (0, ""), block

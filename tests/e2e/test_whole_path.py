"""From a CSV file to a forecast over HTTP, with the commands that a user runs."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
import pytest
import torch

from forecasting.networks.checkpoint import load
from forecasting.releases.release import current_version
from forecasting.series.times import unix_seconds

ENVIRONMENT = os.environ | {"PYTHONWARNINGS": "error", "PYTHONUNBUFFERED": "1"}


def run(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, check=False)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release trained on the daily series of a pier, in Fahrenheit and with a gap."""
    folder = tmp_path_factory.mktemp("pier")
    rng = np.random.default_rng(1)
    days = np.datetime64("2015-01-01") + np.arange(900)
    sst = 15 + 4 * np.cos(2 * np.pi * np.arange(900) / 365.25) + np.cumsum(rng.normal(0, 0.1, 900))
    rows = [f"{day},{value:.2f}" for day, value in zip(days, sst * 1.8 + 32, strict=True) if str(day) != "2016-02-29"]
    (folder / "pier.csv").write_text("Date,WTMP (degF)\n" + "\n".join(rows) + "\n")
    done = run("training", "--data", folder / "pier.csv", "--name", "pier", "--out", folder / "artifacts",
               "--units", "fahrenheit", "--epochs", "2", "--hidden", "4")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "1 of 900 values are missing" in done.stdout
    return folder / "artifacts"


def test_a_file_becomes_a_service_that_forecasts(artifacts: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "service", "--artifacts", str(artifacts), "--port", str(port)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=ENVIRONMENT | {"SST_DEFAULT_DATASET": "pier"},
    )  # fmt: skip
    assert process.stdout is not None
    try:
        assert f"http://127.0.0.1:{port}" in process.stdout.readline()
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            assert client.get("/health/ready").json()["models"] == ["pier-rnn", "pier-lstm", "pier-gru"]
            values = np.linspace(14, 15, 30)
            body = {
                "dataset": "pier",
                "model": "lstm",
                "horizon": 2,
                "series": [{"start": "2017-06-01", "values": list(values)}],
            }
            forecast = client.post("/forecast", json=body).raise_for_status().json()["forecasts"][0]
            assert client.get("/compare").json()["dataset"] == "pier"
        path = artifacts / "pier" / (current_version(artifacts / "pier") or "") / "lstm.pt"
        module, _ = load(path.read_bytes(), torch.device("cpu"))
        window = torch.tensor(values[None], dtype=torch.float32)
        ahead = np.asarray(["2017-07-01", "2017-07-02"], dtype="datetime64[s]")
        with torch.inference_mode():
            first = module(window, torch.from_numpy(unix_seconds(ahead[:1])))
            second = module(torch.cat([window[:, 1:], first[None]], dim=1), torch.from_numpy(unix_seconds(ahead[1:])))
        assert forecast["timestamps"] == ["2017-07-01T00:00:00Z", "2017-07-02T00:00:00Z"]
        assert forecast["sst"] == pytest.approx([float(first), float(second)], abs=1e-5)
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    assert process.returncode in (0, -signal.SIGTERM)
    assert "Traceback" not in errors


def test_two_workers_serve_the_same_models(artifacts: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "service", "--port", str(port), "--workers", "2"]
    environment = ENVIRONMENT | {"SST_DEFAULT_DATASET": "pier", "SST_ARTIFACTS": str(artifacts)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stderr is not None
    try:
        started = set()
        for line in process.stderr:
            started |= set(re.findall(r"Started server process \[(\d+)\]", line))
            if "startup complete" in line and len(started) == 2:
                break
        assert len(started) == 2
        response = httpx.get(f"http://127.0.0.1:{port}/forecast?model=gru", timeout=60)
        assert response.json()["model"] == "pier-gru"
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


@pytest.mark.parametrize(
    ("arguments", "environment", "sentence"),
    [
        (["--artifacts", "/nowhere"], {}, "the artifacts folder /nowhere cannot be read: No such file"),
        ([], {"SST_DEFAULT_DATASET": "north-sea"}, "no release of the default dataset 'north-sea'; available: pier"),
        ([], {"SST_PORT": "eighty"}, "SST_PORT=eighty"),
        (["--workers", "0"], {}, "SST_WORKERS=0"),
        (["--device", "tpu"], {}, "unknown device 'tpu': choose auto, cpu, cuda or cuda:N"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_a_sentence(
    artifacts: Path, arguments: list[str], environment: dict[str, str], sentence: str
) -> None:
    command = [sys.executable, "-m", "service", *arguments]
    settings = {"SST_ARTIFACTS": str(artifacts), "SST_DEFAULT_DATASET": "pier"} | environment
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT | settings, check=False)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_in_use_stops_the_start_with_a_sentence(artifacts: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        settings = {"SST_ARTIFACTS": str(artifacts), "SST_DEFAULT_DATASET": "pier", "SST_PORT": str(port)}
        command = [sys.executable, "-m", "service"]
        done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT | settings, check=False)
    assert done.returncode == 2
    assert f"cannot listen on 127.0.0.1 port {port}: Address already in use" in done.stderr
    assert done.stdout == ""


def test_a_tampered_checkpoint_stops_the_start_with_a_sentence(artifacts: Path, tmp_path: Path) -> None:
    version = current_version(artifacts / "pier") or ""
    copy = tmp_path / "pier" / version
    copy.mkdir(parents=True)
    (tmp_path / "pier" / "current").write_text(version)
    for path in (artifacts / "pier" / version).iterdir():
        content = bytearray(path.read_bytes())
        if path.name == "gru.pt":
            content[len(content) // 2] ^= 1
        (copy / path.name).write_bytes(content)
    settings = {"SST_ARTIFACTS": str(tmp_path), "SST_DEFAULT_DATASET": "pier"}
    command = [sys.executable, "-m", "service"]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT | settings, check=False)
    assert done.returncode == 2
    assert "gru.pt has changed since it was published" in done.stderr
    assert "Traceback" not in done.stderr


def test_serving_never_imports_training(artifacts: Path) -> None:
    code = (
        "import sys, service.__main__; from pathlib import Path; from service.settings import Settings; "
        "from service.engine.release_watcher import open_registry; "
        f"open_registry(Settings(artifacts=Path({str(artifacts)!r}), default_dataset='pier')); "
        "print(sorted(name for name in sys.modules if name.split('.')[0] in ('training', 'matplotlib')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

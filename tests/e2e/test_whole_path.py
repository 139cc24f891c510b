"""From a CSV file to a forecast over HTTP, with the commands that a user runs."""

import contextlib
import io
import re
import shutil
import socket
from pathlib import Path

import httpx
import numpy as np
import pytest
import torch

import sst
from forecasting.models.checkpoint import CPU, load
from forecasting.releases.release import current_version
from forecasting.series.times import unix_seconds
from tests.processes import running
from tests.refused_start import refused_start


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release trained on the daily series of a pier, in Fahrenheit and with a gap."""
    folder = tmp_path_factory.mktemp("pier")
    rng = np.random.default_rng(1)
    days = np.datetime64("2015-01-01") + np.arange(900)
    values = 15 + 4 * np.cos(2 * np.pi * np.arange(900) / 365.25) + np.cumsum(rng.normal(0, 0.1, 900))
    rows = [
        f"{day},{value:.2f}" for day, value in zip(days, values * 1.8 + 32, strict=True) if str(day) != "2016-02-29"
    ]
    (folder / "pier.csv").write_text("Date,WTMP (degF)\n" + "\n".join(rows) + "\n")
    command = (
        f"--data {folder}/pier.csv --units fahrenheit --name pier --out {folder}/artifacts --from-scratch --workers 1 "
        "--epochs 1 --hidden 4 --seeds 1 --horizon 2"
    )
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert sst.run(["train", *command.split()]) == 0
    assert "1 of 900 values are missing" in printed.getvalue()
    return folder / "artifacts"


def test_a_file_becomes_a_service_that_forecasts(artifacts: Path) -> None:
    with running(artifacts, workers=2, default_dataset="pier") as service:
        service.wait_for("startup complete", times=2)
        assert len(set(re.findall(r"Started server process \[(\d+)\]", "".join(service.log)))) == 2
        with httpx.Client(base_url=service.url, timeout=60) as client:
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
            assert client.get("/forecast?model=gru").json()["model"] == "pier-gru"
    assert service.process.returncode == 0
    assert not service.logged("Traceback")
    path = artifacts / "pier" / (current_version(artifacts / "pier") or "") / "lstm.pt"
    module, _ = load(path.read_bytes(), CPU)
    window = torch.tensor(values[None], dtype=torch.float32)
    ahead = np.asarray(["2017-07-01", "2017-07-02"], dtype="datetime64[s]")
    with torch.inference_mode():
        first = module(window, torch.from_numpy(unix_seconds(ahead[:1])))
        second = module(torch.cat([window[:, 1:], first[None]], dim=1), torch.from_numpy(unix_seconds(ahead[1:])))
    assert forecast["timestamps"] == ["2017-07-01T00:00:00Z", "2017-07-02T00:00:00Z"]
    assert forecast["sst"] == pytest.approx([float(first), float(second)], abs=1e-5)


@pytest.mark.parametrize(
    ("arguments", "settings", "sentence"),
    [
        (["--artifacts", "/nowhere"], {}, "cannot read the artifacts folder /nowhere: No such file"),
        ([], {"default_dataset": "north-sea"}, "no release of the default dataset 'north-sea'; available: pier"),
        ([], {"port": "eighty"}, "SST_PORT=eighty"),
        (["--workers", "0"], {}, "SST_WORKERS=0"),
        (["--device", "tpu"], {}, "unknown device 'tpu': choose auto, cpu, cuda or cuda:N"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_a_sentence(
    artifacts: Path,
    arguments: list[str],
    settings: dict[str, str],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = {"artifacts": str(artifacts), "default_dataset": "pier"} | settings
    (message,) = refused_start(capsys, *arguments, **settings)
    assert sentence in message


def test_a_port_in_use_stops_the_start_with_a_sentence(artifacts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        settings = {"artifacts": str(artifacts), "default_dataset": "pier", "port": str(port)}
        (message,) = refused_start(capsys, **settings)
    assert f"cannot listen on 127.0.0.1 port {port}: Address already in use" in message


def test_a_tampered_checkpoint_stops_the_start_with_a_sentence(
    artifacts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    version = current_version(artifacts / "pier") or ""
    copy = tmp_path / "pier" / version
    shutil.copytree(artifacts / "pier" / version, copy)
    (tmp_path / "pier" / "current").write_text(version)
    content = bytearray((copy / "gru.pt").read_bytes())
    content[len(content) // 2] ^= 1
    (copy / "gru.pt").write_bytes(content)
    (message,) = refused_start(capsys, artifacts=str(tmp_path), default_dataset="pier")
    assert "gru.pt has changed since it was published" in message

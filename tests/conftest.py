"""Shared fixtures: small real checkpoints, trained once per session, and a service that serves them."""

import gc
import inspect
import os
import shutil
import socket
import time
from collections import Counter
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, settings

from forecasting.evaluation.report import parse_report
from forecasting.models.checkpoint import CPU
from forecasting.models.place.forecaster import Forecaster
from forecasting.readers import read_csv
from forecasting.releases.catalog import Catalog, load_forecaster
from forecasting.releases.release import open_current
from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import MONTH, TimeStep
from service.settings import Settings
from tests import imported
from tests.forecasting.models.universal import tiny
from tests.forks import ending_servers
from tests.processes import wait_until
from tests.serving import serve
from tests.trained import trained_once
from training.config import TrainingConfig
from training.data.dataset import Dataset
from training.run import Destination, Published, train

# A developer's own settings, proxies and collectors must not change what a test does.
for _name in [*os.environ]:
    if _name.startswith(("SST_", "OTEL_", "FASTAPI_OTEL_")) and _name != "SST_PLUGINS":
        del os.environ[_name]
for _name in ("NO_PROXY", "no_proxy"):
    os.environ[_name] = ",".join(filter(None, (os.environ.get(_name), "127.0.0.1,localhost,::1")))

ROOT = Path(__file__).parent.parent
NINO12 = ROOT / "data" / "nino12.csv"


# What httpx waits for by default: five seconds, which a busy machine may need for an answer.
_TIMEOUT = inspect.signature(httpx.get).parameters["timeout"].default
_TIMEOUT.connect = _TIMEOUT.read = _TIMEOUT.write = _TIMEOUT.pool = 600.0

# The same examples in every run, so that a failure is caused by a change; `make fuzz` and `make fuzz-histories` use
# others.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("repeatable", _PATIENT, derandomize=True, max_examples=60)
settings.register_profile("fuzz", _PATIENT, print_blob=True, max_examples=2_000)
settings.register_profile("histories", _PATIENT, print_blob=True, max_examples=10_000)
settings.load_profile("repeatable")


def pytest_xdist_auto_num_workers() -> int:
    """Start one process more than there are processors, since tests also wait, but no more than memory allows."""
    return min((os.cpu_count() or 1) + 1, 6)


def pytest_collection() -> None:
    """Search for no garbage while all modules and tests come into being."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Leave what has been collected, which stays to the end, out of all searches for garbage."""
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run the many short files of the core last, when they keep all processes busy, and refuse repeated test names.

    pytest-xdist distributes tests by name and would silently run only one of those with the same.
    """
    items.sort(key=lambda item: item.path.is_relative_to(ROOT / "tests" / "forecasting"))
    if os.environ.get("SST_PLUGINS") == "none":
        needing = [item for item in items if item.get_closest_marker("plugin")]
        items[:] = [item for item in items if item not in needing]
        config.hook.pytest_deselected(items=needing)
    if hasattr(config, "workerinput"):
        repeated = [name for name, times in Counter(item.nodeid for item in items).items() if times > 1]
        if repeated:
            raise pytest.UsageError(f"several tests have the same name: {', '.join(repeated)}")


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def forks() -> Iterator[None]:
    with ending_servers():
        yield


@pytest.fixture(scope="session")
def nino12() -> SstSeries:
    return read_csv(NINO12)


@pytest.fixture(scope="session")
def small() -> TrainingConfig:
    """A configuration of two epochs and a hidden state of size four."""
    return TrainingConfig.for_step(MONTH, epochs=2, hidden=4, seeds=2)


@pytest.fixture(scope="session")
def published(nino12: SstSeries, small: TrainingConfig, tmp_path_factory: pytest.TempPathFactory) -> Published:
    """The newest release of nino12, and the only one."""

    def publish(folder: Path) -> None:
        train(Dataset.divide(nino12, small), NINO12, Destination("nino12", folder, title="Sea off Peru"), small)

    release = open_current(trained_once("artifacts", publish, tmp_path_factory), "nino12")
    return Published(release.path, parse_report(release.read("report.json")), True, "", ())


@pytest.fixture(scope="session")
def artifacts(published: Published, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two datasets: nino12, and the first weeks of the buoy, at another step."""

    def publish(folder: Path) -> None:
        buoy = ROOT / "data" / "neracoos-b01.csv"
        series = read_csv(buoy).part(0, 1_000)
        config = TrainingConfig.for_step(series.step, epochs=1, hidden=4, window=24, horizon=4)
        train(Dataset.divide(series, config), buoy, Destination("buoy", folder), config)

    folder = published.path.parent.parent
    shutil.copytree(trained_once("buoy", publish, tmp_path_factory), folder, dirs_exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def trained_twice(
    artifacts: Path, nino12: SstSeries, small: TrainingConfig, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The same folder with a second release of nino12, which serves."""

    def publish(folder: Path) -> None:
        config = small.model_copy(update={"seed": 7, "epochs": 1})
        train(Dataset.divide(nino12, config), NINO12, Destination("nino12", folder), config)

    folder = tmp_path_factory.mktemp("trained_twice") / "artifacts"
    shutil.copytree(artifacts, folder)
    return Path(shutil.copytree(trained_once("again", publish, tmp_path_factory), folder, dirs_exist_ok=True))


@pytest.fixture(scope="session")
def seas(artifacts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same folder with two universal releases besides: ocean-daily and ocean-monthly."""
    folder = tmp_path_factory.mktemp("seas") / "artifacts"
    shutil.copytree(artifacts, folder)
    for step, name in (("day", "ocean-daily"), ("month", "ocean-monthly")):
        tiny.publish(folder, name, step, {"gru": 0.01, "lstm": 0.1, "rnn": 0.2})
    return folder


@pytest.fixture(scope="session")
def outlooks(seas: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one outlook of three days."""
    from tests.scoring.outlook.sample import outlook, saved  # most tests need neither xarray nor its readers

    folder = tmp_path_factory.mktemp("outlooks")
    assert outlook(saved(folder), "-o", folder / "out", "--artifacts", seas, "--horizon", 3) == 0
    return folder / "out"


@pytest.fixture(scope="session")
def abroad(nino12: SstSeries, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one dataset, abroad: a release of two networks that were imported."""
    return trained_once("abroad", lambda path: imported.publish(path, nino12, NINO12), tmp_path_factory)


@pytest.fixture(scope="session")
def imported_artifacts(artifacts: Path, abroad: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the datasets of ``artifacts``, and abroad."""
    folder = tmp_path_factory.mktemp("imported") / "artifacts"
    shutil.copytree(artifacts, folder)
    return Path(shutil.copytree(abroad, folder, dirs_exist_ok=True))


@pytest.fixture(scope="session")
def catalog(artifacts: Path) -> Catalog:
    return Catalog.open(artifacts, CPU, "nino12")


@pytest.fixture(scope="session")
def gru(published: Published) -> Forecaster:
    return load_forecaster("nino12-gru", published.path.parent.parent)


@pytest.fixture(scope="session")
def client(artifacts: Path) -> Iterator[httpx.Client]:
    with serve(Settings(artifacts=artifacts)) as client:
        yield client


@pytest.fixture
def within_a_day() -> None:
    """Shortly before midnight UTC, wait for the next day, because the test asks for the date several times."""
    wait_until(lambda: time.time() % 86_400 < 86_400 - 120, "midnight does not pass")


@pytest.fixture
def no_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Resolve no name of a host, only addresses: a real resolver may be slow, or know every name."""
    real = socket.getaddrinfo

    def resolve(host: Any, *arguments: Any, **options: Any) -> Any:
        try:
            ip_address(host)
        except ValueError:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known") from None
        return real(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


def daily(values: "np.typing.ArrayLike", start: str = "2001-01-01") -> SstSeries:
    """Return a daily series of these values."""
    return SstSeries(np.asarray(values, dtype=np.float64), np.datetime64(start, "s"), TimeStep.parse("day"))

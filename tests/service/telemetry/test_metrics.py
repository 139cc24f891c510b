"""Prometheus metrics: counted once, for all processes, and without text from clients."""

import asyncio
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from forecasting.errors import RequestError
from forecasting.forecasts.options import ForecastOptions
from forecasting.models.place.forecaster import Forecaster
from forecasting.releases.catalog import Catalog
from forecasting.releases.release import dataset_names
from forecasting.series.batch import SeriesBatch
from forecasting.series.sst_series import SstSeries
from service.middleware.keys import Role, new_key
from service.settings import Settings
from service.telemetry.batch_metrics import BatchMetrics, NetworkRun
from service.telemetry.metrics import Metrics, ModelInfo, loaded_models, shared_by_workers, worker_ended
from tests.conftest import ROOT
from tests.forks import Process
from tests.service.telemetry.metrics_worker import GRU
from tests.serving import connect, serve

NEWER = GRU._replace(version="20260202T000000Z")

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def parsed(text: str) -> Samples:
    """Each sample by name and labels."""
    families = text_string_to_metric_families(text)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def samples(metrics: Metrics) -> Samples:
    return parsed(metrics.exposition()[0].decode())


def value(exposed: Samples, name: str, **labels: str) -> float:
    return exposed[name, frozenset(labels.items())]


def versions(exposed: Samples) -> set[str]:
    return {dict(labels)["version"] for name, labels in exposed if name == "sst_model_info"}


def test_the_versions_of_what_runs_are_labels() -> None:
    labels = {"version": version("sst-forecasting"), "python": platform.python_version(), "torch": version("torch")}
    assert value(samples(Metrics()), "sst_build_info", **labels) == 1


def test_a_request_counts_once_by_route_method_and_status() -> None:
    metrics = Metrics(["/forecast", "/models/{model}"])
    for route, status, seconds in [("/forecast", 200, 0.0002), ("/forecast", 200, 0.03), ("/models/{model}", 404, 0.1)]:
        metrics.started(1)
        metrics.ended(1)
        metrics.request(route, "GET", status, seconds)
    exposed = samples(metrics)
    labels = {"route": "/forecast", "method": "GET", "status": "200"}
    assert value(exposed, "sst_request_seconds_count", **labels) == 2
    assert value(exposed, "sst_request_seconds_sum", **labels) == pytest.approx(0.0302)
    assert value(exposed, "sst_request_seconds_bucket", le="0.00025", **labels) == 1
    assert value(exposed, "sst_request_seconds_count", route="/models/{model}", method="GET", status="404") == 1


def test_batches_and_their_drift_are_counted_by_model() -> None:
    metrics = Metrics()
    metrics.models([GRU])
    metrics.batches.count_run("nino12-gru", 48, 0.002, 0.004)
    metrics.batches.count_drift("nino12-gru", 3, 0.6, 1.5, 0)
    metrics.batches.count_drift("nino12-gru", 1, 3.4, 0.5, 1)
    exposed = samples(metrics)
    for name, expected in (
        ("batch_windows_sum", 48),
        ("queue_wait_seconds_sum", 0.002),
        ("inference_seconds_sum", 0.004),
        ("input_windows_total", 4),
        ("input_level_distance_total", 4),
        ("input_spread_distance_total", 2),
        ("input_outside_training_total", 1),
    ):
        assert value(exposed, f"sst_{name}", model="nino12-gru") == expected
    assert value(exposed, "sst_batch_windows_bucket", model="nino12-gru", le="32.0") == 0
    assert value(exposed, "sst_batch_windows_bucket", model="nino12-gru", le="64.0") == 1


def test_each_request_of_a_batch_counts_the_whole_time_of_the_batch(gru: Forecaster) -> None:
    metrics = Metrics()
    metrics.batches.add_run(NetworkRun(gru, 5, [0.5, 0.25], 2.0))
    figures = metrics.batches.statistics_of(gru).snapshot()
    assert (figures["inference_count"], figures["execution_count"]) == (5, 1)
    assert figures["inference_stats"]["queue"] == {"count": 2, "ns": 750_000_000}
    assert figures["inference_stats"]["compute_infer"] == {"count": 2, "ns": 4_000_000_000}
    assert figures["inference_stats"]["compute_input"] == {"count": 2, "ns": 0}
    assert value(samples(metrics), "sst_queue_wait_seconds_sum", model="nino12-gru") == 0.5


def test_every_reason_and_outcome_has_a_metric_before_it_happens() -> None:
    metrics = Metrics()
    metrics.rejected("overloaded")
    metrics.reloaded("failed")
    exposed = samples(metrics)
    assert value(exposed, "sst_rejected_total", reason="overloaded") == 1
    assert value(exposed, "sst_rejected_total", reason="draining") == 0
    assert value(exposed, "sst_reloads_total", outcome="failed") == 1
    assert value(exposed, "sst_reloads_total", outcome="loaded") == 0


def test_models_follow_a_reload() -> None:
    metrics = Metrics()
    metrics.models([GRU])
    assert versions(samples(metrics)) == {GRU.version}
    metrics.models([NEWER])
    exposed = samples(metrics)
    assert versions(exposed) == {NEWER.version}
    assert value(exposed, "sst_model_info", **NEWER._asdict()) == 1
    metrics.models([GRU])
    assert versions(samples(metrics)) == {GRU.version}


def test_loaded_models_are_those_of_the_catalog(catalog: Catalog) -> None:
    infos = {info.model: info for info in loaded_models(catalog)}
    assert set(infos) == {f"{dataset}-{cell}" for dataset in ("nino12", "buoy") for cell in ("rnn", "lstm", "gru")}
    release = catalog.places["nino12"]
    assert infos["nino12-gru"] == ModelInfo(
        "nino12-gru", release.version, "gru", "nino12", "cpu", release.file("gru.pt").sha256[:12]
    )


def test_the_process_is_described_where_it_is_the_only_one() -> None:
    assert value(samples(Metrics()), "process_resident_memory_bytes") > 0


@pytest.fixture(scope="module")
def measured(artifacts: Path) -> Iterator[httpx.Client]:
    with serve(Settings(artifacts=artifacts)) as client:
        yield client


def scraped(client: httpx.Client) -> Samples:
    return parsed(client.get("/metrics").raise_for_status().text)


def test_metrics_are_served_in_prometheus_text_format(measured: httpx.Client, artifacts: Path) -> None:
    response = measured.get("/metrics", headers={"Accept": "application/openmetrics-text; version=x, text/plain"})
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "\n# TYPE sst_request_seconds histogram\n" in response.text
    exposed = parsed(response.text)
    assert len(versions(exposed)) == len(dataset_names(artifacts))
    assert value(exposed, "sst_requests_in_flight") == 1


def test_forecasts_are_counted_at_the_next_scrape(measured: httpx.Client, nino12: SstSeries) -> None:
    """By batch and with its drift, though both wait until the answer is out."""
    part = nino12.part(0, 24)
    series = {"start": "1990-01-01", "values": part.values.tolist()}
    strange = {"start": "1990-01-01", "values": (part.values + 10).tolist()}
    before = scraped(measured)
    measured.post("/forecast", json={"model": "nino12-lstm", "series": [series, strange]}).raise_for_status()
    after = scraped(measured)

    def grown(name: str) -> float:
        return value(after, name, model="nino12-lstm") - value(before, name, model="nino12-lstm")

    assert grown("sst_batch_windows_sum") == 2
    assert grown("sst_inference_seconds_count") == 1
    assert grown("sst_input_windows_total") == 2
    assert grown("sst_input_outside_training_total") == 1
    assert grown("sst_input_level_distance_total") > 1


def test_batches_are_counted_without_a_scrape(gru: Forecaster, nino12: SstSeries) -> None:
    """Other processes read what this one has written, and do not ask it."""
    forecasts = gru.forecast_batch(SeriesBatch.of([nino12.part(0, 24)], gru.step), ForecastOptions())
    registry = CollectorRegistry()
    batches = BatchMetrics(registry)

    def counted() -> float | None:
        return registry.get_sample_value("sst_input_windows_total", {"model": "nino12-gru"})

    async def forecast() -> None:
        with batches.on_loop():
            for _ in range(3):
                batches.add(gru, forecasts, [0.0], 0.0)
            assert counted() is None
            async with asyncio.timeout(60):
                while counted() is None:
                    await asyncio.sleep(0)
            assert counted() == 3
            batches.add(gru, forecasts, [0.0], 0.0)

    asyncio.run(forecast())
    assert counted() == 4


def test_routes_are_templates(measured: httpx.Client) -> None:
    before = scraped(measured)
    for model in ("nino12-gru", "nino12-rnn", "transformer"):
        measured.get(f"/models/{model}")
    measured.delete("/models/nino12-gru")
    measured.get("/docs").raise_for_status()
    after = scraped(measured)

    def counted(route: str, method: str, status: int) -> float:
        labels = frozenset({("route", route), ("method", method), ("status", str(status))})
        return after["sst_request_seconds_count", labels] - before.get(("sst_request_seconds_count", labels), 0)

    assert counted("/models/{model}", "GET", 200) == 2
    assert counted("/models/{model}", "GET", 404) == 1
    assert counted("/models/{model}", "DELETE", 405) == 1
    assert counted("/docs", "GET", 200) == 1


def test_values_made_up_by_a_client_do_not_become_labels(measured: httpx.Client) -> None:
    methods = ["PROPFIND", "PURGE", "MKCOL", "M-SEARCH", "TRACE"]
    for number, method in enumerate(methods):
        measured.get(f"/made-up-{number}")
        measured.request(method, "/forecast")
        measured.request(method, f"/made-up-{number}")
    measured.get(
        "/forecast?model=made-up&dataset=made-up", headers={"X-Request-ID": "made-up", "Host": "made-up.localhost"}
    )
    text = measured.get("/metrics").text
    assert "made-up" not in text.lower()
    assert not [method for method in methods if method in text]
    exposed = parsed(text)
    assert value(exposed, "sst_request_seconds_count", route="other", method="GET", status="404") == 5
    assert value(exposed, "sst_request_seconds_count", route="/forecast", method="other", status="405") == 5
    assert value(exposed, "sst_request_seconds_count", route="other", method="other", status="404") == 5


def test_requests_that_are_refused_before_their_endpoint_count_by_their_route(artifacts: Path) -> None:
    presented, key = new_key("ops", Role.FORECAST)
    settings = Settings(
        artifacts=artifacts, keys=SecretStr(key.line), allow_anonymous=False, rate_limit=1, max_waiting=1
    )
    calls = [
        ("POST", "/forecast", "/forecast", False, 401),
        ("GET", "/models/nino12-gru", "/models/{model}", False, 401),
        ("POST", "/v2/repository/models/nino12-gru/load", "/v2/repository/models/{model}/load", True, 403),
        ("POST", "/forecast", "/forecast", True, 415),
        ("POST", "/forecast", "/forecast", True, 429),
        ("POST", "/compare", "/compare", True, 429),
    ]
    with serve(settings) as client:
        for method, path, _, with_key, status in calls:
            headers = {"Authorization": f"Bearer {presented}"} if with_key else {}
            assert client.request(method, path, headers=headers).status_code == status
        with connect(client) as slow:
            slow.sendall(b"POST /health/live HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n")
            while "sst_requests_in_flight 2.0" not in client.get("/metrics").text:
                pass
            assert client.post("/forecast").status_code == 503
            assert client.post("/v2/models/nino12-gru/infer").status_code == 503
        exposed = parsed(client.get("/metrics").text)
    counted = [(route, method, status) for method, _, route, _, status in calls]
    for route, method, status in [*counted, ("/forecast", "POST", 503), ("/v2/models/{model}/infer", "POST", 503)]:
        assert value(exposed, "sst_request_seconds_count", route=route, method=method, status=str(status)) == 1
    assert not [
        labels for name, labels in exposed if name == "sst_request_seconds_count" and ("route", "other") in labels
    ]


def start(place: int, requests: int, info: ModelInfo) -> Process:
    """Start a worker process; it has counted its requests when :func:`seen_by` returns."""
    command = [sys.executable, "-m", "tests.service.telemetry.metrics_worker", str(place), str(requests)]
    return Process([*command, json.dumps(info)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)


def seen_by(worker: Process) -> Samples:
    assert worker.stdin is not None
    assert worker.stdout is not None
    print(file=worker.stdin, flush=True)
    return parsed(json.loads(worker.stdout.readline()))


def test_workers_are_summed_and_the_counts_of_the_dead_stay() -> None:
    labels = {"route": "/forecast", "method": "POST", "status": "200"}
    with shared_by_workers(2), ExitStack() as workers:
        folder = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
        files = {path.name: path.stat().st_size for path in folder.iterdir()}
        # All of their room is taken: a write to a page that the disk has no room for would end the worker.
        assert all(path.stat().st_blocks * 512 >= path.stat().st_size for path in folder.iterdir())
        first, second = (workers.enter_context(start(*arguments)) for arguments in ((0, 3, GRU), (1, 4, NEWER)))
        seen_by(first)
        both = seen_by(second)
        assert both == seen_by(first)
        assert value(both, "sst_request_seconds_count", **labels) == 7
        assert value(both, "sst_request_seconds_sum", **labels) == 1.75
        assert value(both, "sst_batch_windows_sum", model="nino12-gru") == 7
        assert value(both, "sst_requests_in_flight") == 2
        assert versions(both) == {GRU.version, NEWER.version}
        assert not [name for name, _ in both if name.startswith("process_")]

        first.kill()
        first.wait()
        worker_ended(0)
        alone = seen_by(second)
        assert value(alone, "sst_request_seconds_count", **labels) == 7
        assert value(alone, "sst_requests_in_flight") == 1
        assert versions(alone) == {NEWER.version}

        third = workers.enter_context(start(0, 2, NEWER))
        after = seen_by(third)
        assert value(after, "sst_request_seconds_count", **labels) == 9
        assert value(after, "sst_requests_in_flight") == 2
        # However many have ended, there is no more to read, and no more room is taken.
        assert {path.name: path.stat().st_size for path in folder.iterdir()} == files

        for worker in (second, third):
            worker.communicate()
        assert folder.is_dir()
    assert not folder.exists()
    assert "PROMETHEUS_MULTIPROC_DIR" not in os.environ


def test_no_room_for_shared_metrics_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    message = "gone has no room for the 2.8 MiB that 2 workers share: No such file or directory; free some space"
    with pytest.raises(RequestError, match=message), shared_by_workers(2):
        pass

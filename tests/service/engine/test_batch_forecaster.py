"""Requests for several networks, datasets and units are one batch, and each gets what it would have got alone."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from forecasting.errors import SeriesError
from forecasting.releases.registry import Registry
from forecasting.series.sst_series import SstSeries
from service.engine.batch_forecaster import BatchForecaster, Entries, ForecastJob
from service.engine.options import ForecastOptions
from service.engine.reading.series_schema import InputSeries
from service.engine.running import Threads
from service.engine.serving import SMALL, SMALL_VALUES, Serving, is_small
from service.engine.writing import with_ids
from service.telemetry.metrics import Metrics

ONE = ForecastOptions(1)


@pytest.fixture(scope="module")
def workers() -> Iterator[Threads]:
    with Threads(1, "large") as executor:
        yield executor


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def serving(registry: Registry, workers: Threads, metrics: Metrics) -> Serving:
    return Serving(registry, workers, 60, metrics)


@pytest.fixture
def batch_forecaster(serving: Serving, metrics: Metrics) -> BatchForecaster:
    return BatchForecaster(serving.statistics, metrics)


def monthly(nino12: SstSeries, begin: int, n: int = 24, *, stamped: bool = False) -> InputSeries:
    """``n`` months of the shipped series; with a time for each value where ``stamped``."""
    part = nino12.part(begin, begin + n)
    times = [f"{time}Z" for time in part.times]
    values: list[float | None] = part.values.tolist()
    return InputSeries(values=values, timestamps=times) if stamped else InputSeries(values=values, start=times[0])


def half_hourly(n: int = 24) -> InputSeries:
    return InputSeries(values=[10 + 0.1 * i for i in range(n)], start="2012-05-01T00:00:00Z")


def read(entry: bytes) -> Any:
    return json.loads(b"[" + with_ids(["one"], [entry]) + b"]")[0]


def assert_alike(answer: Any, other: Any) -> None:
    """Equal but for what another size of batch does to the last decimals."""
    if isinstance(answer, dict):
        assert answer.keys() == other.keys()
        for name in answer:
            assert_alike(answer[name], other[name])
    elif isinstance(answer, list):
        assert len(answer) == len(other)
        for left, right in zip(answer, other, strict=True):
            assert_alike(left, right)
    elif isinstance(answer, float):
        assert answer == pytest.approx(other, abs=1e-4)
    elif isinstance(answer, SeriesError):
        assert str(answer) == str(other)
    elif isinstance(answer, bytes):
        assert_alike(read(answer), read(other))
    else:
        assert answer == other


def test_a_request_gets_the_same_answer_in_a_batch_as_alone(
    serving: Serving, batch_forecaster: BatchForecaster, nino12: SstSeries
) -> None:
    rnn, lstm, gru = serving.resolve("all", "nino12")
    (buoy,) = serving.resolve("gru", "buoy")
    gappy = monthly(nino12, 50, 30)
    gappy.values[20] = None
    kelvin = InputSeries(values=[value + 273.15 for value in nino12.values[:24]], start="1950-01-01")
    hot = InputSeries(values=[99.0] * 24, start="2001-01-01")
    jobs = [
        ForecastJob.of([gru], [monthly(nino12, 0)], ONE),
        ForecastJob.of([rnn], [monthly(nino12, 12, 40), gappy], ForecastOptions(3, (80,))),
        ForecastJob.of([buoy], [half_hourly()], ForecastOptions(4, (), (12.0,))),
        ForecastJob.of([lstm], [monthly(nino12, 60, 30, stamped=True), monthly(nino12, 0, 3)], ONE),
        ForecastJob.of([rnn, lstm, gru], [monthly(nino12, 100), hot], ForecastOptions(2)),
        ForecastJob.of([gru], [kelvin], ForecastOptions(1, units="kelvin")),
    ]
    beside = batch_forecaster.run(jobs, [0.0] * len(jobs))
    for job, together in zip(jobs, beside, strict=True):
        (alone,) = batch_forecaster.run([job], [0.0])
        assert len(together) == len(job.forecasters)
        assert_alike(together, alone)
    bad = [[isinstance(entry, SeriesError) for entry in together[-1]] for together in beside]
    assert bad == [[False], [False, False], [False], [False, True], [False, True], [False]]


def test_values_and_forecasts_of_one_request_are_not_another_networks(
    serving: Serving, batch_forecaster: BatchForecaster, nino12: SstSeries
) -> None:
    networks = serving.resolve("all", "nino12")
    series = monthly(nino12, 200)
    results = batch_forecaster.run([ForecastJob.of([network], [series], ONE) for network in networks], [0.0] * 3)
    values: list[float] = [sst(entries[0]) for entries in results]
    expected = [network.forecast(nino12.part(200, 224)).sst[0] for network in networks]
    assert values == pytest.approx(expected, abs=1e-4)
    assert len(set(values)) == 3


def sst(entries: Entries) -> float:
    (entry,) = entries
    assert isinstance(entry, bytes)
    value: float = read(entry)["sst"][0]
    return value


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1]])
def test_timestamps_in_any_order_give_the_series_from_the_first(
    serving: Serving, batch_forecaster: BatchForecaster, nino12: SstSeries, order: list[int]
) -> None:
    plain, stamped = monthly(nino12, 60, 30), monthly(nino12, 60, 30, stamped=True)
    assert stamped.timestamps
    values, times = np.asarray(stamped.values), np.asarray(stamped.timestamps)
    places = np.concatenate([order, np.arange(3, 30)])
    mixed = InputSeries(values=values[places].tolist(), timestamps=times[places].tolist())
    networks = serving.resolve("gru", "nino12")
    first, other = batch_forecaster.run(
        [ForecastJob.of(networks, [series], ONE) for series in (plain, mixed)], [0.0] * 2
    )
    assert sst(first[0]) == pytest.approx(sst(other[0]), abs=1e-4)


def test_statistics_count_each_network_by_its_own_windows(
    serving: Serving, batch_forecaster: BatchForecaster, nino12: SstSeries
) -> None:
    rnn, lstm, gru = serving.resolve("all", "nino12")
    series = [monthly(nino12, begin) for begin in (0, 24, 48)]
    batch_forecaster.run([ForecastJob.of([gru], series, ONE), ForecastJob.of([rnn, gru], series[:1], ONE)], [0.5, 0.25])
    figures = [serving.statistics[network].snapshot() for network in (rnn, lstm, gru)]
    assert [figure["inference_count"] for figure in figures] == [1, 0, 4]
    assert [figure["execution_count"] for figure in figures] == [1, 0, 1]
    assert [figure["inference_stats"]["queue"]["ns"] for figure in figures] == [250_000_000, 0, 750_000_000]


def test_a_request_is_large_by_windows_and_by_the_steps_that_its_times_span(serving: Serving) -> None:
    networks = serving.resolve("gru", "buoy")
    assert is_small(ForecastJob.of(networks, [half_hourly()] * SMALL, ONE))
    assert not is_small(ForecastJob.of(networks, [half_hourly()] * (SMALL + 1), ONE))
    assert not is_small(ForecastJob.of(networks, [half_hourly(SMALL_VALUES + 1)], ONE))
    three = serving.resolve("all", "buoy")
    assert not is_small(ForecastJob.of(three, [half_hourly()] * (SMALL // 2), ONE))
    assert not is_small(ForecastJob.of(three, [half_hourly(SMALL_VALUES // 2)], ONE))
    n = 300
    near = [f"2012-05-{1 + i // 48:02}T{i // 2 % 24:02}:{30 * (i % 2):02}:00Z" for i in range(n)]
    far = [near[0], "2009-01-01T00:00:00Z", *near[2:]]
    assert is_small(ForecastJob.of(networks, [InputSeries(values=[10.0] * n, timestamps=near)], ONE))
    assert not is_small(ForecastJob.of(networks, [InputSeries(values=[10.0] * n, timestamps=far)], ONE))
    assert is_small(ForecastJob.of(networks, [InputSeries(values=[10.0] * n, timestamps=["", *near[1:]])], ONE))


def test_a_large_request_goes_in_pieces_that_hold_each_series_once(serving: Serving) -> None:
    forecasters = serving.resolve("gru", None) * 2
    lengths = [24, 24, 30, 900, 24, 24, 24, 24]
    series = [InputSeries(start="2001-01-01", values=[20.0] * n) for n in lengths]
    pieces = list(ForecastJob.of(forecasters, series, ONE).pieces(windows=6, steps=200))
    assert [list(piece.lengths) for piece in pieces] == [[24, 24, 30], [900], [24, 24, 24], [24]]
    assert [entry for piece in pieces for entry in piece.series] == series
    assert [piece.steps for piece in pieces] == [156, 1_800, 144, 48]

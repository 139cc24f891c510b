"""Requests for several networks, datasets and units are one batch, and each gets what it would have got alone."""

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

from forecasting.errors import SeriesError
from forecasting.forecasts.options import ForecastOptions
from forecasting.releases.catalog import Catalog
from forecasting.series.sst_series import SstSeries
from service.api.forecast.handler import with_ids
from service.engine.forecasting import PIECE, SMALL, SMALL_VALUES, Column, Job, RequestOptions, forecast_jobs
from service.engine.reading import InputSeries
from service.engine.serving import Serving
from service.telemetry.metrics import Metrics
from service.worker.threads import Worker

Forecast = partial[list[list[Column]]]

ONE = ForecastOptions(1)


@pytest.fixture(scope="module")
def workers() -> Iterator[Worker]:
    with Worker(1, "large") as executor:
        yield executor


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def serving(catalog: Catalog, workers: Worker, metrics: Metrics) -> Serving:
    return Serving(catalog, workers, 60, metrics)


@pytest.fixture
def forecast(metrics: Metrics) -> Forecast:
    return partial(forecast_jobs, metrics=metrics)


def job(serving: Serving, name: str, dataset: str, series: list[InputSeries], options: ForecastOptions = ONE) -> Job:
    return Job(serving.select(name, dataset), series, RequestOptions(options))


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


def test_a_request_gets_the_same_response_in_a_batch_as_alone(
    serving: Serving, forecast: Forecast, nino12: SstSeries
) -> None:
    gappy = monthly(nino12, 50, 30)
    gappy.values[20] = None
    kelvin = InputSeries(values=[value + 273.15 for value in nino12.values[:24]], start="1950-01-01")
    hot = InputSeries(values=[99.0] * 24, start="2001-01-01")
    jobs = [
        job(serving, "gru", "nino12", [monthly(nino12, 0)]),
        job(serving, "gru", "nino12", [monthly(nino12, 12, 40), gappy]),
        job(serving, "gru", "buoy", [half_hourly()], ForecastOptions(4, (), (12.0,))),
        job(serving, "lstm", "nino12", [monthly(nino12, 60, 30, stamped=True), monthly(nino12, 0, 3)]),
        job(serving, "all", "nino12", [monthly(nino12, 100), hot], ForecastOptions(2)),
        job(serving, "gru", "nino12", [kelvin], ForecastOptions(1, units="kelvin")),
    ]
    beside = forecast(jobs, [0.0] * len(jobs))
    for each, together in zip(jobs, beside, strict=True):
        (alone,) = forecast([each], [0.0])
        assert len(together) == len(each.selection.columns)
        assert_alike([column.entries for column in together], [column.entries for column in alone])
        assert [column.kinds for column in together] == [column.kinds for column in alone]
    bad = [[isinstance(entry, SeriesError) for entry in together[-1].entries] for together in beside]
    assert bad == [[False], [False, False], [False], [False, True], [False, True], [False]]


def test_values_and_forecasts_of_one_request_are_not_another_networks(
    serving: Serving, forecast: Forecast, nino12: SstSeries
) -> None:
    _, networks = serving.catalog.resolve("all", "nino12")
    series = monthly(nino12, 200)
    results = forecast([job(serving, network.name, "nino12", [series]) for network in networks], [0.0] * 3)
    values: list[float] = [sst(columns[0]) for columns in results]
    expected = [network.forecast(nino12.part(200, 224)).sst[0] for network in networks]
    assert values == pytest.approx(expected, abs=1e-4)
    assert len(set(values)) == 3


def sst(column: Column) -> float:
    (entry,) = column.entries
    assert isinstance(entry, bytes)
    value: float = read(entry)["sst"][0]
    return value


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1]])
def test_timestamps_in_any_order_give_the_series_from_the_first(
    serving: Serving, forecast: Forecast, nino12: SstSeries, order: list[int]
) -> None:
    plain, stamped = monthly(nino12, 60, 30), monthly(nino12, 60, 30, stamped=True)
    assert stamped.timestamps
    values, times = np.asarray(stamped.values), np.asarray(stamped.timestamps)
    places = np.concatenate([order, np.arange(3, 30)])
    mixed = InputSeries(values=values[places].tolist(), timestamps=times[places].tolist())
    first, other = forecast([job(serving, "gru", "nino12", [series]) for series in (plain, mixed)], [0.0] * 2)
    assert sst(first[0]) == pytest.approx(sst(other[0]), abs=1e-4)


def test_statistics_count_each_network_by_its_own_windows(
    serving: Serving, forecast: Forecast, metrics: Metrics, nino12: SstSeries
) -> None:
    series = [monthly(nino12, begin) for begin in (0, 24, 48)]
    forecast([job(serving, "gru", "nino12", series), job(serving, "gru", "nino12", series[:1])], [0.5, 0.25])
    forecast([job(serving, "rnn", "nino12", series[:1])], [0.25])
    _, networks = serving.catalog.resolve("all", "nino12")
    figures = [metrics.batches.statistics_of(network).snapshot() for network in networks]
    assert [figure["inference_count"] for figure in figures] == [1, 0, 4]
    assert [figure["execution_count"] for figure in figures] == [1, 0, 1]
    assert [figure["inference_stats"]["queue"]["ns"] for figure in figures] == [250_000_000, 0, 750_000_000]


def test_a_request_is_large_by_windows_and_by_the_steps_that_its_times_span(serving: Serving) -> None:
    def is_small(name: str, series: list[InputSeries]) -> bool:
        return job(serving, name, "buoy", series).is_small

    assert is_small("gru", [half_hourly()] * SMALL)
    assert not is_small("gru", [half_hourly()] * (SMALL + 1))
    assert not is_small("gru", [half_hourly(SMALL_VALUES + 1)])
    assert not is_small("all", [half_hourly()] * (SMALL // 2))
    assert not is_small("all", [half_hourly(SMALL_VALUES // 2)])
    n = 300
    near = [f"2012-05-{1 + i // 48:02}T{i // 2 % 24:02}:{30 * (i % 2):02}:00Z" for i in range(n)]
    far = [near[0], "2009-01-01T00:00:00Z", *near[2:]]
    assert is_small("gru", [InputSeries(values=[10.0] * n, timestamps=near)])
    assert not is_small("gru", [InputSeries(values=[10.0] * n, timestamps=far)])
    assert is_small("gru", [InputSeries(values=[10.0] * n, timestamps=["", *near[1:]])])


def test_a_large_request_goes_in_pieces_that_hold_each_series_once(serving: Serving) -> None:
    lengths = [24, 24, SMALL_VALUES // 2, SMALL_VALUES, *[24] * (PIECE + 1)]
    series = [InputSeries(start="2001-01-01", values=[20.0] * n) for n in lengths]
    large = job(serving, "gru", "nino12", series)
    pieces = [series[part] for part in large.parts(large.lengths())]
    assert [len(piece) for piece in pieces] == [3, 1, PIECE, 1]
    assert [entry for piece in pieces for entry in piece] == series

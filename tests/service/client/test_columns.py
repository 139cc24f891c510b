"""Many series go as an Arrow stream, and the result is that of JSON."""

import asyncio
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from forecasting.series.sst_series import SstSeries
from service.client import AsyncClient, Client, ProblemError
from service.client.bodies import ARROW_TYPE, FEWEST_SERIES

Frame = pd.DataFrame


@pytest.fixture(scope="module")
def months(nino12: SstSeries) -> Frame:
    """Enough series to go by columns: one too short, one with a gap, one without a last value, one unlike the sea."""
    recent = nino12.to_pandas().tail(36)
    frame = pd.DataFrame({f"n{i}": recent + i / 100 for i in range(FEWEST_SERIES)})
    frame.iloc[:30, 1] = np.nan
    frame.iloc[20, 2] = np.nan
    frame.iloc[-1, 3] = np.nan
    frame["n4"] = 4.0 + np.arange(36) / 10
    return frame


class Recorder(httpx.BaseTransport):
    """Passes requests on, and remembers what they announced."""

    def __init__(self, refused: int | None = None) -> None:
        self.types: list[str] = []
        self._refused = refused
        self._inner = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.types.append(request.headers["Content-Type"])
        if self._refused and self.types[-1] == ARROW_TYPE:
            return httpx.Response(self._refused, json={"detail": "unsupported media type", "status": self._refused})
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()


def connected(client: httpx.Client, **options: Any) -> Client:
    return Client(str(client.base_url), timeout=600, **options)


@pytest.mark.parametrize(
    "options",
    [
        {"dataset": "nino12", "model": "gru"},
        {"dataset": "nino12", "model": "all", "horizon": 2},
        {"dataset": "nino12", "levels": [80], "thresholds": [24.5], "horizon": 3},
        {"dataset": "nino12", "levels": []},
    ],
)
def test_the_result_by_columns_is_that_of_json(client: httpx.Client, months: Frame, options: dict[str, Any]) -> None:
    with connected(client) as by_columns, connected(client, columns=False) as by_json:
        pd.testing.assert_frame_equal(
            by_columns.forecast(months, **options), by_json.forecast(months, **options), atol=2e-4
        )


def test_universal_networks_give_the_same_result_with_positions(seas_client: httpx.Client) -> None:
    rng = np.random.default_rng(0)
    days = pd.date_range("2020-01-01", periods=40)
    frame = pd.DataFrame(15 + rng.normal(0, 0.1, (40, FEWEST_SERIES)).cumsum(axis=0), index=days)
    places: dict[str, Any] = {"latitude": dict.fromkeys(range(5), 43.0), "longitude": dict.fromkeys(range(5), 7.0)}
    with connected(seas_client) as by_columns, connected(seas_client, columns=False) as by_json:
        results = [each.forecast(frame, horizon=2, **places) for each in (by_columns, by_json)]
    left, right = results
    pd.testing.assert_frame_equal(left, right, atol=2e-4)
    assert results[0]["station"].tolist() == [i for i in range(FEWEST_SERIES) for _ in range(2)]


def test_many_series_go_by_columns_and_few_as_json(client: httpx.Client, months: Frame) -> None:
    recorder = Recorder()
    with connected(client, transport=recorder, max_series=40) as caller:
        caller.forecast(months, dataset="nino12")
        caller.forecast(months.iloc[:, :5], dataset="nino12")
        caller.forecast(months, dataset="nino12", events=[{"name": "warm", "above": 24}])
    assert recorder.types == [ARROW_TYPE] * 2 + ["application/json"] * 3


def test_a_service_that_does_not_take_columns_gets_json_from_then_on(client: httpx.Client, months: Frame) -> None:
    recorder = Recorder(refused=415)
    with connected(client, transport=recorder) as caller:
        for _ in range(2):
            assert len(caller.forecast(months, dataset="nino12")) == FEWEST_SERIES
    assert recorder.types == [ARROW_TYPE, "application/json", "application/json"]


def test_names_that_look_alike_go_as_json(client: httpx.Client, months: Frame) -> None:
    recorder = Recorder()
    twins = months.rename(columns={"n5": 6, "n6": "6"})
    with connected(client, transport=recorder) as caller:
        assert caller.forecast(twins, dataset="nino12")["station"].tolist()[5:7] == [6, "6"]
    assert recorder.types == ["application/json"]


def test_strict_raises_by_columns(client: httpx.Client, months: Frame) -> None:
    with connected(client) as caller, pytest.raises(ProblemError, match="series 'n1': "):
        caller.forecast(months, dataset="nino12", strict=True)


def test_the_async_client_uses_columns_too(client: httpx.Client, months: Frame) -> None:
    async def forecast(columns: bool) -> Frame:
        async with AsyncClient(str(client.base_url), columns=columns) as caller:
            return await caller.forecast(months, dataset="nino12")

    results = [asyncio.run(forecast(columns)) for columns in (True, False)]
    left, right = results
    pd.testing.assert_frame_equal(left, right, atol=2e-4)

"""Responses are compressed for clients that ask for it, where that is worth its time."""

import httpx
import pytest


@pytest.mark.parametrize("path", ["/compare", "/compare/predictions", "/openapi.json"])
def test_a_large_response_is_compressed_on_request(client: httpx.Client, path: str) -> None:
    plain, compressed = (client.get(path, headers={"Accept-Encoding": asked}) for asked in ("gzip;q=0", "br, gzip"))
    assert "content-encoding" not in plain.headers
    assert (compressed.headers["content-encoding"], compressed.headers["vary"]) == ("gzip", "Accept-Encoding")
    assert int(compressed.headers["content-length"]) < len(plain.content) / 2
    assert compressed.content == plain.content


@pytest.mark.parametrize("path", ["/forecast", "/health/ready"])
def test_a_small_response_is_not_compressed(client: httpx.Client, path: str) -> None:
    assert "content-encoding" not in client.get(path).raise_for_status().headers


def test_a_forecast_of_many_series_is_not_compressed(client: httpx.Client) -> None:
    series = [{"step": "month", "start": "2010-01-01", "values": [20.0] * 24}] * 100
    response = client.post("/forecast", json={"dataset": "nino12", "series": series})
    assert len(response.raise_for_status().content) > 4_096
    assert "content-encoding" not in response.headers

"""Requests that tests send, and checks of the answers."""

import json
from typing import Any

import httpx
import pytest

from forecasting.series.sst_series import SstSeries
from forecasting.series.times import iso

Json = dict[str, Any]

JSON = {"Content-Type": "application/json"}
CSV = {"Content-Type": "text/csv"}
NDJSON = {"Content-Type": "application/x-ndjson"}
REFUSALS = {400, 404, 413, 415, 422}
"""Statuses for an invalid request."""


def body(nino12: SstSeries, n: int = 30, **fields: object) -> Json:
    """Return a request with the last ``n`` months of nino12."""
    values = [round(value, 2) for value in nino12.values[-n:].tolist()]
    series = {"id": "pier", "start": iso(nino12.times[-n]), "values": values}
    return {"dataset": "nino12", "model": "gru", "series": [series], **fields}


def answered(response: httpx.Response) -> Json:
    """Check that the status is 200 and return the JSON of the answer."""
    assert response.status_code == 200, response.text
    answer: Json = response.json()
    return answer


def loaded(response: httpx.Response) -> Any:
    """Return the JSON of an answer, and check that it has no NaN or Infinity."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} in an answer")

    return json.loads(response.content, parse_constant=refuse)


def assert_same(answer: Any, other: Any) -> None:
    """Check that two answers are the same, numbers within 1e-4."""
    if isinstance(answer, dict):
        assert answer.keys() == other.keys()
        for key in answer:
            assert_same(answer[key], other[key])
    elif isinstance(answer, list):
        assert len(answer) == len(other)
        for left, right in zip(answer, other, strict=True):
            assert_same(left, right)
    else:
        assert answer == (pytest.approx(other, abs=1e-4) if isinstance(answer, float) else other)


def refusal(client: httpx.Client, text: str | bytes, status: int = 422, **parameters: str) -> str:
    """Send a file that is refused, and return the detail of the problem document."""
    response = client.post("/series", content=text, headers=CSV, params=parameters)
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    detail: str = response.json()["detail"]
    assert "\n" not in detail
    return detail

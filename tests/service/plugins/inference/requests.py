"""Requests of the Open Inference Protocol: as JSON, as bytes, and through Triton's client."""

import json
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
import tritonclient.http as triton

from forecasting.series.sst_series import SstSeries
from tests.service.requests import Json

INFER = "/v2/models/nino12-gru/infer"
WINDOW = 24
JANUARY_2011 = 1_293_840_000.0


def address(client: httpx.Client) -> str:
    """Return the address without a scheme, as tritonclient expects it."""
    return str(client.base_url).removeprefix("http://").rstrip("/")


def windows(nino12: SstSeries, n: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
    """Return the last ``n`` windows of nino12 and the month after each."""
    end = len(nino12)
    rows = [nino12.values[end - back - WINDOW : end - back] for back in reversed(range(n))]
    times = [nino12.step.shift(nino12.times[end - 1 - back], 1) for back in reversed(range(n))]
    seconds = np.array(times, dtype="datetime64[s]").astype(np.float64)
    return np.array(rows, dtype=np.float32).reshape(n, WINDOW), seconds.reshape(n)


def inputs(sst: npt.NDArray[Any], valid_time: npt.NDArray[Any], binary: bool = True) -> list[Any]:
    return [
        triton.InferInput("sst", list(sst.shape), "FP32").set_data_from_numpy(sst, binary_data=binary),
        triton.InferInput("valid_time", list(valid_time.shape), "FP64").set_data_from_numpy(
            valid_time, binary_data=binary
        ),
    ]


def request(n: int = 1) -> Json:
    """Return a valid request in JSON."""
    return {
        "inputs": [
            {"name": "sst", "datatype": "FP32", "shape": [n, WINDOW], "data": [[24.5] * WINDOW] * n},
            {"name": "valid_time", "datatype": "FP64", "shape": [n], "data": [JANUARY_2011] * n},
        ]
    }


def binary_request(n: int = 1) -> tuple[Json, bytes]:
    """Return the JSON and the tensors of a valid binary request."""
    head = request(n)
    for tensor in head["inputs"]:
        del tensor["data"]
    head["inputs"][0]["parameters"] = {"binary_data_size": 4 * WINDOW * n}
    head["inputs"][1]["parameters"] = {"binary_data_size": 8 * n}
    return head, np.full((n, WINDOW), 24.5, "<f4").tobytes() + np.full(n, JANUARY_2011, "<f8").tobytes()


def post_binary(client: httpx.Client, head: Json, tail: bytes, length: object = None) -> httpx.Response:
    content = json.dumps(head).encode()
    length = len(content) if length is None else length
    return client.post(INFER, content=content + tail, headers={"Inference-Header-Content-Length": str(length)})


def refused(response: httpx.Response, status: int = 400) -> str:
    """Check that the answer is an error with nothing but a message, and return the message."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    ((key, message),) = response.json().items()
    assert key == "error"
    return str(message)

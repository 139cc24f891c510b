"""A daily series from any sea, and the parts of its forecast in JSON."""

import httpx
import numpy as np

from service.api.forecast.schemas import AllForecasts, ModelForecast
from tests.service.requests import Json, answered

VALUES = [round(20 + 3 * np.sin(i / 20) + 0.3 * np.sin(1.7 * i), 2) for i in range(60)]


def days(**fields: object) -> Json:
    """Return sixty days from the beginning of 2024, changed by ``fields``."""
    return {"id": "pier", "start": "2024-01-01", "step": "day", "values": VALUES} | fields


def held(response: httpx.Response) -> Json:
    """Return an answer, held to the schema."""
    answer = answered(response)
    (AllForecasts if "models" in answer else ModelForecast).model_validate(answer)
    return answer


def forecast(client: httpx.Client, series: Json, **fields: object) -> Json:
    """Return the forecast of a series."""
    (entry,) = held(client.post("/forecast", json={"series": [series], **fields}))["forecasts"]
    assert "error" not in entry, entry
    return dict(entry)


def messages(entry: Json, code: str) -> list[str]:
    """Return the messages of the warnings of a forecast with this code."""
    return [warning["message"] for warning in entry["warnings"] if warning["code"] == code]


def calibrated(entry: Json) -> set[bool]:
    """Return what the intervals and probabilities of a forecast say of whether they can be relied on."""
    return {part["calibrated"] for part in [*entry["intervals"], *entry["exceedance"]]}

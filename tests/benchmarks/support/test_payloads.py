import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks.support.payloads import general, large_body, mixed_bodies, simple_bodies, write

MANY = 120


def series_of(body: bytes) -> dict[str, Any]:
    (series,) = json.loads(body)["series"]
    assert isinstance(series, dict)
    return series


def test_every_body_gets_a_forecast(client: httpx.Client) -> None:
    for body in simple_bodies(MANY) + mixed_bodies(MANY) + [large_body(general(MANY))]:
        answer = client.post("/forecast", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 200
        assert all("sst" in forecast for forecast in answer.json()["forecasts"])


def test_mixed_bodies_mix_every_model_with_every_kind_of_series() -> None:
    seen = set()
    for body in mixed_bodies(MANY):
        series = series_of(body)
        assert 24 <= len(series["values"]) <= 40
        seen.add((json.loads(body)["model"], None in series["values"], "timestamps" in series))
    assert seen == {
        (model, null, times) for model in ("rnn", "lstm", "gru", "best") for null in (0, 1) for times in (0, 1)
    }


def test_bodies_are_the_same_in_every_run_and_all_differ() -> None:
    for make in (simple_bodies, mixed_bodies):
        assert make(MANY) == make(MANY)
        assert len({json.dumps(series_of(body)["values"]) for body in make(MANY)}) == MANY


def test_duplicate_bodies_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="two bodies are equal"):
        write(tmp_path / "bodies", [b"{}", b"{}"])

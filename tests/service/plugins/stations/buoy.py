"""Daily means of a real buoy, and what a test expects of their verification."""

from datetime import date, timedelta
from functools import cache

import numpy as np
import pytest

from forecasting.readers import read
from forecasting.readers.options import ReadingOptions
from forecasting.series.timestep import TimeStep
from tests.conftest import ROOT
from tests.service.requests import Json

HISTORY = 30
"""Days that are sent at once, before the others."""

MOST_DAYS = 60
"""Days after them."""


@cache
def daily_means() -> list[float]:
    """Return the last daily means of buoy B01, °C, as many as there are days. None is missing."""
    options = ReadingOptions(resample=TimeStep.parse("day"))
    series = read(ROOT / "data" / "neracoos-b01.csv", options).stations[0].series
    assert series is not None
    values: list[float] = np.round(series.values[-HISTORY - MOST_DAYS :], 3).tolist()
    return values


def day(number: int) -> str:
    return (date(2025, 5, 20) + timedelta(days=number)).isoformat()


def assert_scores(lead: Json, expected: Json) -> None:
    assert lead["n"] == expected["n"]
    issued, *baselines = lead["models"]
    assert [issued["kind"], *(model["kind"] for model in baselines)] == ["issued", *["baseline"] * len(baselines)]
    assert {model["model"] for model in lead["models"]} == {*expected["models"]}
    for model in lead["models"]:
        errors = {name: model[name] for name in ("mae", "rmse", "bias")}
        assert errors == pytest.approx(expected["models"][model["model"]], abs=2e-6)
    assert issued["skill"] == pytest.approx(expected["skill"], abs=1e-5)
    assert issued["crps"] == pytest.approx(expected["crps"], abs=2e-6)
    for level, shares in expected["coverage"].items():
        assert issued["coverage"][level] == pytest.approx(shares, abs=1e-6)

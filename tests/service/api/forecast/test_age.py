"""The warning that a dataset's last observation is old."""

import numpy as np
import pytest

from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import TimeStep
from service.api.forecast.handler import warn_if_late

HEAD = "the last observation, from "
TAIL = "; send newer values to POST /forecast"


def ending(step: str, last: str) -> SstSeries:
    return SstSeries(np.array([20.0]), np.datetime64(last, "s"), TimeStep.parse(step))


@pytest.mark.parametrize(
    ("step", "last", "limit"),
    [
        ("month", "2025-11-01", "2026-01-01T00:00"),
        ("week", "2025-11-03", "2025-11-17T00:00"),
        ("day", "2025-11-24", "2025-11-26T00:00"),
        ("PT30M", "2025-11-24T10:00", "2025-11-24T11:00"),
    ],
)
def test_an_observation_is_late_after_two_steps(step: str, last: str, limit: str) -> None:
    now = np.datetime64(limit, "s")
    assert warn_if_late(ending(step, last), 3, now) == ()
    (warning,) = warn_if_late(ending(step, last), 3, now + np.timedelta64(1, "s"))
    assert warning.code == "late"
    assert "2 of 3 forecast times have passed" in warning.message


def test_a_late_observation_is_described_with_its_age() -> None:
    day = ending("day", "2025-11-24")
    assert [warning.message for warning in warn_if_late(day, 14, np.datetime64("2025-11-27T06:00", "s"))] == [
        f"{HEAD}2025-11-24, is 3 days old, so 3 of 14 forecast times have passed{TAIL}"
    ]
    assert [warning.message for warning in warn_if_late(day, 2, np.datetime64("2028-01-01", "s"))] == [
        f"{HEAD}2025-11-24, is 2 years old, so all forecast times have passed{TAIL}"
    ]
    tide = ending("PT30M", "2025-11-24T10:00")
    assert [warning.message for warning in warn_if_late(tide, 48, np.datetime64("2025-11-24T11:30", "s"))] == [
        f"{HEAD}2025-11-24T10:00Z, is 90 minutes old, so 3 of 48 forecast times have passed{TAIL}"
    ]

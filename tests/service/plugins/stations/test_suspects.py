"""Readings that may be wrong: their flags, what is held until they are confirmed, and how a person corrects them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import numpy as np
import pytest

from tests.service.plugins.stations.conftest import NewStation
from tests.service.requests import CSV, Json, answered

TODAY = datetime.now(UTC).date()
NEAR_24 = (24 + np.random.default_rng(5).normal(0, 0.25, 120)).round(2).tolist()
HOT: Json = {"name": "hot", "above": 27.0}


def day(ago: int) -> str:
    return (TODAY - timedelta(days=ago)).isoformat()


def send(service: httpx.Client, station: str, ago: int, *values: float) -> Json:
    body = {"start": day(ago), "values": values}
    return answered(service.post(f"/stations/{station}/observations", json=body))


def correct(service: httpx.Client, station: str, ago: int, **correction: Any) -> Json:
    return answered(service.patch(f"/stations/{station}/observations/{day(ago)}", json=correction))


def stored(service: httpx.Client, station: str, **query: bool | str) -> list[tuple[float, int]]:
    """Return the newest values with their flags, from two days ago on."""
    params = {"from": day(2), **query}
    found = answered(service.get(f"/stations/{station}/observations", params=params))
    return [*zip(found["values"], found["flag"], strict=True)]


def alerts(service: httpx.Client, station: str) -> list[tuple[str, str, int]]:
    """Return what happened to each alert that is not only expected, newest first."""
    listed = answered(service.get(f"/stations/{station}/alerts"))["alerts"]
    shown = [alert for alert in listed if alert["alert"] != "expected"]
    return [(alert["alert"], alert["status"], len(alert["deliveries"])) for alert in shown]


@pytest.fixture
def pier(service: httpx.Client, new_station: NewStation) -> str:
    """A station with 120 days near 24 °C, until two days ago, that watches for 27 °C."""
    webhooks = [{"url": "https://hooks.example/sst", "secret": "at least 16 characters"}]
    station = new_station(events=[HOT], webhooks=webhooks)
    send(service, station, 121, *NEAR_24)
    return station


def test_a_wrong_digit_is_kept_and_shown_but_neither_forecast_from_nor_announced(
    service: httpx.Client, pier: str
) -> None:
    answer = send(service, pier, 0, 36.9)
    assert (answer["new"], answer["forecast"]["observed_until"][:10]) == (1, day(2))
    assert max(answer["forecast"]["sst"]) < 25
    assert "36.9 °C, is suspect (outside the range of nearly all seas, a larger change than" in answer["warnings"][0]
    assert [warning["code"] for warning in answer["forecast"]["warnings"]] == ["suspect_value"]
    assert alerts(service, pier) == [("began", "held", 0)]
    assert answered(service.get(f"/stations/{pier}"))["newest"]["flag"] == 3
    answer = send(service, pier, -1, 24.1)
    assert (answer["warnings"], answer["forecast"]["observed_until"][:10]) == ([], day(-1))
    assert alerts(service, pier) == [("began", "dropped", 0)]
    assert stored(service, pier)[-2:] == [(36.9, 4), (24.1, 1)]
    leads = answered(service.get(f"/stations/{pier}/verification", params={"lead": 1}))["leads"]
    assert all(model["rmse"] < 2 for lead in leads for model in lead["models"])


def test_a_jump_that_the_next_reading_confirms_is_announced_once(service: httpx.Client, pier: str) -> None:
    assert "is suspect" in send(service, pier, 1, 29.0)["warnings"][0]
    answer = send(service, pier, 0, 29.3)
    assert (answer["warnings"], answer["forecast"]["observed_until"][:10]) == ([], day(0))
    assert stored(service, pier)[-2:] == [(29.0, 1), (29.3, 1)]
    send(service, pier, -1, 29.2)
    assert alerts(service, pier) == [("began", "raised", 1)]


@pytest.mark.parametrize(
    ("correction", "expected"),
    [
        ({"flag": 1}, ("began", "raised", 1)),
        ({"flag": 4}, ("began", "dropped", 0)),
        ({"value": 24.2}, ("began", "dropped", 0)),
    ],
)
def test_a_person_decides_on_a_suspect_reading(
    service: httpx.Client, pier: str, correction: Json, expected: tuple[str, str, int]
) -> None:
    send(service, pier, 0, 29.0)
    corrected = correct(service, pier, 0, **correction)
    flag = correction.get("flag", 1)
    assert (corrected["flag"], corrected["tests"]) == (flag, ["person"])
    assert corrected["forecast"]["observed_until"][:10] == day(0 if flag == 1 else 2)
    assert alerts(service, pier) == [expected]
    assert correct(service, pier, 0, **correction)["forecast"] is None


def test_both_values_of_a_correction_stay_and_the_wrong_one_does_not_come_back(
    service: httpx.Client, pier: str
) -> None:
    send(service, pier, 0, 36.9)
    assert correct(service, pier, 0, value=24.2)["revision"] == 1
    assert send(service, pier, 0, 36.9)["unchanged"] == 1
    assert stored(service, pier)[-1:] == [(24.2, 1)]
    assert stored(service, pier, revisions=True)[-2:] == [(36.9, 4), (24.2, 1)]


def test_a_reading_that_is_taken_back_is_shown_only_in_the_history(service: httpx.Client, pier: str) -> None:
    send(service, pier, 1, 24.3, 24.4)
    taken = service.delete(f"/stations/{pier}/observations/{day(0)}")
    assert answered(taken)["forecast"]["observed_until"][:10] == day(1)
    assert answered(service.get(f"/stations/{pier}/forecast"))["observed_until"][:10] == day(1)
    assert answered(service.get(f"/stations/{pier}"))["forecast"]["observed_until"][:10] == day(1)
    assert send(service, pier, 0, 24.4)["unchanged"] == 1
    assert stored(service, pier)[-1:] == [(24.3, 1)]
    assert stored(service, pier, revisions=True)[-1:] == [(24.4, 9)]
    assert answered(service.get(f"/stations/{pier}"))["newest"]["sst"] == 24.3
    assert service.delete(f"/stations/{pier}/observations/{day(0)}").status_code == 200
    assert correct(service, pier, 0, flag=1)["flag"] == 1


@pytest.mark.parametrize(
    ("time", "correction", "status", "sentence"),
    [
        (day(-3), {"flag": 4}, 404, f"no reading at {day(-3)}T00:00:00Z"),
        ("yesterday", {"flag": 4}, 422, "time 'yesterday' is not an ISO 8601 time"),
        (day(2), {}, 422, "give a value, a flag, or both"),
        (day(2), {"value": 99}, 422, "99 °C, outside the range of sea temperatures"),
        (day(2), {"flag": 2}, 422, "flag"),
    ],
)
def test_a_correction_that_cannot_be_made_says_why(
    service: httpx.Client, pier: str, time: str, correction: Json, status: int, sentence: str
) -> None:
    refused = service.patch(f"/stations/{pier}/observations/{time}", json=correction)
    assert refused.status_code == status
    assert sentence in refused.json()["detail"]


def test_a_history_loses_its_spikes_and_the_first_readings_are_not_evaluated(
    service: httpx.Client, new_station: NewStation
) -> None:
    station, values = new_station(), [*NEAR_24]
    values[60] = 0.0
    answer = send(service, station, 119, *values)
    found = answered(service.get(f"/stations/{station}/observations"))
    assert (found["flag"][:10], found["flag"][10:60], found["flag"][60]) == ([2] * 10, [1] * 50, 4)
    assert found["tests"][60] == ["rate_of_change", "spike"]
    assert "is exactly 0 °C" in answer["warnings"][0]
    assert "is wrong (a larger change than" in answer["warnings"][1]


def test_a_stuck_sensor_is_forecast_from_no_longer(service: httpx.Client, new_station: NewStation) -> None:
    station = new_station()
    send(service, station, 160, *NEAR_24)
    for ago in (40, 20):
        answer = send(service, station, ago, *[24.1] * 20)
    assert any("24.1 °C; check whether the sensor was stuck" in warning for warning in answer["warnings"])
    assert {flag for _, flag in stored(service, station)} == {3}
    assert answer["forecast"]["observed_until"][:10] < day(20)


def test_a_file_is_warned_of_as_post_series_does(service: httpx.Client, new_station: NewStation) -> None:
    rows = [f"{day(100 - i)},{value}" for i, value in enumerate(NEAR_24[:50])]
    rows[20] = f"{day(80)},0"
    rows.append(f"{day(60)},25.01")
    text = "\n".join(["time,sst", *rows])
    described = answered(service.post("/series", content=text, headers=CSV))["stations"][0]["warnings"]
    stored = answered(service.post(f"/stations/{new_station()}/observations", content=text, headers=CSV))
    assert len(described) == 2
    assert f"1 time with different values, the first {day(60)} with" in described[1]
    assert stored["warnings"][:2] == described

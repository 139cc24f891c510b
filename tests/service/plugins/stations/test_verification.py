"""How good the issued forecasts were: scores against later observations, recomputed pair by pair."""

import csv
import io
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx
import pytest

from tests.service.plugins.stations.buoy import HISTORY, assert_scores, daily_means, day
from tests.service.plugins.stations.conftest import NewStation, create
from tests.service.plugins.stations.plain_verification import plain_verification
from tests.service.requests import Json, answered

DAYS = 30
LIMIT = 6.0
"""°C; about half of the days are warmer."""


def send(service: httpx.Client, station: str, first: int, values: list[float]) -> None:
    answered(service.post(f"/stations/{station}/observations", json={"start": day(first), "values": values}))


def verify(service: httpx.Client, station: str, **query: Any) -> Json:
    answer: Json = answered(service.get(f"/stations/{station}/verification", params=query))
    return answer


def archive(service: httpx.Client, station: str) -> list[Json]:
    forecasts: list[Json] = answered(service.get(f"/stations/{station}/forecasts"))["forecasts"]
    return forecasts


def recomputed(
    service: httpx.Client, station: str, wanted: Callable[[Json], bool] = lambda forecast: True
) -> dict[int, Json]:
    observations = answered(service.get(f"/stations/{station}/observations"))
    return plain_verification([*filter(wanted, archive(service, station))], observations)


def is_of_month(month: str, forecast: Json) -> bool:
    return str(forecast["observed_until"]).startswith(month)


@pytest.fixture(scope="module")
def buoy(service: httpx.Client) -> str:
    """A station whose readings arrived a day at a time."""
    events = [
        {"name": "warm", "above": LIMIT, "for": 2},
        {"name": "cool", "below": LIMIT},
        {"name": "heatwave", "kind": "marine_heatwave"},
    ]
    baseline = {"climatology": [LIMIT - 1] * 366, "threshold": [LIMIT] * 366}
    station = create(service, horizon=3, events=events, baseline=baseline)
    send(service, station, 0, daily_means()[:HISTORY])
    for number in range(HISTORY, HISTORY + DAYS):
        send(service, station, number, [daily_means()[number]])
    return station


def test_scores_by_lead_are_those_of_the_archive_against_the_observations(service: httpx.Client, buoy: str) -> None:
    answer, expected = verify(service, buoy), recomputed(service, buoy)
    assert [lead["lead"] for lead in answer["leads"]] == [*expected] == [1, 2, 3]
    assert [lead["n"] for lead in answer["leads"]] == [DAYS, DAYS - 1, DAYS - 2]
    for lead in answer["leads"]:
        assert_scores(lead, expected[lead["lead"]])
    assert any(forecast["plain"] for forecast in archive(service, buoy))


def test_the_summary_says_how_right_forecasts_of_the_last_sixty_steps_were(service: httpx.Client, buoy: str) -> None:
    leads = recomputed(service, buoy).values()
    pairs = sum(lead["n"] for lead in leads)
    rmse, persistence = (
        (sum(lead["n"] * lead["models"][name]["rmse"] ** 2 for lead in leads) / pairs) ** 0.5
        for name in ("best", "persistence")
    )
    told = answered(service.get(f"/stations/{buoy}"))["summary"]["accuracy"]
    assert (told.pop("by"), told.pop("n")) == ("verification", DAYS)
    assert told == pytest.approx({"rmse": rmse, "persistence_rmse": persistence}, abs=2e-6)


def test_a_period_and_a_lead_choose_which_forecasts_count(service: httpx.Client, buoy: str) -> None:
    begin, end = day(HISTORY + 5), day(HISTORY + 14)
    (lead,) = verify(service, buoy, lead=2, **{"from": begin, "to": end})["leads"]
    assert lead["n"] == 10
    expected = recomputed(service, buoy, lambda forecast: begin <= forecast["observed_until"][:10] <= end)
    assert_scores(lead, expected[2])
    assert verify(service, buoy, lead=4)["leads"] == []


def test_each_month_is_scored_by_the_last_observation_of_its_forecasts(service: httpx.Client, buoy: str) -> None:
    for lead in verify(service, buoy, by="month")["leads"]:
        assert sum(month["n"] for month in lead["months"]) == lead["n"]
        for month in lead["months"]:
            expected = recomputed(service, buoy, partial(is_of_month, month["month"]))
            assert_scores(month, expected[lead["lead"]])


def test_probabilities_of_events_are_scored_against_the_threshold_that_they_were_about(
    service: httpx.Client, buoy: str
) -> None:
    observations = answered(service.get(f"/stations/{buoy}/observations"))
    observed = dict(zip(observations["timestamps"], observations["values"], strict=True))
    forecasts = archive(service, buoy)
    events = [event for event in verify(service, buoy)["events"] if event["kind"] == "threshold"]
    expected = [(name, lead) for name in ("warm", "cool") for lead in (1, 2, 3)]
    assert [(event["name"], event["lead"]) for event in events] == expected
    for event in events:
        pairs = []
        for forecast in forecasts:
            (judged,) = (each for each in forecast["events"] if each["name"] == event["name"])
            time = forecast["timestamps"][event["lead"] - 1]
            if time in observed:
                beyond = observed[time] > LIMIT if event["name"] == "warm" else observed[time] < LIMIT
                pairs.append((judged["by_lead"][event["lead"] - 1], beyond))
        assert event["n"] == len(pairs) == sum(each["n"] for each in event["reliability"])
        assert event["frequency"] == pytest.approx(sum(beyond for _, beyond in pairs) / len(pairs), abs=1e-6)
        assert 0 < event["frequency"] < 1
        squares = [(probability - beyond) ** 2 for probability, beyond in pairs]
        assert event["brier"] == pytest.approx(sum(squares) / len(pairs), abs=1e-6)
        assert event["skill"]["persistence"]["brier"] >= 0


def in_heatwaves(days: list[float], others: bool) -> list[bool]:
    """Return whether each day is in a heatwave if all days before and after are beyond the threshold, or none."""
    beyond = [*[others] * 11, *(sst > LIMIT for sst in days), *[others] * 6]
    runs = [(is_beyond, len([*group])) for is_beyond, group in itertools.groupby(beyond)]
    inside: list[bool] = []
    for place, (is_beyond, length) in enumerate(runs):
        around = [size >= 5 for _, size in runs[max(place - 1, 0) : place + 2 : 2]]
        is_joined = 0 < place < len(runs) - 1 and length <= 2 and all(around)
        inside += [length >= 5 if is_beyond else is_joined] * length
    return inside[11 : 11 + len(days)]


def test_heatwaves_are_verified_once_the_days_that_decide_them_have_passed(service: httpx.Client, buoy: str) -> None:
    observations = answered(service.get(f"/stations/{buoy}/observations"))
    # Nothing was said of the threshold on the days before.
    days = observations["values"][HISTORY:]
    least, most = (in_heatwaves(days, others) for others in (False, True))
    came = {
        time: inside
        for time, inside, may_be in zip(observations["timestamps"][HISTORY:], least, most, strict=True)
        if inside == may_be
    }
    scored = [event for event in verify(service, buoy)["events"] if event["kind"] == "marine_heatwave"]
    assert [(event["name"], event["lead"]) for event in scored] == [("heatwave", lead) for lead in (1, 2, 3)]
    for event in scored:
        pairs = []
        for forecast in archive(service, buoy):
            (judged,) = (each for each in forecast["events"] if each["name"] == "heatwave")
            time = forecast["timestamps"][event["lead"] - 1]
            if time in came:
                active = judged["state"]["active"]
                pairs.append((judged["probability"][event["lead"] - 1], came[time], active))
        assert event["n"] == len(pairs)
        assert 0 < event["frequency"] < 1
        assert event["brier"] == pytest.approx(sum((p - inside) ** 2 for p, inside, _ in pairs) / len(pairs), abs=1e-6)
        persisted = sum(active != inside for _, inside, active in pairs) / len(pairs)
        assert event["skill"]["persistence"]["brier"] == pytest.approx(persisted, abs=1e-6)


def test_heat_stress_is_verified_at_the_levels_from_which_heat_adds_up_and_corals_may_bleach(
    service: httpx.Client, new_station: NewStation
) -> None:
    corals = {"name": "corals", "kind": "degree_heating_weeks", "mmm": 27.0}
    station, means = new_station(horizon=1, events=[corals]), [26.9] * 78 + [28.5] * 20 + [27.7] * 2
    values = [round(mean + (day % 2 / 5 - 0.1), 2) for day, mean in enumerate(means)]
    send(service, station, 0, values[:90])
    for number in range(90, 100):
        send(service, station, number, [values[number]])
    scored = verify(service, station)["events"]
    assert [(event["level"], event["lead"], event["n"]) for event in scored] == [
        ("Warning", 1, 10),
        ("Alert Level 1", 1, 10),
    ]
    # Hotspots of 1.5 °C add up to 4 °C weeks on the nineteenth of the hot days.
    assert [event["frequency"] for event in scored] == [0.8, 0.2]
    assert [event["skill"]["persistence"]["brier"] for event in scored] == [0.1, 0.2]


def test_csv_has_a_row_for_each_lead_month_and_model(service: httpx.Client, buoy: str) -> None:
    answer = verify(service, buoy, by="month")
    response = service.get(f"/stations/{buoy}/verification", params={"by": "month", "format": "csv"})
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    rows = [*csv.DictReader(io.StringIO(response.text))]
    expected = [
        (str(lead["lead"]), part.get("month", ""), str(part["n"]), model["model"], str(model["rmse"]))
        for lead in answer["leads"]
        for part in (lead, *lead["months"])
        for model in part["models"]
    ]
    assert [(row["lead"], row["month"], row["n"], row["model"], row["rmse"]) for row in rows] == expected
    issued = answer["leads"][0]["models"][0]
    assert float(rows[0]["skill_persistence"]) == issued["skill"]["persistence"]
    assert float(rows[0]["coverage_80_recalibrated"]) == issued["coverage"]["80"]["recalibrated"]


def test_csv_of_events_says_how_often_each_happened_by_forecast_probability(service: httpx.Client, buoy: str) -> None:
    response = service.get(f"/stations/{buoy}/verification", params={"format": "csv", "table": "events", "lead": 1})
    rows = [*csv.DictReader(io.StringIO(response.text))]
    events = verify(service, buoy, lead=1)["events"]
    expected = [
        (event["name"], event["level"] or "", str(part["minimum"]), str(part["n"]), part["frequency"])
        for event in events
        for part in event["reliability"]
    ]
    assert [
        (row["event"], row["level"], row["minimum"], row["forecasts"], float(row["share"])) for row in rows
    ] == expected
    assert all(int(row["happened"]) <= int(row["forecasts"]) for row in rows)
    assert {row["event"] for row in rows} == {"warm", "cool", "heatwave"}


def test_the_latest_revision_counts_and_nothing_issued_changes(service: httpx.Client, new_station: NewStation) -> None:
    station = new_station(horizon=1, units="fahrenheit")
    send(service, station, 0, [60.0 + number / 10 for number in range(20)])
    send(service, station, 20, [62.3])
    (before,) = archive(service, station)[:1]
    send(service, station, 20, [63.4])
    (lead,) = verify(service, station)["leads"]
    assert lead["n"] == 1
    assert lead["models"][0]["bias"] == pytest.approx(before["sst"][0] - 63.4, abs=1e-5)
    # Two forecasts have the same last observation. The next reading verifies the one that was issued last.
    send(service, station, 21, [64.5])
    (_, first, second, _) = archive(service, station)
    assert first["observed_until"] == second["observed_until"]
    (lead,) = verify(service, station, **{"from": day(20)})["leads"]
    assert (lead["n"], lead["models"][0]["bias"]) == (1, pytest.approx(second["sst"][0] - 64.5, abs=1e-5))


def test_replayed_forecasts_can_be_left_out(service: httpx.Client, new_station: NewStation) -> None:
    station = new_station(horizon=1)
    today = datetime.now(UTC).date()
    # The reading of today is not replayed, even if the day ends meanwhile.
    for age in (20, 19, 0, -1):
        values = [15.0 + number / 10 for number in range(20)] if age == 20 else [17.0]
        start = today - timedelta(days=age + len(values) - 1)
        answered(service.post(f"/stations/{station}/observations", json={"start": start.isoformat(), "values": values}))
    (lead,) = verify(service, station)["leads"]
    assert (lead["n"], lead["replayed"]) == (2, 1)
    assert [verify(service, station, replayed=choice)["leads"][0]["n"] for choice in ("true", "false")] == [1, 1]


def test_a_station_without_verified_forecasts_has_no_scores(service: httpx.Client, new_station: NewStation) -> None:
    station = new_station(horizon=2)
    assert verify(service, station)["leads"] == []
    send(service, station, 0, daily_means()[:20])
    assert [(lead["n"], lead["models"]) for lead in verify(service, station)["leads"]] == [(0, []), (0, [])]
    assert verify(service, station, format="json", by="month")["leads"][0]["months"] == []


def test_forecasts_of_another_model_count_with_the_baselines_that_both_have(
    service: httpx.Client, new_station: NewStation
) -> None:
    station = new_station(step="month", horizon=2)
    values = [24 + (number % 12) / 5 + number % 5 / 10 for number in range(40)]

    def months(first: int, values: list[float]) -> None:
        body = {"start": f"{2015 + first // 12}-{first % 12 + 1:02}", "values": values}
        answered(service.post(f"/stations/{station}/observations", json=body))

    months(0, values[:36])
    months(36, values[36:37])
    service.put(f"/stations/{station}", json={"step": "month", "horizon": 1, "model": "nino12-gru"})
    months(37, values[37:38])
    months(38, values[38:39])
    first, second = verify(service, station)["leads"]
    # The forecast that the new settings issued counts instead of the one before, from the same reading.
    assert (first["n"], second["n"]) == (3, 1)
    assert first["models"][0]["model"] == "nino12-gru"
    assert "persistence" in first["models"][0]["skill"]


def test_an_unknown_station_or_an_impossible_lead_is_refused(service: httpx.Client) -> None:
    assert service.get("/stations/nowhere/verification").status_code == 404
    assert service.get("/stations/nowhere/verification?lead=0").status_code == 422
    assert service.get("/stations/nowhere/verification?by=week").status_code == 422

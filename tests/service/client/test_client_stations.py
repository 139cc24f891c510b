"""Stations through the Python client: readings in, forecasts and observations out."""

import io
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal, assert_series_equal

from service.client import AnswerError, Client, ProblemError, UnavailableError
from tests.service.client.conftest import HANG_UP, Ask, Script

_numbers = count()


@pytest.fixture
def url(stations: httpx.Client) -> str:
    """The address of a service with a database of stations."""
    return str(stations.base_url)


@pytest.fixture
def ask(ask: Ask, url: str) -> Ask:
    """Makes one call about stations: ``ask("push", "pier", series)``."""
    return lambda call, *args, **kwargs: ask(url, f"stations.{call}", *args, **kwargs)


@pytest.fixture
def station(ask: Ask) -> str:
    """A daily station that no other test uses."""
    name = f"s{next(_numbers):04}"
    ask("put", name, step="day")
    return name


def days(count: int = 40, start: str = "2026-05-01") -> "pd.Series[float]":
    index = pd.date_range(start, periods=count)
    return pd.Series(np.round(20 + np.sin(np.arange(count) / 5), 2), index, name="sst")


def test_a_station_is_its_row_in_the_table_of_all(ask: Ask, station: str) -> None:
    pier = ask("put", station, step="day", name="The pier", latitude=54.27, longitude=np.float64(-8.61), horizon=3)
    assert (pier["name"], pier["step"], pier["units"], pier["horizon"]) == ("The pier", "day", "celsius", 3)
    assert (pier["latitude"], pier["longitude"]) == (54.27, -8.61)
    assert pd.isna(pier["newest_time"])
    ask("push", station, days())
    pier = ask("get", station)
    assert (pier["newest_time"], pier["newest_sst"]) == (pd.Timestamp("2026-06-09", tz="UTC"), days().iloc[-1])
    assert pier["newest_age"] > pd.Timedelta(days=1)
    table = ask("list")
    assert table.index.is_unique
    row, pier = table.loc[station].drop("newest_age"), pier.drop(["newest_age", "baseline", "writable"])
    assert_series_equal(row, pier, check_index_type=False)


def test_the_audit_tells_who_wrote_what(ask: Ask, station: str) -> None:
    ask("put", station, step="day", visibility="shared", owner="boat")
    ask("push", station, days(3))
    audit = ask("audit", station)
    assert audit["action"].tolist() == ["readings", "changed", "created"]
    assert audit["by"].tolist() == ["anyone"] * 3
    assert audit["readings"].iloc[0]["new"] == 3
    assert audit["changes"].iloc[1]["owner"] == {"old": None, "new": "boat"}
    assert str(audit["time"].dtype).endswith("UTC]")
    assert len(ask("audit", limit=1)) == 1
    assert ask("get", station)[["visibility", "owner"]].tolist() == ["shared", "boat"]


def test_all_stations_are_listed_however_many_pages_they_fill(
    ask: Ask, station: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ask("list")
    monkeypatch.setattr("service.client.stations.PAGE", 1)
    ask("put", f"{station}-2", step="hour")
    assert ask("list").index.tolist() == sorted([*whole.index, f"{station}-2"])


def test_readings_are_stored_once_and_forecast(ask: Ask, station: str) -> None:
    first = ask("push", station, days())
    assert (first.new, first.revised, first.unchanged, len(first.refused)) == (40, 0, 0, 0)
    assert first.forecast_error is None
    assert first.forecast["time"].tolist() == pd.date_range("2026-06-10", periods=7, tz="UTC").tolist()
    again = ask("push", station, days().to_frame())
    assert (again.unchanged, len(again.forecast), again.forecast_error) == (40, 0, None)
    assert list(again.forecast.columns[:5]) == list(first.forecast.columns[:5])
    stored = ask("observations", station)
    assert_series_equal(
        stored["sst"], days().tz_localize("UTC"), check_names=False, check_freq=False, check_index_type=False
    )


def test_readings_with_gaps_and_periods_keep_their_times(ask: Ask, station: str) -> None:
    readings = days(9).iloc[[0, 4, 8]].to_period("D")
    readings.iloc[1] = np.nan
    assert ask("push", station, readings).new == 2
    assert ask("observations", station).index.strftime("%d").tolist() == ["01", "09"]


def test_the_forecast_has_the_columns_of_any_forecast_and_when_it_was_issued(ask: Ask, station: str, url: str) -> None:
    issued = ask("push", station, days()).forecast
    newest = ask("forecast", station)
    with Client(url) as client:
        other = client.forecast(days(), model="gru", horizon=7)
    assert list(newest.columns.difference(other.columns)) == ["issued", "observed_until", "replayed"]
    assert list(newest.columns.drop(["issued", "observed_until", "replayed"])) == list(other.columns)
    assert newest["station"].unique().tolist() == [station]
    assert newest["observed_until"].unique().tolist() == [pd.Timestamp("2026-06-09", tz="UTC")]
    assert (newest["lower_95"] < newest["lower_80"]).all()
    assert newest["sst"].tolist() == issued["sst"].tolist()
    assert "late" in newest["warnings"].iloc[0]
    assert {"lower_10", "upper_98"} <= {*ask("forecast", station, levels=None).columns}
    assert ask("forecast", station, levels=[85])["lower_85"].isna().all()


def test_the_archive_keeps_every_forecast_however_many_pages_they_fill(
    ask: Ask, station: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.client.stations.PAGE", 1)
    ask("push", station, days(40))
    ask("push", station, days(41))
    archive = ask("forecasts", station)
    assert archive["observed_until"].dt.day.unique().tolist() == [9, 10]
    assert archive["replayed"].dtype == bool
    later = ask("forecasts", station, start=pd.Timestamp("2026-06-10"))
    assert_frame_equal(later.reset_index(drop=True), archive.iloc[7:].reset_index(drop=True))
    assert ask("forecasts", station, end="2026-06-01").empty


def test_verification_has_a_row_for_each_lead_month_and_model(ask: Ask, station: str, stations: httpx.Client) -> None:
    for last in range(40, 44):
        ask("push", station, days(last))
    path = f"/stations/{station}/verification"
    table, answer = ask("verification", station), stations.get(path).json()
    scored = [lead for lead in answer["leads"] if lead["n"]]
    assert (
        table.groupby("lead")["n"].first().to_dict()
        == {lead["lead"]: lead["n"] for lead in scored}
        == {1: 3, 2: 2, 3: 1}
    )
    issued, *baselines = scored[0]["models"]
    first, *others = table[table["lead"] == 1].to_dict("records")
    assert (first["kind"], first["rmse"], first["replayed"]) == ("issued", issued["rmse"], 3)
    assert first["skill_persistence"] == issued["skill"]["persistence"]
    assert first["coverage_80_plain"] == issued["coverage"]["80"]["plain"]
    assert [(row["model"], row["mae"]) for row in others] == [(row["model"], row["mae"]) for row in baselines]
    assert np.isnan(others[0]["coverage_80_recalibrated"])
    assert ask("verification", station, lead=2, start="2026-06-10")["n"].unique().tolist() == [1]
    months = ask("verification", station, lead=1, by="month")["month"]
    assert {*months} == {None, "2026-06"}
    assert ask("verification", station, replayed=False).empty


def test_the_reliability_of_events_has_a_row_for_each_range_of_probabilities(
    ask: Ask, station: str, stations: httpx.Client
) -> None:
    ask("put", station, step="day", events=[{"name": "warm", "above": 20.0}])
    assert ask("event_verification", station).empty
    for last in range(40, 44):
        ask("push", station, days(last))
    path = f"/stations/{station}/verification"
    table, csv = ask("event_verification", station), stations.get(path, params={"format": "csv", "table": "events"})
    read = pd.read_csv(io.StringIO(csv.text))
    assert table["level"].tolist() == [None] * len(table)
    other = read.columns.drop("level")
    pd.testing.assert_frame_equal(table[other], read[other], check_dtype=False)
    first = stations.get(path).json()["events"][0]
    assert table.iloc[0][["event", "kind", "lead", "n"]].tolist() == ["warm", "threshold", 1, 3]
    assert table["share"].iloc[0] == first["reliability"][0]["frequency"]
    assert ask("event_verification", station, lead=2)["lead"].unique().tolist() == [2]


def test_events_are_watched_and_their_alerts_listed(ask: Ask, station: str) -> None:
    warm = {"name": "warm", "above": np.float64(25.0), "for": 2, "alert_at": 0.7}
    heatwave = {"name": "heatwave", "kind": "marine_heatwave"}
    curves = pd.DataFrame({"climatology": [15.0] * 366, "threshold": [30.0] * 366})
    ask("put", station, step="day", events=[warm, heatwave], baseline=curves)
    today = pd.Timestamp.now("UTC").tz_localize(None).normalize()
    readings = days(40, start=str((today - pd.Timedelta(days=39)).date()))
    readings.iloc[-1] = 26.0
    forecast = ask("push", station, readings).forecast
    assert forecast.events[["station", "event"]].values.tolist() == [[station, "warm"], [station, "heatwave"]]
    assert len(forecast.event_leads) == 2 * len(forecast)
    assert len(ask("forecasts", station).events) == 2
    states = {event["name"]: event["state"] for event in ask("get", station)["events"]}
    assert states == {"warm": "inactive", "heatwave": "inactive", "silent": "inactive", "stuck": "inactive"}
    next_day = pd.Series([26.5], [today + pd.Timedelta(days=1)])
    ask("push", station, next_day)
    alerts = ask("alerts", station)
    (began,) = alerts[alerts["alert"] == "began"].to_dict("records")
    assert (began["event"], began["sst"], began["since"]) == ("warm", 26.5, today.tz_localize("UTC"))
    assert began["deliveries"] == []
    later = ask("alerts", station, start=began["raised"] + pd.Timedelta(days=1), limit=5)
    assert later.dtypes.equals(alerts.dtypes)
    assert later.empty


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_refused_and_not_taken_for_an_empty_list(ask: Ask, station: str, limit: int) -> None:
    ask("put", station, step="day")
    with pytest.raises(ProblemError, match="limit: must be greater than or equal to 1"):
        ask("alerts", station, limit=limit)


@pytest.mark.usefixtures("no_names")
def test_secrets_of_webhooks_are_not_returned(ask: Ask, station: str) -> None:
    hook = {"url": "https://hooks.example/sst", "secret": "at least 16 characters"}
    warm = {"name": "warm", "above": 25.0}
    source = {"file": {"url": "https://data.example/buoy.txt"}}
    place = {"latitude": 43.6, "longitude": -9.1, "weather": "open-meteo"}
    row = ask("put", station, step="day", events=[warm], webhooks=[hook], source=source, **place)
    (shown,) = row["webhooks"]
    assert shown["events"] is None
    assert shown["url"].startswith("https://hooks.example/...#")
    assert row["source"]["file"]["url"] == "https://data.example/buoy.txt"
    assert (row["weather"], row["weather_fetch_until"]) == ("open-meteo", pd.NaT)
    assert row["fetch_failures"] == 0 or pd.isna(row["fetch_failures"])
    # The host does not exist.
    (tried,) = ask("test_webhooks", station, shown["url"]).reset_index().to_dict("records")
    assert (tried["url"], tried["delivered"], pd.isna(tried["status"])) == (shown["url"], False, True)
    assert tried["error"].startswith("cannot find the host hooks.example")
    ask("put", station, step="day")
    assert ask("get", station)["webhooks"] == []


def test_a_refused_reading_has_its_time_value_and_reason(ask: Ask, station: str) -> None:
    readings = days(3)
    readings.iloc[1] = 99.0
    refused = ask("push", station, readings).refused
    assert refused["place"].tolist() == ["body.values[1]"]
    assert refused["time"].tolist() == [pd.Timestamp("2026-05-02", tz="UTC")]
    assert refused["sst"].tolist() == [99.0]
    assert "outside the range of sea temperatures" in refused["message"].iloc[0]


def test_revisions_are_returned_on_request(ask: Ask, station: str) -> None:
    ask("push", station, days(3))
    assert ask("push", station, days(3) + 1).revised == 3
    assert ask("observations", station, start="2026-05-02")["revision"].tolist() == [1, 1]
    every = ask("observations", station, end=pd.Timestamp("2026-05-02"), revisions=True)
    assert every["revision"].tolist() == [0, 1, 0, 1]
    assert str(every["received"].dtype).startswith("datetime64")


def test_a_file_is_pushed_by_its_path_or_content_with_reading_options(ask: Ask, station: str, tmp_path: Path) -> None:
    lines = [f"{name},2026-05-0{day},2{day}.5" for name in "ab" for day in range(1, 5)]
    path = tmp_path / "two.csv"
    path.write_text("\n".join(["station,time,sst", *lines]))
    assert ask("push", station, path, station="a").new == 4
    assert ask("push", station, path.read_bytes(), station="b").unchanged == 4
    with pytest.raises(ProblemError, match="choose one with"):
        ask("push", station, str(path))


def test_several_stations_are_pushed_in_as_many_requests_as_they_need(ask: Ask, station: str) -> None:
    other = f"{station}-b"
    ask("put", other, step="day")
    frame = pd.DataFrame({station: days(), other: days() + 1, "nowhere": days()})
    frame.loc[frame.index[0], other] = 99
    result = ask("push_all", frame, client={"max_series": 2})
    assert result.stations[["new", "refused"]].values.tolist() == [[40, 0], [39, 1], [0, 0]]
    assert result.stations["error"].isna().tolist() == [True, True, False]
    assert "no station 'nowhere'" in result.stations.loc["nowhere", "error"].lower()
    assert result.refused[["station", "sst"]].values.tolist() == [[other, 99.0]]
    assert result.forecasts["station"].unique().tolist() == [station, other]


def test_too_few_readings_say_why_there_is_no_forecast(ask: Ask, station: str) -> None:
    result = ask("push_all", {station: days(3)})
    assert result.stations.loc[station, "new"] == 3
    assert "11 more" in result.stations.loc[station, "forecast_error"]
    assert result.forecasts.empty
    with pytest.raises(ProblemError, match="no forecast has been issued") as raised:
        ask("forecast", station)
    assert raised.value.status == 404


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (("get", "../models"), ValueError, "invalid station ID"),
        (("delete", ""), ValueError, "invalid station ID"),
        (("get", 44007), TypeError, "the ID of a station is 44007: expected text"),
        (("push", "pier", [1.0]), TypeError, "the readings are a list"),
        (("push", "pier", pd.DataFrame({"a": days(), "b": days()})), ValueError, "2 columns"),
        (("push", "pier", days().reset_index(drop=True)), ValueError, "its index must hold times"),
        (("push_all", {}), ValueError, "there are no readings"),
        (("push_all", {"the pier": days()}), ValueError, "invalid station ID 'the pier'"),
    ],
)
def test_arguments_that_cannot_be_sent_are_refused_before_a_request(
    ask: Ask, call: tuple[Any, ...], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        ask(*call)


def test_options_for_files_are_refused_without_a_file(ask: Ask) -> None:
    with pytest.raises(TypeError, match="resample is an option for files"):
        ask("push", "pier", days(), resample="day")


def test_a_station_that_does_not_exist_is_a_problem(ask: Ask) -> None:
    with pytest.raises(ProblemError) as raised:
        ask("push", "nowhere", days())
    assert raised.value.status == 404


def test_a_deleted_station_is_gone(ask: Ask, station: str) -> None:
    ask("delete", station)
    with pytest.raises(ProblemError) as raised:
        ask("get", station)
    assert raised.value.status == 404


STORED = {"new": 1, "revised": 0, "unchanged": 0, "refused": [], "forecast": {"error": "too few"}}


@pytest.mark.parametrize(
    ("call", "answer"),
    [("push", STORED), ("push_all", {"stations": [{"station": "pier", **STORED}]})],
)
def test_readings_are_sent_again_if_the_connection_breaks(call: str, answer: Any) -> None:
    readings = ("pier", days(1)) if call == "push" else ({"pier": days(1)},)
    script = Script(HANG_UP, httpx.Response(200, json=answer))
    with Client(script.url, transport=script.transport, sleep=lambda seconds: None) as client:
        result = getattr(client.stations, call)(*readings)
    assert len({request.content for request in script.requests}) == 1
    assert len(script.requests) == 2
    assert "too few" in (result.forecast_error if call == "push" else result.stations["forecast_error"].tolist())


@pytest.mark.parametrize(
    "call", ["get", "observations", "forecast", "forecasts", "verification", "event_verification", "alerts"]
)
def test_an_answer_of_another_server_is_recognized(call: str) -> None:
    other = pytest.raises(AnswerError, match="not from the SST service")
    script = Script(httpx.Response(200, json={"status": "ok"}))
    with Client(script.url, transport=script.transport) as client, other:
        getattr(client.stations, call)("pier")


def test_a_deletion_is_sent_once() -> None:
    waits: list[float] = []
    with Client("http://127.0.0.1:9", sleep=waits.append) as client, pytest.raises(UnavailableError):
        client.stations.delete("pier")
    assert waits == []


def test_a_suspect_reading_is_warned_of_and_corrected_or_taken_back(ask: Ask, station: str) -> None:
    readings = days(20)
    readings.iloc[-2:] += [0.1, 9.0]
    pushed = ask("push", station, readings)
    assert "is suspect" in pushed.warnings[0]
    assert ask("observations", station)["flag"].tolist() == [*[2] * 10, *[1] * 9, 3]
    assert ask("get", station)["newest_flag"] == 3
    time = readings.index[-1]
    corrected = ask("correct", station, time, value=20.5)
    assert (corrected["sst"], corrected["flag"], corrected["revision"]) == (20.5, 1, 1)
    assert ask("correct", station, str(time.date()), flag=4)["tests"] == "person"
    assert ask("take_back", station, time)["flag"] == 9
    assert len(ask("observations", station)) == 19
    assert ask("push_all", {station: readings.iloc[-2:] + 8}).stations["warnings"].iloc[0]

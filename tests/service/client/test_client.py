import asyncio
import inspect
import json
import logging
import math
import pickle
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from operator import attrgetter
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from pydantic import SecretStr

from forecasting.models.place.forecaster import Forecaster
from forecasting.readers import read_csv
from forecasting.releases.catalog import Catalog
from forecasting.series.sst_series import SstSeries
from service.client import AnswerError, AsyncClient, Client, Place, ProblemError, ServiceError, UnavailableError
from service.middleware.keys import Role, new_key
from service.settings import Settings
from tests.conftest import ROOT
from tests.service.client.conftest import HANG_UP, Ask, Script
from tests.serving import serve


@pytest.fixture
def months(nino12: SstSeries) -> "pd.Series[float]":
    """The last 30 months of nino12, without a time zone."""
    return nino12.to_pandas().tz_localize(None).iloc[-30:].rename("pier")


def error(status: int, **headers: str) -> httpx.Response:
    problem = {"type": "about:blank", "title": "T", "status": status, "detail": "D", "request_id": "r1"}
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, headers=given | {"Content-Type": "application/problem+json"}, json=problem)


FORECAST = httpx.Response(200, json={"model": "m", "version": "v", "forecasts": [{"id": "pier", "error": "no"}]})
PREDICTIONS = httpx.Response(200, json={"timestamps": ["2010-01-01T00:00:00Z"], "observed": [20.5], "predictions": {}})


def test_a_forecast_equals_the_one_of_the_library(
    ask: Ask, url: str, months: "pd.Series[float]", gru: Forecaster
) -> None:
    table = ask(
        url,
        "forecast",
        months,
        dataset="nino12",
        model="gru",
        horizon=3,
        levels=[50, 90],
        thresholds=[np.float64(24.5)],
    )
    expected = gru.forecast(months, 3, [50, 90], [24.5])
    assert list(table.columns) == [
        "station", "model", "version", "chosen", "time",
        "sst", "lower_50", "upper_50", "lower_90", "upper_90", "calibrated",
        "exceedance_24.5", "persistence", "climatology", "damped", "linear", "warnings", "error",
    ]  # fmt: skip
    assert set(table["station"]) == {"pier"}
    assert set(table["model"]) == {"nino12-gru"}
    values = ["sst", "lower_50", "upper_50", "lower_90", "upper_90", "calibrated", "exceedance_24.5"]
    answered = table.set_index("time")[values].astype({"calibrated": bool})
    assert_frame_equal(answered, expected.to_pandas(), atol=1e-5, check_index_type=False)
    assert table["exceedance_24.5"].tolist() == pytest.approx(expected.exceedance(24.5).tolist(), abs=1e-5)
    for name, reference in expected.baselines.items():
        assert table[name].tolist() == pytest.approx(reference.tolist(), abs=1e-5)
    assert table["linear"].isna().all()  # thirty months afford none
    assert table["calibrated"].all()
    assert table["error"].tolist() == [None] * 3


def test_each_column_is_a_station_and_a_bad_one_is_a_row_with_its_error(
    ask: Ask, url: str, months: "pd.Series[float]"
) -> None:
    frame = pd.DataFrame({44007: months, "short": months.iloc[-5:], 44013: months + 0.5})
    table = ask(url, "forecast", frame, dataset="nino12", model="gru", horizon=2)
    assert table["station"].tolist() == [44007, 44007, "short", 44013, 44013]
    failed = table[table["error"].notna()]
    assert "values[6]: missing values from 2009-01-01 to 2010-07-01" in failed["error"].item()
    assert failed[["time", "sst", "lower_80", "calibrated", "persistence"]].isna().all(axis=None)
    alone = ask(url, "forecast", months, dataset="nino12", model="gru", horizon=2)
    assert_frame_equal(table.iloc[:2, 1:], alone.iloc[:, 1:], check_dtype=False, atol=1e-5)


def test_the_columns_are_the_same_if_every_series_failed(ask: Ask, url: str, months: "pd.Series[float]") -> None:
    good = ask(url, "forecast", months.to_frame(), dataset="nino12", thresholds=[24])
    bad = ask(url, "forecast", months.iloc[:5].to_frame(), dataset="nino12", thresholds=[24])
    numbers = good.columns.difference(["error"])
    assert list(bad.columns) == list(good.columns)
    assert bad[numbers].dtypes.equals(good[numbers].dtypes)
    assert pd.concat([good, bad])["exceedance_24"].notna().tolist() == [True, False]


def test_with_all_models_each_has_its_own_rows(ask: Ask, url: str, months: "pd.Series[float]") -> None:
    frame = pd.DataFrame({"a": months, "b": months})
    table = ask(url, "forecast", frame, dataset="nino12", model="all", horizon=2)
    names = [name for name in ("nino12-rnn", "nino12-lstm", "nino12-gru") for _ in range(2)]
    assert table["station"].tolist() == ["a"] * 6 + ["b"] * 6
    assert table["model"].tolist() == names * 2
    assert table["sst"].iloc[0] != table["sst"].iloc[2]


def test_stations_with_different_times_are_sent_as_a_mapping(ask: Ask, url: str, months: "pd.Series[float]") -> None:
    table = ask(url, "forecast", {"early": months.iloc[:-3], "late": months.iloc[3:]}, dataset="nino12")
    assert table["time"].dt.strftime("%Y-%m").tolist() == ["2010-10", "2011-01"]


def test_a_missing_value_is_filled_and_the_table_says_so(ask: Ask, url: str, months: "pd.Series[float]") -> None:
    months = months.copy()
    months.iloc[20] = np.nan
    (row,) = ask(url, "forecast", months, dataset="nino12", model="gru").to_dict("records")
    assert "gap_filled: 1 missing value interpolated: 2010-03-01" in row["warnings"]
    assert row["calibrated"]


def test_water_unlike_the_training_place_is_not_calibrated(ask: Ask, url: str, months: "pd.Series[float]") -> None:
    (row,) = ask(url, "forecast", months - 18, dataset="nino12", levels=[]).to_dict("records")
    assert "outside_training: " in row["warnings"]
    assert row["calibrated"] is False


MONTHS = pd.date_range("2008-07-01", periods=30, freq="MS")


@pytest.mark.parametrize(
    "index",
    [
        MONTHS.to_period("M"),
        MONTHS.tz_localize("UTC"),
        MONTHS.tz_localize("Pacific/Auckland"),  # midnight of the first is the month before in UTC
        MONTHS.tz_localize("America/Lima"),
        MONTHS + pd.Timedelta(days=14),
        (MONTHS + pd.Timedelta(days=14, hours=2)).tz_localize("Pacific/Auckland"),
        MONTHS + pd.offsets.MonthEnd(0),
    ],
    ids=["periods", "utc", "east", "west", "mid-month", "mid-month-east", "month-end"],
)
def test_months_match_the_published_index(
    ask: Ask, url: str, months: "pd.Series[float]", index: "pd.Index[Any]"
) -> None:
    table = ask(url, "forecast", pd.Series(months.to_numpy(), index, name="pier"), dataset="nino12", model="gru")
    assert table["time"].tolist() == [pd.Timestamp("2011-01-01", tz="UTC")]
    assert_frame_equal(table, ask(url, "forecast", months, dataset="nino12", model="gru"))


@pytest.fixture
def buoy() -> "pd.Series[float]":
    """Forty half-hours, UTC."""
    return read_csv(ROOT / "data" / "neracoos-b01.csv").part(0, 40).to_pandas()


def test_times_with_a_zone_are_answered_in_utc(ask: Ask, url: str, buoy: "pd.Series[float]") -> None:
    here = ask(url, "forecast", buoy.tz_convert("America/New_York"), dataset="buoy")
    assert here["time"].tolist() == [buoy.index[-1] + pd.Timedelta(minutes=30)]
    assert_frame_equal(here, ask(url, "forecast", buoy.tz_localize(None), dataset="buoy"))


def test_times_out_of_order_or_missing_are_left_to_the_service(ask: Ask, url: str, buoy: "pd.Series[float]") -> None:
    shuffled = buoy.tz_convert("America/New_York").drop(buoy.index[30]).iloc[::-1]
    (row,) = ask(url, "forecast", shuffled, dataset="buoy").to_dict("records")
    assert row["time"] == buoy.index[-1] + pd.Timedelta(minutes=30)
    assert re.findall(r"(\w+): ", row["warnings"])[:2] == ["adjusted", "gap_filled"]
    regular = buoy.copy()
    regular.iloc[30] = np.nan
    assert row["sst"] == ask(url, "forecast", regular, dataset="buoy")["sst"].item()


def test_a_series_of_another_step_is_refused_and_not_filled(ask: Ask, url: str, buoy: "pd.Series[float]") -> None:
    hours = pd.Series(buoy.to_numpy(), pd.date_range("2016-02-15", periods=40, freq="h"), name="pier")
    with pytest.raises(ProblemError, match="this model forecasts steps of 30 minutes"):
        ask(url, "forecast", hours, dataset="buoy")


def test_values_thresholds_and_results_are_in_the_requested_units(
    ask: Ask, url: str, months: "pd.Series[float]"
) -> None:
    celsius = ask(url, "forecast", months, dataset="nino12", thresholds=[24])
    kelvin = ask(url, "forecast", months + 273.15, dataset="nino12", thresholds=[297.15], units="kelvin")
    assert kelvin["sst"].item() - 273.15 == pytest.approx(celsius["sst"].item(), abs=1e-4)
    assert kelvin["exceedance_297.15"].item() == pytest.approx(celsius["exceedance_24"].item(), abs=1e-3)


def test_a_single_series_that_fails_raises_the_problem_document(ask: Ask, url: str, months: "pd.Series[float]") -> None:
    with pytest.raises(ProblemError) as caught:
        ask(url, "forecast", months.iloc[:5], dataset="nino12", model="gru")
    problem = caught.value
    sentence = "series 'pier': 5 values are too few: nino12-gru needs at least 24"
    assert (problem.status, problem.title, problem.detail) == (422, "Unprocessable Entity", sentence)
    assert problem.errors == (Place("body.series[0]", sentence),)
    assert problem.request_id
    assert problem.problem["request_id"] == problem.request_id
    assert str(problem) == f"422 Unprocessable Entity: {sentence} (request {problem.request_id})"


def test_strict_decides_whether_a_failed_series_raises(ask: Ask, url: str, months: "pd.Series[float]") -> None:
    row = ask(url, "forecast", months.iloc[:5], dataset="nino12", strict=False)
    assert "too few" in row["error"].item()
    with pytest.raises(ProblemError, match=r"series 'b': .* the last value is missing"):
        ask(url, "forecast", pd.DataFrame({"a": months, "b": months.iloc[:5]}), dataset="nino12", strict=True)


def test_an_error_survives_pickling(ask: Ask, url: str) -> None:
    with pytest.raises(ProblemError) as caught:
        ask(url, "compare", horizon=99)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (str(copy), copy.problem, copy.errors) == (str(caught.value), caught.value.problem, caught.value.errors)
    assert copy.errors[0].location == "query.horizon"


@pytest.mark.parametrize(
    ("settings", "limits"),
    [({"max_series": 2}, {"max_series": 2}), ({"max_body_bytes": 1_100}, {"max_bytes": 1_100})],
)
def test_a_large_frame_is_split_into_requests_within_the_limits(
    ask: Ask, artifacts: Path, months: "pd.Series[float]", settings: Any, limits: Any
) -> None:
    frame = pd.DataFrame({f"s{i}": months + i / 10 for i in range(5)})
    with serve(Settings(artifacts=artifacts, **settings)) as small:
        url = str(small.base_url)
        with pytest.raises(ProblemError):
            ask(url, "forecast", frame, dataset="nino12")
        table = ask(url, "forecast", frame, dataset="nino12", model="all", client=limits)
        whole = pd.concat([ask(url, "forecast", frame[[name]], dataset="nino12", model="all") for name in frame])
    assert_frame_equal(table, whole.reset_index(drop=True), atol=1e-5)


def test_a_dataset_is_forecast_from_its_own_last_observation(ask: Ask, url: str) -> None:
    table = ask(url, "forecast_dataset", "nino12", model="all", horizon=2, levels=[50])
    assert table["station"].unique().tolist() == ["nino12"]
    assert table["model"].nunique() == 3
    assert table["time"].iloc[0] == pd.Timestamp("2011-01-01", tz="UTC")
    assert table.filter(regex="lower|upper").columns.tolist() == ["lower_50", "upper_50"]
    assert table[["climatology", "damped", "linear"]].notna().all(axis=None)
    assert ask(url, "forecast_dataset", levels=[]).filter(regex="lower|upper").empty
    kelvin = ask(url, "forecast_dataset", model="all", horizon=2, thresholds=[297.65], units="kelvin")
    assert (kelvin["sst"] - table["sst"]).tolist() == pytest.approx([273.15] * 6, abs=1e-4)
    assert kelvin["exceedance_297.65"].between(0, 1).all()


def test_a_comparison_has_a_row_for_each_model_and_baseline(ask: Ask, url: str, client: httpx.Client) -> None:
    table = ask(url, "compare", "nino12", horizon=2)
    answer = client.get("/compare?horizon=2").json()
    assert table.index.name == "model"
    assert table.index.tolist() == [model["model"] for model in answer["models"]]
    assert table["rmse"].tolist() == [model["rmse"] for model in answer["models"]]
    assert table["skill_damped"].tolist() == [model["skill"]["damped"] for model in answer["models"]]
    assert table.loc["nino12-gru", "coverage_80"] == answer["models"][2]["coverage"]["80"]
    assert table.index[table["best"]].tolist() == [answer["best"]]
    assert table["parameters"].isna().tolist() == [False] * 3 + [True] * 4
    assert set(table["n"]) == {answer["test"]["n"]}
    assert table["test_start"].iloc[0] == pd.Timestamp("1998-10-01", tz="UTC")


def test_a_comparison_on_a_callers_series_has_a_row_for_each_station_and_model(
    ask: Ask, url: str, client: httpx.Client, nino12: SstSeries
) -> None:
    months = nino12.part(600, 700).to_pandas()
    frame = pd.DataFrame({"a": months, "b": months.iloc[:60], "short": months.iloc[:10]})
    table = ask(url, "compare_series", {name: column.dropna() for name, column in frame.items()}, dataset="nino12")
    values = months.round(9).tolist()
    request = {"dataset": "nino12", "series": [{"start": "2000-01-01", "values": values}]}
    there = client.post("/compare", json=request).json()
    rows = table[table.station == "a"].set_index("model")
    assert list(rows.index) == [model["model"] for model in there["models"]]
    assert rows.rmse.tolist() == pytest.approx([model["rmse"] for model in there["models"]], abs=1e-5)
    assert rows.skill_persistence["nino12-gru"] == pytest.approx(there["models"][2]["skill"]["persistence"], abs=1e-5)
    assert set(table[table.station == "b"].n) == {36}
    (failed,) = table[table.station == "short"].error
    assert failed.startswith("10 values are too few")
    with pytest.raises(ProblemError, match="10 values are too few"):
        ask(url, "compare_series", months.iloc[:10], dataset="nino12")


def test_a_file_is_read_and_its_series_forecast(ask: Ask, url: str, nino12: SstSeries) -> None:
    path = ROOT / "data" / "nino12.csv"
    for file in (path, str(path), path.read_bytes()):
        reading = ask(url, "read_series", file)
        assert_frame_equal(reading.series["0"].to_frame("sst"), nino12.to_pandas().to_frame(), check_index_type=False,
                           check_freq=False, check_dtype=False)  # fmt: skip
    assert reading.problem is None
    assert reading.stations.loc["0", "summary_step"] == "month"
    forecast = ask(url, "forecast", reading.series, dataset="nino12", model="gru")
    assert forecast.sst.tolist() == pytest.approx(ask(url, "forecast_dataset", model="gru").sst.tolist(), abs=1e-4)


def test_options_of_a_file_are_used_and_its_errors_raised(ask: Ask, url: str) -> None:
    days = "\n".join(["when,sst", *(f"2001-{1 + i // 28:02}-{1 + i % 28:02},{10 + i % 3}" for i in range(84))])
    reading = ask(url, "read_series", days.encode(), time_column="when", resample="month", missing=[12, 13])
    assert list(reading.series["0"].index.month) == [1, 2, 3]
    with pytest.raises(ProblemError, match="name the time column with time_column="):
        ask(url, "read_series", b"when,sst\nMonday,10\n")


def test_implausible_values_of_a_file_are_flagged_and_left_out_of_forecasts(ask: Ask, seas_url: str) -> None:
    sst = [round(18 + float(np.sin(i / 20)), 2) for i in range(59)] + [35.0]
    days = "\n".join(
        [
            "time,sst",
            *(f"{np.datetime64('2024-01-01') + np.timedelta64(i, 'D')},{value}" for i, value in enumerate(sst)),
        ]
    )
    reading = ask(seas_url, "read_series", days.encode(), check=True)
    assert reading.flags["0"].tolist() == [2] * 14 + [1] * 45 + [3]
    assert reading.flags["0"].index.equals(reading.series["0"].index)
    assert reading.suspects[["station", "sst"]].to_numpy().tolist() == [["0", 35.0]]
    assert reading.suspects["time"].tolist() == [pd.Timestamp("2024-02-29", tz="UTC")]
    plain = ask(seas_url, "read_series", days.encode())
    assert (plain.flags, len(plain.suspects)) == ({}, 0)
    started, checked = (
        ask(seas_url, "forecast", reading.series, model="ocean-daily-gru", levels=[], check=check)
        for check in (False, True)
    )
    assert (started["calibrated"].tolist(), checked["calibrated"].tolist()) == ([False], [True])
    assert checked["sst"].tolist() == pytest.approx([sst[-2] + 0.01], abs=1e-4)


def test_predictions_are_next_to_the_observations(ask: Ask, url: str, catalog: Catalog) -> None:
    table = ask(url, "predictions", "nino12")
    _, expected = catalog.dataset("nino12").predictions
    assert table.index[0] == pd.Timestamp("1998-10-01", tz="UTC")
    assert table["observed"].tolist() == expected["observed"].tolist()
    assert table["nino12-gru"].tolist() == expected["gru"].tolist()
    assert table["persistence"].tolist() == expected["persistence"].tolist()


def test_models_are_listed_with_their_properties(ask: Ask, url: str) -> None:
    table = ask(url, "models")
    gru = table.loc["nino12-gru"]
    assert (gru["window"], gru["step"], gru["horizon"], gru["default"]) == (24, "month", 12, True)
    assert gru["training_period_end"] == pd.Timestamp("1998-09-01", tz="UTC")
    assert not table.loc["buoy-gru", "default"]
    assert table.groupby("dataset")["best"].sum().tolist() == [1, 1]


def test_ready_says_whether_the_models_are_loaded(ask: Ask, url: str) -> None:
    assert ask(url, "ready") is True
    loading = Script(error(503, Retry_After="9"))
    assert ask(loading, "ready") is False
    assert len(loading.requests) == 1
    assert ask(Script(HANG_UP), "ready") is False
    with pytest.raises(ProblemError):
        ask(Script(error(404)), "ready")


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_temporary_failure_is_retried(ask: Ask, months: "pd.Series[float]", status: int) -> None:
    waits: list[float] = []
    script = Script(error(status, Retry_After="0"), HANG_UP, FORECAST)
    assert ask(script, "forecast", months, waits=waits)["error"].tolist() == ["no"]
    assert len(waits) == 1  # for the hang-up; the refusal asked for none
    bodies = [request.content for request in script.requests]
    assert (len(bodies), len(set(bodies))) == (3, 1)
    assert json.loads(bodies[0])["series"][0]["id"] == "pier"


def test_the_wait_follows_retry_after(ask: Ask) -> None:
    waits: list[float] = []
    soon = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    past = format_datetime(datetime.now(UTC) - timedelta(seconds=50), usegmt=True)
    answers = [error(503, Retry_After=after) for after in ("7", soon, past, "no time")]
    ask(Script(*answers, PREDICTIONS), "predictions", waits=waits, client={"retries": 4, "max_wait": 3_600})
    assert waits[0] == 7
    assert 3_000 < waits[1] <= 3_600
    assert len(waits) == 3  # the past has passed
    assert 2 <= waits[2] <= 4  # half a second, doubled for each of three tries, and spread


def test_without_retry_after_each_wait_about_doubles_up_to_the_limit(ask: Ask) -> None:
    waits: list[float] = []
    script = Script(error(503))
    with pytest.raises(ProblemError) as caught:
        ask(script, "predictions", waits=waits, client={"retries": 6, "max_wait": 5})
    assert (caught.value.status, caught.value.detail, caught.value.request_id) == (503, "D", "r1")
    assert len(script.requests) == 7
    for wait, most in zip(waits, [0.5, 1, 2, 4, 5, 5], strict=True):
        assert most / 2 <= wait <= most


def test_a_longer_wait_than_allowed_is_left_to_the_caller(ask: Ask) -> None:
    waits: list[float] = []
    script = Script(error(429, Retry_After="3600"))
    with pytest.raises(ProblemError) as caught:
        ask(script, "predictions", waits=waits)
    assert (len(script.requests), waits, caught.value.retry_after) == (1, [], 3600)
    ask(Script(error(429, Retry_After="60"), PREDICTIONS), "predictions", waits=waits, client={"max_wait": 60})
    assert waits == [60]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422, 500])
def test_a_permanent_failure_is_not_retried(ask: Ask, status: int) -> None:
    script = Script(error(status))
    with pytest.raises(ProblemError):
        ask(script, "predictions")
    assert len(script.requests) == 1


def test_if_nothing_listens_the_message_names_the_address_and_the_tries(ask: Ask) -> None:
    waits: list[float] = []
    with socket.socket() as bound:  # which nobody else can take meanwhile
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        message = f"no response from {url}/models after 4 tries .*is the service running"
        with pytest.raises(UnavailableError, match=message):
            ask(url, "models", waits=waits)
    assert len(waits) == 3


def test_a_read_timeout_is_not_retried(ask: Ask) -> None:
    waits: list[float] = []
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(UnavailableError, match="raise the client's timeout"):
            ask(url, "models", waits=waits, client={"timeout": httpx.Timeout(600, read=0.05)})
    assert waits == []


def test_a_proxys_error_page_becomes_a_message(ask: Ask) -> None:
    page = httpx.Response(502, html="<html>\n  <h1>Bad  gateway</h1>" + "x" * 9_999)
    with pytest.raises(ProblemError) as caught:
        ask(Script(page), "predictions", client={"retries": 0})
    assert (caught.value.status, caught.value.title, caught.value.problem) == (502, "Bad Gateway", {})
    assert "text/html and no problem document, so it may be a proxy; it begins '<html> <h1>Bad" in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, html="<html>welcome</html>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={}),
        httpx.Response(200, json={"timestamps": None, "observed": 3}),
        httpx.Response(204),
    ],
)
def test_another_servers_response_is_recognized(ask: Ask, answer: httpx.Response) -> None:
    for call in ("predictions", "forecast_dataset", "compare", "models"):
        with pytest.raises(AnswerError, match="check the client's base URL"):
            ask(Script(answer), call)


def test_series_missing_from_the_response_are_an_error(ask: Ask, months: "pd.Series[float]") -> None:
    with pytest.raises(AnswerError):
        ask(Script(FORECAST), "forecast", pd.DataFrame({"a": months, "b": months}))


def test_the_error_for_a_redirect_names_its_target(ask: Ask) -> None:
    moved = httpx.Response(308, headers={"Location": "https://sst.example/predictions"})
    with pytest.raises(ProblemError, match=r"redirects to https://sst\.example"):
        ask(Script(moved), "predictions")


def test_the_path_of_a_gateway_is_kept(ask: Ask) -> None:
    script = Script(PREDICTIONS, url="http://sst.example/sst/v1/")
    ask(script, "predictions", "nino12")
    assert script.requests[0].url.raw_path == b"/sst/v1/compare/predictions?dataset=nino12"


def test_the_key_is_sent_as_a_bearer_token_and_never_shown(ask: Ask, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    key = "s3cret-key"
    script = Script(error(503, Retry_After="0"), error(401))
    with pytest.raises(ProblemError) as caught:
        ask(script, "predictions", client={"api_key": key})
    assert [request.headers["Authorization"] for request in script.requests] == [f"Bearer {key}"] * 2
    assert caplog.records
    assert key not in caplog.text + repr(caught.value) + str(caught.value)
    with Client(script.url, api_key=key) as library:
        assert repr(library) == f"Client({script.url!r})"
        assert key not in repr(vars(library))


def test_a_service_with_keys_answers_a_client_with_a_key(ask: Ask, artifacts: Path) -> None:
    presented, key = new_key("pier", Role.FORECAST)
    settings = Settings(artifacts=artifacts, keys=SecretStr(key.line), allow_anonymous=False)
    with serve(settings) as guarded:
        url = str(guarded.base_url)
        assert len(ask(url, "forecast_dataset", client={"api_key": presented})) == 1
        with pytest.raises(ProblemError) as caught:
            ask(url, "forecast_dataset")
    assert caught.value.status == 401


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize("key", ["", "two words", "line\n", "schlüssel"])
def test_an_invalid_key_is_refused_without_being_shown(kind: type[Any], key: str) -> None:
    with pytest.raises(ValueError, match="api_key is empty or holds") as caught:
        kind("http://127.0.0.1:8000", api_key=key)
    assert not key or key not in str(caught.value)


def test_a_password_in_the_address_is_not_shown() -> None:
    with Client("http://me:hidden@127.0.0.1:9", retries=0) as library, pytest.raises(UnavailableError) as caught:
        library.models()
    assert "http://127.0.0.1:9/models" in str(caught.value)
    assert "hidden" not in f"{library!r}{caught.value}"


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ({"base_url": "127.0.0.1:8000"}, "expected a URL such as http://"),
        ({"base_url": "http://"}, "expected a URL such as http://"),
        ({"base_url": "http://host:port"}, "expected a URL such as http://"),
        ({"retries": -1}, "neither can be negative"),
        ({"max_wait": float("nan")}, "neither can be negative"),
        ({"max_series": 0}, "it must be at least one"),
        ({"max_bytes": 0}, "max_bytes is 0: it must be at least one"),
    ],
)
@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_invalid_arguments_of_a_client_are_refused(kind: type[Any], argument: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kind(**argument)


@pytest.mark.parametrize("name", ["retries", "max_series", "max_bytes"])
@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_counts_must_be_integers(kind: type[Any], name: str) -> None:
    for value in (2.5, True, "2"):
        with pytest.raises(TypeError, match=f"{name} is {value!r}: expected an integer"):
            kind(**{name: value})


DAYS = pd.date_range("2010-01-01", periods=3)


@pytest.mark.parametrize(
    ("series", "kind", "message"),
    [
        ([24.0, 24.1], TypeError, "series is a list: expected a Series, a DataFrame or a mapping of Series"),
        ({"pier": [24.0]}, TypeError, "series 'pier' is a list: expected a Series"),
        (pd.DataFrame(index=DAYS), ValueError, "there is no series"),
        ({}, ValueError, "there is no series"),
        (pd.Series([24.0]), ValueError, "series '0': its index must hold times"),
        (pd.Series([], pd.DatetimeIndex([]), dtype=float), ValueError, "series '0' holds no values: pass at least"),
        (pd.Series([], dtype=float), ValueError, "series '0' holds no values: pass at least"),
        (
            pd.Series([True, False, True], DAYS),
            ValueError,
            "series '0': its values must be numbers, not bool",
        ),
        (
            pd.Series([True, None, True], DAYS),
            ValueError,
            "must be numbers, not object: pass temperatures",
        ),
        (pd.Series([True, None, True], DAYS, dtype="boolean"), ValueError, "must be numbers, not boolean"),
        (pd.Series(DAYS, DAYS), ValueError, "must be numbers, not datetime64"),
        (
            pd.Series([24.0] * 2, pd.DatetimeIndex(["2010-01-01", None])),
            ValueError,
            "time at position 1 is missing",
        ),
        (pd.Series(["a", "b", "c"], DAYS, name="pier"), ValueError, "series 'pier': its values must be numbers"),
        (
            pd.Series([1.0, 2, 3], DAYS, name="p\ud83d"),
            ValueError,
            r"series 'p\\ud83d': its name holds a lone surrogate",
        ),
        (pd.Series([1, np.inf, 2], DAYS), ValueError, "the value at 2010-01-02 00:00:00 is infinite"),
    ],
)
def test_invalid_series_are_refused_before_they_are_sent(
    ask: Ask, series: Any, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        ask("http://127.0.0.1:9", "forecast", series)


@pytest.mark.parametrize(
    ("asked", "kind", "message"),
    [
        ({"thresholds": [np.nan]}, ValueError, "thresholds are [nan]: each must be a finite temperature"),
        ({"thresholds": 24.5}, TypeError, "thresholds is 24.5: expected a list such as [24.5]"),
        ({"thresholds": ["24"]}, TypeError, "a threshold is '24': expected a temperature such as 24.5"),
        ({"thresholds": [True]}, TypeError, "a threshold is True: expected a temperature such as 24.5"),
        ({"thresholds": [None]}, TypeError, "a threshold is a NoneType: expected a temperature such as 24.5"),
        ({"levels": [80.5]}, TypeError, "a level is 80.5: expected an integer; convert it with int()"),
        ({"levels": 80}, TypeError, "levels is 80: expected a list such as [80, 95]"),
        ({"levels": "80"}, TypeError, "levels is '80': expected a list such as [80, 95]"),
        ({"horizon": "2"}, TypeError, "horizon is '2': expected an integer"),
        ({"horizon": 2.0}, TypeError, "horizon is 2.0: expected an integer"),
        ({"horizon": True}, TypeError, "horizon is True: expected an integer"),
    ],
)
def test_invalid_numbers_are_refused_with_the_name_of_the_argument(
    ask: Ask, months: "pd.Series[float]", asked: dict[str, Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=re.escape(message)):
        ask("http://127.0.0.1:9", "forecast", months, **asked)


@pytest.mark.parametrize(("call", "sent"), [("compare", ()), ("compare_series", (0,)), ("forecast_dataset", ())])
def test_each_call_with_a_horizon_refuses_one_that_is_not_an_integer(
    ask: Ask, months: "pd.Series[float]", call: str, sent: tuple[int, ...]
) -> None:
    for horizon in (2.0, True):
        with pytest.raises(TypeError, match=f"horizon is {horizon}: expected an integer"):
            ask("http://127.0.0.1:9", call, *(months for _ in sent), horizon=horizon)


def test_numpy_numbers_and_pandas_missing_values_are_accepted(ask: Ask, url: str, months: "pd.Series[float]") -> None:
    nullable = months.where(months.index != months.index[20]).astype("Float64")
    table = ask(
        url,
        "forecast",
        nullable,
        dataset="nino12",
        horizon=np.int64(2),
        levels=np.array([80]),
        thresholds=np.array([24]),
    )
    assert len(table) == 2
    assert "gap_filled" in table["warnings"].iloc[0]


def test_both_clients_have_the_same_arguments() -> None:
    def arguments(kind: type) -> list[tuple[str, Any]]:
        given = inspect.signature(kind).parameters.values()
        return [(parameter.name, parameter.default) for parameter in given if parameter.name != "sleep"]

    assert arguments(Client) == arguments(AsyncClient)


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        *(("forecast", {"series": "months", "dataset": "nino12", "model": model}) for model in ("gru", "all")),
        ("forecast_dataset", {"events": [{"name": "warm", "above": 24}]}),
        ("compare", {"horizon": 2}),
        ("compare_leads", {}),
        ("compare_series", {"series": "months", "dataset": "nino12", "model": "gru"}),
        ("hindcast", {"origins": 2}),
        ("predictions", {}),
        ("models", {}),
        ("stations.list", {}),
    ],
)
def test_both_clients_return_the_same(url: str, months: "pd.Series[float]", call: str, arguments: Any) -> None:
    arguments = {name: months if value == "months" else value for name, value in arguments.items()}

    async def run() -> Any:
        async with AsyncClient(url) as client:
            return await attrgetter(call)(client)(**arguments)

    with Client(url) as client:
        assert_frame_equal(attrgetter(call)(client)(**arguments), asyncio.run(run()))


def test_the_methods_of_both_clients_are_documented_functions() -> None:
    signature = str(inspect.signature(Client.compare))
    assert signature.startswith("(self, dataset: str | None = None, *, horizon: int | None = None) -> ")
    assert signature.endswith("DataFrame")
    assert inspect.signature(AsyncClient.compare) == inspect.signature(Client.compare)
    assert inspect.iscoroutinefunction(AsyncClient.compare)
    assert not inspect.iscoroutinefunction(Client.compare)
    assert str(inspect.getdoc(AsyncClient.compare)).startswith("Return the accuracy on the held-out test part")


def test_every_exception_is_a_service_error() -> None:
    assert all(issubclass(kind, ServiceError) for kind in (ProblemError, UnavailableError, AnswerError))


def test_the_client_needs_neither_torch_nor_a_web_framework() -> None:
    code = """
import sys

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "fastapi", "starlette", "uvicorn", "pydantic_settings", "forecasting"}:
            raise ImportError(f"{name} is blocked")

sys.meta_path.insert(0, Block())
from service.client import AsyncClient, Client
Client("http://127.0.0.1:9").close()
print(Client.__module__)
try:
    import service.app
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    imported, blocked = done.stdout.splitlines()
    assert imported == "service.client.client"
    assert "is blocked" in blocked


@pytest.mark.long
def test_the_lines_in_the_documentation_run_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    text = (ROOT / "docs" / "reference" / "python-client.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert blocks
    names: dict[str, Any] = {}
    with serve(Settings(artifacts=ROOT / "artifacts")) as shipped:
        for block in blocks:
            exec(block.replace("http://127.0.0.1:8000", str(shipped.base_url).rstrip("/")), names)
    assert len(names["table"]) == 3


@pytest.fixture(scope="module")
def seas_url(seas: Path) -> Iterator[str]:
    """The address of a service with universal releases."""
    with serve(Settings(artifacts=seas)) as client:
        yield str(client.base_url)


def days(n: int = 60) -> "pd.Series[float]":
    index = pd.date_range("2024-01-01", periods=n, name="time")
    return pd.Series([20 + 3 * math.sin(i / 20) + 0.3 * math.sin(1.7 * i) for i in range(n)], index)


def test_series_of_any_sea_are_forecast_by_the_release_of_their_step(ask: Ask, seas_url: str) -> None:
    months = pd.Series(days().to_numpy(), pd.date_range("2000-01-01", periods=60, freq="MS"))
    table = ask(seas_url, "forecast", {"days": days(), "months": months, "short": days(5)}, model="gru")
    assert table["model"].tolist()[:2] == ["ocean-daily-gru", "ocean-monthly-gru"]
    assert table["time"].tolist()[:2] == [pd.Timestamp("2024-03-01", tz="UTC"), pd.Timestamp("2005-01-01", tz="UTC")]
    assert "send 9 more" in table["error"][2]
    assert table["chosen"].isna().all()
    best = ask(seas_url, "forecast", days())
    assert best["chosen"].item() in ("own_past", "held_out_seas")
    every = ask(seas_url, "forecast", days(), model="all")
    assert every["model"].tolist() == [f"ocean-daily-{cell}" for cell in ("rnn", "lstm", "gru")]


def test_universal_networks_are_compared_on_series_at_several_steps(ask: Ask, seas_url: str) -> None:
    months = pd.Series(days().to_numpy(), pd.date_range("2000-01-01", periods=60, freq="MS"))
    table = ask(seas_url, "compare_series", {"days": days(), "months": months, "short": days(5)})
    names = {station: group["model"].tolist()[:3] for station, group in table.groupby("station")}
    assert names["days"] == [f"ocean-daily-{cell}" for cell in ("rnn", "lstm", "gru")]
    assert names["months"] == [f"ocean-monthly-{cell}" for cell in ("rnn", "lstm", "gru")]
    assert table.set_index("station")["step"]["months"].tolist()[0] == "month"
    assert "send 9 more" in table.set_index("station")["error"]["short"]


def test_positions_are_sent_for_all_series_or_by_name(ask: Ask, seas_url: str) -> None:
    frame = pd.DataFrame({"berlin": days(), "nice": days()})
    table = ask(seas_url, "forecast", frame, latitude={"berlin": 52.5}, longitude={"berlin": 13.4, "nice": math.nan})
    assert ["on land" in warnings for warnings in table["warnings"]] == [True, False]
    assert "on land" in ask(seas_url, "forecast", days(), latitude=52.5, longitude=13.4)["warnings"].item()
    with pytest.raises(ValueError, match="series 'nice' has only one coordinate: pass both latitude and longitude"):
        ask(seas_url, "forecast", frame, latitude=52.5, longitude={"berlin": 13.4})
    with pytest.raises(TypeError, match="its latitude is '52': expected degrees such as"):
        ask(seas_url, "forecast", days(), latitude="52", longitude=13.4)
    with pytest.raises(ProblemError, match="less than or equal to 90"):
        ask(seas_url, "forecast", days(), latitude=152, longitude=13.4)


def test_the_table_of_models_has_universal_ones_without_a_training_period(ask: Ask, seas_url: str) -> None:
    table = ask(seas_url, "models")
    assert set(table.loc["ocean-daily-gru", ["kind", "step"]]) == {"universal", "day"}
    assert pd.isna(table.loc["ocean-daily-gru", "training_period_start"])
    assert table.loc["nino12-gru", "training_period_start"] == pd.Timestamp("1950-01-01", tz="UTC")


def test_a_universal_dataset_is_compared_on_held_out_seas(ask: Ask, seas_url: str) -> None:
    table = ask(seas_url, "compare", "ocean-daily")
    assert table.index.tolist() == [f"ocean-daily-{cell}" for cell in ("gru", "gru", "lstm", "lstm", "rnn", "rnn")]
    assert table["lead"].tolist() == [1, 7] * 3
    assert table.loc["ocean-daily-gru", "relative_rmse"].tolist() == [0.9, 0.9]
    assert table["best"].tolist() == [True, True, False, False, False, False]
    assert set(table["step"]) == {"day"}
    assert ask(seas_url, "compare", "ocean-daily", horizon=7)["lead"].tolist() == [7] * 3

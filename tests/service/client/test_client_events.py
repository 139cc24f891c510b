"""Events, sample paths and hindcasts through the Python client."""

import pickle
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from service.client import ForecastTable, ProblemError
from tests.service.client.conftest import Ask
from tests.service.requests import answered

WARM = {"name": "warm", "above": np.float64(20.0), "for": np.int64(2)}
HEATWAVE = {"name": "heatwave", "kind": "marine_heatwave"}
GIVEN = {"climatology": [18.0] * 366, "threshold": np.full(366, 19.0)}


@pytest.fixture(scope="module")
def seas_url(seas_client: httpx.Client) -> str:
    """The address of a service with universal releases."""
    return str(seas_client.base_url)


@pytest.fixture
def days() -> "pd.Series[float]":
    """Sixty days around 20 °C."""
    values = 20 + np.sin(np.arange(60) / 5)
    return pd.Series(values, pd.date_range("2026-05-01", periods=60), name="pier")


def test_a_forecast_has_tables_of_its_events_and_paths(ask: Ask, seas_url: str, days: "pd.Series[float]") -> None:
    table = ask(seas_url, "forecast", days, model="gru", horizon=3, events=[WARM, HEATWAVE], paths=2, thresholds=[20])
    warm, heatwave = table.events.to_dict("records")
    assert (warm["station"], warm["event"], warm["kind"], warm["error"]) == ("pier", "warm", "threshold", None)
    assert 0 < warm["probability"] < 1
    assert warm["onset_lower"] <= warm["onset_median"] <= warm["onset_upper"]
    assert "a baseline needs 10 years" in heatwave["error"]
    leads = table.event_leads
    assert leads["time"].tolist() == table["time"].tolist()
    assert leads["probability"].tolist() == pytest.approx(table["exceedance_20"].tolist(), abs=1e-4)
    assert table.paths[["path", "time"]].apply(tuple, axis=1).tolist() == [
        (path, time) for path in range(2) for time in table["time"]
    ]
    assert table.paths["sst"].notna().all()


def test_the_tables_do_not_depend_on_what_was_asked(ask: Ask, seas_url: str, days: "pd.Series[float]") -> None:
    plain = ask(seas_url, "forecast", days, model="gru", horizon=2)
    asked = ask(seas_url, "forecast", days, model="gru", horizon=2, events=[WARM, HEATWAVE], paths=1, baseline=GIVEN)
    assert_frame_equal(plain, asked)
    for name in ("events", "event_leads", "paths"):
        before, after = getattr(plain, name), getattr(asked, name)
        assert (len(before), len(after) > 0) == (0, True)
        assert list(before.columns) == list(after.columns)
        numbers = before.columns.difference(["station", "model", "event", "kind", "warnings"])
        assert before[numbers].dtypes.equals(after[numbers].dtypes)


def test_a_forecast_table_is_a_data_frame_whose_parts_are_plain(
    ask: Ask, seas_url: str, days: "pd.Series[float]"
) -> None:
    table = ask(seas_url, "forecast", days, model="gru", events=[WARM])
    assert isinstance(table, ForecastTable)
    assert type(table[["sst"]]) is pd.DataFrame
    copy = pickle.loads(pickle.dumps(table))
    assert_frame_equal(copy, table)
    assert_frame_equal(copy.events, table.events)


def test_a_baseline_is_for_all_series_or_for_one_by_name(ask: Ask, seas_url: str, days: "pd.Series[float]") -> None:
    frame = pd.DataFrame({"a": days, "b": days})
    request: Any = {"model": "gru", "horizon": 2, "events": [HEATWAVE]}
    for_all = ask(seas_url, "forecast", frame, **request, baseline=pd.DataFrame(GIVEN)).events
    assert for_all["active"].tolist() == [True, True]
    assert for_all["category"].notna().all()
    for_one = ask(seas_url, "forecast", frame, **request, baseline={"b": GIVEN}).events
    assert for_one["error"].isna().tolist() == [False, True]
    period = {"start": pd.Timestamp("2026-05-01"), "end": "2026-06-01"}
    (failed,) = ask(seas_url, "forecast", days, **request, baseline=period).events["error"]
    assert failed.startswith("the series has 0.1 years between 2026-05-01 and 2026-06-01")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"events": WARM}, TypeError, "events is a dict: expected a list"),
        ({"events": ["warm"]}, TypeError, "an event is 'warm': expected a mapping"),
        ({"events": [WARM | {"above": np.nan}]}, ValueError, "above of event 'warm' is nan: expected a finite number"),
        ({"paths": 2.5}, TypeError, r"paths is 2\.5: expected an integer"),
        ({"baseline": 3}, TypeError, "baseline has the type int: expected a mapping with start and end"),
        (
            {"baseline": {"pier": [18.0]}},
            TypeError,
            "the baseline of series 'pier' has the type list: expected a mapping",
        ),
        (
            {"baseline": {"pier": {"from": 1}}},
            TypeError,
            "the baseline of series 'pier' has 'from': expected a mapping",
        ),
        ({"baseline": {"climatology": [np.nan]}}, ValueError, "climatology of baseline is nan"),
    ],
)
def test_arguments_that_cannot_be_sent_are_refused_before_a_request(
    ask: Ask, seas_url: str, days: "pd.Series[float]", arguments: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        ask(seas_url, "forecast", days, **arguments)


def test_a_dataset_is_forecast_with_events_and_paths(ask: Ask, url: str) -> None:
    table = ask(url, "forecast_dataset", "nino12", model="all", events=[{"name": "warm", "above": 24.0}], paths=3)
    assert table.events["event"].tolist() == ["warm"] * 3
    assert table.events["model"].tolist() == table["model"].tolist()
    assert table.paths.groupby("model").size().tolist() == [3] * 3


def test_past_events_have_a_row_each(ask: Ask, url: str, days: "pd.Series[float]") -> None:
    frame = {"hot": days, "cool": days - 5, "hourly": days.set_axis(pd.date_range("2026", periods=60, freq="h"))}
    table = ask(url, "events", frame, baseline=GIVEN)
    assert set(table["station"]) == {"hot", "hourly"}
    hot = table[table["station"] == "hot"]
    assert (hot["days"] >= 5).all()
    assert hot["start"].iloc[0] == days.index[0].tz_localize("UTC")
    assert table["error"].iloc[-1].startswith("the step is one hour")
    with pytest.raises(ProblemError, match="a baseline needs 10 years"):
        ask(url, "events", days)
    assert ask(url, "events", days, strict=False)["error"].notna().all()


def test_events_of_a_new_pier_may_rest_on_its_position(ask: Ask, seas_url: str, days: "pd.Series[float]") -> None:
    place: Any = {"baseline": "position", "latitude": 0.0, "longitude": 160.0}
    (event,) = ask(seas_url, "forecast", days + 12, model="gru", events=[HEATWAVE], **place).events.to_dict("records")
    assert event["active"]
    assert event["warnings"].startswith("coarse_baseline: ")
    table = ask(seas_url, "events", days + 12, **place)
    assert (table["days"] >= 5).all()
    assert table["warnings"].str.startswith("coarse_baseline: ").all()
    place["baseline"] = {"a": "position"}
    by_name = ask(seas_url, "events", {"a": days + 12, "b": days}, **place, strict=False)
    assert "a baseline needs 10 years" in by_name.set_index("station").loc["b", "error"]


def test_accuracy_at_every_lead_has_a_row_for_each_model_and_lead(ask: Ask, url: str, client: httpx.Client) -> None:
    table = ask(url, "compare_leads", "nino12").set_index(["model", "lead"])
    answer = answered(client.get("/compare/leads"))
    gru = next(model for model in answer["models"] if model["model"] == "nino12-gru")
    assert table.loc["nino12-gru", "rmse"].tolist() == gru["rmse"]
    assert table.loc[("nino12-gru", 2), "coverage_80"] == gru["coverage"]["80"]["share"][1]
    assert table.loc[("nino12-gru", 3), "skill_persistence_lower"] == gru["skill"]["persistence"]["lower"][2]
    assert table.loc["persistence", "coverage_80"].isna().all()


def test_past_forecasts_stand_beside_what_was_observed(ask: Ask, url: str, client: httpx.Client) -> None:
    table = ask(url, "hindcast", "nino12", model="gru", origin=pd.Timestamp("2005-01-01"), origins=2)
    query = {"dataset": "nino12", "model": "gru", "origin": "2005-01-01", "origins": "2"}
    answer = answered(client.get("/compare/hindcast", params=query))
    assert table["origin"].dt.strftime("%Y-%m").unique().tolist() == ["2005-01", "2005-02"]
    first = table.iloc[: answer["horizon"]]
    assert first["sst"].tolist() == answer["forecasts"][0]["sst"]
    assert first["observed"].tolist() == answer["forecasts"][0]["observed"]
    assert first["lower_80"].tolist() == answer["forecasts"][0]["intervals"][0]["lower"]
    assert first["persistence"].nunique() == 1

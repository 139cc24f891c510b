"""How right forecasts of a file would have been on its own past, and what its position changes."""

from typing import Any

import httpx
import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.page.conftest import Shown, Visitor
from tests.page.files import daily, drop, drop_file, dropped, every_five_days, open_options
from tests.page.test_data import first_value, series_of

pytestmark = pytest.mark.long

LINE = "(plot, name) => plot.data.find(trace => trace.name === name).y"


def forecast(url: str, text: str, **options: Any) -> Any:
    """Return the forecast of a file, one step ahead unless ``options`` say otherwise."""
    body = {"series": series_of(url, text)} | options
    (answer,) = httpx.post(f"{url}/forecast", json=body).raise_for_status().json()["forecasts"]
    return answer


def verdict(page: Page) -> Locator:
    return page.locator(".accuracy .verdict")


def errors_table(page: Page) -> Locator:
    page.locator(".accuracy summary", has_text="Typical errors").click()
    return page.get_by_role("table", name="Typical errors (RMSE) by how far ahead")


def is_simple(model: str) -> bool:
    return not model.startswith("ocean-") and model != "mixture"


def test_a_sentence_and_a_table_by_lead_say_how_right_forecasts_would_have_been(visitor: Visitor, url: str) -> None:
    asked = []
    visit = visitor()
    visit.page.on("request", lambda request: asked.append(request) if request.url.endswith("/forecast") else None)
    page = dropped(visit, "pier.csv", daily(60))
    assert len(asked) == 1
    chosen = forecast(url, daily(60), horizon=7)["chosen"]
    by_lead = chosen["rmse_by_lead"]
    first = {name: errors[0] for name, errors in by_lead.items()}
    best = min(filter(is_simple, first), key=lambda name: first[name])
    assert first[best] < first["mixture"]
    for error in (first["mixture"], first[best], first["persistence"]):
        expect(verdict(page)).to_contain_text(f"{error:.2f}\u00a0°C")
    expect(verdict(page)).to_contain_text("So expect the forecast to be no better than")
    expect(page.locator(".accuracy")).to_contain_text(f"{chosen['origins']} forecasts of the past of this series")
    rows = errors_table(page).get_by_role("row").all()
    heads = ["1 day", *(f"{lead} days" for lead in range(2, 8))]
    assert [row.get_by_role("rowheader").inner_text() for row in rows[1:]] == heads
    for row, error in zip(rows[1:], by_lead["mixture"], strict=True):
        expect(row.get_by_role("cell").nth(1)).to_have_text(f"{error:.2f}")


def test_the_sentence_the_chart_and_the_table_show_the_mixture(shown: Shown, url: str) -> None:
    text = every_five_days(300)
    best = forecast(url, text, horizon=7)
    assert best["model"] == "mixture"
    page = drop(shown("add"), "tide.csv", text)
    # The range is narrow, so the sentence has two decimals.
    value = f"{best['sst'][0]:.2f}"
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"tide.csv: {value}\u00a0°C")
    expect(first_value(page)).to_have_text(value)
    assert f"{page.locator('.chart-slot .plot').first.evaluate(LINE, 'Mixture')[1]:.2f}" == value
    # Screen readers hear it too.
    expect(page.locator("#announcement")).to_contain_text(f"tide.csv: {value}")


def test_all_three_networks_are_told_by_the_one_that_did_best(visitor: Visitor, url: str) -> None:
    text = every_five_days(300)
    page = dropped(visitor(), "tide.csv", text, "model=all")
    compared = httpx.post(f"{url}/compare", json={"series": series_of(url, text)}).json()
    models = compared["series"][0]["models"] if "series" in compared else compared["models"]
    errors = {model["model"]: model["rmse"] for model in models}
    best = min((name for name in errors if name.startswith("ocean-")), key=lambda name: errors[name])
    answer = forecast(url, text, horizon=7, model=best)
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"tide.csv: {answer['sst'][0]:.1f}\u00a0°C")


def test_a_network_that_the_user_picks_is_shown_with_the_simple_forecast_that_is_better(
    visitor: Visitor, url: str
) -> None:
    text = every_five_days(300)
    page = dropped(visitor(), "tide.csv", text, "model=gru&horizon=1")
    answer = forecast(url, text, model="gru")
    assert [warning["code"] for warning in answer["warnings"]] == ["reference_is_better"]
    expect(verdict(page)).to_contain_text("So expect the forecast to be no better than a linear autoregression.")
    expect(first_value(page)).to_have_text(f"{answer['sst'][0]:.2f}")
    expect(page.locator(".notice.warning")).to_contain_text("the reference linear had an RMSE of")


def test_the_model_of_a_place_that_loses_to_a_simple_forecast_is_shown_with_it(visitor: Visitor, url: str) -> None:
    months = np.arange("1990-01", "2010-01", dtype="datetime64[M]")
    walk = 15 + np.cumsum(np.random.default_rng(3).normal(0, 0.4, len(months)))
    text = "time,sst\n" + "".join(f"{month}-01,{value:.2f}\n" for month, value in zip(months, walk, strict=True))
    compared = httpx.post(f"{url}/compare", json={"dataset": "nino12", "series": series_of(url, text)}).json()
    errors = {model["model"]: model["rmse"] for model in compared["models"]}
    assert errors["persistence"] == min(errors.values())
    page = dropped(visitor(), "lake.csv", text, "release=nino12&model=gru")
    for name in ("nino12-gru", "persistence"):
        expect(verdict(page)).to_contain_text(f"{errors[name]:.2f}\u00a0°C")
    expect(verdict(page)).to_contain_text("So expect the forecast to be no better than repeating the last value.")


def test_a_series_too_short_to_judge_by_says_how_many_forecasts_can_be_checked(shown: Shown, url: str) -> None:
    answer = forecast(url, daily(26), horizon=7)
    assert answer["chosen"]["by"] == "held_out_seas"
    page = drop(shown("add"), "short.csv", daily(26))
    expect(verdict(page)).to_contain_text(f"Only {answer['chosen']['origins']} forecasts can be checked so far")


def test_a_series_without_any_past_forecast_has_no_empty_table(shown: Shown, url: str) -> None:
    assert forecast(url, daily(14))["chosen"] == {"by": "held_out_seas", "origins": 0, "rmse": {}}
    page = drop(shown("add"), "short.csv", daily(14))
    expect(page.locator(".accuracy")).to_contain_text("The series is too short to check this forecast, of 7 days,")
    expect(page.locator(".accuracy").get_by_role("table")).to_have_count(0)
    expect(verdict(page)).to_have_count(0)


def test_a_step_between_those_of_the_networks_is_resampled(shown: Shown, url: str) -> None:
    times = np.datetime64("2022-01-01T00:00") + np.arange(100) * np.timedelta64(6, "h")
    values = 15 + np.cumsum(np.random.default_rng(2).normal(0, 0.1, len(times)))
    text = "time,sst\n" + "".join(f"{time}Z,{value:.2f}\n" for time, value in zip(times, values, strict=True))
    page = drop(shown("add"), "logger.csv", text)
    answer = forecast(url, text, horizon=page.get_by_role("table", name="Forecast for").get_by_role("row").count() - 1)
    expect(page.locator(".notice.warning")).to_contain_text("The series has a step of 6 hours")
    expect(page.get_by_role("table", name="Forecast for").get_by_role("rowheader").first).to_have_text(
        "26 Jan 2022, 00:00"
    )
    expect(first_value(page)).to_have_text(f"{answer['sst'][0]:.2f}")


def test_a_position_is_used_and_offers_another_simple_forecast(visitor: Visitor, url: str) -> None:
    visit = visitor()
    page = open_options(dropped(visit, "pier.csv", daily(60)))
    expect(page.get_by_text("know the usual temperatures there")).to_be_visible()
    page.get_by_label("Latitude").fill("43.6, 9.1")
    page.get_by_label("Latitude").press("Enter")
    visit.settle()
    expect(page.get_by_label("Longitude")).to_have_value("9.1")
    expect(errors_table(page).get_by_role("columnheader", name="Usual change")).to_be_visible()
    series = [{**series_of(url, daily(60))[0], "latitude": 43.6, "longitude": 9.1}]
    answer = httpx.post(f"{url}/forecast", json={"series": series, "horizon": 7}).json()["forecasts"][0]
    expect(first_value(page)).to_have_text(f"{answer['sst'][0]:.2f}")
    assert "latitude=43.6&longitude=9.1" in page.url
    # Another file is of another place.
    drop_file(visit, "quay.csv", daily(70))
    expect(page.get_by_label("Latitude")).to_have_value("")
    assert "latitude" not in page.url


def test_the_position_of_the_file_is_used_until_another_is_entered(shown: Shown) -> None:
    head, *rows = daily(60).splitlines()
    text = "\n".join([f"{head},lat,lon", *(f"{row},43.6,9.1" for row in rows)])
    visit = shown("add")
    page = open_options(drop(visit, "mooring.csv", text))
    table = page.get_by_role("table", name="Forecast for")
    expect(table.get_by_role("columnheader", name="Usual change")).to_be_visible()
    expect(page.get_by_role("group", name="Position (optional)")).to_contain_text("The file says 43.6° N, 9.1° E.")
    expect(page.locator("section.card", has_text="How the file was read")).to_contain_text("43.6, 9.1")
    page.get_by_label("Latitude").fill("48, 11")
    page.get_by_label("Latitude").press("Enter")
    visit.settle()
    expect(page.get_by_role("group", name="Position (optional)")).to_contain_text("is on land")
    expect(table.get_by_role("columnheader", name="Usual change")).to_have_count(0)


@pytest.mark.parametrize(
    ("latitude", "longitude", "message"),
    [("48", "11", "is on land"), ("91", "9", "Enter degrees as numbers"), ("north", "9", "Enter degrees as numbers")],
)
def test_a_position_that_cannot_be_used_is_explained_beside_its_fields(
    shown: Shown, latitude: str, longitude: str, message: str
) -> None:
    visit = shown("add")
    page = open_options(drop(visit, "pier.csv", daily(60)))
    page.get_by_label("Longitude").fill(longitude)
    page.get_by_label("Longitude").press("Enter")
    page.get_by_label("Latitude").fill(latitude)
    page.get_by_label("Latitude").press("Enter")
    visit.settle()
    expect(page.get_by_role("group", name="Position (optional)")).to_contain_text(message)
    expect(page.get_by_label("Latitude")).to_have_attribute("aria-invalid", "true")

"""The opening of a forecast in Your data: the record on the series, and the next value."""

from typing import Any

import httpx
import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.page.conftest import Shown, Visitor
from tests.page.files import daily, drop, drop_file, dropped, every_five_days
from tests.page.test_data import series_of

LINE = "(plot, name) => plot.data.find(trace => trace.name === name && trace.mode.includes('lines')).y"
COLOUR = """(plot, part) => {
  const sample = document.createElement("span");
  sample.style.color = plot.data.find(trace => trace.mode === "lines+markers")[part].color;
  plot.append(sample);
  const { color } = getComputedStyle(sample);
  sample.remove();
  return color;
}"""


def forecast(url: str, text: str, **options: Any) -> Any:
    """Return the forecast of a file, one step ahead unless ``options`` say otherwise."""
    body = {"series": series_of(url, text)} | options
    (answer,) = httpx.post(f"{url}/forecast", json=body).raise_for_status().json()["forecasts"]
    return answer


def headline(page: Page) -> Locator:
    return page.locator(".headline")


def open_record(page: Page) -> None:
    details = headline(page).locator("details")
    if not details.evaluate("details => details.open"):
        details.get_by_text("How each model did").click()


def is_network(model: str) -> bool:
    return model.startswith("ocean-")


def next_value(page: Page, url: str, text: str) -> Any:
    """Return the forecast whose first value opens the page: that of the chart."""
    return forecast(url, text, horizon=int(page.get_by_label("Steps ahead").input_value()))


def test_a_forecast_opens_with_the_verdict_of_its_past_and_has_the_record_of_each_model(
    visitor: Visitor, url: str
) -> None:
    page = dropped(visitor(), "pier.csv", daily(60))
    answer = forecast(url, daily(60))
    first, later = answer["chosen"], forecast(url, daily(60), horizon=7)["chosen"]
    assert first["by"] == later["by"] == "own_past"
    expect(page.locator(".result section").first).to_have_class("card headline")
    heading = headline(page).get_by_role("heading")
    expect(heading).to_contain_text("Over your last 46 days,")
    references = [name for name in first["rmse"] if not is_network(name) and name != "mixture"]
    for name in (answer["model"], min(references, key=lambda name: first["rmse"][name])):
        expect(heading).to_contain_text(f"{first['rmse'][name]:.2f}")
    # The sentence is enough at first; the table is for those who ask.
    expect(headline(page).get_by_role("table")).not_to_be_visible()
    open_record(page)
    expect(headline(page)).to_contain_text(f"over {first['origins']} forecasts one day ahead")
    rows = headline(page).get_by_role("table", name="Record on your series").get_by_role("row").all()
    expect(rows[0]).to_contain_text("One day ahead")
    expect(rows[0]).to_contain_text("Up to 7 days ahead")
    shown_errors = [row.get_by_role("cell").all_inner_texts() for row in rows[1:]]
    order = ["mixture", "ocean-daily-rnn", "ocean-daily-lstm", "ocean-daily-gru", "persistence", "damped", "linear"]
    assert shown_errors == [[f"{first['rmse'][name]:.3f}", f"{later['rmse'][name]:.3f}"] for name in order]


def test_the_next_value_is_large_with_its_intervals_and_valid_time(shown: Shown, url: str) -> None:
    page = drop(shown("add"), "pier.csv", daily(60))
    answer = next_value(page, url, daily(60))
    expect(headline(page).locator(".figure")).to_have_text(f"{answer['sst'][0]:.2f} °C")
    expect(headline(page)).to_contain_text("Next value, 1 Mar 2022")
    expect(headline(page)).to_contain_text(
        "Forecast by the mixture of networks and references from data up to 28 Feb 2022."
    )
    for interval in answer["intervals"]:
        expect(headline(page)).to_contain_text(f"{interval['level']}%")
        expect(headline(page)).to_contain_text(f"{interval['lower'][0]:.2f} to {interval['upper'][0]:.2f} °C")
    # Screen readers hear it too.
    expect(page.locator("#announcement")).to_contain_text(f"Next value, 1 Mar 2022: {answer['sst'][0]:.2f} °C")


def test_the_headline_the_chart_and_the_table_show_the_mixture(shown: Shown, url: str) -> None:
    text = every_five_days(300)
    best = forecast(url, text, horizon=7)
    assert best["model"] == "mixture"
    page = drop(shown("add"), "tide.csv", text)
    value = f"{best['sst'][0]:.2f}"
    expect(headline(page).locator(".figure")).to_have_text(f"{value} °C")
    table = page.get_by_role("table", name="Forecast for tide.csv")
    heads = table.get_by_role("columnheader").all_inner_texts()
    assert heads[1] == "Mixture"
    assert "Linear autoregression" in heads
    assert table.get_by_role("cell").first.inner_text() == value
    plot = page.locator(".forecast .plot").first
    assert f"{plot.evaluate(LINE, 'Mixture')[1]:.2f}" == value
    dots, line = (plot.evaluate(COLOUR, part) for part in ("marker", "line"))
    assert dots == line != "rgb(0, 0, 0)"


def test_all_three_networks_open_with_the_one_that_did_best(visitor: Visitor, url: str) -> None:
    visit = visitor()
    dropped(visit, "tide.csv", every_five_days(300), "&model=all")
    errors = forecast(url, every_five_days(300), horizon=7)["chosen"]["rmse"]
    best = min(filter(is_network, errors), key=lambda name: errors[name])
    answer = forecast(url, every_five_days(300), horizon=7, model=best)
    expect(headline(visit.page).locator(".figure")).to_have_text(f"{answer['sst'][0]:.2f} °C")


def test_a_network_that_loses_to_a_reference_is_never_praised(shown: Shown, url: str) -> None:
    # The last value is the best forecast of a random walk.
    for seed in range(4):
        text = daily(200, walk=True, seed=seed)
        answer = forecast(url, text)
        errors = answer["chosen"]["rmse"]
        page = drop(shown("add"), "walk.csv", text)
        title = headline(page).get_by_role("heading").inner_text()
        best = min(errors, key=lambda name: errors[name])
        # The better one comes first, unless they are the same to a hundredth.
        praised = title.startswith("Over your last 6 months, this forecast was typically off by")
        assert praised == is_network(best) or "were both typically off by" in title


def test_a_network_that_the_user_picks_is_shown_with_the_reference_that_is_better(visitor: Visitor, url: str) -> None:
    text = every_five_days(300)
    page = dropped(visitor(), "tide.csv", text, "&model=gru&horizon=1")
    answer = forecast(url, text, model="gru")
    assert [warning["code"] for warning in answer["warnings"]] == ["reference_is_better"]
    heading = headline(page).get_by_role("heading")
    expect(heading).to_contain_text("a linear autoregression was typically off by")
    expect(heading).to_contain_text("one day ahead, this forecast by")
    expect(headline(page)).to_contain_text("The forecast is by the GRU network because you chose it.")
    expect(headline(page).locator(".figure")).to_have_text(f"{answer['sst'][0]:.2f} °C")
    expect(headline(page)).to_contain_text("A linear autoregression gives")
    expect(page.locator(".notice.warning")).to_contain_text("the reference linear had an RMSE of")


def test_the_model_of_a_place_that_loses_to_a_reference_is_shown_with_it(visitor: Visitor, url: str) -> None:
    months = np.arange("1990-01", "2010-01", dtype="datetime64[M]")
    walk = 15 + np.cumsum(np.random.default_rng(3).normal(0, 0.4, len(months)))
    text = "time,sst\n" + "".join(f"{month}-01,{value:.2f}\n" for month, value in zip(months, walk, strict=True))
    compared = httpx.post(f"{url}/compare", json={"dataset": "nino12", "series": series_of(url, text)}).json()
    errors = {model["model"]: model["rmse"] for model in compared["models"]}
    assert errors["persistence"] == min(errors.values())
    visit = visitor()
    dropped(visit, "lake.csv", text, "&release=nino12&model=gru")
    heading = headline(visit.page).get_by_role("heading")
    expect(heading).to_contain_text("Over your last 18 years, repeating the last value was typically off by")
    expect(heading).to_contain_text("one month ahead, this forecast by")
    expect(headline(visit.page)).to_contain_text("The forecast is by the GRU network because you chose it.")


def test_a_series_too_short_for_a_record_says_that_held_out_seas_chose_the_model(shown: Shown, url: str) -> None:
    answer = forecast(url, daily(20))
    assert answer["chosen"]["by"] == "held_out_seas"
    page = drop(shown("add"), "short.csv", daily(20))
    heading = headline(page).get_by_role("heading")
    cell = answer["model"].rpartition("-")[2].upper()
    expect(heading).to_contain_text("Your series is too short to judge this forecast")
    expect(heading).to_contain_text(f"only {answer['chosen']['origins']} past forecasts can be checked")
    expect(headline(page)).to_contain_text(f"The {cell} network makes the forecast: of the networks, it did best on")


def test_a_series_without_any_record_has_no_empty_table(shown: Shown, url: str) -> None:
    assert forecast(url, daily(14))["chosen"] == {"by": "held_out_seas", "origins": 0, "rmse": {}}
    page = drop(shown("add"), "short.csv", daily(14))
    expect(headline(page)).to_contain_text("Your series is too short to check this forecast against its past.")
    expect(headline(page).get_by_role("table")).to_have_count(0)
    expect(page.get_by_text("there is nothing to compare with", exact=False)).to_be_visible()


def test_a_position_is_used_and_offers_another_reference(visitor: Visitor, url: str) -> None:
    visit = visitor()
    page = dropped(visit, "pier.csv", daily(60))
    expect(page.get_by_text("know the usual temperatures there")).to_be_visible()
    page.get_by_label("Latitude").fill("43.6, 9.1")
    page.get_by_label("Latitude").press("Enter")
    visit.settle()
    expect(page.get_by_label("Longitude")).to_have_value("9.1")
    open_record(page)
    expect(headline(page).get_by_role("rowheader", name="Usual change")).to_be_visible()
    series = [{**series_of(url, daily(60))[0], "latitude": 43.6, "longitude": 9.1}]
    answer = httpx.post(f"{url}/forecast", json={"series": series, "horizon": 7}).json()["forecasts"][0]
    row = page.get_by_role("table", name="Forecast for pier.csv").get_by_role("row").nth(1)
    expect(row).to_contain_text(f"{answer['sst'][0]:.2f}")
    assert "latitude=43.6&longitude=9.1" in page.url
    # The position stays with the file.
    page.get_by_role("link", name="Models").click()
    page.get_by_role("navigation").get_by_role("link", name="Add a place").click()
    visit.settle()
    expect(page.get_by_label("Latitude")).to_have_value("43.6")
    # Another file is of another place.
    drop_file(visit, "quay.csv", daily(70))
    expect(page.get_by_label("Latitude")).to_have_value("")
    assert "latitude" not in page.url


def test_a_step_between_those_of_the_networks_has_a_record_at_its_own_step(shown: Shown, url: str) -> None:
    times = np.datetime64("2022-01-01T00:00") + np.arange(100) * np.timedelta64(6, "h")
    values = 15 + np.cumsum(np.random.default_rng(2).normal(0, 0.1, len(times)))
    text = "time,sst\n" + "".join(f"{time}Z,{value:.2f}\n" for time, value in zip(times, values, strict=True))
    series = series_of(url, text)
    assert series[0]["step"] == "PT6H"
    page = drop(shown("add"), "logger.csv", text)
    answer = next_value(page, url, text)
    expect(page.locator(".notice.warning")).to_contain_text("The series has a step of 6 hours")
    expect(headline(page)).to_contain_text("Next value, 26 Jan 2022, 00:00")
    expect(headline(page).locator(".figure")).to_have_text(f"{answer['sst'][0]:.2f} °C")
    compared = httpx.post(f"{url}/compare", json={"series": series}, timeout=60).json()
    open_record(page)
    rows = headline(page).get_by_role("table", name="Record on your series").get_by_role("row").all()
    expect(rows[0]).to_contain_text("6 hours ahead")
    errors = [f"{model['rmse']:.3f}" for model in compared["models"]]
    shown_errors = [row.get_by_role("cell").first.inner_text() for row in rows[1:]]
    assert sorted(error for error in shown_errors if error != "–") == sorted(errors)
    # All requests are answered by the same release.
    assert len(page.locator(".headline .swatch.gru").all()) == 1


def test_the_position_of_the_file_is_used_until_another_is_entered(shown: Shown) -> None:
    head, *rows = daily(60).splitlines()
    text = "\n".join([f"{head},lat,lon", *(f"{row},43.6,9.1" for row in rows)])
    visit = shown("add")
    page = drop(visit, "mooring.csv", text)
    open_record(page)
    expect(headline(page).get_by_role("rowheader", name="Usual change")).to_be_visible()
    expect(page.get_by_role("group", name="Position (optional)")).to_contain_text("The file says 43.6° N, 9.1° E.")
    expect(page.locator("section.card", has_text="How the file was read")).to_contain_text("43.6, 9.1")
    expect(page.get_by_role("group", name="curl")).not_to_contain_text("latitude")
    page.get_by_label("Latitude").fill("48, 11")
    page.get_by_label("Latitude").press("Enter")
    visit.settle()
    expect(page.get_by_role("group", name="Position (optional)")).to_contain_text("is on land")
    # The record stays open.
    expect(headline(page).get_by_role("rowheader", name="Persistence", exact=True)).to_be_visible()
    expect(headline(page).get_by_role("rowheader", name="Usual change")).to_have_count(0)


@pytest.mark.parametrize(
    ("latitude", "longitude", "message"),
    [("48", "11", "is on land"), ("91", "9", "Enter degrees as numbers"), ("north", "9", "Enter degrees as numbers")],
)
def test_a_position_that_cannot_be_used_is_explained_beside_its_fields(
    shown: Shown, latitude: str, longitude: str, message: str
) -> None:
    visit = shown("add")
    page = drop(visit, "pier.csv", daily(60))
    page.get_by_label("Longitude").fill(longitude)
    page.get_by_label("Longitude").press("Enter")
    page.get_by_label("Latitude").fill(latitude)
    page.get_by_label("Latitude").press("Enter")
    visit.settle()
    expect(page.get_by_role("group", name="Position (optional)")).to_contain_text(message)
    expect(page.get_by_label("Latitude")).to_have_attribute("aria-invalid", "true")

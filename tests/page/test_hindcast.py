"""What would we have said? The forecasts of the test period, day by day."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, Route, expect

from service.settings import Settings
from tests.conftest import ROOT
from tests.page.browser import PHONE, box_of
from tests.page.conftest import Shown, Visitor
from tests.serving import serve
from training.publish.release import seal

pytestmark = pytest.mark.long

QUERY = "report/nino12?network=gru"


def card_of(page: Page) -> Locator:
    return page.locator("section.card", has=page.get_by_role("heading", name="What would we have said?"))


def past_forecast(url: str, day: str) -> dict[str, Any]:
    """Return the forecast that the service says would have been given on a day."""
    query = {"dataset": "nino12", "model": "gru", "origin": day}
    forecast: dict[str, Any] = httpx.get(f"{url}/compare/hindcast", params=query).json()["forecasts"][0]
    return forecast


def sentence(forecast: dict[str, Any], month: str) -> str:
    band = forecast["intervals"][0]
    return (
        f"GRU would have forecast {forecast['sst'][0]:.1f}\u00a0°C for {month} "
        f"(80%: {band['lower'][0]:.1f} to {band['upper'][0]:.1f}). It was {forecast['observed'][0]:.1f}\u00a0°C."
    )


def test_a_day_shows_its_forecast_and_the_observations(shown: Shown, url: str) -> None:
    card = card_of(shown(f"{QUERY}&day=2005-01-01").page)
    forecast = past_forecast(url, "2005-01-01")
    expect(card).to_contain_text("Data up to Jan 2005")
    expect(card).to_contain_text(sentence(forecast, "Feb 2005"))
    drawn = card.locator(".plot").evaluate("plot => Object.fromEntries(plot.data.map(trace => [trace.name, trace.y]))")
    assert drawn["GRU"][1:] == forecast["sst"]
    assert drawn["Observed then"][1:] == forecast["observed"]
    assert drawn["Persistence"] == forecast["baselines"]["persistence"]


def test_the_first_forecast_takes_one_request(visitor: Visitor, url: str) -> None:
    page = visitor().page
    page.route("**/compare/hindcast?*origin=*", lambda route: None)
    page.goto(f"{url}/{QUERY}")
    expect(card_of(page)).to_contain_text(sentence(past_forecast(url, "2009-12-01"), "Jan 2010"))


def test_the_keyboard_moves_the_slider_and_the_url_keeps_the_day(visitor: Visitor, url: str) -> None:
    visit = visitor()
    page = visit.open(f"{QUERY}&day=2005-01-01")
    slider = card_of(page).get_by_role("slider")
    slider.focus()
    page.keyboard.press("ArrowRight")
    february = sentence(past_forecast(url, "2005-02-01"), "Mar 2005")
    expect(slider).to_have_attribute("aria-valuetext", f"Feb 2005. {february}")
    page.wait_for_function("() => location.search.includes('day=2005-02-01')")
    again = visitor().open(page.url)
    expect(card_of(again)).to_contain_text(february)
    # The ends of the test period, far from what is loaded.
    page.keyboard.press("End")
    expect(card_of(page)).to_contain_text("Data up to Nov 2010")
    expect(card_of(page)).to_contain_text("It was 22.1 °C.")
    card_of(page).get_by_role("button", name="1 month earlier").click()
    expect(card_of(page)).to_contain_text("Data up to Oct 2010")
    expect(card_of(page)).to_contain_text(sentence(past_forecast(url, "2010-10-01"), "Nov 2010"))
    # Another network keeps the day.
    card_of(page).get_by_role("radio", name="RNN").check()
    expect(card_of(page)).to_contain_text("RNN would have forecast")
    expect(card_of(page)).to_contain_text("Data up to Oct 2010")
    assert "network=rnn" in page.url


def test_only_the_user_writes_a_day_into_the_url(visitor: Visitor) -> None:
    page = visitor().page
    page.clock.install()
    page.goto(f"{visitor().url}/{QUERY}")
    card = card_of(page)
    expect(card).to_contain_text("GRU would have forecast")
    page.clock.run_for(5_000)
    assert "day=" not in page.url
    card.get_by_role("button", name="1 month earlier").click()
    page.clock.run_for(5_000)
    assert "day=" in page.url


def test_a_finger_moves_the_slider(visitor: Visitor) -> None:
    page = visitor(width=PHONE).open(QUERY)
    slider = card_of(page).get_by_role("slider")
    before = slider.input_value()
    box = box_of(slider)
    slider.tap(position={"x": box["width"] / 4, "y": box["height"] / 2})
    assert int(slider.input_value()) < int(before)
    expect(slider).to_have_attribute("aria-valuetext", re.compile("GRU would have forecast"))


def test_the_score_of_a_forecast_stands_beside_that_of_all_and_of_the_last_value(shown: Shown, url: str) -> None:
    card = card_of(shown(f"{QUERY}&day=2005-01-01").page)
    forecast = past_forecast(url, "2005-01-01")
    came, band = forecast["observed"], forecast["intervals"][0]
    models = httpx.get(f"{url}/compare/leads", params={"dataset": "nino12"}).json()["models"]
    rmse = {model["model"]: model["rmse"] for model in models}
    members = [(forecast["sst"], "nino12-gru"), (forecast["baselines"]["persistence"], "persistence")]
    (mine, all_mine), (persisted, all_persisted) = (
        (fmean((p - o) ** 2 for p, o in zip(sst, came, strict=True)) ** 0.5, fmean(e**2 for e in rmse[name]) ** 0.5)
        for sst, name in members
    )
    inside = sum(low <= value <= high for low, value, high in zip(band["lower"], came, band["upper"], strict=True))
    expect(card).to_contain_text(
        f"Over 12 months, the typical error of this forecast was {mine:.2f} °C ({all_mine:.2f} °C in all forecasts of "
        f"GRU), and {persisted:.2f} °C if the last value was repeated ({all_persisted:.2f} °C). "
        f"Of 12 observations, {inside} within the 80% interval"
    )


@pytest.fixture
def older(tmp_path: Path) -> Iterator[str]:
    """A service with a release that does not hold the networks that were evaluated."""
    version = (ROOT / "artifacts" / "nino12" / "current").read_text().strip()
    copy = tmp_path / "nino12" / version
    shutil.copytree(ROOT / "artifacts" / "nino12" / version, copy, ignore=shutil.ignore_patterns("evaluated"))
    seal(copy, "nino12", version)
    shutil.copy(ROOT / "artifacts" / "nino12" / "current", tmp_path / "nino12")
    with serve(Settings(artifacts=tmp_path)) as client:
        yield str(client.base_url).rstrip("/")


def test_a_release_without_past_forecasts_leaves_the_slider_out(visitor: Visitor, older: str) -> None:
    page = visitor(at=older).open("report/nino12")
    expect(page.get_by_role("heading", name="Errors by how far ahead")).to_be_visible()
    expect(page.get_by_role("heading", name="What would we have said?")).to_be_hidden()


def test_the_last_forecast_is_dimmed_until_the_next_one_and_a_failure_can_be_retried(visitor: Visitor) -> None:
    visit = visitor()
    page = visit.open(f"{QUERY}&day=2009-12-01")
    card = card_of(page)
    held: list[Route] = []
    page.route("**/compare/hindcast?*origin=*", lambda route: held.append(route))
    card.get_by_role("slider").focus()
    with page.expect_request(re.compile("hindcast.*origin=")):
        page.keyboard.press("Home")
    expect(card.locator(".stale")).to_contain_text("GRU would have forecast")
    for route in held:
        route.abort("connectionrefused")
    expect(card.get_by_role("alert")).to_contain_text("The service is not responding")
    expect(card).not_to_contain_text("GRU would have forecast")
    page.unroute("**/compare/hindcast?*origin=*")
    card.get_by_role("button", name="Try again").click()
    expect(card).to_contain_text(re.compile("GRU would have forecast .* for Oct 1998"))
    expect(card.get_by_role("alert")).to_have_count(0)
    assert all("ERR_CONNECTION_REFUSED" in text for text in visit.console_errors)
    visit.console_errors.clear()

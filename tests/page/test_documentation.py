"""The guides, and the documentation of the API, which the browser takes seconds to draw, so that tests share it."""

import re

import pytest
from playwright.sync_api import expect

from tests.page.browser import LOOKS
from tests.page.conftest import Visitor

pytestmark = pytest.mark.long


def test_the_api_documentation_finds_a_call_by_its_title_and_leads_back_to_the_views(
    visitor: Visitor,
) -> None:
    visit = visitor(new=True)
    page = visit.page
    page.goto(f"{visit.url}/docs")
    expect(page.get_by_text("/forecast").first).to_be_visible()
    expect(page).to_have_title("API · SST forecasting")
    expect(page.get_by_role("link", name="API", exact=True)).to_have_attribute("aria-current", "page")
    call = page.get_by_role("button", name="Forecast your series")
    expect(call).to_contain_text("forecastSeries")
    call.click()
    expect(page).to_have_url(re.compile(r"#/forecast/forecastSeries$"))
    expect(page.get_by_text("Forecast what follows each of your series")).to_be_visible()
    background = "getComputedStyle(document.querySelector('.opblock')).backgroundColor"
    light = page.evaluate(background)
    page.get_by_label("Theme").select_option("dark")
    assert page.evaluate(background) != light
    page.get_by_role("navigation", name="Views").get_by_role("link", name="Models").click()
    expect(page).to_have_url(re.compile("/about/models$"))
    expect(page.get_by_label("Theme")).to_have_value("dark")


def test_a_linked_call_is_accessible_and_fits_and_its_example_is_answered(visitor: Visitor) -> None:
    visit = visitor()
    page = visit.page
    page.goto(f"{visit.url}/docs#/forecast/forecastSeries")
    expect(page.locator("#operations-forecast-forecastSeries .responses-table").first).to_be_visible()
    for width, scheme in LOOKS:
        visit.resize(width, scheme)
        assert visit.accessibility_violations() == []
        assert visit.content_width() <= width
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    answer = page.locator(".live-responses-table")
    expect(answer.locator("tbody .response-col_status").first).to_contain_text("200")
    expect(answer).to_contain_text('"kind": "one"')


def test_a_guide_is_accessible_and_fits(visitor: Visitor) -> None:
    visit = visitor()
    page = visit.open("manual/guides/stations")
    for width, scheme in LOOKS:
        visit.resize(width, scheme)
        assert visit.accessibility_violations() == []
        assert visit.content_width() <= width
    page.get_by_role("link", name="All guides").click()
    expect(page.get_by_role("heading", name="Glossary")).to_be_visible()

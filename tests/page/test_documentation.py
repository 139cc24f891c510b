import re
from typing import get_args

import pytest
from playwright.sync_api import Page, expect

from tests.page.browser import DESKTOP, PHONE, Scheme
from tests.page.conftest import Visitor


def open_call(page: Page, url: str, operation: str = "forecast-forecastSeries") -> None:
    """Open the documentation of one call."""
    page.goto(f"{url}/docs#/{operation.replace('-', '/')}")
    expect(page.locator(f"#operations-{operation} .responses-table").first).to_be_visible()


def test_the_api_documentation_loads_without_contacting_another_host(visitor: Visitor) -> None:
    visit = visitor()
    page = visit.page
    page.goto(f"{visit.url}/docs")
    expect(page.get_by_text("/forecast").first).to_be_visible()


def test_the_api_documentation_leads_back_to_the_views_of_the_page(visitor: Visitor) -> None:
    visit = visitor()
    page = visit.page
    page.goto(f"{visit.url}/docs")
    expect(page).to_have_title("API · SST forecasting")
    expect(page.get_by_role("link", name="API", exact=True)).to_have_attribute("aria-current", "page")
    page.get_by_role("navigation", name="Views").get_by_role("link", name="Compare").click()
    expect(page).to_have_url(re.compile(r"/\?view=compare"))


def test_a_call_is_found_by_its_title_and_shows_its_operation_id(visitor: Visitor) -> None:
    visit = visitor()
    page = visit.page
    page.goto(f"{visit.url}/docs")
    call = page.get_by_role("button", name="Forecast your series")
    expect(call).to_contain_text("forecastSeries")
    call.click()
    expect(page).to_have_url(re.compile(r"#/forecast/forecastSeries$"))
    expect(page.get_by_text("Forecast what follows each of your series")).to_be_visible()


def test_an_example_is_sent_from_the_documentation_and_answered(visitor: Visitor) -> None:
    visit = visitor()
    page = visit.page
    open_call(page, visit.url)
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    answer = page.locator(".live-responses-table")
    expect(answer.locator("tbody .response-col_status").first).to_contain_text("200")
    expect(answer).to_contain_text('"kind": "one"')


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_the_api_documentation_is_accessible_and_fits(visitor: Visitor, width: int) -> None:
    visit = visitor(width=width)
    open_call(visit.page, visit.url)
    for scheme in get_args(Scheme):
        visit.resize(width, scheme)
        assert visit.accessibility_violations() == []
        assert visit.content_width() <= width


def test_the_theme_of_the_page_is_the_theme_of_the_documentation(visitor: Visitor) -> None:
    visit = visitor(new=True)
    page = visit.page
    page.goto(f"{visit.url}/docs")
    background = "getComputedStyle(document.querySelector('.opblock')).backgroundColor"
    expect(page.locator(".opblock").first).to_be_visible()
    light = page.evaluate(background)
    page.get_by_label("Theme").select_option("dark")
    assert page.evaluate(background) != light
    page.goto(f"{visit.url}/?view=operate")
    expect(page.get_by_label("Theme")).to_have_value("dark")

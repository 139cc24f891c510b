"""What every view owes everybody."""

import pytest
from playwright.sync_api import expect

from tests.page.browser import DESKTOP, PHONE
from tests.page.conftest import Visitor

VIEWS = {
    "compare": "?view=compare&dataset=nino12",
    "compare-buoy": "?view=compare&dataset=neracoos-b01",
    "forecast": "?view=forecast&dataset=nino12",
    "forecast-buoy": "?view=forecast&dataset=neracoos-b01&model=all",
    "data": "?view=data",
    "operate": "?view=operate",
}


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_nothing_and_nothing_sticks_out(visitor: Visitor, view: str, width: int) -> None:
    visit = visitor(width=width)
    page = visit.open(VIEWS[view])
    for details in page.locator("main summary").all():
        details.click()
    for scheme in visit.schemes():
        assert visit.faults() == [], scheme
        assert visit.width() <= width


def test_the_views_are_reached_and_named(visitor: Visitor) -> None:
    page = visitor().open()
    for name in ("Forecast", "Your data", "Operate", "Compare"):
        link = page.get_by_role("navigation").get_by_role("link", name=name)
        link.click()
        expect(page.get_by_role("heading", level=1)).to_have_text(name)
        expect(page).to_have_title(f"{name} · SST forecasting")
        expect(link).to_have_attribute("aria-current", "page")


def test_colours_are_as_the_system_has_them_and_as_chosen(visitor: Visitor) -> None:
    visit = visitor(color_scheme="dark")
    page = visit.open()
    background = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(background)
    page.get_by_label("Colours").select_option("light")
    light = page.evaluate(background)
    assert dark != light
    ink = page.locator(".plot").first.evaluate("plot => plot.layout.font.color")
    assert ink == "rgb(82, 97, 109)"
    page = visit.open()
    assert page.evaluate(background) == light


def test_the_keyboard_alone_goes_to_a_view_switches_a_model_and_reads_a_chart(visitor: Visitor) -> None:
    page = visitor().open("?dataset=nino12")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.value") == "gru":
            break
    page.keyboard.press("Space")
    expect(page.get_by_role("checkbox", name="GRU")).not_to_be_checked()
    assert "models=rnn,lstm" in page.url
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.className") == "chart":
            break
    page.keyboard.press("Home")
    expect(page.locator("#said")).to_contain_text("Oct 1998, observed 21.37")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#said")).to_contain_text("Nov 1998")
    expect(page.locator(".plot .hoverlayer").first).to_contain_text("Observed")


def test_no_place_catches_the_keyboard(visitor: Visitor) -> None:
    page = visitor().open("?view=forecast&dataset=nino12")
    seen = set()
    for _ in range(80):
        page.keyboard.press("Tab")
        seen.add(
            page.evaluate("[document.activeElement.tagName, document.activeElement.textContent.slice(0, 20)].join()")
        )
        if page.evaluate("document.activeElement === document.querySelector('footer a:last-of-type')"):
            return
    pytest.fail(f"the footer was not reached: {seen}")


def test_first_paint_is_there_before_the_charts_library(visitor: Visitor) -> None:
    page = visitor().open()
    painted = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    library = page.evaluate(
        "performance.getEntriesByType('resource').find(one => one.name.includes('plotly')).responseEnd"
    )
    assert painted < library


def test_a_failure_is_said_in_words_and_tried_again(visitor: Visitor) -> None:
    visit = visitor()
    visit.page.route("**/compare?*", lambda route: route.abort("connectionrefused"))
    page = visit.open("?dataset=nino12")
    expect(page.get_by_role("alert")).to_contain_text("The service does not answer")
    page.unroute("**/compare?*")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("table", name="Errors on the test part")).to_be_visible()
    assert all("ERR_CONNECTION_REFUSED" in text for text in visit.complaints)
    visit.complaints.clear()


def test_long_work_says_so_and_can_be_stopped(visitor: Visitor) -> None:
    visit = visitor()
    visit.page.route("**/forecast?*", lambda route: None)
    visit.page.goto(f"{visit.url}/?view=forecast&dataset=nino12")
    page = visit.page
    expect(page.get_by_role("progressbar", name="Forecasting")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("main")).to_contain_text("Stopped.")
    page.unroute("**/forecast?*")
    page.get_by_role("button", name="Start again").click()
    expect(page.get_by_role("table")).to_be_visible()


def test_an_unknown_dataset_or_view_in_the_address_leads_to_one_that_is_there(visitor: Visitor) -> None:
    page = visitor().open("?view=nonsense&dataset=atlantis&horizon=-4")
    expect(page.get_by_role("heading", level=1)).to_have_text("Compare")
    expect(page.get_by_label("Dataset")).to_have_value("nino12")

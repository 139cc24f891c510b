"""What every view owes everybody."""

from typing import get_args

import pytest
from playwright.sync_api import Page, expect

from tests.page.browser import DESKTOP, PHONE, Scheme, Visit
from tests.page.conftest import Shown, Visitor
from tests.page.files import flagged, hand_over

VIEWS = {
    "compare": "?view=compare&dataset=nino12",
    "compare-buoy": "?view=compare&dataset=neracoos-b01",
    "forecast": "?view=forecast&dataset=nino12",
    "forecast-buoy": "?view=forecast&dataset=neracoos-b01&model=all",
    "data": "?view=data",
    "data-read": "?view=data",
    "operate": "?view=operate",
}


def open_view(visit: Visit, view: str) -> Page:
    """As it is loaded; of your data also with a file that was read, whose flags are marked."""
    page = visit.open(VIEWS[view])
    if view == "data-read":
        hand_over(visit, "pier.csv", flagged())
    return page


@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_nothing_and_nothing_sticks_out_with_all_that_can_be_opened(visitor: Visitor, view: str) -> None:
    visit = visitor()
    page = open_view(visit, view)
    page.evaluate("document.querySelectorAll('main details:not([open]) > summary').forEach(one => one.click())")
    visit.settle()
    for width in (DESKTOP, PHONE):
        for scheme in get_args(Scheme):
            visit.look(width, scheme)
            assert visit.faults() == []
            assert visit.width() <= width


WORDS = ["Lead", "Horizon", "Anomaly", "Climatology", "Persistence", "Damped persistence", "Skill", "Calibrated"]


@pytest.mark.parametrize("view", ["compare", "forecast", "data-read", "operate"])
def test_what_the_words_mean_is_a_click_away_before_they_are_met(visitor: Visitor, view: str) -> None:
    page = open_view(visitor(width=PHONE), view)
    words = page.locator("details", has_text="What the words mean")
    meaning = words.get_by_text("How far a temperature is from climatology.")
    expect(meaning).not_to_be_visible()
    words.locator("summary").click()
    expect(meaning).to_be_visible()
    assert set(WORDS) <= set(words.get_by_role("term").all_inner_texts())
    # One sentence each.
    assert all(one.count(". ") == 0 and one.endswith(".") for one in words.get_by_role("definition").all_inner_texts())
    above, below = words.bounding_box(), page.locator("section.card").last.bounding_box()
    assert above is not None
    assert below is not None
    assert above["y"] < below["y"]


def test_the_views_are_reached_and_named(visitor: Visitor) -> None:
    page = visitor().open()
    for name in ("Forecast", "Your data", "Operate", "Compare"):
        link = page.get_by_role("navigation").get_by_role("link", name=name)
        link.click()
        expect(page.get_by_role("heading", level=1)).to_have_text(name)
        expect(page).to_have_title(f"{name} · SST forecasting")
        expect(link).to_have_attribute("aria-current", "page")


def test_colours_are_as_the_system_has_them_and_as_chosen(visitor: Visitor) -> None:
    visit = visitor(scheme="dark", new=True)
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
    visit = visitor()
    page = visit.open("?dataset=nino12")
    expect(page.get_by_role("checkbox", name="GRU").first).to_be_visible()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    visit.settle()
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.value") == "gru":
            break
    assert page.evaluate("document.activeElement.type") == "checkbox"
    page.keyboard.press("Space")
    expect(page.get_by_role("checkbox", name="GRU").first).not_to_be_checked()
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


FOCUSABLE = """() => {
  const all = [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")];
  // Of radio buttons the keyboard goes to the one that is picked, and from it to the others.
  window.stops = all.filter(one => !one.disabled && one.checkVisibility() && !(one.type === "radio" && !one.checked));
  return window.stops.map(one => `${one.tagName} ${one.getAttribute("aria-label") ?? one.textContent.slice(0, 30)}`);
}"""
FOCUSED = """() => {
  const at = document.activeElement;
  // What stands for an input that is not seen shows its focus.
  const shows = [at, at.nextElementSibling, at.closest("label")].filter(Boolean).map(one => getComputedStyle(one));
  const visible = shows.some(one => one.outlineStyle !== "none" && parseFloat(one.outlineWidth) >= 2);
  return [window.stops.indexOf(at), visible];
}"""


@pytest.mark.parametrize("query", ["?dataset=nino12", "?view=forecast", "?view=data", "?view=operate"])
def test_the_keyboard_reaches_every_control_in_turn_and_shows_where_it_is(shown: Shown, query: str) -> None:
    page = shown(query).page
    page.evaluate("document.body.tabIndex = -1; document.body.focus(); document.body.removeAttribute('tabindex')")
    names = page.evaluate(FOCUSABLE)
    seen: list[int] = []
    while len(seen) < len(names):
        page.keyboard.press("Tab")
        place, visible = page.evaluate(FOCUSED)
        assert visible, names[place]
        seen.append(place)
    assert seen == list(range(len(names)))


def test_first_paint_is_there_before_the_charts_library(visitor: Visitor) -> None:
    page = visitor(new=True).open()
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

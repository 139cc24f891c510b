"""Requirements on every view: accessibility, keyboard control, errors and progress."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.page.browser import PHONE, Visit, box_of
from tests.page.conftest import Shown, Visitor
from tests.page.files import drop_file, flagged, open_options

pytestmark = pytest.mark.long

WITHOUT_CODE = """() => {
  const main = document.querySelector("main").cloneNode(true);
  main.querySelectorAll("pre, code, textarea").forEach(element => element.remove());
  return main.textContent;
}"""

VIEWS = {
    "compare": "report/nino12",
    "compare-buoy": "report/neracoos-b01",
    "forecast": "place/sea/nino12",
    "forecast-buoy": "place/sea/neracoos-b01?model=all",
    "data": "add",
    "data-read": "add",
    "stations": "",
    "operate": "about/models",
}


def open_view(visit: Visit, view: str) -> Page:
    """Open a view; for data-read, also drop a file with flagged values."""
    page = visit.open(VIEWS[view])
    if view == "data-read":
        drop_file(visit, "pier.csv", flagged())
    return page


TERMS = ["Lead", "Horizon", "Anomaly", "Usual", "RNN", "LSTM", "GRU", "Mixture", "Typical error", "80% range", "Skill"]
TERMS += ["MAE", "MAPE"]


@pytest.mark.parametrize("view", ["compare", "forecast", "data-read", "operate"])
def test_the_glossary_opens_on_click_above_the_last_card(visitor: Visitor, view: str) -> None:
    page = open_view(visitor(width=PHONE), view)
    glossary = page.locator("details", has_text="Glossary")
    definition = glossary.get_by_text("The difference between a temperature and what is usual.")
    expect(definition).not_to_be_visible()
    glossary.locator("summary").click()
    expect(definition).to_be_visible()
    assert set(TERMS) <= set(glossary.get_by_role("term").all_inner_texts())
    # Each definition is one sentence.
    assert all(
        text.count(". ") == 0 and text.endswith(".") for text in glossary.get_by_role("definition").all_inner_texts()
    )
    above, below = box_of(glossary), box_of(page.locator("section.card").last)
    assert above["y"] < below["y"]


def test_the_navigation_opens_and_names_each_view(visitor: Visitor) -> None:
    page = visitor().open("place/sea/nino12")
    for name, heading in (("Add a place", "Add a place"), ("Models", "Models"), ("Places", "Tomorrow")):
        link = page.get_by_role("navigation").get_by_role("link", name=name)
        link.click()
        expect(page.get_by_role("heading", level=1)).to_contain_text(heading)
        expect(page).to_have_title(f"{name} · SST forecasting")
        expect(link).to_have_attribute("aria-current", "page")


def test_colours_follow_the_system_until_a_theme_is_chosen(visitor: Visitor) -> None:
    visit = visitor(scheme="dark", new=True)
    page = visit.open("place/sea/nino12")
    background = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(background)
    page.get_by_label("Theme").select_option("light")
    light = page.evaluate(background)
    assert dark != light
    ink = page.locator(".plot text").first.evaluate("text => getComputedStyle(text).fill")
    assert ink == "rgb(82, 97, 109)"
    page = visit.open("add")
    assert page.evaluate(background) == light


def test_the_keyboard_alone_skips_to_content_toggles_a_model_and_reads_a_chart(visitor: Visitor) -> None:
    visit = visitor()
    page = visit.open("report/nino12")
    expect(page.get_by_role("checkbox", name="GRU").first).to_be_visible()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    page.keyboard.press("Enter")
    visit.settle()
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('[type=checkbox][value=gru]')"):
            break
    page.keyboard.press("Space")
    expect(page.get_by_role("checkbox", name="GRU").first).not_to_be_checked()
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.className") == "chart":
            break
    page.keyboard.press("Home")
    expect(page.locator("#announcement")).to_contain_text("1 month ahead, RNN 0.4")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#announcement")).to_contain_text("2 months ahead")
    expect(page.locator(".plot .readout").last).to_contain_text("LSTM")


FOCUSABLE = """() => {
  const all = [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")];
  // Tab stops only at the checked radio button of a group.
  window.stops = all.filter(element => !element.disabled && element.checkVisibility()
    && !(element.type === "radio" && !element.checked));
  return window.stops.map(element =>
    `${element.tagName} ${element.getAttribute("aria-label") ?? element.textContent.slice(0, 30)}`);
}"""
FOCUSED = """() => {
  const active = document.activeElement;
  // The focus of a hidden input shows on the element drawn in its place.
  const candidates = [active, active.nextElementSibling, active.closest("label")].filter(Boolean);
  const styles = candidates.map(element => getComputedStyle(element));
  const visible = styles.some(style => style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2);
  return [window.stops.indexOf(active), visible];
}"""


@pytest.mark.parametrize("query", ["report/nino12", "place/sea/nino12", "add", "about/models"])
def test_tab_reaches_every_control_in_order_with_a_visible_focus(shown: Shown, query: str) -> None:
    page = shown(query).page
    page.evaluate("document.body.tabIndex = -1; document.body.focus(); document.body.removeAttribute('tabindex')")
    names = page.evaluate(FOCUSABLE)
    visited: list[int] = []
    while len(visited) < len(names):
        page.keyboard.press("Tab")
        place, visible = page.evaluate(FOCUSED)
        assert visible, names[place]
        visited.append(place)
    assert visited == list(range(len(names)))


def test_a_first_visit_loads_only_small_files_of_the_page_before_its_charts(visitor: Visitor) -> None:
    page = visitor(new=True).open("report/nino12")
    files = page.evaluate(
        "performance.getEntriesByType('resource').filter(entry => entry.name.includes('/assets/'))"
        ".map(entry => [new URL(entry.name).pathname, entry.encodedBodySize])"
    )
    assert all(path.startswith("/assets/page-") for path, _ in files)
    assert sum(size for _, size in files) < 150_000


def test_a_failure_is_explained_and_can_be_retried(visitor: Visitor) -> None:
    visit = visitor()
    visit.page.route("**/compare/leads?*", lambda route: route.abort("connectionrefused"))
    page = visit.open("report/nino12")
    expect(page.get_by_role("alert")).to_contain_text("The service is not responding")
    page.unroute("**/compare/leads?*")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("table", name="Errors over the test period")).to_be_visible()
    assert all("ERR_CONNECTION_REFUSED" in text for text in visit.console_errors)
    visit.console_errors.clear()


def test_slow_work_shows_progress_and_can_be_stopped(visitor: Visitor) -> None:
    visit = visitor()
    visit.page.route("**/forecast?*", lambda route: None)
    visit.page.goto(f"{visit.url}/place/sea/nino12")
    page = visit.page
    expect(page.get_by_role("progressbar", name="Forecasting")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("main")).to_contain_text("Stopped.")
    page.unroute("**/forecast?*")
    page.get_by_role("button", name="Start again").click()
    expect(page.get_by_role("table")).to_be_visible()


def test_an_impossible_horizon_in_the_url_falls_back_to_the_nearest(visitor: Visitor) -> None:
    page = open_options(visitor().open("place/sea/nino12?horizon=-4"))
    expect(page.get_by_label("Steps ahead")).to_have_value("1")


def test_an_address_of_no_place_leads_to_those_there_are(visitor: Visitor) -> None:
    page = visitor().open("place/mountain")
    expect(page.get_by_role("heading", level=1)).to_have_text("There is no such place.")
    page.get_by_role("link", name="add a place", exact=True).click()
    expect(page).to_have_url(re.compile("/add$"))


def test_an_unknown_dataset_in_the_url_is_named_with_links_to_those_there_are(visitor: Visitor) -> None:
    visit = visitor()
    page = visit.open("report/nosuch")
    notice = page.get_by_role("alert")
    expect(notice).to_contain_text("No dataset is named nosuch. Choose one:")
    assert visit.accessibility_violations() == []
    hrefs = [link.get_attribute("href") for link in notice.get_by_role("link").all()]
    assert hrefs == [f"/report/{name}" for name in ("nino12", "neracoos-b01")]


@pytest.mark.parametrize("address", ["place/sea/nosuch", "place/sea/ocean-daily", "place/station/nosuch", "place/file"])
def test_an_unknown_place_is_named_with_links_to_those_there_are(visitor: Visitor, address: str) -> None:
    visit = visitor(new=True)
    page = visit.open(address)
    heading = page.get_by_role("heading", level=1)
    _, kind, *name = address.split("/")
    expect(heading).to_have_text(f"There is no {kind} named {name[0]}." if name else "No file is open in this browser.")
    assert visit.accessibility_violations() == []
    main = page.get_by_role("main")
    expect(main.get_by_role("link", name="all places")).to_have_attribute("href", "/")
    if kind == "sea":
        main.get_by_role("link").first.click()
        expect(heading).to_contain_text("°C in January 2011")
    visit.console_errors.clear()


SHIFTS = """window.shift = 0;
new PerformanceObserver(list => list.getEntries().forEach(entry => { window.shift += entry.value; }))
  .observe({type: "layout-shift", buffered: true});"""


@pytest.mark.parametrize("width", [375, 1280])
@pytest.mark.parametrize("path", ["", "add", "place/sea/nino12", "report/nino12", "about/models"])
def test_nothing_moves_while_a_view_loads_over_a_slow_network(visitor: Visitor, path: str, width: int) -> None:
    visit = visitor(width=width, new=True)
    network = visit.page.context.new_cdp_session(visit.page)
    network.send("Network.enable")
    slow = {"offline": False, "latency": 150, "downloadThroughput": 200_000, "uploadThroughput": 200_000}
    network.send("Network.emulateNetworkConditions", slow)
    visit.page.add_init_script(SHIFTS)
    page = visit.open(path)
    expect(page.locator("footer")).to_be_visible()
    assert page.evaluate("window.shift") < 0.1


@pytest.mark.parametrize("path", ["place/sea/nino12", "report/nino12", "about/models"])
def test_in_fahrenheit_nothing_is_in_celsius(visitor: Visitor, path: str) -> None:
    visit = visitor(new=True)
    page = visit.open(path)
    page.get_by_label("Unit of temperatures").select_option("°F")
    visit.settle()
    page.evaluate("document.querySelectorAll('main details:not([open]) > summary').forEach(summary => summary.click())")
    visit.settle()
    said = []
    for chart in page.locator(".chart:visible").all():
        chart.focus()
        page.keyboard.press("End")
        said.append(page.locator("#announcement").inner_text())
    text = page.evaluate(WITHOUT_CODE)
    assert "°C" not in text + " ".join(said)
    assert "°F" in text

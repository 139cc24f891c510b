"""The view of the newest outlook: its map, its days, and the forecast of a cell."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from service.settings import Settings
from tests.page.browser import DESKTOP, PHONE, Profiles, Visit, box_of, visit
from tests.page.conftest import Visitor
from tests.processes import wait_until
from tests.serving import serve

pytestmark = pytest.mark.long

AT = "outlook?latitude=-2.2&longitude=177.3"
SHIFTS = """() => new Promise(done => new PerformanceObserver(list =>
  done(list.getEntries().filter(entry => !entry.hadRecentInput).reduce((sum, entry) => sum + entry.value, 0)))
  .observe({type: "layout-shift", buffered: true}) ?? setTimeout(() => done(0), 500))"""


@pytest.fixture(scope="module")
def at_sea(seas: Path, outlooks: Path) -> Iterator[str]:
    with serve(Settings(artifacts=seas, outlooks=outlooks, request_seconds=600)) as client:
        # The process that reads outlooks starts with the first request, for which a busy machine may take too long.
        wait_until(lambda: client.get("/outlooks/latest").is_success, "the outlooks cannot be read")
        yield str(client.base_url).rstrip("/")


@pytest.fixture
def view(at_sea: str, profiles: Profiles) -> Iterator[Visit]:
    with visit(profiles.for_width(DESKTOP), at_sea, DESKTOP, "light") as started:
        yield started
        assert started.console_errors == []


def raster(page: Page) -> str:
    """Return the address of the picture that is shown, once it is there."""
    image = page.locator(".map image").first
    expect(image).to_have_attribute("href", re.compile("^blob:"))
    return str(image.get_attribute("href"))


def click_at(page: Page, east: float, south: float) -> None:
    """Click the map, by parts of its width and height."""
    view = page.locator(".locator .map")
    view.scroll_into_view_if_needed()
    box = box_of(view)
    view.click(position={"x": east * box["width"], "y": south * box["height"]})


def test_the_bar_and_the_home_page_lead_to_the_map_which_says_what_it_shows(view: Visit) -> None:
    page = view.open()
    page.get_by_role("link", name="The ocean in the next days, on a map").click()
    expect(page).to_have_url(re.compile("/outlook$"))
    expect(page).to_have_title("Outlook · SST forecasting")
    expect(page.get_by_role("link", name="Outlook", exact=True)).to_have_attribute("aria-current", "page")
    view.settle()
    main = page.get_by_role("main")
    expect(main).to_contain_text("From observations until 29 February 2024, ")
    expect(main).to_contain_text("observed until 29 Feb 2024.")
    expect(main).to_contain_text("Usual: 2010 to 2020")
    expect(main).to_contain_text("On average, the sea is 0.")
    expect(page.get_by_role("img", name="Colours: °C from usual, −4, −3,")).to_be_visible()
    raster(page)


def test_layers_and_days_change_the_picture_the_legend_the_words_and_the_address(view: Visit) -> None:
    page = view.open("outlook")
    first = raster(page)
    page.get_by_label("Map", exact=True).select_option("heatwave-category")
    expect(page.locator(".map image").first).not_to_have_attribute("href", first)
    expect(page.get_by_role("img", name="Colours: most likely category, none, moderate")).to_be_visible()
    expect(page.locator(".seen")).to_contain_text("a marine heatwave is likely")
    slider = page.get_by_role("slider", name="Day")
    assert slider.get_attribute("aria-valuetext") == "1 March 2024, day 1 of 3"
    slider.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == "2 March 2024, day 2 of 3"
    expect(page.get_by_text("2 March 2024, day 2 of 3")).to_be_visible()
    assert page.url.endswith("/outlook?layer=heatwave-category&day=2")
    page = view.open(page.url)
    assert page.get_by_label("Map", exact=True).input_value() == "heatwave-category"
    assert page.get_by_role("slider", name="Day").input_value() == "2"


def test_a_click_shows_the_forecast_of_the_cell_and_an_address_restores_it(view: Visit) -> None:
    page = view.open("outlook")
    raster(page)
    span = page.locator(".map svg").get_attribute("viewBox")
    click_at(page, 0.35, 0.5)
    view.settle()
    heading = page.get_by_role("heading", level=2, name="warmer than usual (2010–2020), 80%")
    expect(heading).to_be_visible()
    assert page.locator(".map svg").get_attribute("viewBox") == span
    expect(page.get_by_text("A moderate marine heatwave has lasted 60 days")).to_be_visible()
    table = page.get_by_role("table", name="Forecast for")
    first = table.get_by_role("row").nth(1)
    expect(first).to_contain_text(re.compile(r"1 Mar 2024.*\+2\.\d.*9\d%, moderate"))
    (difference,) = re.findall(r"\+(2\.\d)", first.inner_text())
    expect(heading).to_contain_text(f"{difference}\u00a0°C warmer")
    expect(page.locator(".chart")).to_be_visible()
    before = heading.inner_text()
    page = view.open(page.url)
    expect(page.get_by_role("heading", level=2, name=before)).to_be_visible()
    page.get_by_role("link", name="Make this a place").click()
    expect(page).to_have_url(re.compile(r"/add\?latitude=-\d\.?\d*&longitude=17\d"))


def test_the_keyboard_alone_finds_the_forecast_of_a_cell(view: Visit) -> None:
    page = view.open("outlook")
    raster(page)
    page.get_by_role("group", name="Map of the position").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Enter")
    view.settle()
    expect(page.locator("#announcement")).to_contain_text("warmer than usual")
    page.get_by_label("Latitude").fill("-2.2")
    page.get_by_label("Longitude").fill("-177.3")
    page.keyboard.press("Enter")
    view.settle()
    expect(page.get_by_role("heading", level=2, name="colder than usual")).to_be_visible()


@pytest.mark.parametrize(
    ("position", "words"),
    [("latitude=-2&longitude=179", "has no forecast at -2 °N, 179 °E"), ("latitude=40&longitude=10", "does not cover")],
)
def test_where_there_is_no_forecast_the_page_says_so(view: Visit, position: str, words: str) -> None:
    page = view.open(f"outlook?{position}")
    expect(page.locator(".notice")).to_contain_text(words)
    view.console_errors.clear()  # the 404


def test_differences_follow_the_unit_of_the_reader(view: Visit) -> None:
    page = view.open(AT)
    page.get_by_label("Unit of temperatures").select_option("°F")
    view.settle()
    expect(page.get_by_role("img", name="Colours: °F from usual, −7,")).to_be_visible()
    expect(page.locator(".seen")).to_contain_text("°F cooler than usual")
    expect(page.get_by_role("heading", level=2, name="°F warmer than usual")).to_be_visible()
    page.get_by_label("Unit of temperatures").select_option("°C")


@pytest.mark.parametrize("width", [1280, 375])
def test_the_view_is_accessible_fits_and_does_not_move(view: Visit, width: int) -> None:
    for scheme in ("light", "dark"):
        view.resize(width, scheme)
        page = view.open(AT)
        raster(page)
        assert view.accessibility_violations() == []
        assert view.content_width() <= width
        assert page.evaluate(SHIFTS) < 0.1


def test_colours_stay_where_colours_are_forced(view: Visit) -> None:
    page = view.open("outlook")
    page.emulate_media(forced_colors="active")
    blocks = page.locator(".colours > div > span")
    assert blocks.first.evaluate("block => getComputedStyle(block).backgroundColor") == "rgb(16, 40, 110)"
    assert view.accessibility_violations() == []


def test_a_service_without_outlooks_says_how_to_have_some(visitor: Visitor) -> None:
    started = visitor(width=PHONE)
    page = started.open("outlook")
    expect(page.get_by_role("main")).to_contain_text("This service has no outlooks: make one with sst outlook")
    expect(page.get_by_role("link", name="Outlook", exact=True)).to_have_count(0)
    started.open()
    expect(page.get_by_role("link", name="The ocean in the next days")).to_have_count(0)
    started.console_errors.clear()  # the 404

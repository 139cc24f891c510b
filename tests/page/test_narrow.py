"""Requirements on narrow screens: content that is cut off is marked as such, and all of it can be reached."""

from io import BytesIO
from typing import get_args

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.page.browser import DESKTOP, PHONE, Scheme, box_of
from tests.page.conftest import Visitor

pytestmark = pytest.mark.long

SCROLLERS = """() => [...document.querySelectorAll(".scroll")].filter(box => box.checkVisibility()).map(box => ({
  name: box.getAttribute("aria-label"), role: box.getAttribute("role"), focusable: box.tabIndex === 0,
  scrolls: box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight}))"""


def edges(page: Page, element: Locator) -> list[bool]:
    """Return whether the left and the right edge of a scrolling element differ from its background."""
    # Keep clear of the fixed bar at the top.
    element.evaluate("element => scrollBy(0, element.getBoundingClientRect().top - 200)")
    box = box_of(element)
    clip = {"x": box["x"], "y": box["y"] + 1, "width": box["width"], "height": 2}
    with Image.open(BytesIO(page.screenshot(clip=clip))) as picture:  # type: ignore[arg-type]
        strip = picture.convert("L")
    ground = strip.getpixel((strip.width // 2, 1))
    assert isinstance(ground, int)
    pixels = [strip.getpixel((x, 1)) for x in (1, strip.width - 2)]
    return [isinstance(pixel, int) and abs(pixel - ground) > 12 for pixel in pixels]


@pytest.mark.parametrize("scheme", get_args(Scheme))
def test_an_edge_has_a_shadow_while_there_is_more_content_beyond_it(visitor: Visitor, scheme: Scheme) -> None:
    visit = visitor(width=PHONE, scheme=scheme)
    page = visit.open("report/nino12?horizon=3")
    page.locator("section.card", has_text="Errors by how far ahead").get_by_text("View as table").click()
    table = page.get_by_role("group", name="Typical error by how far ahead, °C", exact=True)
    assert edges(page, table) == [False, True]
    table.evaluate("box => box.scrollLeft = box.scrollWidth / 2 - box.clientWidth / 2")
    assert edges(page, table) == [True, True]
    table.evaluate("box => box.scrollLeft = box.scrollWidth")
    assert edges(page, table) == [True, False]
    assert edges(page, page.get_by_role("group", name="Errors over the test period")) == [False, False]


@pytest.mark.parametrize("query", ["report/nino12", "place/sea/nino12?model=all"])
def test_tab_stops_at_elements_that_scroll_and_only_at_those(visitor: Visitor, query: str) -> None:
    visit = visitor()
    page = visit.open(query)
    page.evaluate("document.querySelectorAll('main details:not([open]) > summary').forEach(summary => summary.click())")
    scrollers = []
    for width in (DESKTOP, PHONE):
        visit.resize(width, "light")
        scrollers += page.evaluate(SCROLLERS)
    assert [box for box in scrollers if box["focusable"] != box["scrolls"]] == []
    assert all(box["name"] and box["role"] == "group" for box in scrollers)
    assert {box["scrolls"] for box in scrollers} == {True, False}
    # The keyboard alone can scroll them.
    scroller = page.locator(".scroll[tabindex]:visible").first
    scroller.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => document.activeElement.scrollLeft > 0")


@pytest.mark.parametrize("dataset", ["nino12", "neracoos-b01"])
@pytest.mark.parametrize("model", ["gru", "all"])
def test_on_a_phone_the_table_fits_with_the_80_percent_interval_alone(
    visitor: Visitor, url: str, dataset: str, model: str
) -> None:
    page = visitor(width=PHONE).open(f"place/sea/{dataset}?model={model}&horizon=2")
    table = page.get_by_role("group", name="Forecast for")
    assert table.evaluate("box => box.scrollWidth <= box.clientWidth")
    expect(page.get_by_text("The CSV file also has the other intervals and the references.")).to_be_visible()
    params: dict[str, str | int] = {"dataset": dataset, "model": model, "horizon": 2, "level": 80}
    answer = httpx.get(f"{url}/forecast", params=params).json()
    forecasts = [entry["forecasts"][0] for entry in (answer["models"] if model == "all" else [answer])]
    head, *rows = table.get_by_role("row").all()
    for i, row in enumerate(rows):
        values = [f"{forecast['sst'][i]:.2f}" for forecast in forecasts]
        bands = [forecast["intervals"][0] for forecast in forecasts]
        ranges = [f"{band['lower'][i]:.2f} – {band['upper'][i]:.2f}" for band in bands]
        cells = row.get_by_role("cell").all_inner_texts()
        if model == "all":
            assert cells == [f"{value}\n80% {interval}" for value, interval in zip(values, ranges, strict=True)]
        else:
            assert head.get_by_role("columnheader").all_inner_texts() == ["Time (UTC)", "GRU", "80%"]
            assert cells == [*values, *ranges]


@pytest.mark.parametrize("dataset", ["nino12", "neracoos-b01"])
def test_on_a_phone_the_chart_is_visible_within_the_first_400_pixels(visitor: Visitor, dataset: str) -> None:
    plot = visitor(width=PHONE).open(f"place/sea/{dataset}").locator(".plot")
    assert box_of(plot)["y"] < 340
    if dataset == "nino12":
        # The end of the observations leaves room for the unit.
        unit, until = box_of(plot.get_by_text("°C", exact=True)), box_of(plot.get_by_text("until Dec 2010"))
        assert unit["x"] + unit["width"] < until["x"]

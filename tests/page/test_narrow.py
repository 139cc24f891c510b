"""What a narrow screen owes its reader: nothing is cut without a sign that there is more, and all can be reached."""

from io import BytesIO
from typing import get_args

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.page.browser import DESKTOP, PHONE, Scheme
from tests.page.conftest import Visitor

SCROLLERS = """() => [...document.querySelectorAll(".scroll")].filter(one => one.checkVisibility()).map(one => ({
  name: one.getAttribute("aria-label"), role: one.getAttribute("role"), focusable: one.tabIndex === 0,
  scrolls: one.scrollWidth > one.clientWidth || one.scrollHeight > one.clientHeight}))"""


def edges(page: Page, element: Locator) -> list[bool]:
    """Whether the left and the right edge of something that scrolls are in another colour than its ground."""
    # Below the bar at the top, which stays there.
    element.evaluate("one => scrollBy(0, one.getBoundingClientRect().top - 200)")
    box = element.bounding_box()
    assert box is not None
    clip = {"x": box["x"], "y": box["y"] + 1, "width": box["width"], "height": 2}
    with Image.open(BytesIO(page.screenshot(clip=clip))) as picture:  # type: ignore[arg-type]
        strip = picture.convert("L")
    ground = strip.getpixel((strip.width // 2, 1))
    assert isinstance(ground, int)
    pixels = [strip.getpixel((x, 1)) for x in (1, strip.width - 2)]
    return [isinstance(one, int) and abs(one - ground) > 12 for one in pixels]


@pytest.mark.parametrize("scheme", get_args(Scheme))
def test_an_edge_is_in_shadow_as_long_as_there_is_more_behind_it(visitor: Visitor, scheme: Scheme) -> None:
    visit = visitor(width=PHONE, scheme=scheme)
    page = visit.open("?view=compare&dataset=nino12&horizon=3")
    page.locator("section.card", has_text="Loss by epoch").get_by_text("As a table").click()
    table = page.get_by_role("group", name="Loss by epoch", exact=True)
    assert edges(page, table) == [False, True]
    table.evaluate("one => one.scrollLeft = one.scrollWidth / 2 - one.clientWidth / 2")
    assert edges(page, table) == [True, True]
    table.evaluate("one => one.scrollLeft = one.scrollWidth")
    assert edges(page, table) == [True, False]
    assert edges(page, page.get_by_role("group", name="Errors on the test part")) == [False, False]
    visit.open("?view=forecast&dataset=nino12")
    code = page.get_by_role("group", name="curl")
    assert edges(page, code) == [False, True]
    code.evaluate("one => one.scrollLeft = one.scrollWidth")
    assert edges(page, code) == [True, False]


@pytest.mark.parametrize("query", ["?view=compare", "?view=forecast&model=all", "?view=operate"])
def test_the_keyboard_stops_at_what_scrolls_and_only_there(visitor: Visitor, query: str) -> None:
    visit = visitor()
    page = visit.open(query)
    page.evaluate("document.querySelectorAll('main details:not([open]) > summary').forEach(one => one.click())")
    found = []
    for width in (DESKTOP, PHONE):
        visit.look(width, "light")
        found += page.evaluate(SCROLLERS)
    assert [one for one in found if one["focusable"] != one["scrolls"]] == []
    assert all(one["name"] and one["role"] == "group" for one in found)
    assert {one["scrolls"] for one in found} == {True, False}
    # Scrolled with the keyboard alone.
    reached = page.locator(".scroll[tabindex]:visible").first
    reached.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => document.activeElement.scrollLeft > 0")


@pytest.mark.parametrize(
    "query",
    [
        "?view=forecast&dataset=nino12",
        "?view=forecast&dataset=nino12&model=all",
        "?view=forecast&dataset=neracoos-b01&model=all",
    ],
)
def test_nothing_of_a_forecast_is_cut_on_a_phone(visitor: Visitor, query: str) -> None:
    page = visitor(width=PHONE).open(query)
    table = page.get_by_role("group", name="Forecast of")
    assert table.evaluate("one => one.scrollWidth <= one.clientWidth")
    expect(page.get_by_role("columnheader", name="80 %")).to_have_count(0)


def test_intervals_stand_under_their_value_on_a_phone_and_references_under_the_row(visitor: Visitor, url: str) -> None:
    page = visitor(width=PHONE).open("?view=forecast&dataset=nino12&model=gru&horizon=2")
    (answer,) = httpx.get(f"{url}/forecast", params={"model": "gru", "horizon": 2}).json()["forecasts"]
    rows = page.get_by_role("table").get_by_role("row").all()[1:]
    assert len(rows) == 4
    for i, (values, references) in enumerate(zip(rows[::2], rows[1::2], strict=True)):
        shown = values.get_by_role("cell").inner_text().split("\n")
        assert shown == [
            f"{answer['sst'][i]:.2f}",
            *(f"{one['level']} % {one['lower'][i]:.2f} – {one['upper'][i]:.2f}" for one in answer["intervals"]),
        ]
        said = " ".join(references.inner_text().split())
        assert f"Persistence {answer['baselines']['persistence'][i]:.2f}" in said
        assert f"Climatology {answer['baselines']['climatology'][i]:.2f}" in said

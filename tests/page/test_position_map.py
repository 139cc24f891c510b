"""The map of the position which the two fields beside it follow."""

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.page.browser import PHONE, Visit, box_of
from tests.page.conftest import Visitor
from tests.page.files import daily, dropped, open_options

pytestmark = pytest.mark.long


def opened(visit: Visit, query: str = "") -> Page:
    return open_options(dropped(visit, "pier.csv", daily(60), query))


def pin(page: Page) -> Locator:
    return page.locator(".locator .pin")


def click_at(page: Page, east: float, north: float) -> None:
    """Click the map of the whole world."""
    view = page.locator(".locator .map")
    view.scroll_into_view_if_needed()
    box = box_of(view)
    view.click(position={"x": (east + 180) / 360 * box["width"], "y": (90 - north) / 180 * box["height"]})


def degrees(page: Page, name: str) -> float:
    return float(page.get_by_label(name).input_value())


@pytest.mark.parametrize("width", [1440, PHONE])
def test_a_click_on_the_map_places_the_pin_and_fills_in_the_fields(visitor: Visitor, width: int) -> None:
    visit = visitor(width=width)
    page = opened(visit)
    expect(pin(page)).not_to_be_visible()
    click_at(page, -30, 40)
    visit.settle()
    expect(pin(page)).to_be_visible()
    assert degrees(page, "Latitude") == pytest.approx(40, abs=1.5)
    assert degrees(page, "Longitude") == pytest.approx(-30, abs=1.5)
    assert f"longitude={page.get_by_label('Longitude').input_value()}" in page.url


def test_the_arrow_keys_move_the_pin_and_speak_its_position(visitor: Visitor) -> None:
    visit = visitor()
    page = opened(visit, "latitude=43.6&longitude=9.1")
    page.get_by_role("group", name="Map of the position").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#announcement")).to_have_text("43.6° N, 9.4° E")
    page.keyboard.press("Shift+ArrowDown")
    expect(page.get_by_label("Latitude")).to_have_value("42.1")
    expect(page.get_by_label("Longitude")).to_have_value("9.4")
    page.wait_for_function("location.search.includes('latitude=42.1&longitude=9.4')")
    visit.settle()


def test_without_a_pin_the_arrow_keys_aim_and_enter_places_the_pin(visitor: Visitor) -> None:
    visit = visitor()
    page = opened(visit)
    view = page.get_by_role("group", name="Map of the position")
    spoken = page.locator("#announcement")
    view.press("ArrowRight")
    expect(page.locator(".locator .cross-hair")).to_be_visible()
    expect(spoken).to_have_text("0° N, 0° E. Press Enter to place the pin.")
    view.press("Shift+ArrowLeft")
    expect(spoken).to_have_text("0° N, 18° W. Press Enter to place the pin.")
    expect(pin(page)).not_to_be_visible()
    assert "latitude" not in page.url
    view.press("Enter")
    expect(pin(page)).to_be_visible()
    expect(page.locator(".locator .cross-hair")).not_to_be_visible()
    expect(page.get_by_label("Longitude")).to_have_value("-18")
    assert "latitude=0&longitude=-18" in page.url
    visit.settle()


def test_the_pin_follows_the_fields(visitor: Visitor) -> None:
    visit = visitor()
    page = opened(visit, "latitude=43.6&longitude=9.1")
    assert pin(page).evaluate("pin => pin.style.left") == "50%"
    page.get_by_label("Longitude").fill("12.1")
    page.get_by_label("Longitude").press("Enter")
    visit.settle()
    assert pin(page).evaluate("pin => pin.style.left") == "60%"
    for name in ("Latitude", "Longitude"):
        page.get_by_label(name).fill("")
        page.get_by_label(name).press("Enter")
    visit.settle()
    expect(pin(page)).not_to_be_visible()
    assert "latitude" not in page.url


def test_a_pin_on_land_is_reported_before_the_service_answers(visitor: Visitor) -> None:
    page = opened(visitor())
    page.route("**/forecast", lambda route: None)
    click_at(page, 20, 20)
    group = page.get_by_role("group", name="Position (optional)")
    expect(group).to_contain_text("is on land, so the forecast does not use it.")
    expect(page.get_by_label("Latitude")).to_have_attribute("aria-invalid", "true")


def test_the_map_zooms_around_the_pin(visitor: Visitor) -> None:
    page = opened(visitor(), "latitude=43.6&longitude=9.1")
    view = page.locator(".locator svg")

    def width() -> float:
        return float((view.get_attribute("viewBox") or "").split()[2])

    near = width()
    page.get_by_role("button", name="Zoom out of the map").click()
    assert width() > near
    page.get_by_role("group", name="Map of the position").press("+")
    assert width() == near
    assert pin(page).evaluate("pin => [pin.style.left, pin.style.top]") == ["50%", "50%"]

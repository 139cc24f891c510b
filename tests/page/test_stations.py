"""The Stations view: cards, the map, the page of one station, and what it says when something is missing."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, Route, expect
from pydantic import SecretStr

from service.middleware.keys import Role, new_key
from service.settings import Settings
from tests.page.browser import DESKTOP, LOOKS, Visit, box_of
from tests.page.conftest import Visitor
from tests.serving import serve

NARROW = 360
TODAY = datetime.now(UTC).date()


def send(client: httpx.Client, station: str, values: list[float], until: int = 0) -> None:
    """Send daily readings that end ``until`` days ago."""
    start = TODAY - timedelta(days=len(values) - 1 + until)
    body = {"start": start.isoformat(), "values": values}
    client.post(f"/stations/{station}/observations", json=body).raise_for_status()


def create(client: httpx.Client, station: str, **settings: object) -> None:
    client.put(f"/stations/{station}", json={"step": "day", **settings}).raise_for_status()


@pytest.fixture(scope="module")
def stations(seas: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service with some stations; return its URL."""
    store = SecretStr(f"sqlite:///{tmp_path_factory.mktemp('state')}/sst.db")
    with serve(Settings(artifacts=seas, store=store)) as client:
        values = [round(24.5 + (i * 7 % 11) / 20, 2) for i in range(48)]
        events = [{"name": "Warm water", "above": 20.0}, {"name": "Hot water", "above": 30.0}]
        create(client, "reef", name="The <reef>", latitude=0, longitude=-140, events=events)
        send(client, "reef", values[:40], until=8)
        for i in range(40, 48):
            send(client, "reef", values[i : i + 1], until=47 - i)
        create(client, "buoy", latitude=0, longitude=170)
        send(client, "buoy", values[:20], until=200)
        create(client, "planned", name="Planned")
        yield str(client.base_url).rstrip("/")


@pytest.fixture
def opened(visitor: Visitor, stations: str) -> Callable[..., tuple[Visit, Page]]:
    def start(query: str = "", width: int = DESKTOP) -> tuple[Visit, Page]:
        visit = visitor(stations, width=width)
        return visit, visit.open(f"?view=stations{query}")

    return start


Opened = Callable[..., tuple[Visit, Page]]


def newest_forecast(url: str) -> dict[str, list[float]]:
    forecast: dict[str, list[float]] = httpx.get(f"{url}/stations/reef").raise_for_status().json()["forecast"]
    return forecast


def test_a_card_shows_the_last_value_what_is_usual_and_the_next_days_or_what_is_missing(
    opened: Opened, stations: str
) -> None:
    _, page = opened()
    cards = page.get_by_role("listitem")
    card = cards.filter(has_text="The <reef>").first
    for shown in (f"{24.5 + (47 * 7 % 11) / 20:.1f}\N{NO-BREAK SPACE}°C", "Today", "than usual"):
        expect(card).to_contain_text(shown)
    tomorrow = TODAY + timedelta(days=1)
    expect(card.locator("dt").first).to_contain_text(f"{tomorrow:%a} {tomorrow.day}")
    expect(card.locator("dd strong").first).to_have_text(f"{newest_forecast(stations)['sst'][0]:.1f}")
    expect(card.locator("svg.sparkline .fan")).to_have_count(1)
    expect(card.locator("figcaption")).to_contain_text("48 days, ")
    expect(cards.filter(has_text="buoy").locator("figcaption")).to_contain_text("20 days, ")
    expect(cards.filter(has_text="buoy")).to_contain_text("The last forecast has expired")
    expect(cards.filter(has_text="Planned")).to_contain_text("No readings yet")


def test_the_map_shows_stations_on_both_sides_of_the_date_line_side_by_side(opened: Opened) -> None:
    _, page = opened()
    pins = page.locator(".station-pin")
    expect(pins).to_have_count(2)
    west, east = (box_of(pins.nth(i)) for i in (0, 1))
    view = box_of(page.get_by_role("group", name="Map of 2 stations"))
    # The buoy is 50 degrees to the west of the reef, and the map 80 degrees wide.
    assert (east["x"] - west["x"]) / view["width"] == pytest.approx(50 / 80, abs=0.01)
    pins.nth(1).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The <reef>")


def test_the_map_shows_the_stations_of_other_pages_as_dots(opened: Opened) -> None:
    _, page = opened("&after=buoy")
    expect(page.locator("ul.stations > li")).to_have_count(2)
    expect(page.get_by_text("The numbers refer to the cards below; dots are stations on other pages.")).to_be_visible()
    dot, numbered = page.locator(".station-pin").all()
    expect(dot).to_have_text("")
    expect(numbered).to_have_text("1")
    dot.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("buoy")


def test_the_arrow_keys_go_from_station_to_station_on_the_map_which_is_one_tab_stop(opened: Opened) -> None:
    _, page = opened()
    pins = page.get_by_role("group", name="Map of 2 stations").get_by_role("link")
    buoy, reef = page.get_by_role("link", name="1: buoy"), page.get_by_role("link", name="2: The <reef>")
    page.get_by_label("Find").focus()
    page.keyboard.press("Tab")
    expect(buoy).to_be_focused()
    assert "buoy" in buoy.evaluate("pin => getComputedStyle(pin, '::after').content"), "its name is shown"
    for key, focused in (
        ("ArrowRight", reef),
        ("ArrowRight", reef),
        ("ArrowLeft", buoy),
        ("End", reef),
        ("Home", buoy),
    ):
        page.keyboard.press(key)
        expect(focused).to_be_focused()
    page.keyboard.press("End")
    page.keyboard.press("Tab")
    expect(page.get_by_role("listitem").get_by_role("link", name="buoy")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(reef).to_be_focused()
    assert [pin.get_attribute("tabindex") for pin in pins.all()] == ["-1", "0"]
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("The <reef>")


def test_a_focused_pin_keeps_the_focus_when_the_stations_of_other_pages_arrive(opened: Opened) -> None:
    visit, page = opened("&after=nobody")
    held: list[Route] = []
    path = re.compile(r"/stations\?limit=1000")
    page.route(path, lambda route: held.append(route))
    move = "history.pushState(null, '', '/?after=buoy'); dispatchEvent(new PopStateEvent('popstate'))"
    with page.expect_request(path):
        page.evaluate(move)
    reef = page.get_by_role("link", name="1: The <reef>")
    expect(page.locator(".station-pin")).to_have_count(1)
    page.locator(".station-pin").focus()
    held.pop().continue_()
    expect(page.locator(".station-pin")).to_have_count(2)
    expect(reef).to_be_focused()
    assert [pin.get_attribute("tabindex") for pin in page.locator(".station-pin").all()] == ["-1", "0"]
    page.unroute(path)
    visit.settle()


def test_stations_are_found_by_name_and_the_address_keeps_the_search(opened: Opened) -> None:
    visit, page = opened()
    page.get_by_label("Find").fill("reef")
    page.keyboard.press("Enter")
    visit.settle()
    expect(page.locator("ul.stations > li")).to_have_count(1)
    assert "search=reef" in page.url
    page = visit.open("?view=stations&search=nowhere")
    expect(page.get_by_text("No station has “nowhere” in its name or ID.")).to_be_visible()
    page.get_by_role("link", name="All stations").click()
    expect(page.locator("ul.stations > li")).to_have_count(3)


def test_the_chart_shows_the_forecasts_of_the_chosen_lead_against_the_observations(
    opened: Opened, stations: str
) -> None:
    _, page = opened("&station=reef")
    chart = page.get_by_role("group", name="Observed and forecast SST of The <reef>")
    chart.focus()
    page.keyboard.press("End")
    last = newest_forecast(stations)["sst"][-1]
    expect(page.locator("#announcement")).to_contain_text(f"forecast {last:.2f}")
    page.get_by_label("Show forecasts made").select_option("2 days before")
    assert "lead=2" in page.url
    archive = httpx.get(f"{stations}/stations/reef/forecasts").raise_for_status().json()["forecasts"]
    forecast_sst = archive[-3]["sst"][1]
    page.get_by_text("View as table").click()
    row = page.get_by_role("row").filter(has_text=f"{TODAY.day} {TODAY:%b %Y}").first
    expect(row).to_contain_text(f"{24.5 + (47 * 7 % 11) / 20:.2f}")
    expect(row).to_contain_text(f"{forecast_sst:.2f}")


def test_a_printed_station_shows_its_whole_chart_without_what_is_for_the_screen(opened: Opened) -> None:
    _, page = opened("&station=reef")
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 688, "height": 1017})
    card = page.locator(".card").filter(has=page.get_by_role("heading", name="Forecasts and observations"))
    around, drawing = box_of(card), box_of(card.locator(".plot > svg"))
    page.emulate_media(media="screen")
    assert around["x"] <= drawing["x"]
    assert drawing["x"] + drawing["width"] <= around["x"] + around["width"] <= 688


def test_a_station_has_its_record_its_events_and_their_alerts_and_a_picture_to_embed(
    opened: Opened, stations: str
) -> None:
    visit, page = opened("&station=reef")
    answer = httpx.get(f"{stations}/stations/reef/verification").raise_for_status().json()
    record = page.locator("section.card").filter(has=page.get_by_role("heading", name="Record"))
    first = answer["leads"][0]
    (issued,) = (model for model in first["models"] if model["kind"] == "issued")
    expect(record).to_contain_text(f" of {first['n']} observations 1 day ahead.")
    expect(record.get_by_role("row").filter(has_text="1 day").first).to_contain_text(f"{issued['rmse']:.2f}")

    # How often the event happened, by forecast probability.
    (group,) = next(event for event in answer["events"] if event["name"] == "Warm water")["reliability"]
    expect(record.get_by_role("columnheader", name="90–100%")).to_be_visible()
    row = record.get_by_role("row").filter(has_text="Warm water").first
    expect(row).to_contain_text(f"{group['n']} of {group['n']}")
    expect(row).to_contain_text("1 day")

    start = TODAY - timedelta(days=47)
    card = page.locator("section.card").filter(has=page.get_by_role("heading", name="Alerts"))
    states = card.get_by_role("listitem")
    expect(states.nth(0)).to_contain_text(f"Warm water, since {start.day} {start:%b %Y}")
    expect(states.nth(1)).to_contain_text("Hot water: not now")
    expect(card.get_by_role("row").filter(has_text="Warm water began")).to_contain_text("not sent")

    page.get_by_text("Embed this station").click()
    visit.settle()
    picture = page.get_by_role("img", name="The card of The <reef>")
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 360
    expect(page.get_by_role("group", name="HTML")).to_contain_text(f"{stations}/stations/reef/card.svg")


@pytest.mark.parametrize("query", ["", "&station=reef", "&station=planned"])
def test_the_view_is_accessible_and_fits_a_phone(opened: Opened, query: str) -> None:
    visit, page = opened(query)
    page.evaluate("document.querySelectorAll('main details:not([open]) > summary').forEach(summary => summary.click())")
    visit.settle()
    for width, scheme in (*LOOKS, (NARROW, "light")):
        visit.resize(width, scheme)
        assert visit.accessibility_violations() == []
        assert visit.content_width() <= width


@pytest.fixture(scope="module")
def guarded(seas: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, Path]]:
    """A service without stations that needs keys; return its URL, a key and the file of the store."""
    folder = tmp_path_factory.mktemp("guarded")
    text, key = new_key("operator", Role.STATION)
    settings = Settings(
        artifacts=seas,
        keys=SecretStr(key.line),
        allow_anonymous=False,
        store=SecretStr(f"sqlite:///{folder}/sst.db"),
    )
    with serve(settings) as client:
        yield str(client.base_url).rstrip("/"), text, folder / "sst.db"


def with_key(visit: Visit, query: str, key: str) -> Page:
    """Open a view, and enter the key that the page asks for."""
    page = visit.page
    page.goto(f"{visit.url}/{query}")
    page.get_by_role("textbox", name="API key").fill(key)
    page.get_by_role("button", name="Use key").click()
    visit.settle()
    # The first request, without a key, is refused, which Chromium logs.
    visit.console_errors.clear()
    return page


def test_the_first_station_is_added_with_a_form_that_refuses_a_taken_id(
    visitor: Visitor, guarded: tuple[str, str, Path]
) -> None:
    url, key, _ = guarded
    page = with_key(visitor(url, new=True), "?view=stations", key)
    expect(page.get_by_role("heading", name="Add your first station")).to_be_visible()
    page.get_by_label("Name", exact=True).fill("Søndre Kai")
    expect(page.get_by_label("ID, in addresses")).to_have_value("sndre-kai")
    page.get_by_label("ID, in addresses").fill("kai")
    page.get_by_label("Latitude").fill("60.4")
    page.get_by_label("Longitude").fill("5.3")
    page.get_by_role("button", name="Add station").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Søndre Kai")
    expect(page.get_by_role("button", name="Add reading")).to_be_visible()
    page.get_by_role("link", name="All stations").click()
    page.get_by_text("Add a station").click()
    page.get_by_label("ID, in addresses").fill("kai")
    page.get_by_role("button", name="Add station").click()
    expect(page.get_by_role("alert")).to_contain_text("There is a station with the ID kai already. Choose another ID.")


def test_an_unreachable_store_says_what_still_works(visitor: Visitor, guarded: tuple[str, str, Path]) -> None:
    url, key, file = guarded
    for left in file.parent.glob("sst.db*"):
        left.unlink()
    file.write_text("not a database" * 100)
    visit = visitor(url, new=True)
    page = with_key(visit, "?view=stations", key)
    notice = page.get_by_role("alert")
    expect(notice).to_contain_text("The stations cannot be read")
    expect(notice).to_contain_text("all other views work without it")
    file.unlink()
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", name="Add your first station")).to_be_visible()
    visit.console_errors.clear()

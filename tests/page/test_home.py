"""Home: the places on a map, the list by what needs attention, and the form that adds a place."""

import copy
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, Route, expect
from pydantic import SecretStr

from service.middleware.keys import Role, new_key
from service.settings import Settings
from tests.page.browser import DESKTOP, LOOKS, Visit, box_of
from tests.page.conftest import Visitor
from tests.service.requests import answered
from tests.serving import serve

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("within_a_day")]

PHONES = (320, 360)
LIST = re.compile(r"/stations\?")

Json = dict[str, Any]


def today() -> date:
    return datetime.now(UTC).date()


def put(client: httpx.Client, station: str, values: list[float], until: int = 0, **settings: object) -> None:
    """Create a station with daily readings that end ``until`` days ago."""
    client.put(f"/stations/{station}", json={"step": "day", **settings}).raise_for_status()
    start = today() - timedelta(days=len(values) - 1 + until)
    body = {"start": start.isoformat(), "values": values}
    if values:
        client.post(f"/stations/{station}/observations", json=body).raise_for_status()


@pytest.fixture(scope="module")
def places(seas: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service with a place of each kind; return its URL."""
    store = SecretStr(f"sqlite:///{tmp_path_factory.mktemp('state')}/sst.db")
    with serve(Settings(artifacts=seas, store=store)) as client:
        values = [round(24.5 + (i * 7 % 11) / 20, 2) for i in range(30)]
        heat: Json = {"baseline": "position", "events": [{"name": "heat", "kind": "marine_heatwave"}]}
        put(client, "pacific", [value + 4.5 for value in values], name="Hot spot", latitude=0, longitude=-140, **heat)
        put(client, "net", values, name="The <net>", events=[{"name": "Too warm", "above": 20.0}])
        put(client, "quiet", values, latitude=0, longitude=170, silent_after="PT1S")
        put(client, "doubt", values[:-1], 1, latitude=0.1, longitude=-140.2)
        last = {"start": today().isoformat(), "values": [33.0]}
        client.post("/stations/doubt/observations", json=last).raise_for_status()
        put(client, "plain", values, latitude=-2, longitude=-139)
        put(client, "planned", [], name="Planned raft")
        while answered(client.get("/stations/quiet"))["events"][0]["state"] != "active":
            pass
        yield str(client.base_url).rstrip("/")


Opened = Callable[..., tuple[Visit, Page]]


@pytest.fixture
def opened(visitor: Visitor, places: str) -> Opened:
    def start(query: str = "", width: int = DESKTOP) -> tuple[Visit, Page]:
        visit = visitor(places, width=width)
        return visit, visit.open(query)

    return start


def rows(page: Page) -> Locator:
    return page.get_by_role("list", name="Places, what needs attention first").locator("> li")


def pins(page: Page) -> Locator:
    return page.locator(".map .chip")


def with_stations(page: Page, stations: list[Json], following: str | None = None) -> list[str]:
    """Show these stations instead of those of the service; return the list of requests for them."""
    requests: list[str] = []

    def respond(route: Route) -> None:
        requests.append(route.request.url)
        route.fulfill(json={"stations": stations, "next": following})

    page.route(LIST, respond)
    return requests


def stations_of(url: str) -> dict[str, Json]:
    found = httpx.get(f"{url}/stations").raise_for_status().json()["stations"]
    return {station["id"]: station for station in found}


def test_the_list_says_first_what_needs_attention_and_why(opened: Opened, places: str) -> None:
    _, page = opened()
    expect(page.get_by_text("6 places, 4 need attention.")).to_be_visible()
    assert rows(page).get_by_role("heading").all_inner_texts() == [
        "Hot spot",
        "The <net>",
        "quiet",
        "doubt",
        "plain",
        "Planned raft",
    ]
    begin = today() - timedelta(days=29)
    month = begin.strftime("%b") + ("" if begin.year == today().year else f" {begin.year}")
    reasons = page.locator(".reasons").all_inner_texts()
    assert re.fullmatch(r"Marine heatwave, (moderate|strong), since \d+ \w{3}( \d{4})?", reasons[0])
    assert reasons[1] == f"Too warm, since {begin.day} {month}"
    assert reasons[2].startswith("No reading for ")
    assert reasons[3:] == ["Last reading in doubt"]
    # A place with nothing to say still has its value, its age, what is usual, and what comes next.
    station = stations_of(places)["plain"]
    forecast, lower = station["forecast"], station["forecast"]["intervals"][0]["lower"][0]
    plain = rows(page).nth(4)
    side = "warmer" if station["anomaly"] > 0 else "colder"
    assert abs(station["anomaly"]) > 0.1
    for shown in (
        f"{station['newest']['sst']:.1f}\N{NO-BREAK SPACE}°C",
        f"Today · {abs(station['anomaly']):.1f}\N{NO-BREAK SPACE}°C {side} than usual",
        f"Next: {forecast['sst'][0]:.1f}\N{NO-BREAK SPACE}°C tomorrow (80%: {lower:.1f} to",
    ):
        expect(plain).to_contain_text(shown)
    expect(rows(page).nth(5)).to_contain_text("No readings yet")
    # What is unusual about a reading in doubt is not known.
    expect(rows(page).nth(3).locator(".chip")).to_have_text("–")
    expect(rows(page).nth(3)).not_to_contain_text("usual")


def said(reason: str, sentence: str, kind: str = "threshold", category: str | None = None) -> Json:
    """Return what a summary says of a place with one event that needs attention."""
    attention = [{"reason": reason, "event": "Nets", "sentence": sentence}]
    return {"attention": attention, "events": [{"name": "Nets", "kind": kind, "category": category}]}


@pytest.mark.parametrize(
    ("changes", "mark", "chip"),
    [
        (said("active", "Marine heatwave, severe", "marine_heatwave", "Severe"), "heat-3", "+2.0"),
        (said("active", "Marine cold spell", "marine_cold_spell"), "cold-1", "+2.0"),
        (said("expected", "Marine heatwave: 50 % likely", "marine_heatwave"), "alert", "+2.0"),
        (said("silent", "No reading for 3 days", "silent"), "alert", "+2.0"),
        ({"units": "fahrenheit"}, None, "+1.1"),
        ({"anomaly": -0.04}, None, "0.0"),
        ({"anomaly": None}, None, "–"),
    ],
)
def test_a_place_says_in_words_and_in_its_mark_what_it_needs(
    opened: Opened, places: str, changes: Json, mark: str | None, chip: str
) -> None:
    visit, page = opened()
    station = copy.deepcopy(stations_of(places)["plain"]) | {"anomaly": 2.0}
    if "attention" in changes:
        station["summary"] |= changes
    else:
        station |= changes
    with_stations(page, [station])
    page = visit.open()
    reasons = [each["sentence"] for each in station["summary"]["attention"]]
    expect(page.locator(".reasons")).to_have_count(len(reasons))
    assert page.locator(".reasons").all_inner_texts() == reasons
    expect(page.get_by_text("1 needs attention" if reasons else "none needs attention")).to_be_visible()
    (pin,) = pins(page).all()
    assert (pin.get_attribute("data-mark"), pin.inner_text()) == (mark, chip)
    assert all(reason in str(pin.get_attribute("aria-label")) for reason in reasons)


def test_colours_go_from_cold_to_warm_and_every_one_is_readable(opened: Opened, places: str) -> None:
    visit, page = opened()
    station = stations_of(places)["plain"]
    anomalies = (-9.0, -1.6, -1.4, -0.4, 0.4, 1.4, 1.6, 9.0, None)
    spread = [station | {"id": f"s{i}", "anomaly": each, "longitude": 20 * i} for i, each in enumerate(anomalies)]
    with_stations(page, spread)
    page = visit.open()
    steps = {pin.inner_text(): pin.get_attribute("data-anomaly") for pin in pins(page).all()}
    assert [steps[text] for text in ("−9.0", "−1.6", "−1.4", "−0.4", "+0.4", "+1.4", "+1.6", "+9.0", "–")] == [
        *("-3", "-2", "-1", "0", "0", "1", "2", "3"),
        None,
    ]
    expect(page.get_by_role("list", name="Colours, from colder to warmer")).to_contain_text("−3−2−10+1+2+3")
    for scheme, forced in (("light", "none"), ("dark", "none"), ("light", "active")):
        page.emulate_media(color_scheme=scheme, forced_colors=forced)  # type: ignore[arg-type]
        colours = {
            pin.inner_text(): pin.evaluate("pin => getComputedStyle(pin).backgroundColor") for pin in pins(page).all()
        }
        # One for each step, in forced colours too, and grey for what is not known.
        assert len({*colours.values()}) == 8
        assert visit.accessibility_violations() == []


def test_temperatures_and_colours_are_in_the_unit_that_the_reader_chose(visitor: Visitor, places: str) -> None:
    visit = visitor(places, new=True)
    page = visit.open()
    station = stations_of(places)["plain"]
    page.get_by_label("Unit of temperatures").select_option("°F")
    visit.settle()
    row = rows(page).nth(4)
    expect(row).to_contain_text(f"{station['newest']['sst'] * 1.8 + 32:.1f}\N{NO-BREAK SPACE}°F")
    expect(row).to_contain_text(f"{abs(station['anomaly']) * 1.8:.1f}\N{NO-BREAK SPACE}°F")
    expect(page.get_by_text("Difference from usual, °F")).to_be_visible()
    expect(page.get_by_role("list", name="Colours, from colder to warmer")).to_contain_text("−5−4−20+2+4+5")


def test_near_places_form_a_group_that_says_its_count_and_its_most_pressing_state_and_opens(opened: Opened) -> None:
    _, page = opened()
    expect(pins(page)).to_have_count(2)
    group = page.get_by_role("button", name="3 places. Most pressing: Hot spot, Marine heatwave")
    expect(group).to_have_text("3")
    assert str(group.get_attribute("data-mark")).startswith("heat-")
    group.focus()
    page.keyboard.press("Enter")
    spot = page.get_by_role("button", name="2 places. Most pressing: Hot spot").or_(
        page.get_by_role("link", name="Hot spot, ")
    )
    # The focus stays on what is most pressing in it.
    expect(spot.first).to_be_focused()
    expect(page.get_by_role("link", name="plain, 2")).to_be_in_viewport()
    for _ in range(9):
        page.keyboard.press("+")
    link = page.get_by_role("link", name="Hot spot, ").first
    expect(link).to_be_focused()
    name = str(link.get_attribute("aria-label"))
    assert re.search(r"Hot spot, \d\d\.\d\s°C, .* than usual, Marine heatwave, ", name)
    link.press("Enter")
    expect(page).to_have_url(re.compile("/place/station/pacific$"))


def test_places_at_one_position_stand_in_a_circle_when_no_zoom_takes_them_apart(opened: Opened, places: str) -> None:
    visit, page = opened()
    station = stations_of(places)["plain"]
    with_stations(page, [station | {"id": f"s{i}", "name": f"Sensor {i}"} for i in range(5)])
    page = visit.open()
    group = page.get_by_role("button", name="5 places.")
    while group.count():
        group.click()
    boxes = [box_of(pin) for pin in pins(page).all()]
    assert len(boxes) == 5
    for i, box in enumerate(boxes):
        for other in boxes[:i]:
            assert abs(box["x"] - other["x"]) >= box["width"] or abs(box["y"] - other["y"]) >= box["height"]


def test_the_arrow_keys_go_from_place_to_place_on_the_map_which_is_one_tab_stop(opened: Opened) -> None:
    _, page = opened()
    view = page.get_by_role("group", name="Map of 4 places")
    quiet, group = page.get_by_role("link", name="quiet, "), page.get_by_role("button", name="3 places.")
    expect(group).to_have_attribute("tabindex", "0")
    group.focus()
    for key, focused in (
        ("ArrowLeft", quiet),
        ("ArrowLeft", quiet),
        ("ArrowRight", group),
        ("End", quiet),
        ("Home", group),
    ):
        page.keyboard.press(key)
        expect(focused).to_be_focused()
    assert "3 places" in group.evaluate("pin => getComputedStyle(pin, '::after').content"), "its name is shown"
    assert [pin.get_attribute("tabindex") for pin in pins(page).all()] == ["0", "-1"]
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Zoom in on the map")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(group).to_be_focused()
    # A place that is off the map comes into view.
    for _ in range(4):
        page.keyboard.press("+")
    expect(quiet).not_to_be_in_viewport()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    expect(quiet).to_be_focused()
    assert view.evaluate("view => view.scrollLeft") == 0
    around, pin = box_of(view), box_of(quiet)
    assert around["x"] < pin["x"] < around["x"] + around["width"]


def test_the_map_is_dragged_and_shows_the_whole_world(opened: Opened) -> None:
    _, page = opened()
    group = page.get_by_role("button", name="3 places.")
    before, view = box_of(group), box_of(page.locator(".map"))
    # From a pin, which is not pressed by the drag.
    page.mouse.move(before["x"] + 5, before["y"] + 5)
    page.mouse.down()
    page.mouse.move(before["x"] - 55, before["y"] + 25)
    page.mouse.up()
    after = box_of(group)
    assert after["x"] - before["x"] == pytest.approx(-60, abs=1)
    assert after["y"] - before["y"] == pytest.approx(20, abs=1)
    page.get_by_role("button", name="Show the whole world").click()
    # 50 degrees of 360 between the first two.
    east, west = box_of(group)["x"], box_of(page.get_by_role("link", name="quiet, "))["x"]
    assert (east - west) / view["width"] == pytest.approx(50 / 360, abs=0.02)
    expect(group).to_be_visible()
    group.click()
    expect(group).to_have_count(0)


def test_places_are_found_by_name_and_the_address_keeps_the_search(
    opened: Opened, places: str, visitor: Visitor
) -> None:
    visit, page = opened("?search=hot")
    expect(page.get_by_text("One place with “hot” in the name or ID, 1 needs attention.")).to_be_visible()
    expect(rows(page)).to_have_count(1)
    field = page.get_by_label("Find a place")
    field.fill("nowhere")
    field.press("Enter")
    visit.settle()
    assert "search=nowhere" in page.url
    expect(field).to_be_focused()
    expect(page.locator("main").get_by_text("No place with “nowhere” in the name or ID.")).to_be_visible()
    page.get_by_role("link", name="All places").click()
    expect(rows(page)).to_have_count(6)
    expect(page.get_by_label("Find a place")).to_have_count(0)


def test_a_thousand_places_stay_usable(opened: Opened, places: str) -> None:
    visit, page = opened()
    station = stations_of(places)["plain"]
    many = [
        station | {"id": f"s{i}", "name": f"Sea {i}", "latitude": i % 40 * 4 - 80, "longitude": i // 40 * 14 - 175}
        for i in range(1000)
    ]
    requests = with_stations(page, many, "s999")
    page = visit.open()
    assert len(requests) == 1
    assert "limit=1000" in requests[0]
    expect(page.get_by_text("1,000 places, none needs attention. These are the first 1,000")).to_be_visible()
    assert pins(page).count() < 200
    assert sum(int(text) if text.isdigit() else 1 for text in pins(page).all_inner_texts()) == 1000
    expect(rows(page)).to_have_count(25)
    page.get_by_role("button", name="Show 25 more of 1,000").click()
    expect(rows(page)).to_have_count(50)
    expect(rows(page).nth(25).get_by_role("link")).to_be_focused()
    took = page.evaluate(
        """() => { const start = performance.now(); document.querySelector('[aria-label="Zoom in on the map"]').click();
        document.querySelector('.map').getBoundingClientRect(); return performance.now() - start; }"""
    )
    assert took < 1000
    visit.settle()


def test_archives_are_examples_below_the_places_of_today(opened: Opened) -> None:
    visit, page = opened()
    examples = page.get_by_role("list", name="Examples")
    expect(examples).to_have_count(0)
    page.get_by_text("Examples from the archive").click()
    visit.settle()
    expect(examples.get_by_role("listitem").first).to_contain_text("archive to December 2010")
    expect(rows(page)).to_have_count(6)


@pytest.fixture(scope="module")
def guarded(seas: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, str, Path]]:
    """A service without stations that needs keys; return its URL, two keys and the file of the store.

    The first key may add stations, the second may not.
    """
    folder = tmp_path_factory.mktemp("guarded")
    text, key = new_key("operator", Role.STATION)
    other, reader = new_key("reader", Role.FORECAST)
    settings = Settings(
        artifacts=seas,
        keys=SecretStr(f"{key.line}\n{reader.line}"),
        allow_anonymous=False,
        store=SecretStr(f"sqlite:///{folder}/sst.db"),
    )
    with serve(settings) as client:
        yield str(client.base_url).rstrip("/"), text, other, folder / "sst.db"


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


def test_without_places_home_says_what_this_is_and_offers_a_place_and_an_example(visitor: Visitor, url: str) -> None:
    visit = visitor(new=True)
    page = visit.open()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("^Tomorrow’s water temperature, with a range"))
    peru = page.get_by_role("list", name="Examples").get_by_role("listitem").first
    series = httpx.get(f"{url}/series?dataset=nino12").raise_for_status().json()
    difference = series["values"][-1] - series["climatology"][-1]
    expect(peru).to_contain_text("Sea off Peru, archive to December 2010")
    expect(peru).to_contain_text(
        f"{abs(difference):.1f}\N{NO-BREAK SPACE}°C {'warmer' if difference > 0 else 'colder'}"
    )
    expect(peru).to_contain_text("in January 2011 (80%: ")
    expect(pins(page)).to_have_count(2)
    expect(page.get_by_role("link", name="Western Maine Shelf").first).to_have_text("–")
    page.get_by_role("link", name="Look at an example").click()
    expect(page).to_have_url(re.compile("/place/sea/nino12$"))
    visit.settle()
    page = visit.open()
    page.get_by_role("link", name="Add your place").click()
    expect(page).to_have_url(re.compile("/add$"))


SHIFTS = """
window.shift = 0;
const add = list => { for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value; };
new PerformanceObserver(add).observe({ type: "layout-shift", buffered: true });
"""


@pytest.mark.parametrize("width", [1280, 375])
@pytest.mark.parametrize("is_empty", [False, True])
def test_nothing_moves_while_places_or_examples_arrive(
    visitor: Visitor, places: str, url: str, width: int, is_empty: bool
) -> None:
    visit = visitor(url if is_empty else places, width=width)
    page = visit.page
    page.add_init_script(SHIFTS)

    def delay(route: Route) -> None:
        page.wait_for_timeout(400)
        route.continue_()

    page.route(re.compile(r"/stations\?|/series|/models$"), delay)
    visit.open()
    assert page.evaluate("window.shift") < 0.1
    page.unroute_all(behavior="wait")


@pytest.mark.parametrize("query", ["", "add"])
def test_home_and_the_form_are_accessible_and_fit_a_phone(opened: Opened, query: str) -> None:
    visit, page = opened(query)
    page.evaluate("document.querySelectorAll('main details:not([open]) > summary').forEach(summary => summary.click())")
    visit.settle()
    for width, scheme in (*LOOKS, *((phone, "light") for phone in PHONES)):
        visit.resize(width, scheme)
        assert visit.accessibility_violations() == []
        assert visit.content_width() <= width


def test_a_place_is_added_with_its_name_and_a_position_from_the_map(
    visitor: Visitor, guarded: tuple[str, str, str, Path]
) -> None:
    url, key, reader, _ = guarded
    visit = visitor(url, new=True)
    page = with_key(visit, "", reader)
    page.get_by_role("link", name="Add your place").click()
    # A key that may only forecast cannot add places, and is not offered to.
    page.get_by_role("button", name="Enter a key").click()
    expect(page.get_by_text("Name a place without a file")).to_have_count(0)
    page.get_by_role("textbox", name="API key").fill(key)
    page.get_by_role("button", name="Use key").click()
    page.get_by_text("Name a place without a file").click()
    page.get_by_role("button", name="Add this place").click()
    name, short = page.get_by_label("Name", exact=True), page.get_by_label("Short name in its address")
    expect(page.get_by_text("Give the place a name.")).to_be_visible()
    expect(name).to_have_attribute("aria-invalid", "true")
    name.fill("Søndre Kai")
    expect(short).to_have_value("sondre-kai")
    short.fill("südkai")
    page.get_by_role("button", name="Add this place").click()
    expect(page.get_by_text("Use up to 64 letters, digits, dots, hyphens and underscores")).to_be_visible()
    short.fill("kai")
    page.get_by_label("hourly").check(force=True)
    page.get_by_label("Latitude").fill("60.4, 5.1")
    page.get_by_label("Latitude").press("Enter")
    page.get_by_role("button", name="Add this place").click()
    expect(page).to_have_url(re.compile("/place/station/kai$"))
    visit.settle()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Søndre Kai")
    station = httpx.get(f"{url}/stations/kai", headers={"Authorization": f"Bearer {key}"}).raise_for_status().json()
    assert [station[field] for field in ("name", "step", "latitude", "longitude")] == ["Søndre Kai", "hour", 60.4, 5.1]
    page.get_by_role("link", name="Add a place").click()
    page.get_by_text("Name a place without a file").click()
    name.fill("Kai")
    page.get_by_role("button", name="Add this place").click()
    expect(page.get_by_text("There is a place kai already. Choose another short name.")).to_be_visible()
    expect(short).to_be_focused()


def test_without_a_store_home_offers_the_file_and_the_examples(
    visitor: Visitor, guarded: tuple[str, str, str, Path]
) -> None:
    url, key, _, file = guarded
    for left in file.parent.glob("sst.db*"):
        left.unlink()
    file.write_text("not a database" * 100)
    visit = visitor(url, new=True)
    page = with_key(visit, "", key)
    expect(page.get_by_text("Saved places cannot be shown at the moment.")).to_be_visible()
    expect(page.get_by_role("link", name="Open a file of readings")).to_be_visible()
    expect(page.get_by_role("list", name="Examples").get_by_role("listitem").first).to_be_visible()
    assert not re.search("database|sqlite|store|503", page.locator("main").inner_text(), re.IGNORECASE)
    page.get_by_role("link", name="Open a file of readings").click()
    expect(page.get_by_text("Drop a file here")).to_be_visible()
    expect(page.get_by_text("Places cannot be saved here at the moment.")).to_be_visible()
    expect(page.get_by_text("Name a place without a file")).to_have_count(0)
    file.unlink()
    visit.console_errors.clear()

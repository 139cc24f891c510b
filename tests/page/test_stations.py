"""The page of one station."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect
from pydantic import SecretStr

from service.settings import Settings
from tests.page.browser import DESKTOP, LOOKS, Visit, box_of
from tests.page.conftest import Visitor
from tests.page.files import open_options
from tests.serving import serve

pytestmark = pytest.mark.long

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
    def start(station: str, width: int = DESKTOP) -> tuple[Visit, Page]:
        visit = visitor(stations, width=width)
        return visit, visit.open(f"place/station/{station}")

    return start


Opened = Callable[..., tuple[Visit, Page]]


def newest_forecast(url: str) -> dict[str, list[float]]:
    forecast: dict[str, list[float]] = httpx.get(f"{url}/stations/reef").raise_for_status().json()["forecast"]
    return forecast


def test_the_chart_shows_the_forecasts_of_the_chosen_lead_over_what_came(opened: Opened, stations: str) -> None:
    _, page = opened("reef")
    newest = newest_forecast(stations)
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"The <reef>: {newest['sst'][0]:.1f}")
    table = page.get_by_role("table", name="Forecast for The <reef>")
    expect(table.get_by_role("row").nth(1).get_by_role("cell").first).to_have_text(f"{newest['sst'][0]:.2f}")
    chart = page.get_by_role("group", name="Recent values of The <reef> and the forecast")
    chart.focus()
    page.keyboard.press("End")
    expect(page.locator("#announcement")).to_contain_text(f"{newest['sst'][-1]:.2f}")
    open_options(page).get_by_label("Past forecasts made").select_option("2 days before")
    assert "lead=2" in page.url
    drawn = "plot => plot.data.find(({name}) => name === 'Forecast 2 days before').y.at(-1)"
    archive = httpx.get(f"{stations}/stations/reef/forecasts").raise_for_status().json()["forecasts"]
    assert chart.locator(".plot").evaluate(drawn) == archive[-3]["sst"][1]
    page.get_by_text("Forecasts and what came, as a table").click()
    row = page.get_by_role("row").filter(has_text=f"{TODAY.day} {TODAY:%b %Y}").first
    expect(row).to_contain_text(f"{archive[-3]['sst'][1]:.2f}")


def test_a_printed_station_shows_its_whole_chart(opened: Opened) -> None:
    _, page = opened("reef")
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 688, "height": 1017})
    card = page.locator(".card:has(.chart-slot)")
    around, drawing = box_of(card), box_of(card.locator(".plot > svg"))
    page.emulate_media(media="screen")
    assert around["x"] <= drawing["x"]
    assert drawing["x"] + drawing["width"] <= around["x"] + around["width"] <= 688


def test_a_station_has_its_errors_its_alerts_and_a_picture_to_embed(opened: Opened, stations: str) -> None:
    visit, page = opened("reef")
    answer = httpx.get(f"{stations}/stations/reef/verification").raise_for_status().json()
    record = page.locator(".accuracy")
    first = answer["leads"][0]
    (issued,) = (model for model in first["models"] if model["kind"] == "issued")
    expect(record).to_contain_text(f"Only {first['n']} forecasts can be checked so far")
    expect(record.locator(".verdict")).to_contain_text(f"typically off by {issued['rmse']:.2f}")
    archive = httpx.get(f"{stations}/stations/reef/forecasts").raise_for_status().json()["forecasts"]
    week, observed = archive[-8], httpx.get(f"{stations}/stations/reef").json()["newest"]["sst"]
    expect(record).to_contain_text(f"7 days before {TODAY.day} {TODAY:%b %Y}, we expected {week['sst'][6]:.1f}")
    lower, upper = (
        next(one for one in week["intervals"] if one["level"] == 80)[side][6] for side in ("lower", "upper")
    )
    held = "within" if lower <= observed <= upper else "outside"
    expect(record).to_contain_text(f"It was {observed:.1f}\N{NO-BREAK SPACE}°C, {held} that range.")

    start = TODAY - timedelta(days=47)
    card = page.locator("section.card").filter(has=page.get_by_role("heading", name="Alerts"))
    states = card.get_by_role("listitem")
    expect(states.nth(0)).to_contain_text(f"Warm water, since {start.day} {start:%b %Y}")
    expect(states.nth(1)).to_contain_text("Hot water: not now")
    expect(card.get_by_role("row").filter(has_text="Warm water began")).to_contain_text("not sent")

    page.get_by_text("Share this place").click()
    visit.settle()
    picture = page.get_by_role("img", name="The card of The <reef>")
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 360
    expect(page.get_by_role("group", name="HTML for another page")).to_contain_text(
        f"{stations}/stations/reef/card.svg"
    )


@pytest.mark.parametrize("station", ["reef", "planned"])
def test_the_view_is_accessible_and_fits_a_phone(opened: Opened, station: str) -> None:
    visit, page = opened(station)
    page.evaluate(
        "document.querySelectorAll('main details:not([open], .menu) > summary').forEach(summary => summary.click())"
    )
    visit.settle()
    for width, scheme in (*LOOKS, (NARROW, "light")):
        visit.resize(width, scheme)
        # What the bar at the top covers a part of would count as too small.
        page.evaluate("scrollTo(0, 0)")
        assert visit.accessibility_violations() == []
        assert visit.content_width() <= width

"""Weather on the page: wind and air under the water, what they changed, and the weather of stations."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Locator, Page, expect
from pydantic import SecretStr

from forecasting.weather_sources import ATTRIBUTION
from service.settings import Settings
from tests.forecasting.models.universal import tiny
from tests.forecasting.models.universal.test_weather import PRIOR, sea
from tests.page.browser import LOOKS
from tests.page.conftest import Visitor
from tests.page.files import daily, dropped
from tests.page.test_data import series_of
from tests.processes import wait_until
from tests.servers.erddap import running
from tests.servers.open_meteo import DAILY, OpenMeteoServer, air
from tests.serving import serve

pytestmark = pytest.mark.long

DAYS, HORIZON = 120, 4
QUERY = f"horizon={HORIZON}"
WORTHLESS = "Weather was worth nothing on the past of this series, so the forecast does not use it."
TODAY = int(np.datetime64("now", "D").astype(np.int64))
PIER = {"step": "day", "latitude": 43.6, "longitude": -9.1, "weather": "open-meteo"}


@pytest.fixture(scope="module")
def server() -> Iterator[OpenMeteoServer]:
    with running(OpenMeteoServer()) as server:
        yield server


@pytest.fixture(scope="module")
def weathered(artifacts: Path, server: OpenMeteoServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service whose daily release takes weather; return its URL."""
    folder = tmp_path_factory.mktemp("weather")
    shutil.copytree(artifacts, folder / "artifacts", symlinks=True)
    tiny.publish(folder / "artifacts", "ocean-daily", "day", {"gru": 0.01, "lstm": 0.02}, weather=PRIOR)
    store = SecretStr(f"sqlite:///{folder}/sst.db")
    with serve(Settings(artifacts=folder / "artifacts", store=store, open_meteo_url=server.url)) as client:
        yield str(client.base_url).rstrip("/")


def pier(follows: float = 0.12, ahead: int = HORIZON, days: int = DAYS, start: str = "2020-01-01") -> str:
    """A CSV of water that follows the air by this much, with weather some days ahead."""
    whole, weather = sea(3, days, follows)
    count = days + ahead
    water = np.where(np.arange(count) < days, whole.values[:count].round(2), np.nan)
    columns = zip(("air_temperature", "wind_speed"), weather.values[:count].round(1).T, strict=True)
    table = pd.DataFrame({"sst": water, **dict(columns)}, pd.date_range(start, periods=count, name="time"))
    return table.to_csv()


def forecast(url: str, series: dict[str, Any]) -> dict[str, Any]:
    answer = httpx.post(f"{url}/forecast", json={"series": [series], "horizon": HORIZON}, timeout=600)
    entry: dict[str, Any] = answer.raise_for_status().json()["forecasts"][0]
    return entry


def without_weather(sst: list[float], without: list[float], days: list[str]) -> str:
    """The sentence about what weather changed."""
    most = int(np.argmax(np.abs(np.subtract(sst, without))))
    day = pd.Timestamp(days[most])
    later = f", and {without[most]:.2f} instead of {sst[most]:.2f} °C on {day.day} {day:%b %Y}" if most else ""
    return f"Without the weather ahead: {without[0]:.2f} °C{later}."


def create(client: httpx.Client, station: str) -> None:
    """Create a station and wait until the service has asked for its weather."""
    client.put(f"/stations/{station}", json=PIER).raise_for_status()
    path = f"/stations/{station}"
    wait_until(lambda: client.get(path).json()["weather_fetch"]["attempted"] is not None, "no weather was asked for")


def charts(page: Page) -> tuple[Locator, Locator]:
    """The charts of the water and of the weather over it."""
    weather = page.get_by_role("group", name="Weather over")
    return page.get_by_role("group", name="Recent values of pier.csv and the forecast"), weather


def test_weather_is_drawn_under_the_water_and_the_headline_says_what_it_changed(
    visitor: Visitor, weathered: str
) -> None:
    visit = visitor(weathered)
    page = dropped(visit, "pier.csv", pier(), QUERY)
    (series,) = series_of(weathered, pier())
    entry = forecast(weathered, series)
    without = forecast(weathered, {**series, "weather": None})["sst"]
    use = entry["weather"]
    percent = round(100 - 100 * use["past_rmse_ratio"])
    smaller = f"In {use['origins']} past forecasts, weather made errors {percent}% smaller."
    expected = without_weather(entry["sst"], without, entry["timestamps"])
    expect(page.locator(".outlook .weather")).to_have_text(f"{expected} {smaller}")

    keys = page.locator(".mark.band").evaluate_all("marks => marks.map(mark => getComputedStyle(mark).backgroundColor)")
    assert len({*keys, "rgba(0, 0, 0, 0)"}) == 3

    water, weather = charts(page)
    plots = [chart.locator(".plot") for chart in (water, weather)]
    traces = weather.locator(".plot").evaluate("plot => plot.data.map(({name, x, y, line}) => [name, x, y, line.dash])")
    assert [(name, dash) for name, _, _, dash in traces] == [
        ("Air", "solid"), ("Air forecast", "5px,3px"), ("Wind", "solid"), ("Wind forecast", "5px,3px")
    ]  # fmt: skip
    for (_, x, y, _), name in zip(traces[1::2], ("air_temperature", "wind_speed"), strict=True):
        assert x == [f"{np.datetime64('2020-04-29') + i}T00:00:00Z" for i in range(1 + HORIZON)]
        assert y == series["weather"][name][-1 - HORIZON :]
    ranges = "plot => plot.layout.xaxis.range"
    assert plots[0].evaluate(ranges) == plots[1].evaluate(ranges)
    page.get_by_role("button", name="Zoom out").first.click()
    wider = plots[0].evaluate(ranges)
    assert plots[1].evaluate(ranges) == wider
    weather.locator(".surface").drag_to(
        weather.locator(".surface"), source_position={"x": 200, "y": 20}, target_position={"x": 500, "y": 20}
    )
    assert plots[0].evaluate(ranges) == plots[1].evaluate(ranges) != wider


def test_the_weather_can_be_read_with_keys_and_as_a_table(visitor: Visitor, weathered: str) -> None:
    visit = visitor(weathered)
    page = dropped(visit, "pier.csv", pier(), QUERY)
    (series,) = series_of(weathered, pier())
    air, wind = (series["weather"][name] for name in ("air_temperature", "wind_speed"))
    _, weather = charts(page)
    weather.focus()
    page.keyboard.press("End")
    expect(page.locator("#announcement")).to_have_text(
        f"3 May 2020, Air forecast {air[-1]:.1f} °C, Wind forecast {wind[-1]:.1f} m/s"
    )
    expect(weather.locator(".readout")).to_contain_text(f"Wind forecast{wind[-1]:.1f} m/s")
    for _ in range(HORIZON):
        page.keyboard.press("ArrowLeft")
    expect(page.locator("#announcement")).to_have_text(
        f"29 Apr 2020, Air {air[DAYS - 1]:.1f} °C, Wind {wind[DAYS - 1]:.1f} m/s"
    )
    page.get_by_text("View weather as table").click()
    rows = page.get_by_role("table", name="Weather over pier.csv").get_by_role("row")
    expect(rows.first).to_have_text("Time (UTC)Air, °CWind, m/s")
    expect(rows.last).to_have_text(f"3 May 2020 (forecast){air[-1]:.1f}{wind[-1]:.1f}")
    expect(rows.nth(-1 - HORIZON)).to_have_text(f"29 Apr 2020{air[DAYS - 1]:.1f}{wind[DAYS - 1]:.1f}")
    for width, scheme in LOOKS:
        visit.resize(width, scheme)
        assert visit.accessibility_violations() == []
        assert visit.content_width() <= width


def test_weather_ahead_of_a_long_series_is_not_thinned(visitor: Visitor, weathered: str) -> None:
    page = dropped(visitor(weathered), "pier.csv", pier(days=6_100, start="2000-01-01"), QUERY)
    _, weather = charts(page)
    page.get_by_role("button", name="Whole period").first.click()
    expect(weather.get_by_text("only the extremes of each interval")).to_be_visible()
    weather.focus()
    said = page.locator("#announcement")
    for lead in range(HORIZON, -1, -1):
        page.keyboard.press("End" if lead == HORIZON else "ArrowLeft")
        day = pd.Timestamp("2000-01-01") + pd.Timedelta(6_099 + lead, "D")
        expect(said).to_contain_text(f"{day.day} {day:%b %Y}, Air{' forecast' if lead else ''} ")


@pytest.mark.parametrize(
    ("text", "said", "warning", "drawn"),
    [
        (pier(follows=0.0), [WORTHLESS], "", 1),
        (pier(ahead=0), [], "The weather has no value after the last observation, 29 Apr 2020", 1),
        (daily(DAYS), [], "", 0),
    ],
    ids=["worth nothing", "none ahead", "no weather"],
)
def test_weather_of_no_use_is_drawn_and_not_compared(
    visitor: Visitor, weathered: str, text: str, said: list[str], warning: str, drawn: int
) -> None:
    visit = visitor(weathered)
    page = dropped(visit, "pier.csv", text, QUERY)
    expect(page.get_by_role("group", name="Weather over pier.csv")).to_have_count(drawn)
    assert page.locator(".outlook .weather").all_inner_texts() == said
    assert ("weather" in " ".join(page.locator(".notice.warning").all_inner_texts())) == bool(warning)
    expect(page.get_by_role("main")).to_contain_text(warning)


def test_a_station_shows_the_weather_that_it_was_given_or_why_it_has_none(
    visitor: Visitor, weathered: str, server: OpenMeteoServer
) -> None:
    days = np.arange(TODAY - DAYS, TODAY)
    water = np.zeros(DAYS)
    for i in range(1, DAYS):
        water[i] = 0.9 * water[i - 1] + 0.12 * (air(days[i], 43.6) - 6.6)
    with httpx.Client(base_url=weathered, timeout=600) as client:
        for station, faults in (("pier", []), ("buoy", [DAILY] * 9)):
            server.faults = [*faults]
            create(client, station)
            for part in (slice(0, DAYS - 2), slice(DAYS - 2, DAYS - 1), slice(DAYS - 1, DAYS)):
                start = str(np.datetime64(int(days[part][0]), "D"))
                body = {"start": start, "values": (14 + water[part]).round(2).tolist()}
                client.post(f"/stations/{station}/observations", json=body).raise_for_status()
        newest = client.get("/stations/pier/forecast").json()
    visit = visitor(weathered)
    page = visit.open("place/station/pier")
    card = page.get_by_role("main")
    sentence = without_weather(newest["sst"], newest["sst_without_weather"], newest["timestamps"])
    expect(card).to_contain_text(f"{sentence} In ")
    expect(card).to_contain_text(f"{ATTRIBUTION}.")
    plot = card.get_by_role("group", name="Weather over pier").locator(".plot")
    drawn = plot.evaluate("plot => plot.data.map(({y}) => y)")
    last = newest["weather"]["wind_speed"]
    assert drawn[3][1:] == last
    assert len(drawn[2]) == 2
    assert visit.accessibility_violations() == []
    page = visit.open("place/station/buoy")
    card = page.get_by_role("main")
    expect(card).to_contain_text("No weather: Open-Meteo responded 429")
    expect(card.get_by_role("group", name="Weather over")).to_have_count(0)

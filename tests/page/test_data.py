import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import xarray as xr
from playwright.sync_api import FileChooser, Locator, Page, Request, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout
from pydantic import SecretStr

from service.settings import Settings
from tests.page.browser import Visit
from tests.page.conftest import Shown, Visitor
from tests.page.files import daily, drop, drop_file, dropped, flagged, monthly, open_options, without_unit
from tests.page.titles import title_of
from tests.serving import serve

pytestmark = pytest.mark.long

OBSERVED = "plot => plot.data.find(trace => trace.name === 'Observed').y"
NDBC = "#YY  MM DD hh mm WTMP\n#yr  mo dy hr mn degC\n"


def series_of(url: str, text: str) -> Any:
    """Return the series of a file in the form that POST /forecast takes."""
    return httpx.post(f"{url}/series", content=text, headers={"Content-Type": "text/csv"}).json()["series"]


def next_value(url: str, text: str, **options: str | int) -> str:
    """The next value of a series, as the first row of the table shows it."""
    answer = httpx.post(f"{url}/forecast", json={"series": series_of(url, text), **options}).json()
    return f"{answer['forecasts'][0]['sst'][0]:.2f}"


def first_value(page: Page) -> Locator:
    return page.get_by_role("table", name="Forecast for").get_by_role("row").nth(1).get_by_role("cell").first


def test_a_dropped_file_is_plotted_with_its_gap_and_forecast(shown: Shown, url: str) -> None:
    page = drop(shown("add"), "pier.csv", monthly())
    summary = page.locator("section.card", has_text="How the file was read")
    expect(summary).to_contain_text("time, sst")
    expect(summary).to_contain_text("1, in 1 gap of 1 month")
    values = page.locator(".chart-slot .plot").evaluate(OBSERVED)
    assert len(values) == 60
    assert values[30] is None

    series = series_of(url, monthly())
    (forecast,) = httpx.post(f"{url}/forecast", json={"horizon": 6, "series": series}).json()["forecasts"]
    rows = page.get_by_role("table", name="Forecast for pier.csv").get_by_role("row").all()[1:]
    assert len(rows) == 6
    for row, value in zip(rows, forecast["sst"], strict=True):
        expect(row).to_contain_text(f"{value:.2f}")


def test_daily_values_are_forecast_at_their_own_step(shown: Shown, url: str) -> None:
    page = drop(shown("add"), "mooring.csv", daily(60))
    table = page.get_by_role("table", name="Forecast for mooring.csv")
    expect(table.get_by_role("row")).to_have_count(8)
    expect(table.get_by_role("rowheader").first).to_have_text("1 Mar 2022")
    expect(table.get_by_role("rowheader").last).to_have_text("7 Mar 2022")
    body = {"horizon": 7, "series": series_of(url, daily(60))}
    (forecast,) = httpx.post(f"{url}/forecast", json=body).json()["forecasts"]
    expect(table.get_by_role("row").nth(1)).to_contain_text(f"{forecast['sst'][0]:.2f}")
    expect(page.get_by_text("averages of your series")).to_have_count(0)


def test_a_wrong_digit_is_pointed_out(shown: Shown) -> None:
    rows = daily(120).splitlines()
    time, _, value = rows[-10].partition(",")
    rows[-10] = f"{time},{float(value) + 9:.2f}"
    page = drop(shown("add"), "mooring.csv", "\n".join(rows) + "\n")
    notice = page.get_by_role("status").filter(has_text="looks wrong")
    expect(notice).to_contain_text(f"A value looks wrong: {float(value) + 9:.2f}\u00a0°C on")
    expect(notice).to_contain_text(re.compile(r"where -?[\d.]+ to -?[\d.]+\s°C was expected"))
    checks: list[Request] = []
    page.on("request", lambda request: checks.append(request) if "check=true" in request.url else None)
    open_options(page).get_by_label("Steps ahead").fill("3")
    expect(page.get_by_role("table", name="Forecast for").get_by_role("row")).to_have_count(4)
    expect(notice).to_be_visible()
    assert not checks


def test_models_of_a_place_are_offered_where_they_take_the_series_and_used_only_when_chosen(
    visitor: Visitor, url: str
) -> None:
    visit = visitor()
    # A dataset that another view showed is not carried over.
    visit.open("report/nino12")
    drop_file(visit, "pier.csv", monthly())
    page = open_options(visit.page)
    choices = page.get_by_label("Networks for")
    expect(choices).to_have_value("")
    assert choices.get_by_role("option").all_inner_texts() == [
        "Any sea (ocean-monthly)",
        f"One place ({title_of(url, 'nino12')})",
    ]
    expect(first_value(page)).to_have_text(next_value(url, monthly(), horizon=6))
    choices.focus()
    choices.select_option("nino12")
    visit.settle()
    expect(choices).to_be_focused()
    expect(page.get_by_text("These networks were trained on one place")).to_be_visible()
    expect(first_value(page)).to_have_text(next_value(url, monthly(), dataset="nino12"))
    assert next_value(url, monthly(), horizon=6) != next_value(url, monthly(), dataset="nino12")
    assert "release=nino12" in page.url
    drop_file(visit, "mooring.csv", daily(60))
    expect(page.get_by_label("Networks for")).to_have_count(0)
    expect(page.locator(".outlook")).to_contain_text("is of 28 February 2022")
    expect(page.get_by_text("These networks were trained on one place")).to_have_count(0)


def paste(visit: Visit, text: str) -> Page:
    """Read pasted text."""
    page = visit.open("add")
    page.get_by_label("Or paste lines").fill(text)
    page.get_by_role("button", name="Read data").click()
    page.wait_for_url("**/place/file*")
    visit.settle()
    return page


def test_pasted_text_can_be_changed_and_its_options_do_not_apply_to_the_example(visitor: Visitor) -> None:
    visit = visitor(new=True)
    page = paste(visit, monthly())
    page.get_by_text("Reading options").click()
    page.get_by_label("Temperature units").select_option("fahrenheit")
    visit.settle()
    assert "units=fahrenheit" in page.url
    page.get_by_role("link", name="Open another file").click()
    expect(page.get_by_label("Or paste lines")).to_have_value(monthly())
    page.get_by_role("button", name="Try an example").click()
    page.wait_for_url("**/place/file")
    visit.settle()
    expect(page.get_by_role("table", name="Forecast for example.csv")).to_be_visible()
    expect(page.locator(".outlook")).to_contain_text("19.2 °C")
    visit.console_errors.clear()


def test_rows_copied_from_a_german_spreadsheet_need_no_header(visitor: Visitor) -> None:
    page = paste(visitor(), "".join(f"{day:02}.03.2022\t15,{day}\n" for day in range(1, 31)))
    expect(page.get_by_role("rowheader", name="31 Mar 2022")).to_be_visible()


def test_a_file_and_what_was_chosen_for_it_survive_a_reload_until_it_is_forgotten(visitor: Visitor) -> None:
    visit = visitor(new=True)
    page = dropped(visit, "pier.csv", daily(60))
    expect(page.get_by_role("main")).to_contain_text("its address cannot be shared")
    open_options(page).get_by_label("Steps ahead").fill("3")
    expect(page.get_by_role("table", name="Forecast for pier.csv").get_by_role("row")).to_have_count(4)
    visit.settle()
    # The options are kept with the file.
    visit.open("place/file")
    expect(page.get_by_role("table", name="Forecast for pier.csv").get_by_role("row")).to_have_count(4)
    page.get_by_role("button", name="Forget this file").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Add a place")
    visit.open("place/file")
    expect(page.get_by_role("heading", level=1)).to_have_text("No file is open in this browser.")


@pytest.fixture
def with_store(seas: Path, tmp_path: Path) -> Iterator[str]:
    """A service that keeps stations."""
    settings = Settings(artifacts=seas, store=SecretStr(f"sqlite:///{tmp_path}/sst.db"), request_seconds=600)
    with serve(settings) as client:
        yield str(client.base_url).rstrip("/")


def test_a_file_is_kept_as_a_station_with_all_its_readings(visitor: Visitor, with_store: str) -> None:
    visit = visitor(with_store, new=True)
    page = dropped(visit, "north_pier.csv", without_unit(60), "units=fahrenheit")
    page.get_by_text("Keep this place").click()
    expect(page.get_by_label("Name", exact=True)).to_have_value("North pier")
    short = page.get_by_label("Short name in its address")
    expect(short).to_have_value("north-pier")
    short.fill("north pier!")
    page.get_by_role("button", name="Keep", exact=True).click()
    expect(page.get_by_text("Use up to 64 letters")).to_be_visible()
    short.fill("north")
    page.get_by_role("button", name="Keep", exact=True).click()
    expect(page).to_have_url(re.compile("/place/station/north$"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("North pier: ")
    stored = httpx.get(f"{with_store}/stations/north/observations").json()
    (series,) = series_of(with_store, daily(60))
    assert stored["values"] == pytest.approx(series["values"], abs=0.06)


def test_a_place_is_not_half_kept_if_its_readings_are_refused(visitor: Visitor, with_store: str) -> None:
    visit = visitor(with_store, new=True)
    page = dropped(visit, "pier.csv", daily(60))
    page.route("**/observations*", lambda route: route.fulfill(status=422, json={"detail": "the file is odd"}))
    page.get_by_text("Keep this place").click()
    page.get_by_role("button", name="Keep", exact=True).click()
    expect(page.get_by_role("alert")).to_have_text("The readings were not taken: The file is odd.")
    assert httpx.get(f"{with_store}/stations").json()["stations"] == []
    visit.console_errors.clear()


def test_an_error_shows_the_line_it_is_about(shown: Shown) -> None:
    visit = shown("add")
    page = drop(visit, "pier.csv", monthly().replace("2002-03-01,", "2002-03-01,warm"))
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("Line 16")
    expect(alert.locator("mark")).to_contain_text("2002-03-01,warm")
    assert all("422" in text for text in visit.console_errors)
    visit.console_errors.clear()


def test_a_series_that_is_too_short_says_how_many_values_are_missing(shown: Shown) -> None:
    page = drop(shown("add"), "short.csv", daily(10))
    alert = page.get_by_role("alert")
    expect(alert).to_have_count(1)
    expect(alert).to_contain_text("Cannot forecast short.csv")
    expect(alert).to_contain_text("needs at least 14 daily values, but the series has 10: 4 more are needed")
    expect(page.get_by_role("heading", name="How the file was read")).to_be_visible()
    expect(page.get_by_role("table", name="Forecast for")).to_have_count(0)


def test_ndbc_sentinels_are_read_as_missing(shown: Shown) -> None:
    rows = [
        f"2020 {i // 48 + 1:02} 01 {i % 48 // 2:02} {i % 2 * 30:02} {999.0 if i == 20 else 10 + i / 50:.1f}"
        for i in range(48)
    ]
    page = drop(shown("add"), "44007.txt", NDBC + "\n".join(rows) + "\n")
    card = page.locator("section.card", has_text="How the file was read")
    expect(card).to_contain_text("NDBC")
    expect(card).to_contain_text("1, in 1 gap")


def test_flagged_values_are_counted(shown: Shown) -> None:
    page = drop(shown("add"), "flagged.csv", flagged())
    card = page.locator("section.card", has_text="How the file was read")
    expect(card).to_contain_text("suspect: 1, fail: 2")
    expect(card).to_contain_text("2, in 1 gap")


def test_a_station_can_be_chosen_from_several(shown: Shown) -> None:
    visit = shown("add")
    rows = [row for line in monthly().splitlines()[1:] for row in (f"a,{line}", f"b,{line}")]
    page = drop(visit, "two.csv", "station,time,sst\n" + "\n".join(rows) + "\n")
    expect(page.get_by_role("table", name="Forecast for a")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)
    page.get_by_label("Station").select_option("b")
    expect(page.get_by_role("table", name="Forecast for b")).to_be_visible()
    assert "station=b" in page.url


def test_the_forecast_downloads_as_csv(shown: Shown, url: str) -> None:
    page = drop(shown("add"), "pier.csv", daily(60))
    with page.expect_download() as download:
        page.locator("section.card", has_text="Forecast values, °C").get_by_role("button", name="Save as CSV").click()
    assert download.value.suggested_filename == "forecast-for-pier-csv.csv"
    head, *rows = download.value.path().read_text().splitlines()
    assert head.startswith("time,model,sst,lower_80,upper_80,lower_95,upper_95,calibrated,persistence")
    body = {"horizon": 7, "series": series_of(url, daily(60))}
    (forecast,) = httpx.post(f"{url}/forecast", json=body).json()["forecasts"]
    assert [row.split(",")[:2] for row in rows] == [[time, forecast["model"]] for time in forecast["timestamps"]]


def choose_by_key(page: Page) -> FileChooser:
    """Open the file chooser with the keyboard, with retries: on a busy machine, Chromium ignores a delayed key."""
    page.locator("main input[type=file]").focus()
    for _ in range(5):
        with suppress(PlaywrightTimeout):
            with page.expect_file_chooser(timeout=6_000) as chooser:
                page.keyboard.press("Space")
            return chooser.value
    raise AssertionError("the keyboard does not open the file chooser")


def test_a_file_can_be_chosen_with_the_keyboard(visitor: Visitor) -> None:
    page = visitor().open("add")
    choose_by_key(page).set_files({"name": "pier.csv", "mimeType": "text/csv", "buffer": monthly().encode()})
    expect(page.get_by_role("heading", name="How the file was read")).to_be_visible()


def test_a_file_that_is_too_large_is_refused_before_the_upload(shown: Shown) -> None:
    visit = shown("add")
    page = visit.open("add")
    page.evaluate("document.body.dataset.largest = 1000")
    drop_file(visit, "buoys.csv", monthly())
    expect(page.get_by_role("alert")).to_contain_text("buoys.csv is too large")


def test_an_option_that_an_error_asks_for_can_be_set_and_the_url_keeps_it(visitor: Visitor) -> None:
    visit = visitor()
    visit.open("add")
    rows = [line.replace(",", ",3.5,") for line in monthly().splitlines()[1:]]
    page = drop(visit, "two.csv", "\n".join(["day,depth_a,bottom", *rows]))
    if page.get_by_role("alert").count() == 0:
        page.get_by_label("Station").select_option("bottom")
    page.get_by_text("Reading options").click()
    field = page.get_by_label("Temperature column")
    field.fill("bottom")
    field.press("Enter")
    expect(page.get_by_role("table", name="Forecast for two.csv")).to_be_visible()
    assert "value_column=bottom" in page.url
    field.fill("surface")
    field.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Cannot read two.csv")
    expect(page.get_by_role("alert")).to_contain_text("surface")
    visit.console_errors.clear()


def test_a_netcdf_grid_asks_for_a_location_and_uses_it(shown: Shown, tmp_path: Path) -> None:
    months = np.arange("2001-01", "2005-01", dtype="datetime64[M]").astype("datetime64[ns]")
    sst = 20 + 3 * np.sin(np.arange(48) / 6 * np.pi)[:, None, None] + np.arange(4).reshape(1, 2, 2)
    places = {"time": months, "lat": [43.0, 44.0], "lon": [8.0, 9.0]}
    grid = xr.Dataset({"sst": (("time", "lat", "lon"), sst, {"units": "degree_C"})}, places)
    grid.to_netcdf(tmp_path / "grid.nc", engine="h5netcdf")
    visit = shown("add")
    page = visit.page
    visit.open("add")
    page.locator("main input[type=file]").set_input_files(tmp_path / "grid.nc")
    expect(page.get_by_role("alert")).to_contain_text("Which place?")
    page.get_by_text("Reading options").click()
    page.get_by_label("Grid location").fill("44,9")
    page.get_by_label("Grid location").press("Enter")
    summary = page.locator("section.card", has_text="How the file was read")
    expect(summary).to_contain_text("20.00 to 26.00 °C")
    visit.settle()
    visit.console_errors = [text for text in visit.console_errors if "422" not in text]


def test_the_weather_in_a_file_is_sent_with_its_series(visitor: Visitor) -> None:
    visit = visitor()
    sent: list[Any] = []

    def keep(request: Request) -> None:
        if request.method == "POST" and request.url.endswith("/forecast"):
            sent.extend(json.loads(request.post_data or "")["series"])

    visit.page.on("request", keep)
    rows = [*daily(60).splitlines()[1:], *(f"2022-03-0{day}," for day in range(1, 6))]
    text = "\n".join(["time,sst,wind_speed", *(f"{row},{5 + i % 3}" for i, row in enumerate(rows))])
    page = dropped(visit, "pier.csv", text)
    expect(page.get_by_role("rowheader", name="1 Mar 2022", exact=True)).to_be_visible()
    with_weather = [series for series in sent if "weather" in series]
    assert {(len(series["values"]), len(series["weather"]["wind_speed"])) for series in with_weather} == {(60, 65)}

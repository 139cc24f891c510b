import re
from contextlib import suppress
from pathlib import Path

import httpx
import numpy as np
import pytest
import xarray as xr
from playwright.sync_api import FileChooser, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.page.conftest import Shown, Visitor
from tests.page.files import daily_with_gaps, drop, flagged, monthly
from tests.page.snippets import run_curl, run_python

OBSERVED = "plot => plot.data.find(one => one.name === 'Observed').y"
NDBC = "#YY  MM DD hh mm WTMP\n#yr  mo dy hr mn degC\n"


def test_a_dropped_file_is_plotted_with_its_gap_forecast_and_compared_on(shown: Shown, url: str) -> None:
    page = drop(shown("?view=data"), "pier.csv", monthly())
    understood = page.locator("section.card", has_text="What was understood")
    expect(understood).to_contain_text("time, sst")
    expect(understood).to_contain_text("1, in 1 gap of 1 month")
    plot = understood.locator(".plot")
    values = plot.evaluate(OBSERVED)
    assert len(values) == 60
    assert values[30] is None
    shade = plot.evaluate("plot => plot.data.find(one => one.name === 'Missing').x")
    assert sorted({time[:7] for time in shade if time}) == ["2003-06", "2003-08"]

    series = httpx.post(f"{url}/series", content=monthly(), headers={"Content-Type": "text/csv"}).json()["series"]
    asked = {"model": "all", "horizon": 12, "series": series}
    forecasts = httpx.post(f"{url}/forecast", json=asked).json()["models"]
    table = page.get_by_role("table", name="Forecast of pier.csv").get_by_role("row").nth(1)
    for model in forecasts:
        expect(table).to_contain_text(f"{model['forecasts'][0]['sst'][0]:.2f}")
    compared = httpx.post(f"{url}/compare", json={"series": series}).json()["models"]
    errors = page.get_by_role("table", name="Errors on your series")
    for row, model in zip(errors.get_by_role("row").all()[1:], compared, strict=True):
        expect(row).to_contain_text(f"{model['rmse']:.4f}")


def test_ten_years_of_daily_values_are_averaged_to_what_the_models_know(shown: Shown) -> None:
    page = drop(shown("?view=data"), "mooring.csv", daily_with_gaps())
    expect(page.get_by_text("No model here has daily steps, so the series is averaged to monthly")).to_be_visible()
    assert page.locator(".plot").first.evaluate(f"plot => ({OBSERVED})(plot).length") == 3_650
    expect(page.get_by_role("table", name="Forecast of mooring.csv").get_by_role("row")).to_have_count(13)
    expect(page.get_by_role("heading", name="Errors on your series")).to_be_visible()


def test_a_step_without_a_name_is_an_adjective_too(shown: Shown) -> None:
    rows = [f"2020-01-{i // 8 + 1:02}T{i % 8 * 3:02}:00Z,{20 + i % 8 / 10:.1f}" for i in range(240)]
    page = drop(shown("?view=data"), "mooring.csv", "\n".join(["time,sst", *rows]))
    expect(page.get_by_text("No model here has 3-hour steps")).to_be_visible()


def test_pasted_text_is_read_and_stays_while_other_views_are_looked_at(visitor: Visitor) -> None:
    visit = visitor()
    page = visit.open("?view=data")
    page.get_by_label("Or paste it").fill(monthly())
    page.get_by_role("button", name="Read it").click()
    visit.settle()
    page.get_by_role("link", name="Operate").click()
    page.get_by_role("link", name="Your data").click()
    expect(page.get_by_label("Or paste it")).to_have_value(monthly())
    expect(page.get_by_role("heading", name="What was understood")).to_be_visible()


def test_an_error_is_said_at_the_line_where_it_is(shown: Shown) -> None:
    visit = shown("?view=data")
    page = drop(visit, "pier.csv", monthly().replace("2002-03-01,", "2002-03-01,warm"))
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("Line 16")
    expect(alert.locator("mark")).to_contain_text("2002-03-01,warm")
    assert all("422" in text for text in visit.complaints)
    visit.complaints.clear()


def test_a_series_that_is_too_short_is_said_to_be(shown: Shown) -> None:
    page = drop(shown("?view=data"), "short.csv", monthly(5))
    expect(page.get_by_role("alert").first).to_contain_text("24")


def test_ndbc_files_are_read_with_their_sentinel_as_missing(shown: Shown) -> None:
    rows = [
        f"2020 {i // 48 + 1:02} 01 {i % 48 // 2:02} {i % 2 * 30:02} {999.0 if i == 20 else 10 + i / 50:.1f}"
        for i in range(48)
    ]
    page = drop(shown("?view=data"), "44007.txt", NDBC + "\n".join(rows) + "\n")
    card = page.locator("section.card", has_text="What was understood")
    expect(card).to_contain_text("NDBC")
    expect(card).to_contain_text("1, in 1 gap")


def test_what_the_file_flags_is_marked_in_the_plot_and_said(shown: Shown) -> None:
    page = drop(shown("?view=data"), "flagged.csv", flagged())
    card = page.locator("section.card", has_text="What was understood")
    expect(card).to_contain_text("suspect: 1, fail: 2")
    expect(card).to_contain_text("2, in 1 gap")
    expect(card.locator(".legend")).to_contain_text("Flagged suspect, kept")
    expect(card.locator(".legend")).to_contain_text("Flagged fail, left out")
    plot = card.locator(".plot")
    marks = plot.evaluate(
        "plot => Object.fromEntries("
        "plot.data.filter(one => /Flagged/.test(one.name)).map(one => [one.name, [one.x, one.text]]))"
    )
    values = plot.evaluate(OBSERVED)
    assert marks == {
        "Flagged suspect, kept": [["2002-09-01T00:00:00Z"], [f"{values[20]:.2f} °C"]],
        "Flagged fail, left out": [
            ["2001-11-01T00:00:00Z", "2001-12-01T00:00:00Z"],
            ["22.27 °C", "99.90 °C, beyond the scale"],
        ],
    }
    # A value that is far off does not flatten the rest.
    assert plot.evaluate("plot => plot.layout.yaxis.range[1]") < 30
    card.get_by_text("As a table").click()
    expect(card.get_by_role("row", name="Dec 2001")).to_contain_text("fail: 99.90")
    card.locator(".chart").focus()
    page.keyboard.press("Home")
    for _ in range(2):
        page.keyboard.press("Shift+ArrowRight")
    expect(page.locator("#said")).to_contain_text("Sep 2002")
    expect(page.locator("#said")).to_contain_text("flagged suspect")
    expect(plot.locator(".hoverlayer")).to_contain_text("Flagged suspect, kept")


def test_one_of_several_stations_is_chosen(shown: Shown) -> None:
    visit = shown("?view=data")
    rows = [row for line in monthly().splitlines()[1:] for row in (f"a,{line}", f"b,{line}")]
    page = drop(visit, "two.csv", "station,time,sst\n" + "\n".join(rows) + "\n")
    expect(page.get_by_role("table", name="Forecast of a")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)
    page.get_by_label("Station").select_option("b")
    expect(page.get_by_role("table", name="Forecast of b")).to_be_visible()
    assert "station=b" in page.url
    snippet = page.get_by_role("group", name="Python, with httpx")
    expect(snippet).to_contain_text('"station": "b"')


@pytest.mark.parametrize("name", ["pier.csv", "José's buoy (2).csv"])
def test_the_same_request_from_a_program_gives_the_same_forecast(shown: Shown, tmp_path: Path, name: str) -> None:
    page = drop(shown("?view=data"), name, monthly())
    (tmp_path / name).write_text(monthly())
    row = page.get_by_role("table", name=f"Forecast of {name}").get_by_role("row").nth(1)
    value = row.get_by_role("cell").first.inner_text()
    for printed in (run_curl(page, tmp_path), run_python(page, tmp_path).replace("'", '"')):
        first = re.findall(r'"model": ?"(nino12-\w+)".*?"sst": ?\[(.*?),|"sst": ?\[(.*?),', printed)[0]
        assert f"{float(first[1] or first[2]):.2f}" == value


def test_a_series_of_another_step_is_averaged_by_the_program_too(shown: Shown, tmp_path: Path) -> None:
    page = drop(shown("?view=data"), "mooring.csv", daily_with_gaps(900))
    (tmp_path / "mooring.csv").write_text(daily_with_gaps(900))
    value = page.get_by_role("table", name="Forecast of mooring.csv").get_by_role("cell").first.inner_text()
    for printed in (run_curl(page, tmp_path), run_python(page, tmp_path)):
        assert f"{float(re.findall(r'.sst.: ?.(.*?),', printed)[0]):.2f}" == value


def test_the_result_is_saved_as_csv(shown: Shown) -> None:
    page = drop(shown("?view=data"), "pier.csv", monthly())
    with page.expect_download() as saved:
        page.locator("section.card", has_text="Values, °C").get_by_role("button", name="CSV").click()
    assert saved.value.suggested_filename == "pier.csv-forecast.csv"
    assert saved.value.path().read_text().count("nino12-") == 36


def choose_by_key(page: Page) -> FileChooser:
    """The chooser of files, by the keyboard: Chromium shows none for a key that had to wait, on a loaded machine."""
    page.locator("#file").focus()
    for _ in range(5):
        with suppress(PlaywrightTimeout):
            with page.expect_file_chooser(timeout=6_000) as chooser:
                page.keyboard.press("Space")
            return chooser.value
    raise AssertionError("no file can be chosen with the keyboard")


def test_a_file_is_chosen_with_the_keyboard(visitor: Visitor) -> None:
    page = visitor().open("?view=data")
    # A key waits while the library of charts is compiled.
    page.wait_for_function("() => 'Plotly' in window")
    chosen = choose_by_key(page)
    chosen.set_files({"name": "pier.csv", "mimeType": "text/csv", "buffer": monthly().encode()})
    expect(page.get_by_role("heading", name="What was understood")).to_be_visible()


def test_a_file_that_is_too_large_is_said_to_be_before_it_is_sent(shown: Shown) -> None:
    visit = shown("?view=data")
    visit.page.evaluate("document.body.dataset.largest = 1000")
    page = drop(visit, "buoys.csv", monthly())
    expect(page.get_by_role("alert")).to_contain_text("buoys.csv is too large")
    visit.page.evaluate("document.body.dataset.largest = 16777216")


def test_what_an_error_asks_for_can_be_given_and_is_kept_in_the_address(visitor: Visitor) -> None:
    visit = visitor()
    visit.open("?view=data")
    rows = [line.replace(",", ",3.5,") for line in monthly().splitlines()[1:]]
    page = drop(visit, "two.csv", "\n".join(["day,depth_a,bottom", *rows]))
    if page.get_by_role("alert").count() == 0:
        page.get_by_label("Station").select_option("bottom")
    page.get_by_text("How to read it").click()
    field = page.get_by_label("Column of temperatures")
    field.fill("bottom")
    field.press("Enter")
    expect(page.get_by_role("table", name="Forecast of two.csv")).to_be_visible()
    assert "value_column=bottom" in page.url
    field.fill("surface")
    field.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("two.csv cannot be read")
    expect(page.get_by_role("alert")).to_contain_text("surface")
    visit.complaints.clear()


def test_a_long_series_is_drawn_by_its_extremes_and_whole_where_it_is_zoomed_into(shown: Shown) -> None:
    n = 9_000
    times = np.datetime64("2016-01-01T00:00") + np.arange(n) * np.timedelta64(30, "m")
    values = 10 + 5 * np.sin(np.arange(n) / 900)
    values[4_321] = 25
    text = "\n".join(["time,sst", *(f"{time}Z,{value:.2f}" for time, value in zip(times, values, strict=True))])
    page = drop(shown("?view=data"), "mooring.csv", text)
    card = page.locator("section.card", has_text="What was understood")
    note = card.get_by_text("only the extremes of each stretch")
    drawn = f"plot => ({OBSERVED})(plot)"
    expect(note).to_be_visible()
    seen = card.locator(".plot").evaluate(drawn)
    assert len(seen) < n / 2
    assert max(seen) == 25
    for _ in range(2):
        card.get_by_role("button", name="Zoom in").click()
    expect(note).not_to_be_visible()
    assert n / 5 < len(card.locator(".plot").evaluate(drawn)) < n / 3


def test_a_netcdf_grid_asks_for_the_place_and_takes_it(shown: Shown, tmp_path: Path) -> None:
    months = np.arange("2001-01", "2005-01", dtype="datetime64[M]").astype("datetime64[ns]")
    sst = 20 + 3 * np.sin(np.arange(48) / 6 * np.pi)[:, None, None] + np.arange(4).reshape(1, 2, 2)
    places = {"time": months, "lat": [43.0, 44.0], "lon": [8.0, 9.0]}
    grid = xr.Dataset({"sst": (("time", "lat", "lon"), sst, {"units": "degree_C"})}, places)
    grid.to_netcdf(tmp_path / "grid.nc", engine="h5netcdf")
    visit = shown("?view=data")
    page = visit.page
    page.evaluate("history.replaceState(null, '', '/?view=data')")
    page.locator("#file").set_input_files(tmp_path / "grid.nc")
    expect(page.get_by_role("alert")).to_contain_text("“Place in a grid”", timeout=30_000)
    page.get_by_text("How to read it").click()
    page.get_by_label("Place in a grid").fill("44,9")
    page.get_by_label("Place in a grid").press("Enter")
    understood = page.locator("section.card", has_text="What was understood")
    expect(understood).to_contain_text("20.00 to 26.00 °C", timeout=30_000)
    visit.settle()
    visit.complaints = [text for text in visit.complaints if "422" not in text]

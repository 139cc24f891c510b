from pathlib import Path

import httpx
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.page.browser import Visit
from tests.page.conftest import Visitor

DROP = """([name, text]) => {
  const data = new DataTransfer();
  data.items.add(new File([text], name));
  const target = document.querySelector(".drop");
  const how = {dataTransfer: data, bubbles: true, cancelable: true};
  for (const kind of ["dragover", "drop"]) target.dispatchEvent(new DragEvent(kind, how));
}"""

NDBC = "#YY  MM DD hh mm WTMP\n#yr  mo dy hr mn degC\n"


def monthly(n: int = 60, missing: int = 30) -> str:
    rows = [
        f"{2001 + i // 12}-{i % 12 + 1:02}-01,{'' if i == missing else f'{24 + 2 * np.sin(i / 12 * 6.283):.2f}'}"
        for i in range(n)
    ]
    return "time,sst\n" + "\n".join(rows) + "\n"


def daily_with_gaps(n: int = 3_650) -> str:
    random = np.random.default_rng(1)
    times = np.datetime64("2010-01-01") + np.arange(n)
    values = 22 + 3 * np.sin(2 * np.pi * np.arange(n) / 365.25) + random.normal(0, 0.3, n)
    gap = (np.arange(n) % 700) < 20
    rows = [f"{time},{'' if none else f'{value:.2f}'}" for time, value, none in zip(times, values, gap, strict=True)]
    return "time,sst\n" + "\n".join(rows) + "\n"


def drop(visit: Visit, name: str, text: str) -> Page:
    page = visit.open("?view=data")
    page.evaluate(DROP, [name, text])
    page.locator("#main .stack .card, #main .notice, #main .busy").first.wait_for()
    visit.settle()
    return page


def test_a_dropped_file_is_plotted_with_its_gap_forecast_and_compared_on(visitor: Visitor, url: str) -> None:
    page = drop(visitor(), "pier.csv", monthly())
    understood = page.locator("section.card", has_text="What was understood")
    expect(understood).to_contain_text("time, sst")
    expect(understood).to_contain_text("1, in 1 gap")
    plot = understood.locator(".plot")
    values = plot.evaluate("plot => plot.data[0].y")
    assert len(values) == 60
    assert values[30] is None
    (shade,) = plot.evaluate("plot => plot.layout.shapes.map(one => [one.x0, one.x1])")
    assert [time[:7] for time in shade] == ["2003-06", "2003-08"]

    series = httpx.post(f"{url}/series", content=monthly(), headers={"Content-Type": "text/csv"}).json()["series"]
    asked = {"model": "all", "horizon": 12, "series": series}
    forecasts = httpx.post(f"{url}/forecast", json=asked).json()["models"]
    table = page.get_by_role("table", name="Forecast of pier.csv").get_by_role("row").nth(1)
    for model in forecasts:
        expect(table).to_contain_text(f"{model['forecasts'][0]['sst'][0]:.2f}")
    compared = httpx.post(f"{url}/compare", json={"series": series}).json()["models"]
    errors = page.get_by_role("table", name="Errors on the test part")
    for row, model in zip(errors.get_by_role("row").all()[1:], compared, strict=True):
        expect(row).to_contain_text(f"{model['rmse']:.4f}")


def test_ten_years_of_daily_values_are_averaged_to_what_the_models_know(visitor: Visitor) -> None:
    page = drop(visitor(), "mooring.csv", daily_with_gaps())
    expect(page.get_by_text("No model here has daily steps.")).to_be_visible()
    assert page.locator(".plot").first.evaluate("plot => plot.data[0].y.length") == 3_650
    expect(page.get_by_role("table", name="Forecast of mooring.csv").get_by_role("row")).to_have_count(13)
    expect(page.get_by_role("heading", name="Errors on your series")).to_be_visible()


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


def test_an_error_is_said_at_the_line_where_it_is(visitor: Visitor) -> None:
    visit = visitor()
    page = drop(visit, "pier.csv", monthly().replace("2002-03-01,", "2002-03-01,warm"))
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("line 16")
    expect(alert.locator("mark")).to_contain_text("2002-03-01,warm")
    assert all("422" in text for text in visit.complaints)
    visit.complaints.clear()


def test_a_series_that_is_too_short_is_said_to_be(visitor: Visitor) -> None:
    page = drop(visitor(), "short.csv", monthly(5))
    expect(page.get_by_role("alert").first).to_contain_text("24")


def test_ndbc_files_are_read_with_their_sentinel_as_missing(visitor: Visitor) -> None:
    rows = [
        f"2020 {i // 48 + 1:02} 01 {i % 48 // 2:02} {i % 2 * 30:02} {999.0 if i == 20 else 10 + i / 50:.1f}"
        for i in range(48)
    ]
    page = drop(visitor(), "44007.txt", NDBC + "\n".join(rows) + "\n")
    card = page.locator("section.card", has_text="What was understood")
    expect(card).to_contain_text("NDBC")
    expect(card).to_contain_text("1, in 1 gap")


def test_qartod_flags_are_counted_and_what_they_condemn_is_a_gap(visitor: Visitor) -> None:
    head, *rows = monthly(60, 99).splitlines()
    flagged = "\n".join([head + ",sst_qc", *(f"{row},{4 if i in (10, 11) else 1}" for i, row in enumerate(rows))])
    card = drop(visitor(), "flagged.csv", flagged + "\n").locator("section.card", has_text="What was understood")
    expect(card).to_contain_text("bad: 2")
    expect(card).to_contain_text("2, in 1 gap")
    expect(card).to_contain_text("flagged as suspect or bad")


def test_one_of_several_stations_is_chosen(visitor: Visitor) -> None:
    visit = visitor()
    rows = [row for line in monthly().splitlines()[1:] for row in (f"a,{line}", f"b,{line}")]
    page = drop(visit, "two.csv", "station,time,sst\n" + "\n".join(rows) + "\n")
    if page.get_by_label("Station").count():
        page.get_by_label("Station").select_option("b")
        visit.settle()
        expect(page.get_by_role("table", name="Forecast of b")).to_be_visible()
    else:
        expect(page.get_by_role("alert")).to_contain_text("station")


def test_the_same_request_from_python_gives_the_same_forecast(
    visitor: Visitor, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = drop(visitor(), "pier.csv", monthly())
    (tmp_path / "pier.csv").write_text(monthly())
    monkeypatch.chdir(tmp_path)
    exec(page.get_by_role("group", name="Python, with httpx").inner_text(), {})
    printed = capsys.readouterr().out
    assert "'nino12-gru'" in printed
    row = page.get_by_role("table", name="Forecast of pier.csv").get_by_role("row").nth(1)
    value = row.get_by_role("cell").first.inner_text()
    assert f"'sst': [{value}"[:-1] in printed


def test_the_result_is_saved_as_csv(visitor: Visitor) -> None:
    page = drop(visitor(), "pier.csv", monthly())
    with page.expect_download() as saved:
        page.locator("section.card", has_text="Values, °C").get_by_role("button", name="CSV").click()
    assert saved.value.suggested_filename == "pier.csv-forecast.csv"
    assert saved.value.path().read_text().count("nino12-") == 36


def test_a_file_is_chosen_with_the_keyboard(visitor: Visitor) -> None:
    page = visitor().open("?view=data")
    page.locator("#file").focus()
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Space")
    chooser.value.set_files({"name": "pier.csv", "mimeType": "text/csv", "buffer": monthly().encode()})
    expect(page.get_by_role("heading", name="What was understood")).to_be_visible()


def test_axe_finds_nothing_when_a_file_was_read(visitor: Visitor) -> None:
    for scheme in ("light", "dark"):
        visit = visitor(width=390, color_scheme=scheme)
        drop(visit, "pier.csv", monthly())
        assert visit.faults() == []
        assert visit.width() <= 390

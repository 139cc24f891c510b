"""Questions that a file leaves open: the possible answers are buttons."""

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.page.conftest import Shown, Visitor
from tests.page.files import daily, drop, drop_file, dropped, without_unit

pytestmark = pytest.mark.long


def two_columns(n: int) -> str:
    """A CSV of two temperatures, neither of them with a usual name."""
    _, *rows = daily(n).splitlines()
    return "\n".join(["time,buoy_temp_hull,buoy_temp_intake", *(f"{row},{20 + i % 3}" for i, row in enumerate(rows))])


def ambiguous_dates() -> str:
    """A CSV of months, whose dates could also be the first days of January."""
    months = np.arange("2005-02", "2009-01", dtype="datetime64[M]")
    rows = [
        f"01/{str(month)[5:7]}/{str(month)[:4]},{15 + 4 * np.sin(i / 6 * np.pi):.2f}" for i, month in enumerate(months)
    ]
    return "\n".join(["date,sst", *rows])


def test_dates_of_either_order_are_asked_about_with_both_dates(shown: Shown) -> None:
    visit = shown("add")
    page = drop(visit, "pier.csv", ambiguous_dates())
    alert = page.get_by_role("alert")
    expect(alert.get_by_role("heading")).to_have_text("1 February 2005 or 2 January 2005?")
    page.get_by_role("button", name="1 February 2005").click()
    visit.settle()
    summary = page.locator("section.card", has_text="How the file was read")
    expect(summary).to_contain_text("Feb 2005")
    expect(summary).to_contain_text("1 month")
    visit.console_errors.clear()


def test_a_unit_is_asked_for_and_the_answer_reads_the_file(shown: Shown) -> None:
    visit = shown("add")
    page = drop(visit, "pier.csv", without_unit(60))
    alert = page.get_by_role("alert")
    expect(alert.get_by_role("heading")).to_have_text("Which unit are the temperatures in?")
    expect(alert).to_contain_text("outside the range of sea temperatures")
    # The buttons replace the advice to set an option.
    expect(alert).not_to_contain_text("set the units")
    assert visit.accessibility_violations() == []
    page.get_by_role("button", name="°F, which is").click()
    visit.settle()
    expect(page.get_by_role("table", name="Forecast for pier.csv")).to_be_visible()
    assert "units=fahrenheit" in page.url
    expect(page.get_by_label("Temperature units")).to_have_value("fahrenheit")
    expect(page.get_by_text("Reading options (1 set)")).to_be_visible()
    # Focus follows to the result, since the button is gone.
    assert page.evaluate("document.activeElement.id") == "main"
    visit.console_errors.clear()


def test_the_answers_of_one_file_are_not_used_for_the_next(visitor: Visitor) -> None:
    visit = visitor()
    page = dropped(visit, "logger.csv", two_columns(60))
    alert = page.get_by_role("alert")
    expect(alert.get_by_role("heading")).to_have_text("Which column has the sea temperature?")
    assert alert.get_by_role("button").all_inner_texts() == ["buoy_temp_hull", "buoy_temp_intake"]
    page.get_by_role("button", name="buoy_temp_hull").click()
    visit.settle()
    expect(page.get_by_role("table", name="Forecast for logger.csv")).to_be_visible()
    drop_file(visit, "pier.csv", daily(60))
    expect(page.get_by_role("table", name="Forecast for pier.csv")).to_be_visible()
    assert "value_column" not in page.url
    visit.console_errors.clear()


def test_options_that_do_not_fit_a_file_can_be_dropped(visitor: Visitor) -> None:
    visit = visitor()
    page = dropped(visit, "pier.csv", daily(60), "dates=dmy")
    expect(page.get_by_role("alert")).to_contain_text("Cannot read pier.csv")
    page.get_by_role("button", name="Read the file without my options").click()
    visit.settle()
    expect(page.get_by_role("table", name="Forecast for pier.csv")).to_be_visible()
    assert "dates" not in page.url
    visit.console_errors.clear()


def test_many_answers_are_a_list(visitor: Visitor) -> None:
    visit = visitor()
    page = visit.open("add")
    names = [f"buoy_temp_{letter}" for letter in "abcdefghij"]
    rows = [
        f"{row.split(',')[0]}," + ",".join(f"{15 + (i + hour) % 4}" for hour in range(10))
        for i, row in enumerate(daily(60).splitlines()[1:])
    ]
    drop_file(visit, "rig.csv", "\n".join([",".join(["time", *names]), *rows]))
    page.get_by_label("Which column has the sea temperature?").select_option("buoy_temp_c")
    visit.settle()
    expect(page.get_by_role("table", name="Forecast for rig.csv")).to_be_visible()
    assert "value_column=buoy_temp_c" in page.url
    visit.console_errors.clear()


def test_the_example_needs_one_click(visitor: Visitor) -> None:
    visit = visitor()
    page = visit.open("add")
    page.get_by_role("button", name="Try an example").click()
    page.wait_for_url("**/place/file")
    visit.settle()
    expect(page.get_by_role("heading", level=1)).to_contain_text("example.csv: ")

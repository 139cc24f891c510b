"""Which values look implausible, and a forecast without them."""

from playwright.sync_api import Locator, Page, expect

from tests.page.conftest import Shown
from tests.page.files import daily, drop

OBSERVED = "plot => plot.data.find(trace => trace.name === 'Observed').y"
RINGS = "plot => plot.data.filter(trace => trace.name === 'Looks implausible').map(trace => [trace.x, trace.text])[0]"

CLIPPED = (
    "plot => [...plot.querySelectorAll('.marks path[transform]')].filter(ring => ring.closest('[clip-path]')).length"
)


def spoilt(spikes: dict[int, float], n: int = 90) -> str:
    """A CSV of daily values up to 28 February 2022, some of them replaced."""
    head, *rows = daily(n).splitlines()
    for i, value in spikes.items():
        rows[i] = f"{rows[i].partition(',')[0]},{value}"
    return "\n".join([head, *rows])


def summary(page: Page) -> Locator:
    return page.locator("section.card", has_text="How the file was read")


def checked(page: Page) -> Locator:
    """The sentence about the check."""
    return summary(page).get_by_role("group", name="Check of the values")


def test_implausible_values_are_marked_and_left_out(shown: Shown) -> None:
    page = drop(shown("add"), "spoilt.csv", spoilt({60: 9.0, 89: 35.0}))
    card, plot = summary(page), summary(page).locator(".plot")
    opening = page.locator("main .notice", has_text="This forecast starts from an implausible value")
    expect(opening).to_contain_text("2 values look implausible, the last of them 35.00 °C of 28 Feb 2022")
    opening.get_by_role("button", name="See it in the file").click()
    expect(card.get_by_role("button", name="Leave them out")).to_be_focused()
    expect(checked(page)).to_contain_text("2 values look implausible, the last of them 35.00 °C of 28 Feb 2022, where ")
    expect(card.locator(".legend")).to_contain_text("Looks implausible")
    times, texts = plot.evaluate(RINGS)
    assert times == ["2022-01-30T00:00:00Z", "2022-02-28T00:00:00Z"]
    assert texts == ["9.00\u00a0°C", "35.00\u00a0°C"]
    # The last value is at the edge of the chart, and its ring is whole.
    assert plot.locator(".marks path[transform]").count() == 2
    assert plot.evaluate(CLIPPED) == 0

    card.get_by_role("button", name="Leave them out").click()
    expect(summary(page)).to_contain_text("2 implausible values are left out")
    expect(opening).to_be_hidden()
    values = summary(page).locator(".plot").evaluate(OBSERVED)
    assert (len(values), values[60]) == (89, None)
    expect(page.get_by_role("table", name="Forecast for spoilt.csv").get_by_role("row").nth(1)).to_contain_text(
        "28 Feb"
    )

    summary(page).get_by_role("button", name="Use all values").click()
    expect(opening).to_contain_text("35.00 °C of 28 Feb 2022")


def test_an_implausible_value_long_ago_is_told_above_and_left_out_there(shown: Shown) -> None:
    page = drop(shown("add"), "spoilt.csv", spoilt({60: 36.9}))
    notice = page.locator("main .notice", has_text="Is this right?")
    expect(notice).to_contain_text("1 value looks implausible: 36.90 °C of 30 Jan 2022, where ")
    notice.get_by_role("button", name="Leave it out").click()
    expect(summary(page)).to_contain_text("1 implausible value is left out")
    expect(notice).to_be_hidden()


def test_a_large_file_is_checked_on_request(shown: Shown) -> None:
    page = drop(shown("add"), "large.csv", spoilt({60: 9.0}) + ("\n" + " " * 999) * 1001)
    summary(page).get_by_role("button", name="Check for implausible values").click()
    expect(checked(page)).to_contain_text("1 value looks implausible: 9.00 °C")


def test_a_plausible_series_is_reported_as_plausible(shown: Shown) -> None:
    page = drop(shown("add"), "plausible.csv", spoilt({}))
    expect(checked(page)).to_contain_text("No value looks implausible.")
    expect(summary(page).locator(".legend")).not_to_contain_text("Looks implausible")


def test_a_step_without_a_check_says_why(shown: Shown) -> None:
    rows = [f"2022-01-{1 + i // 4:02}T{i % 4 * 6:02}:00,{15 + i % 5 / 10}" for i in range(100)]
    page = drop(shown("add"), "six-hours.csv", "time,sst\n" + "\n".join(rows))
    expect(checked(page)).to_contain_text("no universal release has their step of 6 hours")

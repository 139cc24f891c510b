"""Earlier years behind this one, and the line that fades where usual is the better forecast."""

import math
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.page.browser import PHONE
from tests.page.conftest import Visitor

pytestmark = pytest.mark.long

DRAW = """async shown => {
  const {folder} = /(?<folder>.*modules[/])/.exec(document.querySelector("link[rel=modulepreload]").href).groups;
  const {forecastChart, valuesCard} = await import(`${folder}forecast-card.js`);
  const whole = {...shown, name: "pier", onReferences: () => {}};
  const card = document.createElement("section");
  card.className = "card chart-slot";
  document.querySelector("main").replaceChildren(card);
  const {parts, controls} = forecastChart(whole, new AbortController().signal);
  card.append(...parts.filter(Boolean), controls, valuesCard(whole));
}"""


def draw(page: Page, timestamps: list[str], values: list[float | None], **more: Any) -> Page:
    """Draw this history, of which the last five values are a forecast of GRU."""
    sst, ahead = values[-5:], timestamps[-5:]
    forecast = {"model": "ocean-daily-gru", "timestamps": ahead, "sst": sst, "intervals": [], "warnings": []}
    history = {"step": more.pop("step", "day"), "timestamps": timestamps[:-5], "values": values[:-5]}
    forecasts = [forecast | {"baselines": {"climatology": [20.0] * 5}}]
    page.evaluate(DRAW, {"history": history, "forecasts": forecasts, "references": ["climatology"], **more})
    expect(page.locator(".plot > svg").first).to_be_visible()
    return page


def days(first: date, last: date, step: int = 1) -> list[str]:
    """Return times from the first to the last."""
    n = (last - first).days // step + 1
    return [f"{first + timedelta(days=step * i)}T00:00:00Z" for i in range(n)]


def year_means(times: list[str]) -> list[float | None]:
    """Values that tell years apart: 10 °C plus a tenth for each year since 2000, warmer on leap days."""
    return [10 + (int(time[:4]) - 2000) / 10 + 5 * (time[5:10] == "02-29") for time in times]


def years_drawn(page: Page) -> list[list[float | None]]:
    """Return the line of each earlier year, the latest year first."""
    y: list[float | None] = page.locator(".plot").first.evaluate(
        "plot => plot.data.find(({name}) => name?.startsWith('Earlier years')).y"
    )
    n = next(i for i, _ in enumerate(y) if i and len(y) % (i + 1) == 0 and all(v is None for v in y[i :: i + 1]))
    return [y[i : i + n] for i in range(0, len(y), n + 1)]


def test_earlier_years_lie_on_the_calendar_of_this_year_and_can_be_hidden(visitor: Visitor) -> None:
    visit = visitor(new=True)
    times = days(date(2012, 1, 1), date(2016, 3, 5))
    values = year_means(times)
    values[times.index("2014-02-27T00:00:00Z")] = None
    page = draw(visit.open("?view=operate"), times, values)
    entry = page.get_by_role("checkbox", name="Earlier years, 2012–2015")
    expect(entry).to_be_checked()
    lines = years_drawn(page)
    shown = [time[5:10] for time in times[-13:]]
    assert shown[:8] == ["02-22", "02-23", "02-24", "02-25", "02-26", "02-27", "02-28", "02-29"]
    # The leap day of 2016 lies over that of 2012, and over 28 February of the other years.
    assert [line[7] for line in lines] == pytest.approx([11.5, 11.4, 11.3, 16.2])
    assert lines[1][5] is None
    assert [value for i, value in enumerate(lines[1]) if i != 5] == pytest.approx([11.4] * 12)
    entry.uncheck()
    names = "plot => plot.data.map(({name}) => name)"
    assert not any("Earlier" in (name or "") for name in page.locator(".plot").first.evaluate(names))
    page = draw(visit.open("?view=operate"), times, values)
    expect(entry).not_to_be_checked()


def test_many_years_have_a_band_and_one_year_has_nothing(visitor: Visitor) -> None:
    page = visitor(new=True).open("?view=operate")
    for first, bands in ((2005, 0), (2004, 2), (2014, None)):
        times = days(date(first, 1, 1), date(2015, 12, 31))
        draw(page, times, year_means(times))
        names = page.locator(".plot").first.evaluate("plot => plot.data.map(({name}) => name ?? '')")
        assert bands == (names.index(f"Earlier years, {first}–2014") if bands is not None else None)
        assert any(name.startswith("Earlier") for name in names) == (bands is not None)


@pytest.mark.parametrize(
    ("step", "times"),
    [
        ("week", days(date(2012, 1, 2), date(2015, 12, 28), 7)),
        ("month", [f"{year}-{month:02}-01T00:00:00Z" for year in range(2012, 2016) for month in range(1, 13)]),
        (
            "hour",
            [f"{day[:11]}{hour:02}:00:00Z" for day in days(date(2012, 1, 1), date(2015, 12, 31)) for hour in range(24)],
        ),
    ],
)
def test_other_steps_find_the_nearest_time_of_earlier_years(visitor: Visitor, step: str, times: list[str]) -> None:
    page = draw(visitor().open("?view=operate"), times, year_means(times), step=step)
    for before, line in enumerate(years_drawn(page), start=1):
        known = [value for value in line if value is not None]
        assert len(known) >= len(line) - 1
        assert known == pytest.approx([11.5 - before / 10] * len(known), abs=0.1001)
        assert line[-1] == pytest.approx(11.5 - before / 10)


def test_a_value_is_called_the_warmest_since_a_year_that_was_warmer(visitor: Visitor) -> None:
    page = visitor().open("?view=operate")
    times = days(date(2010, 1, 1), date(2016, 12, 5))
    values = [12 + math.sin(int(time[:4])) for time in times]
    last = times.index("2016-11-30T00:00:00Z")
    # 2016 beats 2015 and 2014, not 2013.
    values[last], values[times.index("2013-11-30T00:00:00Z")] = 14.0, 15.0
    draw(page, times, list(values))
    page.locator(".chart").first.focus()
    page.keyboard.press("ArrowLeft")
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    expect(page.locator("#announcement")).to_have_text(
        re.compile("^30 Nov 2016, Observed 14.00\u00a0°C, warmest 30 Nov since 2013")
    )
    expect(page.locator(".readout").first).to_contain_text("warmest 30 Nov since 2013")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#announcement")).not_to_contain_text("since")


@pytest.mark.parametrize("width", [PHONE, 1280])
def test_the_line_fades_where_usual_is_the_better_forecast(visitor: Visitor, width: int) -> None:
    page = visitor(width=width).open("?view=operate")
    start = datetime.now(UTC).date()
    times = days(start - timedelta(days=60), start)
    draw(page, times, [20 + math.sin(i / 9) for i in range(len(times))], usualFrom=3)
    label = page.locator(".plot text", has_text="usual is")
    expect(label).to_have_text(
        "from here on, usual is the better forecast" if width > PHONE else "usual is better from here"
    )
    edges = label.evaluate(
        "text => [text.getBBox().x, text.getBBox().x + text.getBBox().width, text.ownerSVGElement.clientWidth]"
    )
    assert 0 < edges[0] < edges[1] <= edges[2]
    lines = page.locator(".plot").first.evaluate("plot => plot.data.map(({opacity, x}) => [opacity ?? 1, x.length])")
    faded, strong = lines[-2:]
    assert (faded, strong) == ([0.4, 6], [1, 3])
    page.locator(".chart").first.focus()
    page.keyboard.press("End")
    expect(page.locator("#announcement")).to_contain_text("usual is the better forecast")
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    expect(page.locator("#announcement")).not_to_contain_text("better")
    expect(page.get_by_text("on, usual is the better forecast.")).to_be_visible()

"""Marine heatwaves, cold spells, limits and heat stress of a file."""

import re
from collections.abc import Callable
from math import floor
from typing import Any, Final

import httpx
import numpy as np
import pytest
from playwright.sync_api import Locator, Page, Request, expect

from tests.page.browser import LOOKS, Visit
from tests.page.conftest import Shown, Visitor
from tests.page.files import daily, drop_file, dropped, open_options

pytestmark = pytest.mark.long

YEARS: Final = 4400
"""Days of a series that is long enough for a baseline."""

HORIZON: Final = 14
TRACES: Final = "plot => plot.data.map(trace => trace.name)"
POINTS: Final = "(plot, name) => { const {x, y} = plot.data.find(trace => trace.name === name); return [x.at(-1), y]; }"


def sea(last: int = 0, degrees: float = 4.0, n: int = YEARS, position: str = "") -> str:
    """Twelve years of a sea up to 28 February 2022, whose ``last`` days are ``degrees`` warmer."""
    head, *rows = daily(n).splitlines()
    fields = [row.split(",") for row in rows]
    for field in fields[len(fields) - last :]:
        field[1] = f"{float(field[1]) + degrees:.2f}"
    if position:
        head, fields = f"{head},latitude,longitude", [[*field, position] for field in fields]
    return "\n".join([head, *(",".join(field) for field in fields)]) + "\n"


HEATWAVE: Final = sea(last=7)


def forecast_event(url: str, text: str, event: dict[str, Any], horizon: int = HORIZON) -> Any:
    """The forecast of an event, as the service answers."""
    series = httpx.post(f"{url}/series", content=text, headers={"Content-Type": "text/csv"}).json()["series"]
    body = {"horizon": horizon, "series": series, "events": [{"name": "asked", **event}]}
    return httpx.post(f"{url}/forecast", json=body).json()["forecasts"][0]["events"][0]


def percent(probability: float) -> str:
    if probability < 0.01:
        return "less than 1%"
    return "more than 99%" if probability > 0.99 else f"{floor(100 * probability + 0.5)}%"


Opened = Callable[..., tuple[Visit, Page]]


@pytest.fixture
def opened(visitor: Visitor) -> Opened:
    """Open a series of a file, and wait for its events but not for the comparison of the models."""

    def open_series(text: str, query: str = "") -> tuple[Visit, Page]:
        visit = visitor()
        page = dropped(visit, "pier.csv", text, query)
        expect(page.locator(".chart-slot .plot").first).to_be_visible()
        expect(page.locator(".event-line[aria-busy]")).to_have_count(0)
        return visit, page

    return open_series


@pytest.fixture
def heatwave(shown: Shown) -> Page:
    """A page that shows ``HEATWAVE``, shared by tests that change nothing of it."""
    visit = shown("add?events=heatwave")
    page = visit.page
    if not page.locator(".event-line").count():
        drop_file(visit, "pier.csv", HEATWAVE)
    expect(state(page)).to_contain_text("heatwave")
    return page


def state(page: Page) -> Locator:
    return page.locator(".event-line strong")


def chart(page: Page) -> Locator:
    return page.locator(".chart-slot .plot").first


def test_an_active_heatwave_is_named_with_its_day_its_category_and_when_it_ends(heatwave: Page, url: str) -> None:
    outcome = forecast_event(url, HEATWAVE, {"kind": "marine_heatwave"})
    assert (outcome["state"]["active"], outcome["state"]["days"]) == (True, 7)
    lead = next((i for i, p in enumerate(outcome["ends_within"]) if p >= 0.5), None)
    end = "last until 14 March 2022 or longer" if lead is None else f"end by {lead + 1} March 2022"
    chance = 1 - outcome["ends_within"][-1] if lead is None else outcome["ends_within"][lead]
    category = outcome["state"]["category"].lower()
    expect(state(heatwave)).to_have_text(
        re.compile(rf"^Day 7 of an? {category} heatwave; {percent(chance)} likely to {end}\.$")
    )
    expect(heatwave.locator(".event-line")).to_contain_text("°C warmer than usual (2010–2022) on 28 February 2022.")
    expect(heatwave.locator(".notice.warning", has_text="heatwave outlook")).to_contain_text(
        "The baseline covers 12 years"
    )


def test_the_chart_has_the_usual_curve_the_threshold_and_bands_through_past_and_forecast(
    heatwave: Page, url: str
) -> None:
    outcome = forecast_event(url, HEATWAVE, {"kind": "marine_heatwave"})
    for name, by_lead in (("Usual", outcome["climatology"]), ("90th percentile", outcome["threshold"])):
        last, values = chart(heatwave).evaluate(POINTS, name)
        assert last.startswith("2022-03-07")
        assert len(values) == YEARS + 7
        assert values[-7:] == by_lead[:7]
    legend = heatwave.locator(".legend.events")
    expect(legend).to_contain_text("Usual 2010–2022")
    for category in ("Moderate", "Strong", "Severe", "Extreme"):
        expect(legend).to_contain_text(category)


def test_the_strip_of_event_days_can_be_read_as_tables_and_with_the_arrow_keys(heatwave: Page, url: str) -> None:
    outcome = forecast_event(url, HEATWAVE, {"kind": "marine_heatwave"})
    heatwave.get_by_text("Heatwaves as tables").click()
    ahead = heatwave.get_by_role("table", name="Probability of a heatwave on each day")
    expect(ahead.get_by_role("row")).to_have_count(1 + HORIZON)
    expect(ahead.get_by_role("row").nth(4)).to_contain_text("4 Mar 2022")
    chance = percent(outcome["probability"][3]).replace("more than", ">").replace("less than", "<")
    expect(ahead.get_by_role("row").nth(4)).to_contain_text(chance)
    past = heatwave.get_by_role("table", name="Heatwaves so far")
    expect(past.get_by_role("row").nth(1)).to_contain_text(re.compile(r"22 Feb 2022\s*28 Feb 2022\s*7"))
    heatwave.locator(".chart-slot .chart").first.focus()
    heatwave.keyboard.press("End")
    expect(heatwave.locator("#announcement")).to_contain_text(f"Heatwave {percent(outcome['probability'][6])} likely")
    heatwave.keyboard.press("Shift+ArrowLeft")
    expect(heatwave.locator("#announcement")).to_contain_text(
        re.compile("25 Feb 2022.*90th percentile.*, Heatwave [MSE]")
    )


@pytest.mark.parametrize(
    ("last", "sentence"),
    [
        (0, r"No heatwave on 28 February 2022; .*% likely that one begins within 14 days\."),
        (3, r"Third day above the threshold: a heatwave if two more follow \(.*% likely\)\."),
    ],
)
def test_without_a_heatwave_the_sentence_says_how_likely_one_is(opened: Opened, last: int, sentence: str) -> None:
    _, page = opened(sea(last))
    expect(state(page)).to_have_text(re.compile(f"^{sentence}$"))


def test_probabilities_that_cannot_be_relied_on_are_marked_and_the_mark_is_explained(opened: Opened, url: str) -> None:
    text = sea(last=1, degrees=12)
    _, page = opened(text, "limit=above:20:1:5")
    assert forecast_event(url, text, {"kind": "marine_heatwave"})["calibrated"] is False
    expect(page.locator(".event-line").get_by_role("img", name="not calibrated")).to_be_visible()
    notice = page.locator(".notice.warning", has_text="Before you rely on the heatwave outlook")
    expect(notice).to_contain_text("The probabilities marked † are not calibrated")
    expect(page.locator(".limit-answer")).to_contain_text("† Not calibrated: the event may happen more or less often")


def test_a_series_under_ten_years_says_what_it_lacks_and_has_no_bands(opened: Opened) -> None:
    _, page = opened(daily(400))
    expect(page.locator(".events > .note")).to_have_text(
        "Heatwaves and cold spells need ten years of daily values, to know what is usual on each day of the year. This "
        "series has 1.1 years."
    )
    expect(page.locator(".event-line")).to_be_hidden()
    expect(page.get_by_role("group", name="Events")).to_have_count(0)
    assert "90th percentile" not in chart(page).evaluate(TRACES)


def test_the_keyboard_switches_to_cold_spells_and_off_and_the_address_remembers_it(opened: Opened) -> None:
    visit, page = opened(sea(last=6, degrees=-4))
    open_options(page)
    expect(state(page)).to_contain_text("No heatwave")
    page.get_by_role("radio", name="Heatwave").focus()
    page.keyboard.press("ArrowRight")
    expect(state(page)).to_have_text(re.compile(r"^Day 6 of an? \w+ cold spell; "))
    expect(page.locator(".event-line")).to_contain_text("°C colder than usual (2010–2022) on 28 February 2022.")
    expect(page.locator("#announcement")).to_contain_text("Day 6 of a")
    assert "10th percentile" in chart(page).evaluate(TRACES)
    assert "events=cold" in page.url
    page.keyboard.press("ArrowRight")
    expect(page.locator(".event-line")).to_be_hidden()
    assert "10th percentile" not in chart(page).evaluate(TRACES)
    assert "events=off" in page.url
    drop_file(visit, "pier.csv", HEATWAVE)
    expect(page.get_by_role("radio", name="Off")).to_be_checked()
    expect(page.locator(".event-line")).to_be_hidden()


def test_a_limit_is_answered_with_its_probability_and_stays_in_the_address(opened: Opened, url: str) -> None:
    text = daily(60)
    visit, page = opened(text)
    form = page.locator(".limit")
    form.get_by_label("Water").select_option("Below")
    for label, value in (("Limit", "15.2"), ("In a row", "5"), ("Within", "10")):
        form.get_by_label(label).fill(value)
    form.get_by_label("Within").press("Enter")
    outcome = forecast_event(url, text, {"below": 15.2, "for": 5, "within": 10}, horizon=10)
    answer = form.locator(".answer")
    sentence = f"{percent(outcome['probability'])} likely: five days in a row below 15.2 °C within the next 10 days"
    expect(answer).to_contain_text(sentence, ignore_case=True)
    form.locator(".chart").focus()
    page.keyboard.press("End")
    expect(page.locator("#announcement")).to_have_text(f"10 Mar 2022, Below 15.2 °C {percent(outcome['by_lead'][9])}")
    assert "limit=below:15.2:5:10" in page.url
    drop_file(visit, "pier.csv", text)
    expect(answer).to_contain_text("five days in a row below 15.2 °C")


def test_a_limit_that_no_sea_reaches_is_explained(opened: Opened) -> None:
    visit, page = opened(daily(60))
    form = page.locator(".limit")
    form.get_by_label("Limit").fill("99")
    form.get_by_role("button", name="Show how likely").click()
    expect(form.get_by_role("alert")).to_contain_text("99")
    form.get_by_label("Limit").fill("")
    expect(form.get_by_text("Enter degrees Celsius")).to_be_visible()
    visit.console_errors.clear()


@pytest.mark.parametrize("step", ["hour", "month"])
def test_limits_are_asked_in_steps_of_the_series(opened: Opened, step: str) -> None:
    start = np.datetime64("2010-01-01T00")
    unit = "h" if step == "hour" else "M"
    times = start.astype(f"datetime64[{unit}]") + np.arange(100)
    rows = [f"{time.astype('datetime64[m]')},{15 + 3 * np.sin(i / 4):.2f}" for i, time in enumerate(times)]
    _, page = opened("time,sst\n" + "\n".join(rows) + "\n")
    form = page.locator(".limit")
    expect(form.get_by_role("heading")).to_have_text(f"{step.capitalize()}s above or below a limit")
    form.get_by_label("Limit").fill("13")
    form.get_by_role("button", name="Show how likely").click()
    expect(form.locator(".answer")).to_contain_text(f"likely: three {step}s in a row above 13 °C")


def test_another_horizon_does_not_ask_for_the_events_again(opened: Opened) -> None:
    _, page = opened(HEATWAVE)
    asked: list[str] = []

    def count(request: Request) -> None:
        if request.method == "POST" and ("/events?" in request.url or '"events"' in (request.post_data or "")):
            asked.append(request.url)

    before = state(page).inner_text()
    page.on("request", count)
    open_options(page).get_by_label("Steps ahead").fill("5")
    expect(page.get_by_role("table", name="Forecast for pier.csv").get_by_role("row")).to_have_count(6)
    expect(state(page)).to_have_text(before)
    last, _ = chart(page).evaluate(POINTS, "90th percentile")
    assert last.startswith("2022-03-05")
    assert asked == []


def test_events_are_accessible_and_fit_the_width(opened: Opened) -> None:
    visit, page = opened(HEATWAVE, "limit=above:17:3:10")
    visit.settle()
    page.get_by_text("Heatwaves as tables").click()
    for width, scheme in LOOKS:
        visit.resize(width, scheme)
        assert visit.accessibility_violations() == []
        assert visit.content_width() <= width

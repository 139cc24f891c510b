"""The sentence that opens the page, and how good the forecast is."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import TimeStep
from service.settings import Settings
from tests.page.conftest import Shown, Visitor
from tests.page.files import drop
from tests.page.titles import title_of
from tests.serving import serve
from training.config import TrainingConfig
from training.data.dataset import Dataset
from training.run import Destination, train

pytestmark = pytest.mark.long


def headline(page: Page) -> str:
    """Return the heading of the page, with plain spaces."""
    return page.get_by_role("heading", level=1).inner_text().replace("\u00a0", " ")


def opening(page: Page) -> str:
    """Return what follows the heading: the newest reading and its age."""
    return page.locator(".outlook p").first.inner_text().replace("\u00a0", " ")


def answers(url: str, dataset: str, lead: int) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return the forecast, and the scores of the selected network and of the best reference."""
    params: dict[str, str | int] = {"dataset": dataset, "horizon": lead, "level": 80}
    forecast = httpx.get(f"{url}/forecast", params=params).raise_for_status().json()["forecasts"][0]
    comparison = httpx.get(f"{url}/compare", params={"dataset": dataset, "horizon": lead}).raise_for_status().json()
    network = next(model for model in comparison["models"] if model["model"] == comparison["best"])
    references = [model for model in comparison["models"] if model["kind"] == "baseline"]
    return forecast, network, min(references, key=lambda model: float(model["rmse"]))


@pytest.mark.parametrize(
    ("dataset", "lead", "when"),
    [("nino12", 1, "in January 2011"), ("neracoos-b01", 48, "at 00:00 UTC on 23 March 2017")],
)
def test_the_sentence_the_chart_and_the_table_come_from_one_forecast(
    shown: Shown, url: str, dataset: str, lead: int, when: str
) -> None:
    page = shown(f"place/sea/{dataset}").page
    forecast, _, _ = answers(url, dataset, lead)
    value, band = forecast["sst"][lead - 1], forecast["intervals"][0]
    text = headline(page)
    assert text.startswith(f"{title_of(url, dataset)}: {value:.1f} °C {when}")
    assert text.endswith(f", 80%: {band['lower'][lead - 1]:.1f} to {band['upper'][lead - 1]:.1f}.")
    row = page.get_by_role("table", name="Forecast for").get_by_role("row").nth(1)
    expect(row.get_by_role("cell").first).to_have_text(f"{forecast['sst'][0]:.2f}")
    drawn = page.locator(".plot").evaluate(
        "plot => plot.data.find(({name, x}) => name !== 'Observed' && x?.length > 1 && /^(RNN|LSTM|GRU)$/.test(name)).y"
    )
    assert drawn[1] == forecast["sst"][0]


def test_the_sentence_says_how_far_from_usual_of_which_years_and_the_age_of_the_archive(shown: Shown, url: str) -> None:
    page = shown("place/sea/nino12").page
    forecast, _, _ = answers(url, "nino12", 1)
    anomaly = forecast["sst"][0] - forecast["baselines"]["climatology"][0]
    words = f", {abs(anomaly):.1f} °C {'warmer' if anomaly > 0 else 'colder'} than usual (1950–2010)"
    assert words in headline(page)
    assert re.match(r"An archive: its last reading, 22\.1 °C, is of December 2010, \d+ years ago\.", opening(page))


def test_a_series_shorter_than_two_years_has_nothing_usual(shown: Shown) -> None:
    page = shown("place/sea/neracoos-b01").page
    assert "usual" not in headline(page)
    assert "is of 22 March 2017" in opening(page)
    expect(page.locator(".plot")).to_contain_text(re.compile(r"until Mar 2017, \d+ years ago"))
    assert "Usual" not in page.locator(".plot").evaluate("plot => plot.data.map(trace => trace.name)")


def test_a_narrow_range_has_decimals_that_tell_its_ends_apart(shown: Shown) -> None:
    rows = "\n".join(f"2022-01-{1 + i:02},{15 + i / 10}" for i in range(31))
    text = headline(drop(shown("add"), "steady.csv", f"time,sst\n{rows}"))
    ends = re.findall(r"80%: (\S+) to (\S+)\.$", text)
    assert ends
    assert ends[0][0] != ends[0][1]


def test_the_chart_shows_where_observations_end_and_what_is_usual(shown: Shown, url: str) -> None:
    page = shown("place/sea/nino12").page
    plot = page.locator(".plot")
    expect(plot).to_contain_text(re.compile(r"until Dec 2010, \d+ years ago"))
    expect(page.get_by_role("group", name="Legend")).to_contain_text("Usual 1950–2010")
    past = httpx.get(f"{url}/series", params={"dataset": "nino12"}).json()
    (usual,) = plot.evaluate("plot => plot.data.filter(trace => trace.name === 'Usual').map(trace => trace.y)")
    assert usual[: len(past["climatology"])] == past["climatology"]
    begin, end = plot.evaluate("plot => plot.layout.xaxis.range.map(time => Date.parse(time))")
    origin = datetime.fromisoformat(past["timestamps"][-1]).timestamp() * 1000
    assert (end - origin) / (end - begin) >= 0.35


@pytest.mark.parametrize(("dataset", "lead"), [("nino12", 1), ("neracoos-b01", 48)])
def test_how_right_forecasts_were_is_one_sentence_with_a_link_to_the_report(
    shown: Shown, url: str, dataset: str, lead: int
) -> None:
    page = shown(f"place/sea/{dataset}").page
    _, network, reference = answers(url, dataset, lead)
    card = page.locator(".accuracy")
    for model in (network, reference):
        error = float(model["rmse"])
        expect(card).to_contain_text(re.compile(f"{error:.2f}\u00a0°C|{error:.3f}\u00a0°C"))
    expect(card).to_contain_text(f"range held {network['coverage']['80'] * 100:.0f}% of the values")
    href = card.get_by_role("link", name="The report").get_attribute("href")
    assert href == f"/report/{dataset}" + (f"?horizon={lead}" if lead > 1 else "")


def test_a_question_is_asked_of_a_sea_too(visitor: Visitor, url: str) -> None:
    page = visitor().open("place/sea/nino12?limit=above:25:2:6")
    past = httpx.get(f"{url}/series", params={"dataset": "nino12"}).json()
    series = {"id": "sea", "step": "month", "start": past["timestamps"][0], "values": past["values"]}
    event = {"name": "limit", "above": 25, "for": 2, "within": 6}
    body = {"dataset": "nino12", "horizon": 6, "events": [event], "series": [series]}
    (outcome,) = httpx.post(f"{url}/forecast", json=body).raise_for_status().json()["forecasts"][0]["events"]
    expect(page.locator(".limit .answer")).to_contain_text(f"{round(100 * outcome['probability'])}% likely: two months")


@pytest.fixture(scope="module")
def current(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service with a daily series until yesterday that repeats every five days: an autoregression is exact."""
    folder = tmp_path_factory.mktemp("current")
    n, day = 1_200, TimeStep.parse("day")
    yesterday = np.datetime64(datetime.now(UTC).date() - timedelta(days=1), "s")
    values = 18 + 2 * np.sin(2 * np.pi * np.arange(n) / 5)
    series = SstSeries(values, yesterday - (n - 1) * np.timedelta64(86_400, "s"), day)
    file = folder / "rhythm.csv"
    file.write_text("time,sst\n")
    config = TrainingConfig.for_step(day, epochs=1, hidden=4, seeds=1, window=15, horizon=4)
    train(Dataset.divide(series, config), file, Destination("rhythm", folder / "artifacts"), config)
    with serve(Settings(artifacts=folder / "artifacts", default_dataset="rhythm")) as client:
        yield str(client.base_url).rstrip("/")


def test_a_network_that_loses_to_a_reference_is_told_with_it(visitor: Visitor, current: str) -> None:
    _, network, reference = answers(current, "rhythm", 1)
    assert reference["model"] == "linear"
    assert reference["rmse"] < network["rmse"]
    page = visitor(current).open("place/sea/rhythm")
    expect(page.locator(".accuracy")).to_contain_text(
        "expect the forecast to be no better than a linear autoregression"
    )


def test_current_data_say_until_when_they_were_observed(visitor: Visitor, current: str) -> None:
    page = visitor(current).open("place/sea/rhythm")
    assert re.match(r"Newest reading: \d\d\.\d °C, yesterday\.$", opening(page))
    expect(page.locator(".plot")).not_to_contain_text(" ago")


# What a module of the page says at a fixed time.
SAID = """async ([module, name, ...values]) => {
  const {href} = document.querySelector(`link[href$='/${module}.js']`);
  return (await import(href))[name](...values, new Date("2026-11-27T15:00:00Z"));
}"""


def place_at(last: str, *, suspect: bool = False) -> dict[str, Any]:
    """A place with daily readings, as the page has it."""
    newest = {"time": last, "value": 14.25, "usual": None, "isSuspect": suspect}
    return {"history": {"step": "day"}, "newest": newest, "isArchive": False}


NOW_IN_WORDS: list[tuple[str, list[Any], str]] = [
    ("spoken-times", ["validPhrase", "2026-11-01T00:00:00Z", "month"], "this month"),
    ("spoken-times", ["validPhrase", "2026-12-01T00:00:00Z", "month"], "next month"),
    ("spoken-times", ["validPhrase", "2027-01-01T00:00:00Z", "month"], "in January 2027"),
    ("spoken-times", ["validPhrase", "2026-11-23T00:00:00Z", "week"], "in the week of 23 November 2026"),
    ("spoken-times", ["validPhrase", "2026-11-28T00:00:00Z", "day"], "tomorrow"),
    ("spoken-times", ["validPhrase", "2026-11-25T00:00:00Z", "day"], "on 25 November 2026"),
    ("spoken-times", ["validPhrase", "2026-11-28T14:30:00Z", "PT30M"], "tomorrow at 14:30 UTC"),
    ("spoken-times", ["untilPhrase", "2026-10-01T00:00:00Z", "month"], "October 2026"),
    ("spoken-times", ["untilPhrase", "2026-11-26T14:00:00Z", "hour"], "yesterday 14:00 UTC"),
    ("spoken-times", ["untilPhrase", "2026-11-27T14:00:00Z", "hour"], "today 14:00 UTC"),
    ("spoken-times", ["untilPhrase", "2026-11-23T00:00:00Z", "week"], "23 November 2026"),
    *(
        ("place-sentence", ["readingSentence", place_at(last, **more), end], sentence)
        for last, end, more, sentence in (
            ("2026-11-26T00:00:00Z", "2026-12-10T00:00:00Z", {}, "yesterday."),
            ("2026-11-22T00:00:00Z", "2026-12-06T00:00:00Z", {}, "22 November 2026, 5 days ago."),
            ("2026-11-26T00:00:00Z", None, {"suspect": True}, "yesterday, in doubt and not used."),
            (
                "2026-08-22T00:00:00Z",
                "2026-09-05T00:00:00Z",
                {},
                "22 August 2026, 3 months ago. The whole forecast has passed.",
            ),
        )
    ),
]


def test_times_near_now_and_the_age_of_data_are_told_in_words(shown: Shown) -> None:
    page = shown("place/sea/nino12").page
    told = [page.evaluate(SAID, [module, *values]) for module, values, _ in NOW_IN_WORDS]
    told = [words.removeprefix("Newest reading: 14.3\u00a0°C, ") for words in told]
    assert told == [words for *_, words in NOW_IN_WORDS]

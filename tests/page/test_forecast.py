import json
import re
import shutil
from collections.abc import Iterator
from hashlib import sha256

import httpx
import pytest
from playwright.sync_api import Route, expect

from service.settings import Settings
from tests.conftest import ROOT
from tests.page.conftest import Visitor
from tests.page.files import open_options
from tests.page.titles import title_of
from tests.serving import serve

DRAWN = "plot => plot.data.map(trace => ({name: trace.name, x: trace.x, y: trace.y, fill: trace.fill}))"


@pytest.mark.parametrize(("dataset", "model"), [("nino12", "gru"), ("neracoos-b01", "rnn")])
def test_the_forecast_of_the_chosen_model_continues_the_series_with_its_bands(
    visitor: Visitor, url: str, dataset: str, model: str
) -> None:
    page = visitor().open(f"place/sea/{dataset}?model={model}&horizon=4")
    traces = page.locator(".plot").evaluate(DRAWN)
    params: dict[str, str | int] = {"dataset": dataset, "model": model, "horizon": 4}
    answer = httpx.get(f"{url}/forecast", params=params).json()["forecasts"][0]
    past = httpx.get(f"{url}/series", params={"dataset": dataset}).json()
    by_name = {trace["name"]: trace for trace in traces if trace.get("name")}
    assert by_name["Observed"]["y"] == past["values"]
    assert by_name[model.upper()]["y"] == [past["values"][-1], *answer["sst"]]
    upper = [trace["y"][1:] for trace in traces if trace.get("fill") == "tonexty"]
    assert sorted(upper) == sorted(interval["upper"] for interval in answer["intervals"])
    first = page.get_by_role("table", name=f"Forecast for {title_of(url, dataset)}").get_by_role("row").nth(1)
    expect(first).to_contain_text(f"{answer['sst'][0]:.2f}")


def test_all_three_models_can_be_shown_together_over_another_horizon(visitor: Visitor) -> None:
    page = visitor().open("place/sea/nino12?model=gru")
    open_options(page).get_by_label("Steps ahead").fill("3")
    expect(page.get_by_role("table").get_by_role("row")).to_have_count(4)
    expect(page.get_by_text("3 months", exact=True).first).to_be_visible()
    page.get_by_role("radio", name="All three").check()
    expect(page.get_by_role("columnheader", name="RNN")).to_be_visible()
    names = {trace.get("name") for trace in page.locator(".plot").evaluate(DRAWN)}
    assert {"Observed", "RNN", "LSTM", "GRU"} <= names
    assert "model=all" in page.url


def test_levels_and_references_can_be_chosen_and_the_url_keeps_them(visitor: Visitor) -> None:
    page = visitor().open("place/sea/nino12?model=gru&horizon=2")
    open_options(page).get_by_role("checkbox", name="95%").uncheck()
    expect(page.get_by_role("columnheader", name="95%")).to_have_count(0)
    page.get_by_role("checkbox", name="Persistence", exact=True).check()
    assert "levels=80" in page.url
    other = visitor().open(page.url)
    names = [trace.get("name") for trace in other.locator(".plot").evaluate(DRAWN)]
    assert "Persistence" in names
    expect(other.get_by_role("columnheader", name="95%")).to_have_count(0)
    open_options(other).get_by_role("checkbox", name="80%").uncheck()
    expect(other.get_by_role("columnheader", name="80%")).to_have_count(0)


def test_the_last_forecast_is_dimmed_while_the_next_one_loads_and_goes_if_that_fails(
    visitor: Visitor, url: str
) -> None:
    visit = visitor()
    page = visit.open("place/sea/nino12")
    title = title_of(url, "nino12")
    expect(page.get_by_role("heading", level=1)).not_to_have_text(title)
    pending: list[Route] = []
    page.route(re.compile(r"/forecast\?"), lambda route: pending.append(route))
    open_options(page)
    with page.expect_request(re.compile(r"/forecast\?.*horizon=3")):
        page.get_by_label("Steps ahead").fill("3")
    expect(page.locator(".outlook")).to_have_class(re.compile("stale"))
    pending[0].abort("connectionrefused")
    expect(page.get_by_role("alert")).to_contain_text("The service is not responding")
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    expect(page.locator(".outlook")).not_to_have_class(re.compile("stale"))
    expect(page.get_by_role("table")).to_have_count(0)
    expect(page.get_by_role("heading", name="How right were we?")).to_have_count(0)
    page.unroute(re.compile(r"/forecast\?"))
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("table").get_by_role("row")).to_have_count(4)
    assert all("ERR_CONNECTION_REFUSED" in text for text in visit.console_errors)
    visit.console_errors.clear()


@pytest.fixture(scope="module")
def warmed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service with the shipped releases of places, in which the recent values of the buoy are 25 °C warmer."""
    artifacts = tmp_path_factory.mktemp("warmed") / "artifacts"
    shutil.copytree(ROOT / "artifacts", artifacts, ignore=shutil.ignore_patterns("ocean-*"))
    folder = artifacts / "neracoos-b01"
    release = folder / (folder / "current").read_text().strip()
    head, *rows = (release / "recent.csv").read_text().splitlines()
    pairs = [row.split(",") for row in rows]
    content = "\n".join([head, *(f"{time},{value and f'{float(value) + 25:.3f}'}" for time, value in pairs)]) + "\n"
    (release / "recent.csv").write_text(content)
    manifest = json.loads((release / "manifest.json").read_text())
    digest = sha256(content.encode()).hexdigest()
    manifest["files"]["recent.csv"] = {"sha256": digest, "bytes": len(content.encode())}
    (release / "manifest.json").write_text(json.dumps(manifest))
    with serve(Settings(artifacts=artifacts)) as client:
        yield str(client.base_url).rstrip("/")


def test_uncalibrated_intervals_are_marked_and_the_mark_is_explained(visitor: Visitor, warmed: str) -> None:
    query: dict[str, str | int] = {"dataset": "neracoos-b01", "model": "all", "horizon": 3}
    answers = httpx.get(f"{warmed}/forecast", params=query).json()["models"]
    assert not any(interval["calibrated"] for answer in answers for interval in answer["forecasts"][0]["intervals"])
    page = visitor(warmed).open("place/sea/neracoos-b01?model=all&horizon=3")
    expect(page.get_by_text("The window is unlike the training").first).to_be_visible()
    card = page.locator("section.card", has_text="Forecast values, °C")
    marked = card.get_by_role("cell").filter(has=page.get_by_role("img", name="not calibrated"))
    expect(marked).to_have_count(3 * 3 * 2)
    expect(card.locator("p.note", has_text="†")).to_contain_text(
        "† Not calibrated: the series is unlike the training data"
    )
    page.locator(".chart").focus()
    page.keyboard.press("End")
    expect(page.locator("#announcement")).to_contain_text("not calibrated")
    page = visitor(warmed).open("place/sea/nino12")
    expect(page.get_by_role("img", name="not calibrated")).to_have_count(0)
    expect(page.get_by_text("Not calibrated:")).to_have_count(0)


def test_the_forecast_downloads_as_csv(visitor: Visitor, url: str) -> None:
    page = visitor().open("place/sea/nino12?model=all&horizon=2")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as CSV").click()
    head, *rows = download.value.path().read_text().splitlines()
    assert head.startswith("time,model,sst,lower_80,upper_80,lower_95,upper_95,calibrated,persistence")
    assert [row.split(",")[7] for row in rows] == ["true"] * 6
    answer = httpx.get(f"{url}/forecast", params={"model": "all", "horizon": 2}).json()["models"]
    assert len(rows) == 6
    assert rows[0].startswith(f"{answer[0]['forecasts'][0]['timestamps'][0]},nino12-rnn,")
    assert float(rows[0].split(",")[2]) == answer[0]["forecasts"][0]["sst"][0]

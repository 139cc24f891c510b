import json
import re

import httpx
import pytest
from playwright.sync_api import Route, expect

from tests.page.conftest import Shown, Visitor
from tests.page.titles import title_of

pytestmark = pytest.mark.long

DATASETS = ["nino12", "neracoos-b01"]
PERIODS = {"nino12": "Oct 1998 – Dec 2010", "neracoos-b01": "31 Dec 2016, 19:30 – 22 Mar 2017, 00:00 UTC"}


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_table_matches_the_api_and_marks_only_the_chosen_network(shown: Shown, url: str, dataset: str) -> None:
    page = shown(f"report/{dataset}").page
    rows = page.get_by_role("table", name="Errors over the test period").get_by_role("row").all()[1:]
    answer = httpx.get(f"{url}/compare", params={"dataset": dataset}).json()
    models = answer["models"]
    assert len(rows) == len(models) == 7
    for row, model in zip(rows, models, strict=True):
        cells = row.get_by_role("cell").all_inner_texts()
        assert cells == [f"{model['mae']:.4f}", f"{model['rmse']:.4f}", f"{model['mape']:.2f}"]
    chosen = answer["best"].rpartition("-")[2].upper()
    marked = [row for row in rows if row.locator(".tag, strong").count()]
    assert [row.get_by_role("rowheader").inner_text().split() for row in marked] == [[chosen, "chosen"]]


@pytest.mark.parametrize(
    ("dataset", "horizon"), [("nino12", 1), ("nino12", 6), ("neracoos-b01", 1), ("neracoos-b01", 48)]
)
def test_the_note_tells_the_chosen_network_from_the_one_with_the_lowest_error(
    shown: Shown, url: str, dataset: str, horizon: int
) -> None:
    page = shown(f"report/{dataset}?horizon={horizon}").page
    answer = httpx.get(f"{url}/compare", params={"dataset": dataset, "horizon": horizon}).json()
    table = page.get_by_role("table", name="Errors over the test period")
    chosen = answer["best"].rpartition("-")[2].upper()
    expect(table.get_by_role("row").filter(has_text="chosen")).to_contain_text(chosen)
    lowest = min(f"{model['rmse']:.4f}" for model in answer["models"])
    first = [row for row in table.get_by_role("row").all()[1:] if row.get_by_role("cell").nth(1).inner_text() == lowest]
    labels = [row.get_by_role("rowheader").locator(".label").last.inner_text() for row in first]
    names = [{"Usual": "the usual temperature"}.get(label, label) for label in labels]
    note = page.locator(".card", has=table).locator("p.note", has_text="was chosen for")
    expect(note).to_contain_text(f"{chosen} was chosen for its typical error one step ahead before the test period")
    lead = ".* ahead over the test period"
    if names == [chosen]:
        expect(note).to_contain_text(re.compile(f"It also has the lowest typical error {lead}"))
    else:
        expect(note).to_contain_text(re.compile(f"{names[0]}.* (has|have) the lowest typical error {lead}", re.I))
        expect(note).to_contain_text(re.compile(rf"\b{names[-1]} (has|have) the lowest typical error", re.I))


def test_the_lead_of_the_table_can_be_chosen(visitor: Visitor, url: str) -> None:
    page = visitor().open("report/nino12")
    page.get_by_label("Steps ahead in the table").fill("6")
    expect(page.get_by_text("forecasts 6 months ahead")).to_be_visible()
    six = httpx.get(f"{url}/compare", params={"dataset": "nino12", "horizon": 6}).json()["models"][0]
    table = page.get_by_role("table", name="Errors over the test period")
    expect(table.get_by_role("row").nth(1)).to_contain_text(f"{six['mae']:.4f}")
    assert "horizon=6" in page.url
    page.get_by_label("Steps ahead in the table").fill("99")
    expect(page.get_by_text("Enter a whole number from 1 to 12")).to_be_visible()


def test_a_lead_that_cannot_be_loaded_leaves_no_figures_of_the_last_one(visitor: Visitor) -> None:
    visit = visitor()
    page = visit.open("report/nino12")
    path = re.compile(r"/compare\?.*horizon=6")
    page.route(path, lambda route: route.abort("connectionrefused"))
    page.get_by_label("Steps ahead in the table").fill("6")
    card = page.locator("section.card", has=page.get_by_label("Steps ahead in the table"))
    expect(card.get_by_role("alert")).to_contain_text("The service is not responding")
    expect(page.get_by_label("Steps ahead in the table")).to_be_focused()
    expect(page.get_by_role("table", name="Errors over the test period")).to_have_count(0)
    page.unroute(path)
    card.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("forecasts 6 months ahead")).to_be_visible()
    assert all("ERR_CONNECTION_REFUSED" in text for text in visit.console_errors)
    visit.console_errors.clear()


@pytest.mark.parametrize("dataset", DATASETS)
def test_one_test_period_and_one_typical_error_are_stated(shown: Shown, url: str, dataset: str) -> None:
    page = shown(f"report/{dataset}").page
    answer = httpx.get(f"{url}/compare", params={"dataset": dataset}).json()
    chosen = next(model for model in answer["models"] if model["model"] == answer["best"])
    intro = page.locator(".intro")
    expect(intro.get_by_role("heading")).to_have_text(f"Report on {title_of(url, dataset)}")
    expect(intro).to_contain_text(f"one test period, {PERIODS[dataset]}, which was not used for training or tuning")
    expect(intro).to_contain_text(f"is {chosen['rmse']:.{2 if chosen['rmse'] > 0.1 else 3}f}\u00a0°C")
    text = page.locator("main").inner_text()
    assert [term for term in ("Climatology", "best", "skill", "off by") if term in text] == []
    links = {link.inner_text(): link.get_attribute("href") for link in page.locator(".row.more a").all()}
    assert links["The forecast"] == f"/place/sea/{dataset}"
    expect(page.get_by_role("button", name="Model card")).to_be_visible()


def test_the_report_follows_the_unit_that_was_chosen(visitor: Visitor, url: str) -> None:
    page = visitor(new=True).open("report/nino12?day=2009-12-01&network=gru")
    page.get_by_label("Unit of temperatures").select_option("°F")
    answer = httpx.get(f"{url}/compare", params={"dataset": "nino12"}).json()
    chosen = next(model for model in answer["models"] if model["model"] == answer["best"])
    expect(page.locator(".intro")).to_contain_text(f"is {chosen['rmse'] * 1.8:.2f}\u00a0°F")
    row = page.get_by_role("table", name="Errors over the test period").get_by_role("row").nth(1)
    expect(row).to_contain_text(f"{answer['models'][0]['rmse'] * 1.8:.4f}")
    expect(page.locator(".hindcast .said")).to_contain_text("°F")
    expect(page.locator(".plot").first).to_contain_text("°F")
    texts = page.locator(".plot text, .hindcast p, .intro > p").all_text_contents()
    assert [text for text in texts if "°C" in text] == []


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_three_networks_stand_in_one_figure(shown: Shown, dataset: str) -> None:
    page = shown(f"report/{dataset}").page
    figure = page.get_by_role("img", name=re.compile("what was observed, the forecasts of RNN, LSTM and GRU"))
    expect(figure).to_have_js_property("naturalWidth", 960)


def test_a_report_links_to_those_of_the_other_seas(visitor: Visitor, url: str) -> None:
    page = visitor().open("report/nino12")
    page.get_by_role("link", name=title_of(url, "neracoos-b01")).click()
    expect(page.get_by_text("forecasts 30 minutes ahead")).to_be_visible()
    assert page.url.endswith("/report/neracoos-b01")
    page.go_back()
    expect(page.get_by_text("forecasts 1 month ahead")).to_be_visible()


def test_the_table_downloads_as_csv(shown: Shown, url: str) -> None:
    page = shown("report/nino12").page
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV", exact=True).click()
    text = download.value.path().read_text()
    assert text == httpx.get(f"{url}/compare", params={"dataset": "nino12", "format": "csv"}).text
    assert json.dumps(download.value.suggested_filename) == '"nino12-1.csv"'


def test_an_outdated_response_is_not_shown(visitor: Visitor) -> None:
    visit = visitor()
    page = visit.open("report/nino12")
    pending: list[Route] = []
    page.route(re.compile(r"/compare\?.*horizon=6"), lambda route: pending.append(route))
    lead = page.get_by_label("Steps ahead in the table")
    with page.expect_request(re.compile("horizon=6")):
        lead.fill("6")
    lead.fill("2")
    expect(page.get_by_text("forecasts 2 months ahead")).to_be_visible()
    pending[0].continue_()
    visit.settle()
    expect(page.get_by_text("forecasts 2 months ahead")).to_be_visible()


def test_an_outdated_forecast_of_a_file_is_not_shown(visitor: Visitor) -> None:
    visit = visitor()
    page = visit.open("add")
    page.get_by_role("button", name="Try an example").click()
    visit.settle()
    page.get_by_text("Options", exact=True).click()
    pending: list[Route] = []
    # Only the first request is held back.
    page.route(re.compile("/forecast$"), lambda route: pending.append(route), times=1)
    lead = page.get_by_label("Steps ahead")
    with page.expect_request(re.compile("/forecast$")):
        lead.fill("6")
    with page.expect_response(re.compile("/forecast$")):
        lead.fill("2")
    rows = page.get_by_role("table", name=re.compile("^Forecast for")).locator("tbody tr")
    expect(rows).to_have_count(2)
    pending[0].continue_()
    visit.settle()
    expect(rows).to_have_count(2)

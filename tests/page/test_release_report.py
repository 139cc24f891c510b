"""The report of a release: a page without script."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from service.settings import Settings
from tests.conftest import ROOT
from tests.page.browser import LOOKS
from tests.page.conftest import Shown, Visitor
from tests.serving import serve
from training.publish.release import seal

PLACE = ["What was evaluated", "Errors by how far ahead", "Loss by epoch", "Effect of the seed"]
UNIVERSAL = [
    "What was evaluated",
    "Regions that were held out",
    "What the weather was worth",
    "Errors by length of context",
]


def section(page: Page, title: str) -> Locator:
    return page.locator("section.card", has=page.get_by_role("heading", name=title, exact=True))


def rows(card: Locator) -> list[list[str]]:
    """Return the cells of the table of a section, which may be closed."""
    return [row.locator("th, td").all_text_contents() for row in card.locator("tbody tr").all()]


@pytest.mark.parametrize(("model", "sections"), [("nino12-gru", PLACE), ("ocean-daily-lstm", UNIVERSAL)])
def test_a_report_is_accessible_and_fits_without_script(visitor: Visitor, model: str, sections: list[str]) -> None:
    visit = visitor()
    page = visit.open(f"models/{model}/report")
    assert page.locator("script").count() == 0
    headings = page.get_by_role("heading", level=2).all_inner_texts()
    assert headings == [*sections, "Model card", "Technical details"]
    page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
    for width, scheme in LOOKS:
        visit.resize(width, scheme)
        assert visit.accessibility_violations() == []
        assert visit.content_width() <= width
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.emulate_media(media="print")
    expect(page.get_by_role("navigation")).not_to_be_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != background
    # Each panel names its values, and a table has them all.
    assert all(page.locator("figure svg").evaluate_all("all => all.map(svg => svg.ariaLabel)"))


def test_a_guide_is_accessible_and_fits(visitor: Visitor) -> None:
    visit = visitor()
    page = visit.open("manual/guides/stations")
    for width, scheme in LOOKS:
        visit.resize(width, scheme)
        assert visit.accessibility_violations() == []
        assert visit.content_width() <= width
    page.get_by_role("link", name="All guides").click()
    expect(page.get_by_role("heading", name="Glossary")).to_be_visible()


def test_the_report_of_a_place_gives_its_errors_losses_and_seeds(shown: Shown, url: str) -> None:
    page = shown("models/nino12-gru/report").page
    query = {"dataset": "nino12"}
    leads, record = (httpx.get(f"{url}/compare/{part}", params=query).json() for part in ("leads", "training"))
    errors = section(page, "Errors by how far ahead")
    first, *_, last = rows(errors)
    assert first == ["1 month", *(f"{model['rmse'][0]:.3f}" for model in leads["models"])]
    assert last == ["12 months", *(f"{model['rmse'][11]:.3f}" for model in leads["models"])]
    expect(errors).to_contain_text("over the test period, Oct 1998 to Dec 2010")
    expect(errors.locator("thead")).to_contain_text("Usual")
    # Persistence, three times as far off as the others, is in the table only.
    assert errors.locator("figure path.line").count() == 6
    networks = record["networks"]
    losses = rows(section(page, "Loss by epoch"))
    values = [network[part][0] for network in networks for part in ("train_loss", "validation_loss")]
    assert losses[0] == ["1", *(f"{value:.4f}" for value in values)]
    assert len(losses) == max(len(network["train_loss"]) for network in networks)
    seeds = section(page, "Effect of the seed")
    assert seeds.locator("circle").count() == sum(len(network["seeds"]) for network in networks)
    for row, network in zip(rows(seeds), networks, strict=True):
        runs = [run["rmse"] for run in network["seeds"]]
        assert row[1:3] == [f"{network['parameters']:,}", str(network["epochs"])]
        assert [row[3], *row[5:]] == [f"{value:.5f}" for value in (sum(runs) / len(runs), min(runs), max(runs))]


def test_a_universal_report_gives_its_regions_and_what_context_is_worth(shown: Shown, url: str) -> None:
    page = shown("models/ocean-daily-lstm/report").page
    report = json.loads(next((ROOT / "artifacts" / "ocean-daily").glob("*/report.json")).read_text())
    found = {tuple(row[:4]): row[4:] for row in rows(section(page, "Regions that were held out"))}
    assert len(found) == len(report["regions"])
    for row in report["regions"]:
        ahead = f"{row['lead']} day{'s' if row['lead'] > 1 else ''}"
        shown_ratios = found[row["region"], str(row["places"]), str(row["context"]), ahead]
        assert shown_ratios == [f"{value:.3f}" for value in row["relative_rmse"].values()]
    models = httpx.get(f"{url}/compare", params={"dataset": "ocean-daily"}).json()["models"]
    score = models[0]["held_out"][0]
    context = section(page, "Errors by length of context")
    cells = {tuple(row[:3]): row[3:] for row in rows(context)}
    lead = "1 day" if score["lead"] == 1 else f"{score['lead']} days"
    (first, *_) = cells[str(score["context"]), lead, "known" if score["positioned"] else "unknown"]
    assert first == f"{score['relative_rmse']:.3f}"
    expect(context.get_by_role("img", name="1 day ahead, alone")).to_be_visible()


def test_the_card_is_in_the_report_with_headings_lists_and_tables(shown: Shown) -> None:
    card = shown("models/nino12-gru/report").page.locator(".model-card")
    expect(card.get_by_role("heading", level=3)).to_contain_text("Model card: Sea off Peru (nino12)")
    expect(card.get_by_role("heading", name="Out of scope")).to_be_visible()
    expect(card.get_by_role("listitem").nth(1)).to_contain_text("train: 1 Jan 1950 to 1 Aug 1992")
    expect(card.get_by_role("table")).to_contain_text("persistence")
    expect(card).not_to_contain_text("##")


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[str]:
    """A service with a release that has no loss curves and seeds, whose model card has HTML in it."""
    version = (ROOT / "artifacts" / "nino12" / "current").read_text().strip()
    copy = tmp_path / "nino12" / version
    shutil.copytree(ROOT / "artifacts" / "nino12" / version, copy)
    report = json.loads((copy / "report.json").read_text())
    for model in report["models"]:
        model["loss"] = None
    (copy / "report.json").write_text(json.dumps(report | {"seeds": {}, "title": "<i>Sea</i>"}))
    card = b"# Card\n\n<script>alert(1)</script> [here](javascript:alert(1)) \xff made 2024-13-45T00:00:00Z\n"
    (copy / "MODEL_CARD.md").write_bytes(card)
    seal(copy, "nino12", version)
    shutil.copy(ROOT / "artifacts" / "nino12" / "current", tmp_path / "nino12")
    with serve(Settings(artifacts=tmp_path)) as client:
        yield str(client.base_url).rstrip("/")


def test_an_old_release_says_what_it_lacks_and_its_text_never_becomes_markup(visitor: Visitor, bare: str) -> None:
    page = visitor(bare).open("models/nino12-gru/report")
    expect(page.get_by_role("heading", level=1)).to_have_text("Report on <i>Sea</i>")
    expect(section(page, "Loss by epoch")).to_contain_text("This release does not say how the loss fell")
    expect(section(page, "Effect of the seed")).to_contain_text("This release has no networks that were trained with")
    expect(page.locator(".model-card")).to_contain_text("<script>alert(1)</script>")
    expect(page.locator(".model-card")).to_contain_text("\ufffd made 2024-13-45T00:00:00Z")
    assert page.locator("script, .model-card a").count() == 0


def test_an_imported_release_says_where_it_is_from_and_what_it_lacks(visitor: Visitor, abroad: Path) -> None:
    with serve(Settings(artifacts=abroad, default_dataset="abroad")) as client:
        page = visitor(str(client.base_url).rstrip("/"), new=True).open("models/best/report")
        expect(section(page, "What was evaluated")).to_contain_text("steady was trained elsewhere and imported from")
        expect(section(page, "Errors by how far ahead")).to_contain_text("may have seen the test part")
        expect(section(page, "Loss by epoch")).to_contain_text("its networks were trained elsewhere and imported")

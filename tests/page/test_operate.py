import httpx
import pytest
from playwright.sync_api import expect

from tests.page.conftest import Shown
from tests.page.titles import title_of


@pytest.mark.parametrize("dataset", ["nino12", "neracoos-b01"])
def test_loaded_models_are_shown_with_version_digest_period_and_device(shown: Shown, url: str, dataset: str) -> None:
    page = shown("?view=operate").page
    models = [model for model in httpx.get(f"{url}/models").json()["models"] if model["dataset"] == dataset]
    card = page.locator("section.card", has=page.get_by_role("heading", name=dataset))
    expect(card.get_by_role("heading")).to_contain_text(title_of(url, dataset))
    expect(card).to_contain_text(models[0]["version"])
    expect(card).to_contain_text(models[0]["training_period"]["start"][:4])
    expect(card).to_contain_text(models[0]["device"])
    for model in models:
        assert model["sha256"] in card.locator("table").text_content().replace("\n", "")  # type: ignore[union-attr]


def test_universal_releases_are_listed_and_point_to_your_data(shown: Shown, url: str) -> None:
    page = shown("?view=operate").page
    models = [model for model in httpx.get(f"{url}/models").json()["models"] if model["kind"] == "universal"]
    part = page.locator("section.part", has=page.get_by_role("heading", name="Any sea"))
    assert part.get_by_role("heading", level=3).all_inner_texts() == sorted(
        {model["dataset"] for model in models},
        key=["ocean-hourly", "ocean-daily", "ocean-weekly", "ocean-monthly"].index,
    )
    expect(part.get_by_role("link", name="Your data")).to_have_attribute("href", "/?view=data")
    for model in models:
        card = part.locator("section.card", has=page.get_by_role("heading", name=model["dataset"], exact=True))
        expect(card).to_contain_text(model["version"])
        assert model["sha256"] in (card.locator("table").text_content() or "").replace("\n", "")


def test_checkpoint_metadata_of_a_universal_network_opens_on_click(shown: Shown, url: str) -> None:
    visit = shown("?view=operate")
    visit.page.get_by_text("About ocean-daily-gru").click()
    visit.settle()
    metadata = httpx.get(f"{url}/models/ocean-daily-gru").json()["metadata"]
    about = visit.page.locator("details", has_text="About ocean-daily-gru")
    expect(about).to_contain_text(f"needs {metadata['minimum']} values, uses up to {metadata['maximum']}")
    expect(about).to_contain_text("A GRU with")


def test_the_model_card_opens_on_click(shown: Shown, url: str) -> None:
    visit = shown("?view=operate")
    page = visit.page
    page.get_by_text("Model card for nino12").click()
    visit.settle()
    card = page.locator("details", has_text="Model card for nino12")
    title, *_ = httpx.get(f"{url}/models/nino12-gru/card").raise_for_status().text.splitlines()
    expect(card).to_contain_text(title.removeprefix("# "))


def test_checkpoint_metadata_opens_on_click(shown: Shown, url: str) -> None:
    visit = shown("?view=operate")
    page = visit.page
    page.get_by_text("About nino12-gru").click()
    visit.settle()
    metadata = httpx.get(f"{url}/models/nino12-gru").json()["metadata"]
    about = page.locator("details", has_text="About nino12-gru")
    expect(about).to_contain_text(metadata["data_sha256"])
    expect(about).to_contain_text("A GRU with")
    expect(about).to_contain_text(f"{metadata['training_range']['maximum']:.2f} °C")


def test_the_article_fits_the_pronunciation(shown: Shown) -> None:
    visit = shown("?view=operate")
    visit.page.get_by_text("About nino12-rnn").click()
    visit.settle()
    expect(visit.page.locator("details", has_text="About nino12-rnn")).to_contain_text("An RNN with")


def test_the_view_shows_readiness_and_links_to_more(shown: Shown, url: str) -> None:
    page = shown("?view=operate").page
    count = len(httpx.get(f"{url}/models").json()["models"])
    expect(page.get_by_text(f"{count} models are loaded, verified and warmed up.")).to_be_visible()
    for name, href in (("API documentation", "/docs"), ("Metrics", "/metrics")):
        expect(page.get_by_role("main").get_by_role("link", name=name)).to_have_attribute("href", href)

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
    expect(part.get_by_role("link", name="Add a place")).to_have_attribute("href", "/add")
    for model in models:
        card = part.locator("section.card", has=page.get_by_role("heading", name=model["dataset"], exact=True))
        expect(card).to_contain_text(model["version"])
        assert model["sha256"] in (card.locator("table").text_content() or "").replace("\n", "")


def test_metadata_and_model_cards_open_on_click(shown: Shown, url: str) -> None:
    visit = shown("?view=operate")
    page = visit.page
    universal, gru = (
        httpx.get(f"{url}/models/{name}").json()["metadata"] for name in ("ocean-daily-gru", "nino12-gru")
    )
    title, *_ = httpx.get(f"{url}/models/nino12-gru/card").raise_for_status().text.splitlines()
    for summary, texts in (
        ("About ocean-daily-gru", [f"needs {universal['minimum']} values, uses up to {universal['maximum']}"]),
        ("About nino12-gru", [gru["data_sha256"], f"{gru['training_range']['maximum']:.2f} °C", "A GRU with"]),
        ("About nino12-rnn", ["An RNN with"]),
        ("Model card for nino12", [title.removeprefix("# ")]),
    ):
        page.get_by_text(summary).click()
        visit.settle()
        for text in texts:
            expect(page.locator("details", has_text=summary)).to_contain_text(text)


def test_the_view_shows_readiness_and_links_to_more(shown: Shown, url: str) -> None:
    page = shown("?view=operate").page
    count = len(httpx.get(f"{url}/models").json()["models"])
    expect(page.get_by_text(f"{count} models are loaded, verified and warmed up.")).to_be_visible()
    for name, href in (("API documentation", "/docs"), ("Metrics", "/metrics")):
        expect(page.get_by_role("main").get_by_role("link", name=name)).to_have_attribute("href", href)

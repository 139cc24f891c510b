"""Names of datasets for people."""

import httpx


def title_of(url: str, dataset: str) -> str:
    """Return the title of a dataset that a service gives; its name if it has none."""
    models = httpx.get(f"{url}/models").raise_for_status().json()["models"]
    entry = next(model for model in models if model["dataset"] == dataset)
    return str(entry.get("title") or dataset)

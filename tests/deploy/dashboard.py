"""The Grafana dashboards and their queries."""

import json
import re
from collections.abc import Iterator
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from tests.conftest import ROOT

DASHBOARDS = [ROOT / "deploy" / "grafana" / name for name in ("service.json", "stations.json")]


def queries() -> dict[str, list[str]]:
    """Return the queries of each panel, with five minutes as Grafana's rate interval, by dashboard and title."""
    dashboards = [json.loads(path.read_text(encoding="utf-8")) for path in DASHBOARDS]
    return {
        f"{dashboard['title']}: {panel['title']}": [
            target["expr"].replace("$__rate_interval", "5m") for target in panel["targets"]
        ]
        for dashboard in dashboards
        for panel in dashboard["panels"]
    }


def metrics(query: str) -> set[str]:
    """Return the names of the metrics in a query."""
    return set(re.findall(r"\b(?:sst|process|haproxy)_\w+", query))


def labels(query: str) -> set[str]:
    """Return the names of the labels that a query groups or selects by."""
    grouped = [name for group in re.findall(r"\bby \(([^)]*)\)", query) for name in group.split(",")]
    return {name.strip() for name in grouped} | set(re.findall(r"(\w+)(?:!=|=~|!~|=)\"", query))


def unknown(written: dict[str, Any]) -> list[str]:
    """Return the places of a dashboard that Grafana's own types drop or change."""
    register_default_plugins()
    return list(_differences(written, json.loads(JSONEncoder().encode(Dashboard.from_json(written)))))


def _differences(written: Any, kept: Any, place: str = "") -> Iterator[str]:
    if isinstance(written, dict) and isinstance(kept, dict):
        for name, value in written.items():
            yield from _differences(value, kept.get(name), f"{place}/{name}")
    elif isinstance(written, list) and isinstance(kept, list) and len(written) == len(kept):
        for i, (value, kept_value) in enumerate(zip(written, kept, strict=True)):
            yield from _differences(value, kept_value, f"{place}/{i}")
    elif written != kept:
        yield place

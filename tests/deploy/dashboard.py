"""The queries of the dashboard."""

import json
import re

from tests.conftest import ROOT

DASHBOARD = ROOT / "deploy" / "grafana" / "service.json"


def queries() -> dict[str, list[str]]:
    """The queries of each panel, by its title; Grafana's own interval is five minutes here."""
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    return {
        panel["title"]: [target["expr"].replace("$__rate_interval", "5m") for target in panel["targets"]]
        for panel in panels
    }


def metrics(query: str) -> set[str]:
    """The names of the metrics that a query asks for."""
    return set(re.findall(r"\b(?:sst|process|haproxy)_\w+", query))


def labels(query: str) -> set[str]:
    """The names of the labels that a query groups or selects by."""
    grouped = [name for group in re.findall(r"\bby \(([^)]*)\)", query) for name in group.split(",")]
    return {name.strip() for name in grouped} | set(re.findall(r"(\w+)=", query))

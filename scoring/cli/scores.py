"""Scores as a table to read, as CSV or as JSON."""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any, Final

from forecasting.series.timestep import length_of
from scoring.archive.verification import AS_ISSUED, Group, Verification
from scoring.cli.columns import aligned
from scoring.cli.event_scores import event_table

_ERRORS: Final = ("mae", "rmse", "bias", "crps")
_HEADINGS: Final = {"mae": "MAE", "rmse": "RMSE", "bias": "bias", "crps": "CRPS"}

Row = dict[str, Any]


def written(verification: Verification, form: str) -> str:
    """Return the scores in a form: ``table``, ``csv`` or ``json``; temperatures are in °C."""
    if form == "json":
        return verification.model_dump_json(indent=1) + "\n"
    return _csv(verification) if form == "csv" else _table(verification)


def _csv(verification: Verification) -> str:
    rows = [
        {"asked": group.asked, "step": group.step, "month": group.month, **row}
        for group in verification.groups
        for row in _rows(group)
    ]
    names = list(dict.fromkeys(name for row in rows for name in row))
    file = io.StringIO()
    writer = csv.DictWriter(file, _in_order(names), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def _table(verification: Verification) -> str:
    return "\n".join(_part(group) for group in verification.groups)


def _part(group: Group) -> str:
    """Return a title and the aligned scores of a group."""
    month = "" if group.month is None else f", {group.month}"
    rows = list(_rows(group))
    names = _in_order(list(dict.fromkeys(name for row in rows for name in row if name != "kind")))
    lines = [[_heading(name) for name in names]]
    before = None
    for row in rows:
        lead = row["lead"] if row["lead"] != before else ""
        before = row["lead"]
        lines.append([_cell(name, {**row, "lead": lead}.get(name)) for name in names])
    title = f"{group.asked}, every {length_of(group.step)}{month}; °C\n"
    events = f"\n{event_table(group.events)}" if group.events else ""
    return title + aligned(lines, {"model"}) + events


def _rows(group: Group) -> Iterator[Row]:
    for scores in group.leads:
        for model in scores.models:
            row: Row = {"lead": scores.lead, "model": model.model, "kind": model.kind, "n": model.n}
            row |= {name: getattr(model, name) for name in _ERRORS}
            row |= {f"skill_{name}": value for name, value in model.skill.items()}
            row |= {f"coverage_{level}": kinds[AS_ISSUED] for level, kinds in model.coverage.items()}
            yield row


def _in_order(names: Sequence[str]) -> list[str]:
    """Return the names with skills before coverages, and the levels of these in ascending order."""
    levels = sorted((name for name in names if name.startswith("coverage_")), key=lambda name: int(name[9:]))
    return [name for name in names if not name.startswith("coverage_")] + levels


def _heading(name: str) -> str:
    kind, _, rest = name.partition("_")
    if kind == "skill":
        return f"vs {rest}"
    return f"in {rest} %" if kind == "coverage" else _HEADINGS.get(name, name)


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name.startswith("coverage_"):
        return f"{100 * value:.0f} %"
    return f"{value:.3f}" if isinstance(value, float) else str(value)

"""Comparisons as CSV and Markdown."""

import csv
import io
from collections.abc import Sequence
from typing import Final

from forecasting.errors import SeriesError
from forecasting.evaluation.report import models_table
from forecasting.references.baselines import BASELINES
from forecasting.universal.own_past.references import REFERENCES
from service.api.compare.answer import compared_model
from service.api.compare.handler import Compared
from service.api.compare.schemas import ComparedModel, ComparedNetwork
from service.api.compare.universal import UniversalCompared, UniversalRecord
from service.engine.reading.parsing import sentence

_ERRORS: Final = ("model", "kind", "mae", "rmse", "mape", "bias")

Cell = str | float | None


def comparison_csv(models: Sequence[ComparedModel]) -> str:
    """Return one row for each model, with a skill column for each baseline. A cell without a value is empty."""
    references = list(models[0].skill)
    rows = [
        [*_row(model, references), model.caveat if isinstance(model, ComparedNetwork) else None] for model in models
    ]
    return _to_csv([[*_header(references), "caveat"], *rows])


def own_csv(compared: Compared) -> str:
    """Return the rows of each series, after its ID. A series that could not be used has one row, with its error."""
    references = list(BASELINES)
    rows: list[Sequence[Cell]] = [["id", "start", "end", "n", *_header(references), "error"]]
    for series_id, rolled in zip(compared.ids, compared.rolled, strict=True):
        if isinstance(rolled, SeriesError):
            rows.append([series_id, *[None] * (len(rows[0]) - 2), sentence(rolled)])
            continue
        period, scores = rolled.period, compared.scores(rolled)
        for score in scores:
            model = compared_model(compared.release, score, scores, 1)
            rows.append([series_id, period.start, period.end, period.n, *_row(model, references), None])
    return _to_csv(rows)


def own_markdown(compared: Compared) -> str:
    """Return a table of errors for all series together and, if there are several, for each."""
    tables = [
        sentence(rolled) if isinstance(rolled, SeriesError) else models_table(compared.scores(rolled))
        for rolled in compared.rolled
    ]
    if len(tables) == 1:
        return tables[0] + "\n"
    pooled = compared.pooled()
    sections = [
        f"### {' '.join(series_id.split())}\n\n{table}" for series_id, table in zip(compared.ids, tables, strict=True)
    ]
    return "\n\n".join([models_table(pooled[1]), *sections] if pooled else sections) + "\n"


def universal_csv(compared: UniversalCompared) -> str:
    """Return the rows of each series, in the form of :func:`own_csv`."""
    references = list(REFERENCES)
    rows: list[Sequence[Cell]] = [["id", "start", "end", "n", *_header(references), "error"]]
    for series_id, record in zip(compared.ids, compared.records, strict=True):
        if isinstance(record, SeriesError):
            rows.append([series_id, *[None] * (len(rows[0]) - 2), sentence(record)])
            continue
        period, reports = record.rolled.period, record.reports()
        for report in reports:
            row = _row(record.row(report, reports), references)
            rows.append([series_id, period.start, period.end, period.n, *row, None])
    return _to_csv(rows)


def universal_markdown(compared: UniversalCompared) -> str:
    """Return tables in the form of :func:`own_markdown`."""
    tables = [
        sentence(record) if isinstance(record, SeriesError) else models_table(record.reports())
        for record in compared.records
    ]
    return _sections(compared.ids, tables, compared.pooled())


def _sections(ids: Sequence[str], tables: Sequence[str], pooled: UniversalRecord | None) -> str:
    if len(tables) == 1:
        return tables[0] + "\n"
    sections = [f"### {' '.join(name.split())}\n\n{table}" for name, table in zip(ids, tables, strict=True)]
    return "\n\n".join([models_table(pooled.reports()), *sections] if pooled else sections) + "\n"


def _header(references: Sequence[str]) -> list[Cell]:
    return [*_ERRORS, *(f"skill_{reference}" for reference in references), "p_value"]


def _row(model: ComparedModel, references: Sequence[str]) -> list[Cell]:
    p_value = model.p_value if isinstance(model, ComparedNetwork) else None
    return [*(getattr(model, name) for name in _ERRORS), *(model.skill.get(name) for name in references), p_value]


def _to_csv(rows: Sequence[Sequence[Cell]]) -> str:
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows(rows)
    return table.getvalue()

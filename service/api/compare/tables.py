"""Comparisons as CSV and as Markdown."""

import csv
import io
from collections.abc import Sequence
from typing import Final

from forecasting.errors import SeriesError
from forecasting.evaluation.table import models_table
from forecasting.references.baselines import BASELINES
from service.api.compare.answer import Compared, compared_model
from service.api.compare.schemas import ComparedModel, ComparedNetwork
from service.engine.writing import sentence

_ERRORS: Final = ("model", "kind", "mae", "rmse", "mape", "bias")

Cell = str | float | None


def comparison_csv(models: Sequence[ComparedModel]) -> str:
    """One row a model, skill in a column for each reference; an empty cell is not known or does not apply."""
    return _written([_header(list(models[0].skill)), *(_row(model, list(models[0].skill)) for model in models)])


def own_csv(compared: Compared) -> str:
    """The same for each series, named in front; one that cannot be compared on has a row with its error."""
    references = list(BASELINES)
    rows: list[Sequence[Cell]] = [["id", "start", "end", "n", *_header(references), "error"]]
    for name, rolled in zip(compared.ids, compared.rolled, strict=True):
        if isinstance(rolled, SeriesError):
            rows.append([name, *[None] * (len(rows[0]) - 2), sentence(rolled)])
            continue
        period, scores = rolled.period, compared.scores(rolled)
        for one in scores:
            model = compared_model(compared.release, one, scores, 1)
            rows.append([name, period.start, period.end, period.n, *_row(model, references), None])
    return _written(rows)


def own_markdown(compared: Compared) -> str:
    """The table of errors for all series together and, where there are several, for each."""
    tables = [
        sentence(one) if isinstance(one, SeriesError) else models_table(compared.scores(one)) for one in compared.rolled
    ]
    if len(tables) == 1:
        return tables[0] + "\n"
    pooled = compared.pooled()
    headed = [f"### {' '.join(name.split())}\n\n{table}" for name, table in zip(compared.ids, tables, strict=True)]
    return "\n\n".join([models_table(pooled[1]), *headed] if pooled else headed) + "\n"


def _header(references: Sequence[str]) -> list[Cell]:
    return [*_ERRORS, *(f"skill_{reference}" for reference in references), "p_value"]


def _row(model: ComparedModel, references: Sequence[str]) -> list[Cell]:
    p_value = model.p_value if isinstance(model, ComparedNetwork) else None
    return [*(getattr(model, name) for name in _ERRORS), *(model.skill.get(r) for r in references), p_value]


def _written(rows: Sequence[Sequence[Cell]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()

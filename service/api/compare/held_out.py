"""How universal networks did on held-out seas, as ``GET /compare`` reports them."""

import csv
import io
from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, Field

from forecasting.errors import RequestError, UnknownNameError
from forecasting.evaluation.report import aligned
from forecasting.models.universal.report import HeldOutScore
from forecasting.releases.loaded import LoadedUniversal
from forecasting.wording import available


class HeldOutRow(BaseModel):
    """The score of a network at one length of context and one lead."""

    context: int = Field(description="The number of values that each forecast starts from.")
    lead: int
    positioned: bool = Field(description="Whether the networks knew the position.")
    n: int = Field(description="The number of forecasts.")
    relative_rmse: float = Field(
        description="The RMSE relative to persistence, with each error scaled by what is usual in its series."
    )
    coverage_80: float = Field(description="The share of observations inside 80 % intervals.")
    coverage_95: float = Field(description="The share of observations inside 95 % intervals.")


class HeldOutNetwork(BaseModel):
    """The scores of one universal network."""

    model: str
    parameters: int
    train_seconds: float
    held_out: list[HeldOutRow]
    held_out_without_companion: list[HeldOutRow] = Field(
        description="The same for a network that was trained without its companion, the regression that adapts to each "
        "series. It shows what the cell alone remembers. Empty if not recorded."
    )


class HeldOutComparison(BaseModel):
    """Accuracy of universal networks on held-out seas, by length of context: RNN, LSTM and GRU."""

    kind: Literal["held_out_seas"]
    dataset: str
    version: str
    step: str
    seas: int = Field(description="The number of simulated seas that the networks were trained on.")
    best: str = Field(description="The network with the lowest mean relative RMSE on held-out seas.")
    models: list[HeldOutNetwork]


def held_out_comparison(loaded: LoadedUniversal, horizon: int | None) -> HeldOutComparison:
    """Return the scores of the networks that serve, at one lead or at all that were scored.

    Raises:
        UnknownNameError: if the release has no report.
        RequestError: if the lead was not scored.
    """
    if loaded.report is None:
        raise UnknownNameError(f"release {loaded.version} of {loaded.dataset} has no report on held-out seas")
    models = [
        HeldOutNetwork(
            model=model.model,
            parameters=model.parameters,
            train_seconds=model.train_seconds,
            held_out=_rows(model.held_out, horizon),
            held_out_without_companion=_rows(model.held_out_without_companion, horizon),
        )
        for model in loaded.report.models
        if model.model in loaded.models
    ]
    if not any(model.held_out for model in models):
        leads = sorted({score.lead for model in loaded.report.models for score in model.held_out})
        raise RequestError(
            f"horizon {horizon} was not scored on held-out seas; {available(map(str, leads))}; for other leads send "
            "your series to POST /compare",
            field="horizon",
        )
    return HeldOutComparison(
        kind="held_out_seas",
        dataset=loaded.dataset,
        version=loaded.version,
        step=str(loaded.step),
        seas=loaded.report.seas,
        best=f"{loaded.dataset}-{loaded.best}",
        models=models,
    )


def _rows(scores: Iterable[HeldOutScore], horizon: int | None) -> list[HeldOutRow]:
    return [HeldOutRow(**score.model_dump()) for score in scores if horizon in (None, score.lead)]


def held_out_csv(comparison: HeldOutComparison) -> str:
    """Return a row for each network, context, position and lead."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["model", *HeldOutRow.model_fields])
    for model in comparison.models:
        writer.writerows([model.model, *row.model_dump().values()] for row in model.held_out)
    return table.getvalue()


def held_out_markdown(comparison: HeldOutComparison) -> str:
    """Return a table of relative RMSE, with a column for each lead."""
    leads = sorted({row.lead for model in comparison.models for row in model.held_out})
    lines = [("Model", "Context", "Position", *(f"Lead {lead}" for lead in leads))]
    for model in comparison.models:
        scores = {(row.context, row.positioned, row.lead): row.relative_rmse for row in model.held_out}
        for context, positioned in dict.fromkeys((row.context, row.positioned) for row in model.held_out):
            figures = [scores.get((context, positioned, lead)) for lead in leads]
            written = ("" if figure is None else f"{figure:.3f}" for figure in figures)
            lines.append((model.model, str(context), "known" if positioned else "unknown", *written))
    return aligned(lines) + "\n"

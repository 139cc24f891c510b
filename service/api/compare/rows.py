"""The rows of comparisons: the figures of one model at one lead, as JSON and CSV."""

import csv
import io
from collections.abc import Sequence
from typing import Final

from forecasting.backtest.backtest import NetworkFacts
from forecasting.evaluation.report import Coverage, ModelReport
from forecasting.scores.accuracy import skill
from service.api.compare.events import reported_events
from service.api.compare.schemas import (
    BrierScores,
    ComparedBaseline,
    ComparedModel,
    ComparedNetwork,
    IntervalCoverage,
    IntervalScores,
    SkillConfidence,
    Verification,
)

_ERRORS: Final = ("model", "kind", "mae", "rmse", "mape", "bias")

Cell = str | float | None


def compared_model(
    model: ModelReport, models: Sequence[ModelReport], lead: int, network: NetworkFacts | None
) -> ComparedNetwork | ComparedBaseline:
    """Return one row of a comparison, with its skill over the baselines among ``models``.

    Args:
        model: the figures.
        models: those of all models.
        lead: of the figures.
        network: what is known of the network; None of a baseline.
    """
    accuracy, i = model.accuracy["test"], lead - 1
    baselines = {other.name: other.accuracy["test"].rmse[i] for other in models if other.kind == "baseline"}
    errors = ComparedModel(
        model=model.name if network is None else network.model,
        kind=model.kind,
        mae=accuracy.mae[i],
        rmse=accuracy.rmse[i],
        mape=accuracy.mape[i],
        bias=accuracy.bias[i],
        skill={name: skill(accuracy.rmse[i], rmse) for name, rmse in baselines.items()},
        anomaly_correlation=model.anomaly_correlation[i] if model.anomaly_correlation else None,
    )
    if network is None:
        return ComparedBaseline(**errors.model_dump())
    return ComparedNetwork(
        **errors.model_dump(),
        p_value=model.p_value[i] if model.p_value else None,
        skill_interval=_skill_intervals(model, i),
        coverage={str(level): by_lead[i] for level, by_lead in (model.coverage or {}).items()},
        parameters=network.parameters,
        latency_ms=network.latency_ms,
        train_seconds=network.train_seconds,
        verification=_verification(model, i),
        events=reported_events(model.events),
        caveat=model.caveat,
    )


def _skill_intervals(model: ModelReport, i: int) -> dict[str, list[float] | None]:
    """Return the intervals of the skill of a model over each baseline, at lead ``i + 1``."""
    intervals: dict[str, list[float] | None] = {}
    for name, skills in model.skill.items():
        lower, upper = skills.lower[i], skills.upper[i]
        intervals[name] = None if lower is None or upper is None else [lower, upper]
    return intervals


def _verification(model: ModelReport, i: int) -> Verification | None:
    """Return what the report says of a model at lead ``i + 1`` beyond its errors; None if it says nothing."""
    if model.crps is None:
        return None
    return Verification(
        skill={
            name: SkillConfidence(lower=skills.lower[i], upper=skills.upper[i], p_value=skills.p_value[i])
            for name, skills in model.skill.items()
        },
        intervals={
            str(level): IntervalScores(
                **_coverage(intervals.coverage, i).model_dump(),
                score=intervals.score[i],
                seasons={season: _coverage(coverage, i) for season, coverage in intervals.seasons.items()},
            )
            for level, intervals in model.intervals.items()
        },
        crps=model.crps[i],
        exceedance=[
            BrierScores(threshold=scores.threshold, brier=scores.brier[i], climatology=scores.climatology[i])
            for scores in model.exceedance
        ],
    )


def _coverage(coverage: Coverage, i: int) -> IntervalCoverage:
    return IntervalCoverage(n=coverage.n[i], share=coverage.share[i], error=coverage.error[i])


def comparison_csv(models: Sequence[ComparedModel]) -> str:
    """Return one row for each model, with a skill column for each baseline. A cell without a value is empty."""
    references = list(models[0].skill)
    rows = [
        [*row_of(model, references), model.caveat if isinstance(model, ComparedNetwork) else None] for model in models
    ]
    return to_csv([[*header_of(references), "caveat"], *rows])


def header_of(references: Sequence[str]) -> list[Cell]:
    """Return the names of the columns of :func:`row_of`."""
    return [*_ERRORS, *(f"skill_{reference}" for reference in references), "p_value"]


def row_of(model: ComparedModel, references: Sequence[str]) -> list[Cell]:
    """Return the errors of a model, its skill over each of ``references``, and its p-value."""
    p_value = model.p_value if isinstance(model, ComparedNetwork) else None
    return [*(getattr(model, name) for name in _ERRORS), *(model.skill.get(name) for name in references), p_value]


def to_csv(rows: Sequence[Sequence[Cell]]) -> str:
    """Return ``rows`` as CSV."""
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows(rows)
    return table.getvalue()

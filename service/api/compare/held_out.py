"""How accurate the models of a release are on what was held out: its test part, or seas if they are universal."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any, Final

from pydantic import BaseModel

from forecasting.backtest.backtest import NetworkFacts
from forecasting.errors import RequestError, UnknownNameError
from forecasting.evaluation.report import ModelReport, Report, aligned
from forecasting.models.universal.report import HeldOutRow
from forecasting.releases.release import PlaceRelease, SeaRelease
from forecasting.scores.accuracy import skill
from forecasting.wording import available
from service.api.compare.schemas import (
    ComparedBaseline,
    ComparedModel,
    ComparedNetwork,
    Comparison,
    EventVerification,
    HeldOutComparison,
    HeldOutNetwork,
    LeadComparison,
    LeadCoverage,
    LeadErrors,
    LeadSkill,
    Predictions,
    SeedRun,
    TrainedNetwork,
    TrainingRecord,
    Verification,
)

_ERRORS: Final = ("model", "kind", "mae", "rmse", "mape", "bias")

Cell = str | float | None


def comparison(release: PlaceRelease, lead: int) -> Comparison:
    """Return the accuracy on the test part at one lead."""
    report = release.report
    if lead > report.horizon:
        raise RequestError(
            f"horizon {lead} was not evaluated: choose 1 to {report.horizon} for {report.dataset}", field="horizon"
        )
    test = report.periods["test"]
    return Comparison.model_validate(
        {
            "kind": "test_part",
            **_release_fields(release),
            "horizon": lead,
            "test": {"start": test.start, "end": test.end, "n": report.models[0].accuracy["test"].n[lead - 1]},
            "models": [compared_model(model, report.models, lead, _facts(release, model)) for model in report.models],
        }
    )


def _release_fields(release: PlaceRelease) -> dict[str, Any]:
    """Return the fields of every response about a release."""
    report = release.report
    best = f"{report.dataset}-{release.best}"
    return {"dataset": report.dataset, "version": report.version, "units": "celsius", "step": report.step, "best": best}


def _full_name(report: Report, model: ModelReport) -> str:
    return model.name if model.kind == "baseline" else f"{report.dataset}-{model.name}"


def _facts(release: PlaceRelease, model: ModelReport) -> NetworkFacts | None:
    """Return what the report says of a network; None of a baseline."""
    if model.kind == "baseline":
        return None
    name = _full_name(release.report, model)
    return NetworkFacts(name, model.kind, model.parameters or 0, model.latency_ms or 0.0, model.train_seconds)


def compared_model(
    model: ModelReport, models: Sequence[ModelReport], lead: int, network: NetworkFacts | None
) -> ComparedNetwork | ComparedBaseline:
    """Return one row of a comparison, with its skill over the baselines among ``models``."""
    i = lead - 1
    accuracy = at_lead(model.accuracy["test"], i)
    errors = accuracy | {
        "model": model.name if network is None else network.model,
        "kind": model.kind,
        "skill": {
            other.name: skill(accuracy["rmse"], other.accuracy["test"].rmse[i])
            for other in models
            if other.kind == "baseline"
        },
        "anomaly_correlation": model.anomaly_correlation[i] if model.anomaly_correlation else None,
    }
    if network is None:
        return ComparedBaseline(**errors)
    intervals = {name: [skills.lower[i], skills.upper[i]] for name, skills in model.skill.items()}
    events = [EventVerification(name=event.description, **event.score.model_dump()) for event in model.events]
    return ComparedNetwork(
        **errors,
        p_value=model.p_value[i] if model.p_value else None,
        skill_interval={name: None if None in bounds else bounds for name, bounds in intervals.items()},
        coverage={str(level): by_lead[i] for level, by_lead in (model.coverage or {}).items()},
        parameters=network.parameters,
        latency_ms=network.latency_ms,
        train_seconds=network.train_seconds,
        verification=_verification(model, i),
        events=events or None,
        caveat=model.caveat,
    )


def at_lead(figures: BaseModel, i: int) -> dict[str, Any]:
    """Return the figures of a report at lead ``i + 1``: of each field that is by lead, that entry."""

    def at(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: at(inner) for name, inner in value.items()}
        return value[i] if isinstance(value, tuple) else value

    found: dict[str, Any] = at(figures.model_dump())
    return found


def _verification(model: ModelReport, i: int) -> Verification | None:
    """Return what the report says of a model at lead ``i + 1`` beyond its errors; None if it says nothing."""
    if model.crps is None:
        return None
    intervals = {str(level): at_lead(figures, i) for level, figures in model.intervals.items()}
    return Verification.model_validate(
        {
            "skill": {name: at_lead(skills, i) for name, skills in model.skill.items()},
            "intervals": {level: figures | figures["coverage"] for level, figures in intervals.items()},
            "crps": model.crps[i],
            "exceedance": [at_lead(scores, i) for scores in model.exceedance],
        }
    )


def comparison_csv(models: Sequence[ComparedModel]) -> str:
    """Return one row for each model, with a skill column for each baseline. A cell without a value is empty."""
    references = list(models[0].skill)
    rows = [[*row_of(model, references), getattr(model, "caveat", None)] for model in models]
    return to_csv([[*header_of(references), "caveat"], *rows])


def header_of(references: Sequence[str]) -> list[Cell]:
    """Return the names of the columns of :func:`row_of`."""
    return [*_ERRORS, *(f"skill_{reference}" for reference in references), "p_value"]


def row_of(model: ComparedModel, references: Sequence[str]) -> list[Cell]:
    """Return the errors of a model, its skill over each of ``references``, and its p-value."""
    skills = [model.skill.get(name) for name in references]
    return [*(getattr(model, name) for name in _ERRORS), *skills, getattr(model, "p_value", None)]


def to_csv(rows: Iterable[Sequence[Cell]]) -> str:
    """Return ``rows`` as CSV."""
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows(rows)
    return table.getvalue()


def predictions_of(release: PlaceRelease) -> Predictions:
    """Return the observed and the predicted values of the test part, one step ahead."""
    report = release.report
    names = {model.name: _full_name(report, model) for model in report.networks}
    times, columns = release.predictions
    return Predictions(
        **_release_fields(release),
        hindcast=release.holds_evaluated,
        timestamps=times,
        observed=columns["observed"].tolist(),
        predictions={names.get(name, name): values.tolist() for name, values in columns.items() if name != "observed"},
        caveats={names[model.name]: model.caveat for model in report.networks if model.caveat is not None},
    )


def compare_leads(release: PlaceRelease) -> LeadComparison:
    """Return the accuracy of every model of the report at every lead."""
    report = release.report
    models = [_lead_errors(model, report) for model in report.models]
    return LeadComparison(**_release_fields(release), horizon=report.horizon, models=models)


def _lead_errors(model: ModelReport, report: Report) -> LeadErrors:
    skills = [report.skill(model, lead) for lead in range(1, report.horizon + 1)]
    measured = {level: intervals.coverage.error for level, intervals in model.intervals.items()}
    return LeadErrors(
        **model.accuracy["test"].model_dump(),
        model=_full_name(report, model),
        kind=model.kind,
        coverage={
            str(level): LeadCoverage.model_validate({"share": share, "error": measured.get(level)})
            for level, share in (model.coverage or {}).items()
        },
        skill={
            name: LeadSkill.model_validate(skill.model_dump() | {"value": [values[name] for values in skills]})
            for name, skill in model.skill.items()
        },
        caveat=model.caveat,
    )


def training_record(report: Report) -> TrainingRecord:
    """Return how the networks of a release were trained."""
    networks = []
    for model in report.networks:
        spread = report.seeds.get(model.name)
        runs = zip(spread.seeds, spread.rmse, strict=True) if spread else ()
        networks.append(
            TrainedNetwork(
                model=_full_name(report, model),
                parameters=model.parameters or 0,
                epochs=model.epochs,
                train_loss=list(model.loss.train) if model.loss else [],
                validation_loss=list(model.loss.validation) if model.loss else [],
                seeds=[SeedRun(seed=seed, rmse=rmse) for seed, rmse in runs],
            )
        )
    return TrainingRecord(
        dataset=report.dataset,
        version=report.version,
        step=report.step,
        configuration=report.configuration,
        networks=networks,
    )


def held_out_comparison(release: SeaRelease, horizon: int | None) -> HeldOutComparison:
    """Return the scores of the universal networks that serve, at one lead or at all that were scored."""
    if release.report is None:
        raise UnknownNameError(f"release {release.version} of {release.dataset} has no report on held-out seas")

    def rows(scores: Iterable[HeldOutRow]) -> list[HeldOutRow]:
        return [score for score in scores if horizon in (None, score.lead)]

    models = [
        HeldOutNetwork(
            model=model.model,
            parameters=model.parameters,
            train_seconds=model.train_seconds,
            held_out=rows(model.held_out),
            held_out_without_companion=rows(model.held_out_without_companion),
        )
        for model in release.report.models
        if model.model in release.models
    ]
    if not any(model.held_out for model in models):
        leads = sorted({score.lead for model in release.report.models for score in model.held_out})
        raise RequestError(
            f"horizon {horizon} was not scored on held-out seas; {available(map(str, leads))}; for other leads send "
            "your series to POST /compare",
            field="horizon",
        )
    return HeldOutComparison(
        kind="held_out_seas",
        dataset=release.dataset,
        version=release.version,
        step=str(release.step),
        seas=release.report.seas,
        best=f"{release.dataset}-{release.best}",
        models=models,
    )


def held_out_csv(comparison: HeldOutComparison) -> str:
    """Return a row for each network, context, position and lead."""
    rows = [[model.model, *row.model_dump().values()] for model in comparison.models for row in model.held_out]
    return to_csv([["model", *HeldOutRow.model_fields], *rows])


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

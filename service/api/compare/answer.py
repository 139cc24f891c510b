"""The figures of a comparison in the form of its schemas, at one lead."""

from collections.abc import Mapping, Sequence

from forecasting.errors import SeriesError
from forecasting.evaluation.comparison import Rolled
from forecasting.evaluation.report import Coverage, ModelReport
from forecasting.forecasts.json import Json, rounded, written_times
from forecasting.releases.registry import LoadedRelease, LoadedUniversal
from forecasting.scores.accuracy import skill
from forecasting.series.times import Floats
from forecasting.series.timestep import TimeStep
from forecasting.series.units import Units, from_celsius
from service.api.compare.events import reported_events, verifications
from service.api.compare.handler import Compared
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
from service.api.compare.universal import UniversalCompared, UniversalRecord, skill_intervals
from service.engine.reading.parsing import sentence


def comparison_json(compared: Compared, predictions: bool) -> Json:
    """Return the fields of :class:`~service.api.compare.schemas.OwnComparison`."""
    report = compared.release.report
    answer: Json = {
        "kind": "own_series",
        "dataset": report.dataset,
        "version": report.version,
        "units": compared.units,
        "step": report.step,
        "horizon": compared.horizon,
        "best": f"{report.dataset}-{compared.release.best}",
        "models": [],
        "series": [
            {"id": series_id, "error": sentence(rolled)}
            if isinstance(rolled, SeriesError)
            else {"id": series_id} | _series_json(compared, rolled, compared.scores(rolled), predictions=predictions)
            for series_id, rolled in zip(compared.ids, compared.rolled, strict=True)
        ],
    }
    pooled = compared.pooled()
    return answer if pooled is None else answer | _scores_json(compared, *pooled)


def _scores_json(compared: Compared, rolled: Rolled, scores: Sequence[ModelReport]) -> Json:
    rows = [compared_model(compared.release, model, scores, 1) for model in scores]
    return _rows_json(rolled, [_with_events(row, rolled, model.name) for row, model in zip(rows, scores, strict=True)])


def _with_events(row: ComparedModel, rolled: Rolled, name: str) -> ComparedModel:
    return row if row.kind == "baseline" else row.model_copy(update={"events": verifications(rolled.events, name)})


def _rows_json(rolled: Rolled, models: Sequence[ComparedModel]) -> Json:
    return {
        "test": rolled.period.model_dump(),
        "lowest_rmse": min(models, key=lambda model: model.rmse).model,
        "models": [model.model_dump() for model in models],
    }


def _series_json(compared: Compared, rolled: Rolled, scores: Sequence[ModelReport], *, predictions: bool) -> Json:
    fields = _scores_json(compared, rolled, scores)
    fields["warnings"] = [{"code": warning.code, "message": warning.message} for warning in rolled.warnings]
    if predictions:
        columns = {_full_name(compared.release, model): rolled.predicted[model.name] for model in scores}
        fields["predictions"] = _predictions_json(rolled, columns, compared.units)
    return fields


def _predictions_json(rolled: Rolled, columns: Mapping[str, Floats], units: Units) -> Json:
    return {
        "timestamps": written_times(rolled.times[None])[0],
        "observed": rounded(from_celsius(rolled.observed, units)).tolist(),
        "predicted": {name: rounded(from_celsius(column, units)).tolist() for name, column in columns.items()},
    }


def universal_comparison_json(compared: UniversalCompared, predictions: bool) -> Json:
    """Return the fields of :class:`~service.api.compare.schemas.OwnComparison` for universal networks."""
    pooled = compared.pooled()
    shared: Json = {}
    if compared.shared is not None:
        loaded, step = compared.shared
        shared = {**_named(loaded, step), "best": f"{loaded.dataset}-{loaded.best}"}
    answer: Json = {
        "kind": "own_series",
        **shared,
        "units": compared.units,
        "horizon": compared.horizon,
        "models": [],
        "series": [
            {"id": series_id, "error": sentence(record)}
            if isinstance(record, SeriesError)
            else {"id": series_id, **_named(record.loaded, record.step)}
            | _universal_series_json(record, predictions=predictions)
            for series_id, record in zip(compared.ids, compared.records, strict=True)
        ],
    }
    return answer if pooled is None else answer | _record_json(pooled)


def _named(loaded: LoadedUniversal, step: TimeStep) -> Json:
    return {"dataset": loaded.dataset, "version": loaded.version, "step": str(step)}


def _universal_series_json(record: UniversalRecord, *, predictions: bool) -> Json:
    fields = _named(record.loaded, record.step) | _record_json(record)
    fields["warnings"] = [{"code": warning.code, "message": warning.message} for warning in record.rolled.warnings]
    if predictions:
        columns = {record.full_name(name): column for name, column in record.rolled.predicted.items()}
        fields["predictions"] = _predictions_json(record.rolled, columns, record.units)
    return fields


def _record_json(record: UniversalRecord) -> Json:
    reports = record.reports()
    rows = [_with_events(record.row(report, reports), record.rolled, report.name) for report in reports]
    return _rows_json(record.rolled, rows)


def _full_name(release: LoadedRelease, model: ModelReport) -> str:
    """Return the name by which a request asks for a model."""
    return model.name if model.kind == "baseline" else f"{release.report.dataset}-{model.name}"


def compared_model(
    release: LoadedRelease, model: ModelReport, models: Sequence[ModelReport], lead: int
) -> ComparedNetwork | ComparedBaseline:
    """Return one row of a comparison, at ``lead``, with its skill over the baselines among ``models``."""
    accuracy = model.accuracy["test"]
    i = lead - 1
    baselines = {other.name: other.accuracy["test"].rmse[i] for other in models if other.kind == "baseline"}
    errors = ComparedModel(
        model=_full_name(release, model),
        kind=model.kind,
        mae=accuracy.mae[i],
        rmse=accuracy.rmse[i],
        mape=accuracy.mape[i],
        bias=accuracy.bias[i],
        skill={name: skill(accuracy.rmse[i], rmse) for name, rmse in baselines.items()},
        anomaly_correlation=model.anomaly_correlation[i] if model.anomaly_correlation else None,
    )
    if model.kind == "baseline":
        return ComparedBaseline(**errors.model_dump())
    trained = next(network for network in release.report.networks if network.name == model.name)
    return ComparedNetwork(
        **errors.model_dump(),
        p_value=model.p_value[i] if model.p_value else None,
        skill_interval=skill_intervals(model, i),
        coverage={str(level): by_lead[i] for level, by_lead in (model.coverage or {}).items()},
        parameters=trained.parameters or 0,
        latency_ms=trained.latency_ms or 0.0,
        train_seconds=trained.train_seconds,
        verification=_verification(model, i),
        events=reported_events(model.events),
        caveat=model.caveat,
    )


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

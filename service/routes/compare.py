"""How good the models are on the held-out test part, beside the references."""

import csv
import io
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from forecasting.errors import RequestError
from forecasting.registry import LoadedRelease
from forecasting.report import ModelReport
from forecasting.table import accuracy_table
from service.dependencies import DatasetQuery, HorizonQuery, RegistryDep
from service.openapi import problems
from service.schemas import ComparedModel, ComparedNetwork, Comparison, Predictions, TestPeriod

router = APIRouter(prefix="/compare", tags=["compare"])

_MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "markdown": "text/markdown; charset=utf-8"}
_PLOT_TYPES = {"png": "image/png", "svg": "image/svg+xml"}


@router.get(
    "",
    response_model=Comparison,
    responses={
        200: {"content": {"text/csv": {"schema": {"type": "string"}}, "text/markdown": {"schema": {"type": "string"}}}},
        **problems(404, 422, 503),
    },
)
def compare(
    registry: RegistryDep,
    dataset: DatasetQuery = None,
    horizon: HorizonQuery = 1,
    format: Annotated[Literal["json", "csv", "markdown"], Query(description="of the answer")] = "json",
) -> Any:
    """MAE, RMSE and MAPE of RNN, LSTM and GRU, then of the references."""
    release = registry.dataset(dataset)
    if horizon > release.report.horizon:
        raise RequestError(
            f"horizon {horizon} was not evaluated: {release.report.dataset} has 1 to {release.report.horizon}",
            field="horizon",
        )
    if format == "markdown":
        return Response(accuracy_table(release.report, horizon) + "\n", media_type=_MEDIA_TYPES[format])
    comparison = _comparison(release, horizon)
    if format == "csv":
        return Response(_as_csv(comparison), media_type=_MEDIA_TYPES[format])
    return comparison


@router.get("/predictions", responses=problems(404, 422, 503))
def predictions(registry: RegistryDep, dataset: DatasetQuery = None) -> Predictions:
    """Observed and predicted SST of the test part, one step ahead, for each model."""
    release = registry.dataset(dataset)
    table = release.predictions
    networks = {model.name for model in release.report.models if model.kind == "recurrent"}
    return Predictions(
        dataset=release.report.dataset,
        version=release.report.version,
        units="celsius",
        step=release.report.step,
        timestamps=list(map(str, table.index)),
        observed=table["observed"].tolist(),
        predictions={
            f"{release.report.dataset}-{name}" if name in networks else str(name): values.tolist()
            for name, values in table.drop(columns="observed").items()
        },
    )


@router.get(
    "/plot",
    response_class=Response,
    responses={
        200: {"content": {media_type: {} for media_type in _PLOT_TYPES.values()}},
        **problems(404, 422, 503),
    },
)
def plot(
    registry: RegistryDep,
    dataset: DatasetQuery = None,
    format: Annotated[Literal["png", "svg"], Query(description="of the picture")] = "png",
) -> Response:
    """Observed and all three models in one plot."""
    return Response(registry.dataset(dataset).plots[format], HTTPStatus.OK, media_type=_PLOT_TYPES[format])


def _comparison(release: LoadedRelease, horizon: int) -> Comparison:
    report = release.report
    test = report.periods["test"]
    return Comparison(
        dataset=report.dataset,
        version=report.version,
        units="celsius",
        step=report.step,
        horizon=horizon,
        test=TestPeriod(start=test.start, end=test.end, n=report.models[0].accuracy["test"].n[horizon - 1]),
        best=f"{report.dataset}-{report.best.name}",
        models=[_compared(release, model, horizon) for model in report.models],
    )


def _compared(release: LoadedRelease, model: ModelReport, horizon: int) -> ComparedModel:
    accuracy = model.accuracy["test"]
    lead = horizon - 1
    errors = ComparedModel(
        model=model.name,
        kind=model.kind,
        mae=accuracy.mae[lead],
        rmse=accuracy.rmse[lead],
        mape=accuracy.mape[lead],
        bias=accuracy.bias[lead],
        skill=release.report.skill(model, horizon),
    )
    if model.kind == "baseline":
        return errors
    return ComparedNetwork(
        **errors.model_dump(exclude={"model"}),
        model=f"{release.report.dataset}-{model.name}",
        p_value=model.p_value[lead] if model.p_value else None,
        coverage={str(level): by_lead[lead] for level, by_lead in (model.coverage or {}).items()},
        parameters=model.parameters or 0,
        latency_ms=model.latency_ms or 0.0,
        train_seconds=model.train_seconds or 0.0,
    )


def _as_csv(comparison: Comparison) -> str:
    """One row a model, skill in a column for each reference; an empty cell is not known or does not apply."""
    names = ["model", "kind", "mae", "rmse", "mape", "bias"]
    references = list(comparison.models[0].skill)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names + [f"skill_{reference}" for reference in references] + ["p_value"])
    for model in comparison.models:
        p_value = model.p_value if isinstance(model, ComparedNetwork) else None
        writer.writerow([getattr(model, name) for name in names] + [model.skill[r] for r in references] + [p_value])
    return text.getvalue()

"""The routes of ``/compare``: how accurate the models are, on the held-out test part or on the caller's series."""

from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from orjson import dumps
from pydantic import Field
from starlette.responses import Response

from forecasting.errors import RequestError
from forecasting.evaluation.report import accuracy_table
from forecasting.forecasts.options import Horizon
from forecasting.models.base import ALL, BEST
from forecasting.requests import InputTime
from service.api.compare.held_out import (
    compare_leads,
    comparison,
    comparison_csv,
    held_out_comparison,
    held_out_csv,
    held_out_markdown,
    predictions_of,
    training_record,
)
from service.api.compare.hindcast import MAX_ORIGINS, HindcastStore, hindcast_json
from service.api.compare.own_series import compare_series
from service.api.compare.schemas import (
    EXAMPLES,
    CompareRequest,
    Comparison,
    HeldOutComparison,
    HindcastAnswer,
    LeadComparison,
    OwnComparison,
    Predictions,
    TrainingRecord,
)
from service.api.dependencies import CatalogDep, DatasetQuery, SeriesDatasetQuery, ServingDep, SettingsDep, app_state
from service.api.openapi import BYTES, links, problems, request_body
from service.engine.reading import check_horizon
from service.http.bodies import require_json
from service.http.query import merge_query_and_body

HindcastsDep = Annotated[HindcastStore, app_state("hindcasts")]
LeadQuery = Annotated[
    Horizon | None,
    Query(
        description="The number of steps ahead. Defaults to 1; for a universal dataset, to all leads that were scored.",
    ),
]
FormatQuery = Annotated[Literal["json", "csv", "markdown"], Query(description="The format of the response.")]

router = APIRouter(prefix="/compare", tags=["compare"])

_MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "markdown": "text/markdown; charset=utf-8"}
_TEXTS: dict[str, Any] = {"content": {name: {"schema": {"type": "string"}} for name in ("text/csv", "text/markdown")}}
_LINKS = links(
    "getPredictions",
    "compareLeads",
    "getHindcast",
    "plotTestPart",
    "getTrainingRecord",
    dataset="$response.body#/dataset",
)
_PLOT_TYPES = {"png": "image/png", "svg": "image/svg+xml"}


@router.get(
    "",
    operation_id="compareDataset",
    summary="Compare models on the test part",
    response_model=Annotated[Comparison | HeldOutComparison, Field(discriminator="kind")],
    responses={200: {**_TEXTS, "links": _LINKS}, **problems(404, 422, 503)},
)
def compare(
    catalog: CatalogDep,
    settings: SettingsDep,
    dataset: DatasetQuery = None,
    horizon: LeadQuery = None,
    format: FormatQuery = "json",
) -> Any:
    """Compare the accuracy of RNN, LSTM and GRU, and of the baselines, on the held-out test part.

    A universal dataset, such as `ocean-daily`, has no test part: its networks are compared on held-out seas, by length
    of context.
    """
    if dataset is not None and dataset in catalog.universal:
        held_out = held_out_comparison(catalog.universal[dataset], horizon)
        if format == "json":
            return held_out
        text = held_out_csv(held_out) if format == "csv" else held_out_markdown(held_out)
    else:
        horizon = horizon or 1
        check_horizon(horizon, settings)
        release = catalog.dataset(dataset)
        compared = comparison(release, horizon)
        if format == "json":
            return compared
        text = comparison_csv(compared.models) if format == "csv" else accuracy_table(release.report, horizon) + "\n"
    return Response(text, media_type=_MEDIA_TYPES[format])


@router.post(
    "",
    operation_id="compareSeries",
    summary="Compare models on your series",
    response_model=OwnComparison,
    responses={200: _TEXTS, **problems(400, 404, 413, 415, 422, 503, 504)},
    openapi_extra=request_body(CompareRequest, examples=EXAMPLES),
)
async def post_compare(
    request: Request,
    serving: ServingDep,
    settings: SettingsDep,
    dataset: SeriesDatasetQuery = None,
    horizon: Annotated[Horizon | None, Query(description="The number of steps ahead. Defaults to 1.")] = None,
    format: FormatQuery = "json",
    strict: Annotated[bool, Query(description="Return 422 if any series cannot be used.")] = False,
) -> Response:
    """Compare every model and baseline on your own series, rolling through each one step at a time.

    All models of a series are scored on the same steps: those that were observed, after a window without a gap that is
    longer than the model fills. `best` is the network with the lowest validation RMSE in training; `lowest_rmse` is the
    best one here. The top level pools all series, with the baselines that are available for every series.

    The baselines are refitted as the past grows. They need two years of values, of which a tenth can be missing, so a
    series is scored from that point on only (`scored_later`), or without them (`no_climatology`).

    Universal networks forecast from every observed step that follows enough values. References with forecasts for fewer
    than half of these steps are left out. A series whose step has no release is forecast from at most 200 of its steps,
    and has no `p_value`.

    Up to 5 threshold `events` are verified; their `within` defaults to `horizon`, or to `for` if that is longer. CSV
    and Markdown leave them out. A request that would take longer than half of the time limit is rejected at once, and
    the 422 says how many series would fit.
    """
    require_json(dict(request.scope["headers"]))
    body = await serving.read_json(CompareRequest, await request.body(), settings.max_series, settings.max_body_bytes)
    merged = {
        "dataset": merge_query_and_body("dataset", dataset, body.dataset),
        "horizon": merge_query_and_body("horizon", horizon, body.horizon),
    }
    body = body.model_copy(update=merged)
    selection = serving.select(body.model, body.dataset)
    compared = await compare_series(serving, settings, body, selection, strict=strict)
    if format == "json":
        content = await serving.worker.run(lambda: dumps(compared.to_json(predictions=body.predictions)))
        return Response(content, media_type="application/json")
    table = compared.to_csv if format == "csv" else compared.to_markdown
    return Response(await serving.worker.run(table), media_type=_MEDIA_TYPES[format])


@router.get(
    "/predictions",
    operation_id="getPredictions",
    summary="Get the predictions of the test part",
    responses=problems(404, 422, 503),
)
def predictions(catalog: CatalogDep, dataset: DatasetQuery = None) -> Predictions:
    """Return observed and predicted SST of the test part, one step ahead, for each model."""
    return predictions_of(catalog.dataset(dataset))


@router.get(
    "/leads",
    operation_id="compareLeads",
    summary="Compare models at every lead",
    responses=problems(404, 422, 503),
)
def leads(catalog: CatalogDep, dataset: DatasetQuery = None) -> LeadComparison:
    """Return the errors of each model on the test part at every lead, and whether its intervals held."""
    return compare_leads(catalog.dataset(dataset))


@router.get(
    "/hindcast",
    operation_id="getHindcast",
    summary="Get past forecasts",
    response_model=HindcastAnswer,
    responses=problems(404, 409, 422, 503, 504),
)
async def hindcast(
    serving: ServingDep,
    hindcasts: HindcastsDep,
    dataset: DatasetQuery = None,
    model: Annotated[str, Query(description="`best`, `rnn`, `lstm`, `gru`, or the full name of a model.")] = BEST,
    origin: Annotated[
        InputTime | None,
        Query(
            description="The time of the last observation that the forecast may use, in ISO 8601. Defaults to the "
            "latest for which every lead was observed.",
            examples=["2005-06-01"],
        ),
    ] = None,
    origins: Annotated[
        int, Query(ge=1, le=MAX_ORIGINS, description="The number of forecasts, from consecutive origins.")
    ] = 1,
) -> Response:
    """Return what a network would have forecast during the test part, and what was observed then.

    `origins` in the response lists all times from which a forecast can start. `observed` is null where nothing was
    observed, and after the end of the test part.

    The forecasts come from the weights that the accuracy was measured on, which have not seen the test part, with the
    intervals that the coverage was measured on.
    """
    if model == ALL:
        raise RequestError("past forecasts come from one model: choose best or the name of one network", field="model")
    release, forecasters = serving.catalog.resolve(model, dataset)
    cell = forecasters[0].metadata.cell
    past = await serving.worker.run(hindcast_json, hindcasts, release, cell, origin, origins)
    return Response(await serving.worker.run(dumps, past), media_type="application/json")


@router.get(
    "/plot",
    operation_id="plotTestPart",
    summary="Plot the test part",
    response_class=Response,
    responses={
        200: {"content": {media_type: {"schema": BYTES} for media_type in _PLOT_TYPES.values()}},
        **problems(404, 422, 503),
    },
)
def plot(
    catalog: CatalogDep,
    dataset: DatasetQuery = None,
    format: Annotated[Literal["png", "svg"], Query(description="The format of the image.")] = "png",
) -> Response:
    """Plot the observations and the forecasts of all three models."""
    return Response(catalog.dataset(dataset).plots[format], HTTPStatus.OK, media_type=_PLOT_TYPES[format])


@router.get(
    "/training",
    operation_id="getTrainingRecord",
    summary="Get the training record",
    responses=problems(404, 422, 503),
)
def training(catalog: CatalogDep, dataset: DatasetQuery = None) -> TrainingRecord:
    """Return the loss curves of each network, and the test errors of each random seed."""
    return training_record(catalog.dataset(dataset).report)

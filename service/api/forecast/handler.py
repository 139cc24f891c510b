"""Answer ``/forecast``: from the request as it arrived to the JSON of the response."""

from dataclasses import replace
from functools import partial

import numpy as np

from forecasting.errors import RequestError
from forecasting.forecasts.options import ForecastOptions
from forecasting.models.base import Model
from forecasting.releases.catalog import Catalog, Selection
from forecasting.series.batch import SeriesBatch
from service.api.dependencies import ready
from service.api.forecast.age import warn_if_late
from service.api.forecast.answer import ForecastResponse, estimate_bytes
from service.api.forecast.request import ForecastQuery, LinesQuery, read_request
from service.api.forecast.schemas import ForecastRequest
from service.api.series_request import check_horizon, check_limits, refuse_missing_steps, series_ids
from service.engine.forecasting import SLOW_PIECE, Job, columns_of
from service.engine.lifecycle import Lifecycle
from service.engine.options import RequestOptions
from service.engine.serving import Serving
from service.http.media import Headers
from service.http.query import merge_query_and_body
from service.settings import Settings
from service.telemetry.tracing import INFERENCE, WRITING, part
from service.worker.accounts import reserve
from service.worker.json_bodies import LARGE_BYTES, refuse_costly


async def answer_forecast(
    lifecycle: Lifecycle, settings: Settings, query_string: bytes, headers: Headers, body: bytes
) -> bytes:
    """Return the JSON that answers ``POST /forecast`` with a JSON body.

    Args:
        lifecycle: holds the loaded models.
        settings: the limits.
        query_string: the query of the request's URL.
        headers: the request's headers.
        body: the request's body.

    Raises:
        ForecastError: if the request asks for something that is not available.
        ProblemError: if the service is not ready, or refuses the body.
        RequestValidationError: if the query or the body is invalid.
    """
    serving = ready(lifecycle)
    read = partial(_read, settings, query_string, headers, body)
    request, dataset, strict = read() if len(body) <= LARGE_BYTES else await serving.run_in_worker(read)
    return await forecast_series(serving, settings, request, dataset, strict=strict)


def _read(
    settings: Settings, query_string: bytes, headers: Headers, body: bytes
) -> tuple[ForecastRequest, str | None, bool]:
    refuse_costly(body, settings.max_series, settings.max_body_bytes)
    return read_request(query_string, headers, body)


async def forecast_series(
    serving: Serving,
    settings: Settings,
    request: ForecastRequest,
    dataset: str | None,
    *,
    strict: bool,
) -> bytes:
    """Return the JSON of :class:`~service.api.forecast.schemas.ModelForecast` or ``AllForecasts``.

    For a large request, memory for the response is reserved.

    Raises:
        ForecastError: if the request asks for something that is not available, or the response would be too large.
        ProblemError: 422 if ``strict`` and a series could not be forecast.
    """
    job = plan_forecast(serving, settings, request, dataset)
    response = ForecastResponse(job, request.model, series_ids(request.series))
    if job.is_small:
        response.add(await serving.forecast(job))
    else:
        reserve(estimate_bytes(job, settings))
        await serving.forecast_pieces(job, response.add)
    if len(job.series) <= SLOW_PIECE:
        with part(WRITING):
            return response.join(strict)
    return await serving.run_in_worker(response.join, strict, span=WRITING)


def plan_forecast(serving: Serving, settings: Settings, request: ForecastRequest, dataset: str | None) -> Job:
    """Return the job for a request: its series, its options, and the models that forecast them.

    Raises:
        ForecastError: if the request asks for something that is not available.
    """
    check_limits(request.series, settings)
    check_horizon(request.horizon, settings)
    dataset = merge_query_and_body("dataset", dataset, request.dataset)
    options = RequestOptions.of(request, request.baseline)
    selection = serving.select(request.model, dataset)
    if selection.release is None:
        refuse_missing_steps(request.series)
    selection.check(options.forecast)
    return Job(selection, request.series, options)


def forecast_dataset(catalog: Catalog, settings: Settings, query: ForecastQuery) -> bytes:
    """Return the forecast that follows a dataset's last observation, in the form of :func:`forecast_series`.

    Raises:
        ForecastError: if the query asks for something that is not available.
    """
    check_horizon(query.horizon, settings)
    release, forecasters = catalog.resolve(query.model, query.dataset)
    options = RequestOptions.of(query)
    job = Job(catalog.select(query.model, release.dataset), (), options)
    response = ForecastResponse(job, query.model, [release.dataset])
    now = np.datetime64("now") if options.as_of is None else np.datetime64(options.as_of, "s")
    late = warn_if_late(release.recent, options.forecast.horizon, now)
    batch, columns = SeriesBatch.of([release.recent], release.step), []
    for forecaster in forecasters:
        check_query(forecaster, options.forecast)
        with part(INFERENCE):
            forecasts = forecaster.forecast_batch(batch, options.forecast, release.baselines)
        forecasts = replace(forecasts, warnings=[(*late, *warnings) for warnings in forecasts.warnings])
        columns += columns_of(forecasts, [0, 1], options.events, [None])
    response.add(columns)
    with part(WRITING):
        return response.join(strict=False)


def select_models(serving: Serving, query: LinesQuery) -> Selection:
    """Return the models that a query means, for series that come in after it.

    Raises:
        ForecastError: if there are none, or they cannot forecast what the query asks for.
    """
    selection = serving.select(query.model, query.dataset or None)
    for model in selection.named:
        check_query(model, query.forecast_options)
    return selection


def check_query(model: Model, options: ForecastOptions) -> None:
    """Raise RequestError if a model does not offer what a query asks for.

    The error names the query parameter ``level``, where the body has ``levels``.
    """
    try:
        model.check(options)
    except RequestError as error:
        raise RequestError(str(error), field=error.field.replace("levels", "level")) from None

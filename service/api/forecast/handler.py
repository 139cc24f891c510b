"""Answer ``/forecast``: from the request as it arrived to the JSON of the answer.

Most small ``POST /forecast`` requests skip FastAPI and the coroutines of this module: :mod:`service.server.hot_path`
calls the same steps, :func:`~service.api.forecast.request.read_request`, :func:`plan_forecast` and
:func:`~service.api.forecast.answer.write_answer`.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from starlette.types import Scope

from forecasting.errors import RequestError
from forecasting.networks.forecaster import Forecaster
from forecasting.releases.registry import ALL, Registry
from service.api.dependencies import ready
from service.api.forecast.age import warn_if_late
from service.api.forecast.answer import PiecewiseAnswer, estimate_bytes, write_answer
from service.api.forecast.query import ForecastQuery, LinesQuery
from service.api.forecast.request import read_request
from service.api.forecast.schemas import ForecastRequest
from service.api.forecast.universal_answer import UniversalAnswer, estimate_universal_bytes
from service.api.series_request import check_horizon, check_limits, refuse_missing_steps
from service.engine.batch_forecaster import ForecastJob
from service.engine.events.event_judging import NO_POSITION, with_events
from service.engine.lifecycle import Lifecycle
from service.engine.options import ForecastOptions, event_options, read_as_of
from service.engine.serving import Serving, is_small
from service.engine.universal.forecaster import PIECE_SERIES
from service.engine.universal.job import UniversalJob, UniversalModels
from service.engine.writing import model_forecast, whole_answer, with_ids, write
from service.gate.call import Headers
from service.gate.gate import JSON, Hold, RawAnswer
from service.http.bodies import refuse_costly
from service.http.large_json import LARGE_BYTES
from service.http.query import merge_query_and_body
from service.settings import Settings
from service.telemetry.spans import INFERENCE, WRITING, part


async def answer_forecast(
    lifecycle: Lifecycle, settings: Settings, scope: Scope, headers: Headers, body: bytes, hold: Hold
) -> RawAnswer:
    """Answer ``POST /forecast`` with a JSON body. The gate calls this too, without FastAPI.

    Args:
        lifecycle: holds the loaded models.
        settings: the limits.
        scope: the request's ASGI scope.
        headers: the request's headers.
        body: the request's body.
        hold: called with the bytes of memory that the request needs; may refuse.

    Raises:
        ForecastError: if the request asks for something that is not available.
        ProblemError: if the service is not ready, or refuses the body.
        RequestValidationError: if the query or the body is invalid.
    """
    serving = ready(lifecycle)
    read = partial(_read, settings, scope["query_string"], headers, body)
    request, dataset, strict = read() if len(body) <= LARGE_BYTES else await serving.run_in_worker(read)

    def hold_answer(size: int) -> None:
        hold(len(body) + size)

    return await forecast_series(serving, settings, request, dataset, hold_answer, strict=strict), JSON


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
    hold: Callable[[int], None],
    *,
    strict: bool,
) -> bytes:
    """Return the JSON of :class:`~service.api.forecast.schemas.ModelForecast` or ``AllForecasts``.

    For a large request, ``hold`` is called with the size of the answer, and may refuse.

    Raises:
        ForecastError: if the request asks for something that is not available, or the answer would be too large.
        ProblemError: 422 if ``strict`` and a series could not be forecast.
    """
    job = plan_forecast(serving, settings, request, dataset)
    if isinstance(job, UniversalJob):
        hold(estimate_universal_bytes(job, settings))
        universal_answer = UniversalAnswer(request, job)
        await serving.forecast_universal(job, universal_answer.add)
        if len(job.series) <= PIECE_SERIES:
            with part(WRITING):
                return universal_answer.join(strict)
        return await serving.run_in_worker(universal_answer.join, strict, span=WRITING)
    if is_small(job):
        results = await serving.forecast(job)
        with part(WRITING):
            return write_answer(request, job, results, strict)
    hold(estimate_bytes(job, settings))
    answer = PiecewiseAnswer(request, job)
    await serving.forecast_pieces(job, answer.add)
    return await serving.run_in_worker(answer.join, strict, span=WRITING)


def plan_forecast(
    serving: Serving, settings: Settings, request: ForecastRequest, dataset: str | None
) -> ForecastJob | UniversalJob:
    """Return the job for a request: its series, its options, and the networks that forecast them.

    Raises:
        ForecastError: if the request asks for something that is not available.
    """
    check_limits(request.series, settings)
    check_horizon(request.horizon, settings)
    dataset = merge_query_and_body("dataset", dataset, request.dataset)
    horizon, levels = request.horizon, None if request.levels is None else tuple(request.levels)
    events = event_options(request.events, request.paths, request.baseline, horizon, request.units)
    as_of = read_as_of(request.as_of)
    options = ForecastOptions(horizon, levels, request.thresholds, request.units, events, request.check, as_of)
    models = serving.select(request.model, dataset)
    if isinstance(models, UniversalModels):
        if models.named is None:
            refuse_missing_steps(request.series)
        job = UniversalJob(models, request.series, options)
        job.check()
        return job
    _refuse_check(options)
    for forecaster in models:
        forecaster.check(horizon, levels or ())
    return ForecastJob.of(models, request.series, options)


def _refuse_check(options: ForecastOptions) -> None:
    """Raise RequestError if a place's networks are to leave out implausible values."""
    if options.check:
        raise RequestError(
            "the networks of a place cannot check values: leave out the dataset, so that the universal release for the "
            "step checks them and makes the forecast",
            field="check",
        )


def forecast_dataset(registry: Registry, settings: Settings, query: ForecastQuery) -> bytes:
    """Return the forecast that follows a dataset's last observation, in the form of :func:`forecast_series`.

    Raises:
        ForecastError: if the query asks for something that is not available.
    """
    check_horizon(query.horizon, settings)
    release, forecasters = registry.resolve(query.model, query.dataset)
    options, models = query.options, []
    now = np.datetime64("now") if options.as_of is None else np.datetime64(options.as_of, "s")
    late = warn_if_late(release.recent, options.horizon, now)
    for forecaster in forecasters:
        check_query(forecaster, options)
        with part(INFERENCE):
            forecasts = forecaster.forecast_each([release.recent], np.asarray([options.horizon]), release.baselines)
        forecasts = replace(forecasts, warnings=[(*late, *warnings) for warnings in forecasts.warnings])
        entries = write(forecasts, range(1), options, options.levels_of(forecaster.metadata.errors))
        if options.events is not None:
            forecast = forecasts.forecast_at(0, forecaster.metadata.errors, (), (), forecaster.metadata.dependence)
            entries = [with_events(entries[0], forecast, release.recent, None, NO_POSITION, options)]
        models.append(model_forecast(forecaster, options.units, [with_ids([release.release.dataset], entries)]))
    with part(WRITING):
        return whole_answer(models, is_list=query.model == ALL)


def select_networks(serving: Serving, query: LinesQuery) -> list[Forecaster] | UniversalModels:
    """Return the networks that a query means, for series that come in after it.

    Raises:
        ForecastError: if there are none, or they cannot forecast what the query asks for.
    """
    options = query.options
    networks = serving.select(query.model, query.dataset or None)
    if isinstance(networks, UniversalModels):
        UniversalJob(networks, (), options).check()
        return networks
    _refuse_check(options)
    for forecaster in networks:
        check_query(forecaster, options)
    return networks


def check_query(forecaster: Forecaster, options: ForecastOptions) -> None:
    """Raise RequestError if the network does not forecast so far ahead, or lacks an interval level.

    The error names the query parameter ``level``, where the body has ``levels``.
    """
    try:
        forecaster.check(options.horizon, options.levels or ())
    except RequestError as error:
        raise RequestError(str(error), field=error.field.replace("levels", "level")) from None

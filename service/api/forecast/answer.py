"""Forecasts for callers' series: from a request as it came over the wire to the answer as it goes back."""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Final, TypeVar

import numpy as np

from forecasting.errors import RequestError, SeriesError
from forecasting.networks.forecaster import Forecaster
from forecasting.references.baselines import BASELINES
from forecasting.releases.registry import ALL, Registry
from service.api.forecast.query import ForecastQuery
from service.api.forecast.schemas import ForecastRequest, SeriesRequest
from service.engine.batch_forecaster import Entries, ForecastJob
from service.engine.serving import Serving, is_small
from service.engine.writing import ForecastOptions, model_forecast, sentence, whole_answer, with_ids, write
from service.http.problems import Place, ProblemError
from service.settings import Settings

Value = TypeVar("Value", str, int)

_A_NUMBER: Final = 10
_A_TIME: Final = 23
_A_NAME: Final = 70
_AN_ENTRY: Final = 200
"""Bytes in an answer: of a temperature, a time, what is said of a level or a threshold, and of a series."""


async def forecast_series(
    serving: Serving,
    settings: Settings,
    request: ForecastRequest,
    dataset: str | None,
    hold: Callable[[int], None],
    *,
    strict: bool,
) -> bytes:
    """The answer to a request, as JSON of :class:`~service.api.forecast.schemas.ModelForecast` or ``AllForecasts``.

    ``hold`` hears how many bytes the answer to a large one will take, and may refuse.

    Raises:
        ForecastError: if what is asked for is not offered, or the answer would be too large.
        ProblemError: 422 with ``strict`` if any series cannot be forecast from.
    """
    job = understand(serving, settings, request, dataset)
    if is_small(job):
        return written(request, job, await serving.forecast(job), strict)
    hold(_expected_bytes(job, settings))
    answer = _PiecewiseAnswer(request, job)
    await serving.forecast_pieces(job, answer.add)
    return await serving.run_in_worker(answer.join, strict)


def understand(serving: Serving, settings: Settings, request: ForecastRequest, dataset: str | None) -> ForecastJob:
    """What a request asks for, and of which networks.

    Raises:
        ForecastError: if that is not offered.
    """
    check_limits(request, settings)
    check_horizon(request.horizon, settings)
    forecasters = serving.resolve(request.model, agreed("dataset", dataset, request.dataset))
    horizon, levels = request.horizon, None if request.levels is None else tuple(request.levels)
    for forecaster in forecasters:
        forecaster.check(horizon, levels or ())
    return ForecastJob.of(
        forecasters, request.series, ForecastOptions(horizon, levels, request.thresholds, request.units)
    )


def _expected_bytes(job: ForecastJob, settings: Settings) -> int:
    """How long the answer will be, rather too long.

    Raises:
        RequestError: if that is more than allowed, with how many series are not.
    """
    options, n = job.options, len(job.series)
    levels = max(len(options.levels_of(one.metadata.errors)) for one in job.forecasters)
    columns = 1 + 2 * levels + len(options.thresholds) + len(BASELINES)
    a_lead = _A_TIME + columns * _A_NUMBER
    a_series = len(job.forecasters) * (
        _AN_ENTRY + (levels + len(options.thresholds)) * _A_NAME + options.horizon * a_lead
    )
    most = settings.max_answer_bytes // a_series
    if n > most:
        raise RequestError(
            f"the answer for {n} series would be larger than {settings.max_answer_bytes} bytes: send at most {most} in "
            "one request, or ask for fewer models, steps, levels or thresholds; NDJSON has no such limit",
            field="series",
        )
    return n * a_series


def written(request: ForecastRequest, job: ForecastJob, found: Sequence[Entries], strict: bool) -> bytes:
    """The answer, from the entries by each network that was asked.

    Raises:
        ProblemError: 422 with ``strict`` if any series could not be forecast from.
    """
    ids = names(request)
    if strict:
        for entries in found:
            refuse_failures(ids, entries)
    return _joined(request, job, [[with_ids(ids, entries)] for entries in found])


def _joined(request: ForecastRequest, job: ForecastJob, parts: Sequence[Sequence[bytes]]) -> bytes:
    """The answer, from what :func:`~service.engine.writing.with_ids` makes of the entries by each network."""
    models = [
        model_forecast(forecaster, request.units, own) for forecaster, own in zip(job.forecasters, parts, strict=True)
    ]
    return whole_answer(models, is_list=request.model == ALL)


class _PiecewiseAnswer:
    """The answer to a large request, written piece by piece: entries take several times the memory of their JSON."""

    def __init__(self, request: ForecastRequest, job: ForecastJob) -> None:
        self._request = request
        self._job = job
        self._ids = names(request)
        self._of_networks: list[list[bytes]] = [[] for _ in job.forecasters]
        self._failures: list[list[SeriesError | None]] = [[] for _ in job.forecasters]

    def add(self, found: Sequence[Entries]) -> None:
        """Write the entries, by each network, of the series that follow."""
        for parts, failures, entries in zip(self._of_networks, self._failures, found, strict=True):
            begin = len(failures)
            failures += [entry if isinstance(entry, SeriesError) else None for entry in entries]
            parts.append(with_ids(self._ids[begin : len(failures)], entries))

    def join(self, strict: bool) -> bytes:
        """The whole answer, as JSON.

        Raises:
            ProblemError: 422 with ``strict`` if any series could not be forecast from.
        """
        if strict:
            for failures in self._failures:
                refuse_failures(self._ids, failures)
        return _joined(self._request, self._job, self._of_networks)


def forecast_dataset(registry: Registry, settings: Settings, query: ForecastQuery) -> bytes:
    """What follows the last observation of a dataset's own series, as :func:`forecast_series` answers.

    Raises:
        ForecastError: if what is asked for is not offered.
    """
    check_horizon(query.horizon, settings)
    release, forecasters = registry.resolve(query.model, query.dataset)
    options, models = query.options, []
    for forecaster in forecasters:
        check_query(forecaster, options)
        forecasts = forecaster.forecast_each([release.recent], np.asarray([options.horizon]), release.baselines)
        entries = write(forecasts, range(1), options, options.levels_of(forecaster.metadata.errors))
        models.append(model_forecast(forecaster, options.units, [with_ids([release.release.dataset], entries)]))
    return whole_answer(models, is_list=query.model == ALL)


def check_query(forecaster: Forecaster, options: ForecastOptions) -> None:
    """As the forecaster checks it; a query names each of its levels ``level``.

    Raises:
        RequestError: if it does not forecast so far, or no such interval.
    """
    try:
        forecaster.check(options.horizon, options.levels or ())
    except RequestError as error:
        raise RequestError(str(error), field=error.field.replace("levels", "level")) from None


def agreed(field: str, query: Value | None, body: Value | None) -> Value | None:
    """What the query or the body says of ``field``; None where neither does.

    Raises:
        RequestError: if they contradict each other.
    """
    if query is None or body is None or query == body:
        return body if query is None else query
    raise RequestError(f"{field} is {query} in the query and {body} in the body", field=field)


def names(request: SeriesRequest) -> list[str]:
    """How the answer calls each series."""
    return [str(i) if one.id is None else one.id for i, one in enumerate(request.series)]


def check_horizon(horizon: int, settings: Settings) -> None:
    """Whether no more steps ahead are asked for than allowed.

    Raises:
        RequestError: if there are.
    """
    if horizon > settings.max_horizon:
        said = f"horizon {horizon} is too far ahead: ask for at most {settings.max_horizon} here"
        raise RequestError(said, field="horizon")


def check_limits(request: SeriesRequest, settings: Settings) -> None:
    """Whether a request holds no more series and values than allowed.

    Raises:
        RequestError: if it does.
    """
    if len(request.series) > settings.max_series:
        raise RequestError(
            f"{len(request.series)} series are too many: send at most {settings.max_series} in one request",
            field="series",
        )
    for i, one in enumerate(request.series):
        if len(one.values) > settings.max_values:
            raise RequestError(
                f"{len(one.values)} values are too many: send at most {settings.max_values} in one series",
                field=f"series[{i}].values",
            )


def refuse_failures(ids: Sequence[str], entries: Sequence[object]) -> None:
    """Whether no series has an error.

    Raises:
        ProblemError: 422, naming each that has.
    """
    places = [
        Place(location=_location(i, result), message=f"series {ids[i]!r}: {sentence(result)}")
        for i, result in enumerate(entries)
        if isinstance(result, SeriesError)
    ]
    if places:
        more = f" (and {len(places) - 1} more)" if len(places) > 1 else ""
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, places[0].message + more, places)


def _location(series: int, error: SeriesError) -> str:
    return f"body.series[{series}]" + ("" if error.index is None else f".values[{error.index}]")

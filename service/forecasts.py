"""Forecasts for callers' series: from a request as it came over the wire to the answer as it goes back."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from http import HTTPStatus
from itertools import accumulate, chain
from typing import Any, NamedTuple, TypeVar

import numpy as np
from pydantic_core import to_json

from forecasting.errors import RequestError, SeriesError
from forecasting.forecaster import Forecaster
from forecasting.registry import ALL, Registry
from forecasting.series import SstSeries, Units, sea_temperatures
from forecasting.timestep import Floats, Times, TimeStep, parse_time
from service.errors import Place, ProblemError
from service.schemas import ForecastRequest, SeriesIn, SeriesRequest
from service.serving import Lane, Serving, is_small
from service.settings import Settings
from service.writing import Json, Wanted, model_forecast, sentence, write

Value = TypeVar("Value", str, int)


async def forecast_series(
    serving: Serving, settings: Settings, request: ForecastRequest, dataset: str | None, *, strict: bool
) -> bytes:
    """The answer to a request, as JSON of :class:`~service.schemas.ModelForecast` or ``AllForecasts``.

    Raises:
        ForecastError: if what is asked for is not offered.
        ProblemError: 422 with ``strict`` if any series cannot be forecast from.
    """
    forecasters, wanted = _understand(serving, settings, request, dataset)
    large = not _is_small(request)
    parsed = await run(large, parse_all, request, forecasters[0].step)
    answers = [
        await _answer(serving.lane(forecaster), parsed, request, wanted, strict=strict) for forecaster in forecasters
    ]
    content: bytes = await run(large, to_json, {"models": answers} if request.model == ALL else answers[0])
    return content


class Small(NamedTuple):
    """A request that one batch answers."""

    lane: Lane
    series: list[SstSeries]
    wanted: Wanted
    ids: list[str]

    def written(self, entries: Sequence[Json | SeriesError]) -> bytes:
        """The answer that :func:`forecast_series` gives, from what the lane says."""
        return to_json(model_forecast(self.lane.forecaster, self.wanted.units, self.ids, entries))


def small_request(serving: Serving, settings: Settings, request: ForecastRequest, dataset: str | None) -> Small | None:
    """A request to one network on the CPU, of few series, each of them sound; None where it is another.

    On a GPU batches wait for threads, so that a request needs a deadline of its own.

    Raises:
        ForecastError: if what is asked for is not offered.
    """
    if not _is_small(request):
        return None
    forecasters, wanted = _understand(serving, settings, request, dataset)
    parsed = parse_all(request, forecasters[0].step)
    sound = [one for one in parsed if isinstance(one, SstSeries)]
    if len(forecasters) > 1 or len(sound) < len(parsed) or forecasters[0].device.type != "cpu":
        return None
    return Small(serving.lane(forecasters[0]), sound, wanted, names(request))


def _is_small(request: ForecastRequest) -> bool:
    return is_small([len(one.values) for one in request.series], request.horizon)


def _understand(
    serving: Serving, settings: Settings, request: ForecastRequest, dataset: str | None
) -> tuple[list[Forecaster], Wanted]:
    """Which networks are asked, and for what.

    Raises:
        ForecastError: if that is not offered.
    """
    check_limits(request, settings)
    _, forecasters = serving.registry.resolve(request.model, agreed("dataset", dataset, request.dataset))
    for forecaster in forecasters:
        forecaster.check(request.horizon, request.levels or ())
    levels = None if request.levels is None else tuple(request.levels)
    return forecasters, Wanted(request.horizon, levels, request.thresholds, request.units)


async def _answer(
    lane: Lane, parsed: Sequence[SstSeries | SeriesError], request: ForecastRequest, wanted: Wanted, *, strict: bool
) -> Json:
    usable = [one for one in parsed if isinstance(one, SstSeries)]
    done = await lane.forecast(usable, wanted) if usable else []
    entries: list[Json | SeriesError] = list(done)
    if len(done) < len(parsed):
        following = iter(done)
        entries = [next(following) if isinstance(one, SstSeries) else one for one in parsed]
    ids = names(request)
    if strict:
        refuse_failures(ids, entries)
    return model_forecast(lane.forecaster, wanted.units, ids, entries)


def forecast_dataset(
    registry: Registry, dataset: str | None, model: str, horizon: int, levels: Sequence[int] | None
) -> Json:
    """What follows the last observation of a dataset's own series.

    Raises:
        ForecastError: if what is asked for is not offered.
    """
    release, forecasters = registry.resolve(model, dataset)
    wanted = Wanted(horizon, None if levels is None else tuple(levels))
    answers = []
    for forecaster in forecasters:
        check_query(forecaster, horizon, levels or ())
        forecasts = forecaster.forecast_each([release.recent], np.asarray([horizon]), release.baselines)
        entries = write(forecasts, range(1), forecaster.metadata.errors, wanted)
        answers.append(model_forecast(forecaster, wanted.units, [release.release.dataset], entries))
    return {"models": answers} if model == ALL else answers[0]


def check_query(forecaster: Forecaster, horizon: int, levels: Sequence[int]) -> None:
    """As the forecaster checks it; a query names each of its levels ``level``.

    Raises:
        RequestError: if it does not forecast so far, or no such interval.
    """
    try:
        forecaster.check(horizon, levels)
    except RequestError as error:
        raise RequestError(str(error), field=error.field.replace("levels", "level")) from None


async def run(large: bool, function: Any, *arguments: Any) -> Any:
    """Call ``function``, off the event loop where the request is large."""
    return await asyncio.to_thread(function, *arguments) if large else function(*arguments)


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


def parse_all(request: SeriesRequest, step: TimeStep) -> list[SstSeries | SeriesError]:
    """Each series from the wire, or what is wrong with it."""
    series, units = request.series, request.units
    if len(series) == 1:
        return [_parse(series[0], np.array(series[0].values, dtype=np.float64), step, units)]
    values = np.array([*chain.from_iterable(one.values for one in series)], dtype=np.float64)
    # Looked at together, which costs less; where one is wrong, each is looked at for itself.
    checked = False
    with suppress(SeriesError):
        values, checked = sea_temperatures(values, units, _place), True
    ends = [*accumulate(len(one.values) for one in series)]
    return [
        _parse(one, values[begin:end], step, units, checked=checked)
        for one, begin, end in zip(series, [0, *ends], ends, strict=False)
    ]


def _parse(
    series: SeriesIn, values: Floats, step: TimeStep, units: Units, *, checked: bool = False
) -> SstSeries | SeriesError:
    """``checked``: whether ``values`` are sea temperatures in °C already, whatever the ``units`` were."""
    try:
        if series.step is not None and TimeStep.parse(series.step) != step:
            raise SeriesError(f"the step is {series.step}, and this model forecasts steps of {step}")
        if series.start is not None and series.timestamps is None:
            celsius = values if checked else sea_temperatures(values, units, _place)
            return SstSeries(celsius, parse_time(series.start, local=step.calendar_month), step)
        if series.timestamps is None or series.start is not None:
            raise SeriesError("give either start, or timestamps with one time for each value")
        times = _times(series.timestamps, len(values), step)
        units = "celsius" if checked else units
        return SstSeries.from_observations(times, values, units=units, step=step, place=_place)
    except SeriesError as error:
        return error


def _times(timestamps: list[str], n: int, step: TimeStep) -> Times:
    if len(timestamps) != n:
        raise SeriesError(f"there are {len(timestamps)} timestamps for {n} values; send one for each")
    times = []
    try:
        for text in timestamps:
            times.append(parse_time(text, local=step.calendar_month))  # noqa: PERF401
    except SeriesError as error:
        raise SeriesError(f"timestamps[{len(times)}]: {error}") from None
    return np.asarray(times, dtype="datetime64[s]")


def _place(index: int) -> str:
    return f"values[{index}]"


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

"""Forecasts: of what follows a dataset's own last observation, and of callers' series."""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query

from forecasting.errors import RequestError, SeriesError
from forecasting.forecast import Forecast
from forecasting.forecaster import Forecaster
from forecasting.registry import ALL
from forecasting.series import SstSeries, Units, from_celsius, sea_temperatures, to_celsius
from forecasting.timestep import Floats, Times, TimeStep, iso, parse_time
from service.dependencies import DatasetQuery, ForecastBody, HorizonQuery, ModelQuery, RegistryDep, SettingsDep
from service.errors import Place, ProblemError
from service.openapi import problems, request_body
from service.schemas import (
    AllForecasts,
    ExceedanceOut,
    ForecastRequest,
    IntervalOut,
    ModelForecast,
    SeriesFailure,
    SeriesForecast,
    SeriesIn,
    WarningOut,
)
from service.settings import Settings

router = APIRouter(prefix="/forecast", tags=["forecast"])

DEFAULT_LEVELS = (80, 95)
_DECIMALS = 6

Results = Sequence[Forecast | SeriesError]


@router.get("", responses=problems(404, 422, 503))
def forecast_dataset(
    registry: RegistryDep,
    dataset: DatasetQuery = None,
    model: ModelQuery = "best",
    horizon: HorizonQuery = 1,
    level: Annotated[list[int] | None, Query(description="percent; repeatable; default 80 and 95")] = None,
) -> ModelForecast | AllForecasts:
    """The forecast that follows the dataset's own last observation."""
    release, forecasters = registry.resolve(model, dataset)

    def run(forecaster: Forecaster, levels: Sequence[int]) -> Results:
        return [forecaster.forecast(release.recent, horizon, levels, baselines=release.baselines)]

    return _answer(model, forecasters, level, "celsius", [release.release.dataset], [], run)


@router.post("", responses=problems(400, 404, 413, 415, 422, 503), openapi_extra=request_body(ForecastRequest))
def forecast_series(
    registry: RegistryDep,
    settings: SettingsDep,
    request: ForecastBody,
    dataset: DatasetQuery = None,
    strict: Annotated[bool, Query(description="answer 422 if any series cannot be forecast from")] = False,
) -> ModelForecast | AllForecasts:
    """Forecasts for the caller's series, one or thousands. A bad one gets an error in its place."""
    _check_limits(request, settings)
    if None not in (dataset, request.dataset) and dataset != request.dataset:
        raise RequestError(f"dataset is {dataset} in the query and {request.dataset} in the body", field="dataset")
    _, forecasters = registry.resolve(request.model, dataset or request.dataset)
    ids = [str(i) if one.id is None else one.id for i, one in enumerate(request.series)]
    thresholds = to_celsius(request.thresholds, request.units).tolist()
    parsed = [_parse(one, forecasters[0].step, request.units) for one in request.series]

    def run(forecaster: Forecaster, levels: Sequence[int]) -> Results:
        usable = [one for one in parsed if isinstance(one, SstSeries)]
        done = iter(forecaster.forecast_many(usable, request.horizon, levels, thresholds))
        results: Results = [next(done) if isinstance(one, SstSeries) else one for one in parsed]
        if strict:
            _refuse_failures(ids, results)
        return results

    return _answer(request.model, forecasters, request.levels, request.units, ids, request.thresholds, run)


def _check_limits(request: ForecastRequest, settings: Settings) -> None:
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


def _parse(series: SeriesIn, step: TimeStep, units: Units) -> SstSeries | SeriesError:
    """A series from the wire, or what is wrong with it."""
    try:
        values = np.asarray([np.nan if value is None else value for value in series.values])
        if series.step is not None and TimeStep.parse(series.step) != step:
            raise SeriesError(f"the step is {series.step}, and this model forecasts steps of {step}")
        if (series.start is None) == (series.timestamps is None):
            raise SeriesError("give either start, or timestamps with one time for each value")
        if series.start is not None:
            celsius = sea_temperatures(values, units, _place)
            start = np.asarray([parse_time(series.start, local=step.calendar_month)])
            return SstSeries(celsius, step.shift(start, 0)[0], step)
        times = _times(series.timestamps or [], len(values), step)
        return SstSeries.from_observations(times, values, units=units, step=step, place=_place)
    except SeriesError as error:
        return error


def _times(timestamps: list[str], n: int, step: TimeStep) -> Times:
    if len(timestamps) != n:
        raise SeriesError(f"there are {len(timestamps)} timestamps for {n} values; send one for each")
    times = []
    for i, text in enumerate(timestamps):
        try:
            times.append(parse_time(text, local=step.calendar_month))
        except SeriesError as error:
            raise SeriesError(f"timestamps[{i}]: {error}") from None
    return np.asarray(times)


def _place(index: int) -> str:
    return f"values[{index}]"


def _refuse_failures(ids: Sequence[str], results: Results) -> None:
    places = [
        Place(location=_location(i, result), message=f"series {ids[i]!r}: {_sentence(result)}")
        for i, result in enumerate(results)
        if isinstance(result, SeriesError)
    ]
    if places:
        more = f" (and {len(places) - 1} more)" if len(places) > 1 else ""
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, places[0].message + more, places)


def _location(series: int, error: SeriesError) -> str:
    return f"body.series[{series}]" + ("" if error.index is None else f".values[{error.index}]")


def _sentence(error: SeriesError) -> str:
    """What is wrong, with the place of the value that is to blame."""
    text = str(error)
    if error.index is None or text.startswith("values["):
        return text
    return f"values[{error.index}]: {text}"


def _answer(
    model: str,
    forecasters: Sequence[Forecaster],
    levels: Sequence[int] | None,
    units: Units,
    ids: Sequence[str],
    thresholds: Sequence[float],
    run: Callable[[Forecaster, Sequence[int]], Results],
) -> ModelForecast | AllForecasts:
    answers = []
    for forecaster in forecasters:
        metadata = forecaster.metadata
        offered = [level for level in DEFAULT_LEVELS if level in metadata.errors.half_width]
        results = run(forecaster, offered if levels is None else levels)
        forecasts = [_write(name, result, units, thresholds) for name, result in zip(ids, results, strict=True)]
        answers.append(
            ModelForecast(
                model=metadata.model, version=metadata.version, units=units, step=metadata.step, forecasts=forecasts
            )
        )
    return AllForecasts(models=answers) if model == ALL else answers[0]


def _write(
    name: str, result: Forecast | SeriesError, units: Units, thresholds: Sequence[float]
) -> SeriesForecast | SeriesFailure:
    if isinstance(result, SeriesError):
        return SeriesFailure(id=name, error=_sentence(result))

    def temperatures(celsius: Floats) -> list[float]:
        return _rounded(from_celsius(celsius, units))

    return SeriesForecast(
        id=name,
        timestamps=[iso(time) for time in result.times],
        sst=temperatures(result.sst),
        intervals=[
            IntervalOut(
                level=interval.level,
                lower=temperatures(interval.lower),
                upper=temperatures(interval.upper),
                calibrated=result.calibrated,
            )
            for interval in result.intervals
        ],
        exceedance=[
            ExceedanceOut(threshold=threshold, probability=_rounded(probability), calibrated=result.calibrated)
            for threshold, probability in zip(thresholds, result.exceedance, strict=True)
        ],
        baselines={baseline: temperatures(values) for baseline, values in result.baselines.items()},
        warnings=[WarningOut.model_validate(warning, from_attributes=True) for warning in result.warnings],
    )


def _rounded(values: Floats) -> list[float]:
    rounded: list[float] = np.round(values, _DECIMALS).tolist()
    return rounded

"""Forecasts for callers' series: from a request as it came over the wire to the answer as it goes back."""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

import numpy as np
from pydantic_core import to_json

from forecasting.errors import RequestError, SeriesError
from forecasting.forecast import Forecast
from forecasting.forecaster import Forecaster
from forecasting.registry import ALL, Registry
from forecasting.series import SstSeries, Units, from_celsius, sea_temperatures, to_celsius
from forecasting.timestep import Times, TimeStep, parse_time
from service.errors import Place, ProblemError
from service.schemas import ForecastRequest, SeriesIn
from service.serving import SMALL, Serving
from service.settings import Settings

DEFAULT_LEVELS: Final = (80, 95)
_DECIMALS: Final = 6

Results = Sequence[Forecast | SeriesError]
Json = dict[str, Any]


async def forecast_series(
    serving: Serving, settings: Settings, request: ForecastRequest, dataset: str | None, *, strict: bool
) -> bytes:
    """The answer to a request, as JSON of :class:`~service.schemas.ModelForecast` or ``AllForecasts``.

    Raises:
        ForecastError: if what is asked for is not offered.
        ProblemError: 422 with ``strict`` if any series cannot be forecast from.
    """
    check_limits(request, settings)
    if None not in (dataset, request.dataset) and dataset != request.dataset:
        raise RequestError(f"dataset is {dataset} in the query and {request.dataset} in the body", field="dataset")
    _, forecasters = serving.registry.resolve(request.model, dataset or request.dataset)
    for forecaster in forecasters:
        forecaster.check(request.horizon, request.levels or ())
    large = len(request.series) > SMALL
    parsed = await _run(large, parse_all, request, forecasters[0].step)
    usable = [one for one in parsed if isinstance(one, SstSeries)]
    ids = [str(i) if one.id is None else one.id for i, one in enumerate(request.series)]
    answers = []
    for forecaster in forecasters:
        done = await serving.lane(forecaster).forecast(usable, request.horizon) if usable else []
        results: Results = done
        if len(done) < len(parsed):
            following = iter(done)
            results = [next(following) if isinstance(one, SstSeries) else one for one in parsed]
        if strict:
            _refuse_failures(ids, results)
        answer = Answer(forecaster, request.horizon, request.levels, request.thresholds, request.units)
        answers.append((answer, ids, results))
    content: bytes = await _run(large, _encode, request.model, answers)
    return content


def forecast_dataset(
    registry: Registry, dataset: str | None, model: str, horizon: int, levels: Sequence[int] | None
) -> Json:
    """What follows the last observation of a dataset's own series.

    Raises:
        ForecastError: if what is asked for is not offered.
    """
    release, forecasters = registry.resolve(model, dataset)
    written = []
    for forecaster in forecasters:
        forecast = forecaster.forecast(release.recent, horizon, levels or (), baselines=release.baselines)
        written.append(Answer(forecaster, horizon, levels, (), "celsius").write([release.release.dataset], [forecast]))
    return {"models": written} if model == ALL else written[0]


async def _run(large: bool, function: Any, *arguments: Any) -> Any:
    """Call ``function``, off the event loop where the request is large."""
    return await asyncio.to_thread(function, *arguments) if large else function(*arguments)


def check_limits(request: ForecastRequest, settings: Settings) -> None:
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


def parse_all(request: ForecastRequest, step: TimeStep) -> list[SstSeries | SeriesError]:
    """Each series from the wire, or what is wrong with it."""
    return [_parse(one, step, request.units) for one in request.series]


def _parse(series: SeriesIn, step: TimeStep, units: Units) -> SstSeries | SeriesError:
    try:
        values = np.array(series.values, dtype=np.float64)
        if series.step is not None and TimeStep.parse(series.step) != step:
            raise SeriesError(f"the step is {series.step}, and this model forecasts steps of {step}")
        if (series.start is None) == (series.timestamps is None):
            raise SeriesError("give either start, or timestamps with one time for each value")
        if series.start is not None:
            return SstSeries(
                sea_temperatures(values, units, _place), parse_time(series.start, local=step.calendar_month), step
            )
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


def _encode(model: str, answers: Sequence[tuple["Answer", Sequence[str], Results]]) -> bytes:
    written = [answer.write(ids, results) for answer, ids, results in answers]
    return to_json({"models": written} if model == ALL else written[0])


class Answer:
    """Writes forecasts of one network as they were asked for: levels, thresholds, units."""

    def __init__(
        self,
        forecaster: Forecaster,
        horizon: int,
        levels: Sequence[int] | None,
        thresholds: Sequence[float],
        units: Units,
    ) -> None:
        self.metadata = forecaster.metadata
        half_width = self.metadata.errors.half_width
        if levels is None:
            levels = [level for level in DEFAULT_LEVELS if level in half_width]
        self.widths = [(level, half_width[level][:horizon]) for level in levels]
        self.thresholds = list(zip(thresholds, to_celsius(thresholds, units).tolist(), strict=True))
        self.units = units

    def write(self, ids: Sequence[str], results: Results) -> Json:
        """One entry a series, in their order: :class:`~service.schemas.ModelForecast`."""
        return {
            "model": self.metadata.model,
            "version": self.metadata.version,
            "units": self.units,
            "step": self.metadata.step,
            "forecasts": [
                {"id": name, "error": _sentence(result)}
                if isinstance(result, SeriesError)
                else self._write_one(name, result)
                for name, result in zip(ids, results, strict=True)
            ],
        }

    def _write_one(self, name: str, forecast: Forecast) -> Json:
        sst, calibrated, write = forecast.sst.tolist(), forecast.calibrated, self._write_temperatures
        return {
            "id": name,
            "timestamps": [f"{time.isoformat()}Z" for time in forecast.times.tolist()],
            "sst": write(sst),
            "intervals": [
                {
                    "level": level,
                    "lower": write([value - width for value, width in zip(sst, widths, strict=True)]),
                    "upper": write([value + width for value, width in zip(sst, widths, strict=True)]),
                    "calibrated": calibrated,
                }
                for level, widths in self.widths
            ],
            "exceedance": [
                {
                    "threshold": threshold,
                    "probability": _rounded(self.metadata.errors.exceedance(forecast.sst, celsius).tolist()),
                    "calibrated": calibrated,
                }
                for threshold, celsius in self.thresholds
            ],
            "baselines": {baseline: write(values.tolist()) for baseline, values in forecast.baselines.items()},
            "warnings": [{"code": warning.code, "message": warning.message} for warning in forecast.warnings],
        }

    def _write_temperatures(self, celsius: list[float]) -> list[float]:
        return _rounded(celsius if self.units == "celsius" else from_celsius(celsius, self.units).tolist())


def _rounded(values: list[float]) -> list[float]:
    return [round(value, _DECIMALS) for value in values]

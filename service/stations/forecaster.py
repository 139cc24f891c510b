"""The models of stations: which there may be, and their forecasts."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from forecasting.errors import ForecastError, RequestError, SeriesError, UnknownNameError
from forecasting.forecasts.options import ForecastOptions
from forecasting.models.base import ALL, BEST
from forecasting.models.metadata import CELLS
from forecasting.models.universal.resampling import Resampling
from forecasting.releases.catalog import Selection, unknown_model
from forecasting.releases.loaded import Loaded
from forecasting.series.timestep import TimeStep, in_words
from service.engine.forecasting import Job
from service.engine.options import EventOptions, RequestOptions
from service.engine.series_schema import InputSeries
from service.engine.serving import Serving

_LEVELS: Final = (10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 98)
"""Interval levels of a universal network, which are calibrated at any level."""


async def forecast(
    serving: Serving, model: str, series: Sequence[InputSeries], horizon: int, events: EventOptions | None
) -> tuple[list[bytes | SeriesError], bool]:
    """Forecast the series of stations with the same model, horizon and events.

    Returns:
        An entry as JSON or an error for each series, and whether a universal release made them.

    Raises:
        ForecastError: if there is no such model, or it cannot forecast so far.
    """
    selection = serving.select(model, None)
    is_universal = selection.reads_at is None
    options = ForecastOptions(horizon, _LEVELS if is_universal else tuple(selection.named[0].levels))
    selection.check(options)
    entries: list[bytes | SeriesError] = []
    job = Job(selection, series, RequestOptions(options, events))
    await serving.forecast_pieces(job, lambda columns: entries.extend(columns[0].entries))
    return entries, is_universal


def check_model(serving: Serving, model: str, step: TimeStep, horizon: int) -> None:
    """Check that a model can forecast a station, before the settings are stored.

    A station with the model ``best`` may wait for a release of its step.

    Args:
        serving: the networks.
        model: ``best``, a cell or a full name.
        step: of the station.
        horizon: steps to forecast.

    Raises:
        ForecastError: if there is no such model, or it forecasts another step or less far; says what there is.
    """
    if model == ALL:
        raise RequestError("a station has one model: name it, or leave the choice to best", field="model")
    try:
        selection = serving.select(model, None)
    except UnknownNameError:
        if not serving.catalog.model_names:
            raise
        choices = _choices(serving, step, horizon)
        if not choices:
            # The step or the horizon is what is wrong, and the error of any other model says so.
            check_model(serving, BEST, step, horizon)
        raise unknown_model(model, choices) from None
    expected = selection.reads_at
    if expected is None:
        _check_own_step(selection, step, horizon)
        return
    if step != expected:
        raise RequestError(
            f"{model} forecasts steps of {in_words(str(expected))}, but the step of the station is "
            f"{in_words(str(step))}: name a model of this step, or leave the choice to best",
            field="model",
        )
    selection.check(ForecastOptions(horizon))


def _choices(serving: Serving, step: TimeStep, horizon: int) -> list[str]:
    """Return the models that :func:`check_model` accepts."""
    choices = []
    for name in [BEST, *CELLS, *serving.catalog.model_names]:
        with suppress(ForecastError):
            check_model(serving, name, step, horizon)
            choices.append(name)
    return choices


def _check_own_step(selection: Selection, step: TimeStep, horizon: int) -> None:
    if selection.name == BEST and selection.release is None and selection.catalog.nearest(step, horizon) is None:
        return
    error = selection.refusal(step, horizon)
    if error is not None:
        is_about_model = selection.refusal(step, 1) is not None
        raise RequestError(str(error), field="model" if is_about_model else "horizon")
    loaded = selection.release_at(step, horizon)
    if loaded.step != step:
        _check_reach(loaded, step, horizon)


def _check_reach(loaded: Loaded, step: TimeStep, horizon: int) -> None:
    """Check how far a release for another step reaches."""
    resampling, reach = Resampling(step, loaded.step), loaded.horizon
    if resampling.needed(0, horizon) <= reach:
        return
    words = in_words(str(step))
    most = next((steps for steps in range(horizon - 1, 0, -1) if resampling.needed(0, steps) <= reach), 0)
    if not most:
        raise RequestError(
            f"{loaded.dataset} forecasts {reach} steps of {in_words(str(loaded.step))}, which do not reach one step of "
            f"{words}: use a shorter step",
            field="step",
        )
    raise RequestError(
        f"horizon {horizon} is out of range: {loaded.dataset} forecasts 1 to {most} steps of {words}", field="horizon"
    )

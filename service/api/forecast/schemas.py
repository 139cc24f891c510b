"""The request and the responses of ``/forecast``, as JSON."""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field

from forecasting.events.baseline import DAYS
from forecasting.forecasts.options import ForecastFields
from forecasting.series.units import Units
from service.api.forecast.event_answers import EventForecast
from service.api.series_request import (
    DAILY_VALUES,
    EXAMPLE_VALUES,
    SeriesFailure,
    SeriesRequest,
    SeriesWarning,
    UsualSst,
)
from service.engine.series_schema import InputBaseline
from service.http.time_fields import Time

EXAMPLE: Final[dict[str, Any]] = {
    "horizon": 7,
    "levels": [80, 95],
    "thresholds": [20.0],
    "series": [
        {
            "id": "pier",
            "start": "2026-04-01",
            "step": "day",
            "latitude": 43.6,
            "longitude": 7.3,
            "values": list(DAILY_VALUES),
        }
    ],
}

_ONE_PLACE: Final[dict[str, Any]] = {
    "dataset": "nino12",
    "model": "gru",
    "horizon": 3,
    "levels": [80, 95],
    "thresholds": [25.0],
    "series": [{"id": "pier", "start": "2009-01-01", "values": list(EXAMPLE_VALUES)}],
}

_EVENTS: Final[dict[str, Any]] = {
    **EXAMPLE,
    "levels": [80],
    "paths": 2,
    "events": [
        {"name": "warm", "above": 21.0, "for": 3, "within": 5},
        {"name": "unusual", "above": {"percentile": 90}},
        {"name": "heatwave", "kind": "marine_heatwave"},
        {"name": "bleaching", "kind": "degree_heating_weeks", "mmm": 20.0},
    ],
    "baseline": {"climatology": [19.0] * DAYS, "threshold": [20.5] * DAYS},
}

EXAMPLES: Final = {
    "anySea": {"summary": "A daily series from any sea", "value": EXAMPLE},
    "events": {"summary": "Events and sample paths, with a baseline from elsewhere", "value": _EVENTS},
    "onePlace": {"summary": "A monthly series, with the network of a place", "value": _ONE_PLACE},
}
"""Examples of a JSON body, for OpenAPI."""

ModelName = Annotated[str, Field(description="The full name of the model.", examples=["nino12-gru"])]
Version = Annotated[str, Field(description="The version of the release.")]
Calibrated = Annotated[
    bool,
    Field(
        description="False if the series is unlike the model's training data, so that intervals and probabilities "
        "cannot be relied on."
    ),
]


class ForecastRequest(ForecastFields, SeriesRequest, strict=True):
    """A request for forecasts of one or thousands of series."""

    baseline: InputBaseline | None = Field(
        default=None,
        description="The baseline for events in every series without its own. Defaults to the whole series as sent.",
    )


class Interval(BaseModel):
    """A prediction interval, with one value for each step ahead."""

    level: int = Field(description="The level in percent.", examples=[80])
    lower: list[float]
    upper: list[float]
    calibrated: Calibrated


class Exceedance(BaseModel):
    """The probability that SST exceeds a threshold, for each step ahead."""

    threshold: float
    probability: list[float]
    calibrated: Calibrated


class _Identified(BaseModel):
    id: str


class _Forecast(BaseModel):
    timestamps: list[Time] = Field(description="The valid times, in UTC.")
    sst: list[float]
    intervals: list[Interval]
    exceedance: list[Exceedance]
    baselines: dict[str, list[float]] = Field(
        description="The forecasts of the baselines. Persistence is always present."
    )
    usual: UsualSst | None = Field(
        default=None,
        description="The climatology of `baselines` at the last observation, and what it rests on; absent without it.",
    )
    warnings: list[SeriesWarning]
    events: list[EventForecast] | None = Field(
        default=None, description="The forecasts of the requested events, in their order; absent without events."
    )
    paths: list[list[float]] | None = Field(
        default=None,
        description="Sample paths, each with one SST for each step ahead; absent unless `paths` asks for them. At each "
        "step they have the distribution of the forecast.",
    )


class ModelChoice(BaseModel):
    """How `best` chose the model of a series."""

    by: Literal["own_past", "held_out_seas"] = Field(
        description="`own_past`: the best record on this series. `held_out_seas`: the series is too short for a record."
    )
    origins: int = Field(description="The number of past forecasts that were compared.")
    rmse: dict[str, float] = Field(description="The RMSE of each candidate over the requested leads.")
    since: Time | None = Field(
        default=None, description="The first time that a past forecast started from; absent if there are none."
    )


class SeriesForecast(_Forecast, _Identified):
    """The forecast of one series. A universal network adds its name, version and step; `best` adds its reason."""

    model: ModelName | None = None
    version: Version | None = None
    step: str | None = Field(default=None, description="The step of the series.", examples=["day"])
    chosen: ModelChoice | None = None


class ForecastLine(SeriesForecast):
    """The forecast of one line of an NDJSON request."""


class FailedLine(SeriesFailure):
    """A line that could not be forecast. The other lines are unaffected."""

    line: int = Field(description="The number of the line in the request, starting at 1.")


class ModelLine(_Forecast):
    """One model's forecast of a line."""

    model: ModelName
    version: Version
    step: str | None = Field(default=None, description="The step of the series.", examples=["month"])


class ModelFailure(BaseModel):
    """A model that could not forecast a line."""

    model: Annotated[str, Field(description="The full name of the model; its cell if the step names no release.")]
    version: Version | None = None
    step: str | None = Field(default=None, examples=["day"])
    error: str


class AllLine(BaseModel):
    """With `model=all`: the forecasts of one line, with an entry for each model."""

    id: str
    models: list[ModelLine]


class FailedAllLine(FailedLine):
    """With `model=all`: a line that at least one model could not forecast."""

    models: list[ModelLine | ModelFailure]


class ModelForecast(BaseModel):
    """The forecasts of one model, in the order of the request's series.

    Where series of one request are forecast by different models, `model`, `version` and `step` are here only if all
    forecasts share them; each forecast has its own.
    """

    kind: Literal["one"]
    model: ModelName | None = None
    version: Version | None = None
    units: Units
    step: str | None = Field(default=None, examples=["month"])
    forecasts: list[SeriesForecast | SeriesFailure]


class AllForecasts(BaseModel):
    """With `model: all`: the forecasts of each model."""

    kind: Literal["all"]
    models: list[ModelForecast]


ForecastAnswer = Annotated[ModelForecast | AllForecasts, Field(discriminator="kind")]
"""What ``/forecast`` answers in JSON."""

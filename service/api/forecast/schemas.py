"""The request and the responses of ``/forecast``, as JSON."""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field

from forecasting.events.baseline import DAYS, Kind
from forecasting.events.detection import Category
from forecasting.events.outcomes import AlertLevel
from forecasting.forecasts.options import ForecastFields
from forecasting.series.units import Units
from service.api.events import BaselinePeriod
from service.api.series_request import (
    DAILY_VALUES,
    EXAMPLE_VALUES,
    ClimatologyBasis,
    Day,
    SeriesFailure,
    SeriesRequest,
    SeriesWarning,
    Time,
    UsualSst,
)
from service.engine.reading import AnyBaseline

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

    baseline: AnyBaseline | None = Field(
        default=None,
        description="The baseline for events in every series without its own. Defaults to the whole series as sent.",
    )


Name = Annotated[str, Field(description="The name of the event, as in the request.")]
EventCalibrated = Annotated[
    bool,
    Field(
        description="False if the series is unlike the model's training data, or the model does not know how errors at "
        "successive leads depend on each other."
    ),
]


class Spread(BaseModel):
    """The median and the central 80 % range."""

    median: float
    lower: float
    upper: float


class TimeSpread(BaseModel):
    """The median and the central 80 % range of a time, in UTC."""

    median: Time
    lower: Time
    upper: Time


class MeanLength(BaseModel):
    """The mean of a number of steps."""

    mean: float


class RunState(BaseModel):
    """The run of steps beyond the threshold at the end of the series."""

    active: bool = Field(description="Whether it is long enough for the event.")
    since: Time | None = Field(description="Its first step; null if the last step is not beyond the threshold.")
    steps: int


class ThresholdForecast(BaseModel):
    """How likely SST is to be above or below a threshold. Lists have one value for each step ahead."""

    kind: Literal["threshold"]
    name: Name
    state: RunState
    probability: float = Field(
        description="The probability of at least one run that is long enough by the last step considered. A run may "
        "have begun before the first step ahead; its past steps then count."
    )
    by_lead: list[float] = Field(description="The probability of being beyond the threshold.")
    threshold: list[float] = Field(description="The threshold as a temperature.")
    onset: TimeSpread | None = Field(
        description="When the first run that is long enough begins; it may be in the past. Null if no sample path has "
        "one."
    )
    longest: MeanLength = Field(
        description="The longest run, in steps, including the past steps of a run that has begun."
    )
    peak: Spread = Field(description="The highest SST for `above`, the lowest for `below`.")
    calibrated: EventCalibrated
    warnings: list[SeriesWarning]


class EventState(BaseModel):
    """Whether there is a marine heatwave or cold spell at the end of the series."""

    active: bool
    since: Day | None = Field(
        description="The first day of the event. If there is none, the first of the days that may become one; null if "
        "the last day is not beyond the threshold."
    )
    days: int = Field(description="The number of days from `since` to the last day.")
    category: Category | None = Field(description="The category at the peak so far; null if there is no event.")
    intensity: float = Field(description="SST minus climatology on the last day.")


class MarineEventForecast(BaseModel):
    """How likely a marine heatwave or cold spell is. Lists have one value for each day ahead."""

    kind: Kind
    name: Name
    state: EventState
    probability: list[float] = Field(description="The probability of being in an event.")
    category_probability: dict[Category, list[float]] = Field(
        description="The probability of being in an event, by the category of that day. They add up to `probability`."
    )
    onset_within: list[float] = Field(
        description="The probability that a day up to this one is in an event other than the active one."
    )
    ends_within: list[float] | None = Field(
        description="The probability that the active event is over; null if there is none."
    )
    climatology: list[float] = Field(description="The usual SST.")
    threshold: list[float] = Field(description="The SST beyond which a day is extreme.")
    baseline: BaselinePeriod | None = Field(description="Null for a given climatology and threshold, or a position.")
    usual: ClimatologyBasis = Field(description="What the climatology and the threshold rest on.")
    calibrated: EventCalibrated
    warnings: list[SeriesWarning]


class HeatStressForecast(BaseModel):
    """Degree heating weeks, in degree weeks. Lists have one value for each day ahead."""

    kind: Literal["degree_heating_weeks"]
    name: Name
    mmm: float = Field(description="The maximum monthly mean.")
    mmm_source: Literal["request", "series", "position"]
    mmm_period: BaselinePeriod | None = Field(
        description="The part of the series that `mmm` was computed from; null if it has another source."
    )
    usual: ClimatologyBasis = Field(description="What `mmm` rests on.")
    now: float = Field(description="Degree heating weeks on the last day of the series.")
    alert: AlertLevel = Field(description="The alert level on the last day of the series.")
    median: list[float]
    lower: list[float] = Field(description="The lower bound of the central 80 % range.")
    upper: list[float]
    alert_probability: dict[AlertLevel, list[float]] = Field(
        description="The probability of each alert level; levels that no sample path reaches are left out."
    )
    calibrated: EventCalibrated
    warnings: list[SeriesWarning]


class EventFailure(BaseModel):
    """An event that cannot be judged. The forecast and the other events are unaffected."""

    name: Name
    error: str


EventForecast = ThresholdForecast | MarineEventForecast | HeatStressForecast | EventFailure


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


class WeatherUse(BaseModel):
    """What the forecast made of the weather over its series."""

    used: list[str] = Field(
        description="What the forecast rests on; empty if weather was worth nothing on the past of the series.",
        examples=[["air_temperature", "wind_speed"]],
    )
    until: Time | None = Field(
        default=None, description="The last step with weather ahead; absent if there is none ahead."
    )
    past_rmse_ratio: float | None = Field(
        default=None,
        description="The RMSE with weather over that without on the past of the series; absent if that is too short.",
        examples=[0.84],
    )
    origins: int = Field(description="The number of past forecasts that were compared.")
    source: str | None = Field(default=None, description="As in the request.")


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
    weather: WeatherUse | None = Field(default=None, description="Absent for a series without weather.")
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
    """How `best` forecasts a series."""

    by: Literal["own_past", "held_out_seas"] = Field(
        description="`own_past`: a mixture, weighted by the record on this series. `held_out_seas`: the series is too "
        "short for a record, so the network that did best on held-out seas forecasts."
    )
    origins: int = Field(description="The number of past forecasts that were compared.")
    rmse: dict[str, float] = Field(
        description="The RMSE of each candidate over the requested leads; of the mixture, with the weights that were "
        "learned from these forecasts."
    )
    rmse_by_lead: dict[str, list[float]] | None = Field(
        default=None,
        description="The RMSE of the same candidates at each step ahead; interpolated if the series has another step "
        "than the release. Absent without past forecasts.",
        examples=[{"mixture": [0.21, 0.34], "persistence": [0.25, 0.43]}],
    )
    weights: dict[str, list[float]] | None = Field(
        default=None,
        description="The weight of each member of the mixture at each step ahead; absent if one model forecasts.",
        examples=[{"ocean-daily-gru": [0.82, 0.7], "damped": [0.18, 0.3]}],
    )
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

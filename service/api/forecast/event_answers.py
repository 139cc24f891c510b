"""Forecasts of events, as JSON."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from forecasting.events.baseline import Kind
from forecasting.events.detection import Category
from forecasting.events.outcomes import AlertLevel
from service.api.events.schemas import BaselinePeriod
from service.api.series_request import ClimatologyBasis, SeriesWarning
from service.http.time_fields import Day, Time

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
    baseline: BaselinePeriod | None = Field(description="Null if the request gave a climatology and a threshold.")
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

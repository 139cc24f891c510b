"""How good the forecasts of a station were, as JSON."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from forecasting.events.outcomes import AlertLevel
from forecasting.series.units import Units
from service.api.compare.schemas import EventSkill, ReliabilityBin
from service.stations.station_events import EventKind


class VerifiedErrors(BaseModel):
    """The errors of one model, in the units of the station."""

    model: str
    mae: float
    rmse: float
    bias: float = Field(description="The mean of forecast minus observation.")


class IntervalShares(BaseModel):
    """The share of observations inside the intervals of one level."""

    plain: float = Field(description="The share for the intervals as the model made them.")
    recalibrated: float = Field(description="The share for the intervals as they were issued.")


class VerifiedForecasts(VerifiedErrors):
    """The issued forecasts. `model` is that of the station, whichever network or reference `best` chose."""

    kind: Literal["issued"]
    skill: dict[str, float | None] = Field(
        description="1 − RMSE / RMSE of the baseline, for each baseline; null if the baseline's RMSE is zero."
    )
    crps: float | None = Field(
        description="The continuous ranked probability score of the intervals as they were issued; null if they have "
        "too few levels."
    )
    coverage: dict[str, IntervalShares] = Field(description="By level, in percent.")


class VerifiedBaseline(VerifiedErrors):
    """A baseline that was issued with the forecasts."""

    kind: Literal["baseline"]


VerifiedModel = Annotated[VerifiedForecasts | VerifiedBaseline, Field(discriminator="kind")]


class VerifiedMonth(BaseModel):
    """The forecasts whose last observation is in one month."""

    month: str = Field(examples=["2025-07"])
    n: int
    models: list[VerifiedModel]


class VerifiedLead(BaseModel):
    """The forecasts at one lead."""

    lead: int
    n: int = Field(description="The number of pairs of forecast and observation. All models are scored on these.")
    replayed: int = Field(description="How many of these pairs are replayed.")
    models: list[VerifiedModel] = Field(description="The issued forecasts, then the baselines; empty if `n` is 0.")
    months: list[VerifiedMonth] = Field(description="With `by=month`, the same by month of `observed_until`.")


class VerifiedEvent(BaseModel):
    """How good the probabilities were that an event is on at one lead.

    A threshold event is on if SST is beyond the threshold (`by_lead`). A marine heatwave or cold spell is on if the day
    is in one (`probability`). Heat stress is on at an alert level and above (`alert_probability`). All intervals
    account for autocorrelation.
    """

    name: str
    kind: EventKind
    level: AlertLevel | None = Field(description="The alert level of heat stress, which is on at this level and above.")
    lead: int
    n: int = Field(description="The number of forecasts whose outcome is known: whether the event was on.")
    frequency: float = Field(description="The share of these forecasts in which the event was on.")
    brier: float = Field(description="The Brier score; lower is better.")
    brier_error: float = Field(description="The standard error of the Brier score.")
    skill: dict[str, EventSkill] = Field(
        description="By reference. `persistence` keeps the state of the last observation."
    )
    reliability: list[ReliabilityBin]


class StationVerification(BaseModel):
    """How good the forecasts of a station were."""

    station: str
    units: Units
    leads: list[VerifiedLead]
    events: list[VerifiedEvent] = Field(description="The events that forecasts judged, by name and lead.")

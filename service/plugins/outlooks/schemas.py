"""The responses of ``/outlooks``, as JSON."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, Field

from service.api.place_summary import Summary
from service.api.series_request import ClimatologyBasis, Day, Time

Value = float | None
_PROBABILITY: Final = "The probability on each day."


Channel = Annotated[int, Field(ge=0, le=255)]


class OutlookScale(BaseModel):
    """The colours of a layer."""

    unit: str = Field(description="What the numbers or names are.", examples=["°C from usual"])
    edges: list[float] = Field(description="The values between two colours.")
    colours: list[tuple[Channel, Channel, Channel]] = Field(description="Red, green and blue; one more than edges.")
    labels: list[str] = Field(
        description="Texts below the edges, or of categories below the colours; some may be empty."
    )
    of_categories: bool = Field(description="Whether labels belong to colours instead of edges.")


class OutlookRaster(BaseModel):
    """A layer on one day."""

    lead: int = Field(description="Days after the last observation.", examples=[1])
    day: Day
    text: str = Field(description="What is seen on it.")
    href: str = Field(
        description="Path of the PNG: equal degrees between `bounds`, from the north; transparent without a forecast.",
        examples=["/outlooks/2026-11-29/anomaly/1.png"],
    )


class OutlookLayer(BaseModel):
    """What maps of one kind show."""

    name: str = Field(examples=["anomaly"])
    title: str
    scale: OutlookScale
    rasters: list[OutlookRaster]


class OutlookWarning(BaseModel):
    """What to know before use."""

    code: Literal["coarse_baseline", "damaged_outlook"]
    message: str


class OutlookUsual(ClimatologyBasis):
    """What anomalies and events are relative to."""

    text: str = Field(description="The years or the source in words.")


class OutlookMaps(BaseModel):
    """An outlook: what it is, and where its maps are."""

    id: str = Field(description="The name of the outlook: its day.", examples=["2026-11-29"])
    issued: Time = Field(description="The time of the last observation.")
    title: str
    caption: list[str] = Field(description="The source, the day, and what is usual.")
    model: str
    version: str = Field(description="The version of the release.")
    usual: OutlookUsual
    bounds: dict[Literal["west", "south", "east", "north"], float] = Field(
        description="The edges of the rasters in degrees; `east` may be beyond 180 or 360."
    )
    days: list[Day] = Field(description="The days ahead.")
    layers: list[OutlookLayer]
    point: str = Field(description="Path of the forecasts of single cells, for `latitude` and `longitude`.")
    warnings: list[OutlookWarning]


class OutlookInterval(BaseModel):
    """A prediction interval, with one value for each day."""

    level: int = Field(description="The level in percent.", examples=[80])
    lower: list[float]
    upper: list[float]


class OutlookEvent(BaseModel):
    """A marine heatwave or cold spell in a cell. Null is not known."""

    kind: Literal["marine_heatwave", "marine_cold_spell"]
    state: str | None = Field(description="`no_event`, `building` or `active` on the day of the last observation.")
    days: Value = Field(description="Its days until then.")
    category: str | None = Field(description="Its category so far.", examples=["moderate"])
    intensity: Value = Field(description="SST minus climatology on the day of the last observation.")
    probability: list[Value] = Field(description=_PROBABILITY)
    likely_category: list[str | None] = Field(description="The most likely category of each day.")
    onset_within: list[Value] = Field(description="The probability that a new event has begun by that day.")
    ends_within: list[Value] = Field(description="The probability that the ongoing event has ended by that day.")
    climatology: list[Value] = Field(description="The usual SST.")
    threshold: list[Value] = Field(description="The SST beyond which a day is extreme.")


class OutlookHeatStress(BaseModel):
    """Degree heating weeks in a cell. Null is not known."""

    mmm: Value = Field(description="The maximum monthly mean.")
    now: Value = Field(description="Degree heating weeks on the day of the last observation.")
    alert: str | None = Field(description="The alert level on that day.")
    median: list[Value]
    lower: list[Value] = Field(description="The lower bound of the central 80 % range.")
    upper: list[Value]
    likely_alert: list[str | None] = Field(description="The most likely alert level of each day.")


class OutlookPoint(BaseModel):
    """The forecast of one cell. Lists have one value for each day."""

    outlook: str = Field(description="The name of the outlook.", examples=["2026-11-29"])
    latitude: float = Field(description="The centre of the cell, degrees north.")
    longitude: float = Field(description="The centre of the cell, degrees east, from −180 to 180.")
    units: Literal["celsius"]
    step: Literal["day"]
    issued: Time = Field(description="The time of the last observation.")
    model: str
    version: str = Field(description="The version of the release.")
    timestamps: list[Time] = Field(description="The valid times, in UTC.")
    sst: list[float]
    intervals: list[OutlookInterval]
    baselines: dict[str, list[float]] = Field(description="The references; those without values there are left out.")
    anomaly: list[Value] = Field(description="SST minus what is usual on the day.")
    usual: OutlookUsual
    quality: Literal["good", "not_evaluated", "suspect", "fail"] = Field(
        description="`good`: past forecasts were better than each reference. `suspect`: they were not, or the values "
        "are unlike the training data. `not_evaluated`: it is not known."
    )
    events: list[OutlookEvent]
    heat_stress: OutlookHeatStress | None
    summary: Summary = Field(
        description="What is said about the cell, as in `GET /stations/{id}`. `newest` is its last value, and its time "
        "`issued`; `usual` is that of the outlook."
    )
    warnings: list[OutlookWarning]

"""Issued forecasts, as JSON."""

from pydantic import BaseModel, Field

from forecasting.series.units import Units
from service.api.forecast.event_answers import EventForecast
from service.api.series_request import SeriesWarning, UsualSst
from service.http.time_fields import Time


class IssuedInterval(BaseModel):
    """A prediction interval. Lists have one value for each step ahead."""

    level: int = Field(description="In percent.")
    lower: list[float]
    upper: list[float]
    calibrated: bool


class ShortForecast(BaseModel):
    """The main part of a forecast that was issued for a station. Lists have one value for each step ahead."""

    issued: Time = Field(description="When the readings that it was issued for arrived.")
    observed_until: Time = Field(description="The time of the last observation that it uses.")
    replayed: bool = Field(description="Whether these readings arrived more than two steps after `observed_until`.")
    model: str = Field(description="The network that made it, or the reference that `best` chose.")
    version: str
    timestamps: list[Time]
    sst: list[float] = Field(description="In the units of the station.")
    intervals: list[IssuedInterval] = Field(
        description="The intervals as they were issued: recalibrated on the station's earlier forecasts."
    )
    usual: UsualSst | None = Field(
        description="The climatology of `baselines` at `observed_until`, and what it rests on; null without it. In "
        "lists, also null if the readings make the position doubtful."
    )


class IssuedAnswer(ShortForecast):
    """A forecast that was issued for a station, as it was issued. Lists have one value for each step ahead."""

    plain: list[IssuedInterval] | None = Field(
        description="The intervals before they were recalibrated; null if they were not."
    )
    baselines: dict[str, list[float]]
    warnings: list[SeriesWarning]
    events: list[EventForecast] = Field(description="Forecasts of the events that the station watched then.")


class IssuedFailure(BaseModel):
    """Why no forecast was issued. The readings are stored, and the next ones are forecast if they suffice."""

    error: str


class NewestForecast(IssuedAnswer):
    """The newest forecast of a station."""

    station: str
    units: Units


class ForecastArchive(BaseModel):
    """Some of the forecasts that were issued for a station, in the order of `observed_until`."""

    station: str
    units: Units
    forecasts: list[IssuedAnswer]
    next: str | None = Field(description="Send it as `after` to get the next page; null on the last page.")

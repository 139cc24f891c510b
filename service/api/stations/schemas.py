"""Stations, as JSON."""

from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from forecasting.errors import SeriesError
from forecasting.requests.model import ONE_LINE, Finite, RequestModel
from forecasting.series.timestep import TimeStep
from forecasting.series.units import Units
from service.api.series_request import UsualSst
from service.api.stations.events.event_schemas import StationEventAnswer, WebhookAnswer
from service.api.stations.forecasts.forecast_schemas import ShortForecast
from service.api.stations.observations.observation_schemas import Flag
from service.engine.reading.baseline_schema import InputBaseline
from service.http.time_fields import Time
from service.stations.alerts.webhook_settings import Webhooks
from service.stations.issuing.issuing import DEFAULT_HORIZON
from service.stations.sources.source import Source
from service.stations.station_events import StationEvents


def _known_step(text: str) -> str:
    try:
        return str(TimeStep.parse(text))
    except SeriesError as error:
        raise PydanticCustomError("step", "{message}", {"message": str(error)}) from None


class StationRequest(RequestModel):
    """The settings of a station. A field that you leave out gets its default, even if it was set before."""

    step: Annotated[str, AfterValidator(_known_step)] = Field(
        description="The step between readings: `month`, `week`, `day`, `hour`, or an ISO 8601 duration such as "
        "`PT30M`. Once there are readings, it cannot change.",
        examples=["day"],
    )
    name: Annotated[str, Field(min_length=1, max_length=200, pattern=ONE_LINE)] | None = Field(
        default=None, description="A display name."
    )
    latitude: Annotated[Finite, Field(ge=-90, le=90)] | None = Field(
        default=None, description="Degrees north; give both or neither."
    )
    longitude: Annotated[Finite, Field(ge=-180, le=360)] | None = Field(default=None, description="Degrees east.")
    units: Units = Field(
        default="celsius",
        description="The unit of readings sent as JSON, and of temperatures in responses about the station.",
    )

    model: Annotated[str, Field(min_length=1, max_length=100, pattern=ONE_LINE)] = Field(
        default="best",
        description="The model that forecasts it: `best`, `rnn`, `lstm` or `gru` of the universal release for its "
        "step, or a full name.",
    )
    horizon: Annotated[int, Field(ge=1, le=10_000, strict=True)] | None = Field(
        default=None, description=f"The number of steps to forecast. Defaults to {DEFAULT_HORIZON}."
    )
    source: Source | None = Field(
        default=None, description="Where the service fetches its readings on a schedule; null if you send them."
    )

    events: StationEvents = Field(
        default=(), description="The events to watch, as in `POST /forecast`, each with `alert_at`."
    )
    baseline: InputBaseline | None = Field(
        default=None, description="The baseline of the events, as in `POST /forecast`."
    )
    webhooks: Webhooks = Field(default=(), description="Where alerts about the events are sent.")

    @model_validator(mode="after")
    def _check_position(self) -> Self:
        if (self.latitude is None) != (self.longitude is None):
            missing = "longitude" if self.longitude is None else "latitude"
            raise PydanticCustomError(
                "position", "{missing} is missing: give both latitude and longitude, or neither", {"missing": missing}
            )
        return self


class NewestObservation(BaseModel):
    """The newest observation of a station."""

    time: Time
    sst: float = Field(description="In the units of the station.")
    received: Time = Field(description="When the reading arrived.")
    flag: Flag
    age_seconds: int = Field(description="Seconds since the time of the observation.")


class FetchedReadings(BaseModel):
    """The readings of the last successful fetch, by outcome."""

    new: int
    revised: int
    unchanged: int
    refused: int = Field(
        description="The number of readings outside the range of sea temperatures, or between two steps."
    )


class FetchState(BaseModel):
    """The state of fetching."""

    next: Time = Field(description="When readings will next be fetched.")
    attempted: Time | None = Field(description="When the last attempt was made.")
    succeeded: Time | None = Field(description="When an attempt last succeeded.")
    failures: int = Field(description="The number of failures since the last success.")
    error: str | None = Field(description="Why the last attempt failed, and what to do; null if it succeeded.")
    stored: FetchedReadings | None


class RecentDays(BaseModel):
    """The last sixty days of a station: one value for each day with observations, their mean."""

    timestamps: list[Time]
    sst: list[float] = Field(description="In the units of the station.")


class StationAnswer(BaseModel):
    """A station."""

    id: str
    name: str | None
    latitude: float | None
    longitude: float | None
    step: str
    units: Units
    model: str
    horizon: int
    source: Source | None
    created: Time
    changed: Time = Field(description="When the settings last changed.")
    newest: NewestObservation | None = Field(description="Its newest observation; null if it has none.")
    events: list[StationEventAnswer] = Field(description="The events that it watches, each with its state.")
    webhooks: list[WebhookAnswer]
    forecast: ShortForecast | None = Field(
        description="Its newest forecast, with the 80 % interval; null if none was issued. `GET "
        "/stations/{id}/forecast` returns all of it."
    )
    recent: RecentDays | None = Field(
        description="Its last sixty days; sixty steps if a step is longer than a day. Null unless `recent` is true."
    )
    usual: UsualSst | None = Field(
        description="The climatology at the newest observation, as in its forecast, and what it rests on. Null if the "
        "readings are too few for one and there is no position at sea, or if they make the position doubtful."
    )
    anomaly: float | None = Field(
        description="The newest observation minus `usual`, in the units of the station; null without `usual`."
    )
    fetch: FetchState | None = Field(description="The state of fetching; null for a station without a source.")


class StationDetail(StationAnswer):
    """A station, with all of its settings."""

    baseline: InputBaseline | None = Field(
        description="The baseline of the events; null if it is computed from the readings."
    )


class StationPage(BaseModel):
    """Some of the stations, in the order of their IDs."""

    stations: list[StationAnswer]
    next: str | None = Field(description="Send it as `after` to get the next page; null on the last page.")


STATION_EXAMPLES: Final[dict[str, Any]] = {
    "daily": {
        "summary": "A pier with daily readings",
        "value": {"step": "day", "name": "The pier", "latitude": 54.27, "longitude": -8.61},
    },
    "events": {
        "summary": "A station with alerts",
        "value": {
            "step": "day",
            "events": [
                {"name": "net washing", "above": 24.0, "for": 5, "alert_at": 0.7},
                {"name": "heatwave", "kind": "marine_heatwave"},
            ],
            "webhooks": [
                {"url": "https://hooks.example/sst", "secret": "at least 16 characters", "events": ["heatwave"]}
            ],
        },
    },
}
"""Examples of a JSON body, for OpenAPI."""

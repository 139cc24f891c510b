"""Stations, their readings, events, alerts, forecasts and verification, as JSON."""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from forecasting.errors import SeriesError
from forecasting.events.outcomes import AlertLevel
from forecasting.forecasts.options import Horizon
from forecasting.requests import ONE_LINE, Finite, InputTime, RequestModel
from forecasting.scores.events import EventSkill, ReliabilityBin
from forecasting.series.timestep import TimeStep
from forecasting.series.units import Units
from service.api.forecast.schemas import EventForecast, WeatherUse
from service.api.place_summary import Summary
from service.api.series_request import DAILY_VALUES, Day, SeriesWarning, Time, UsualSst
from service.engine.event_state import EventCategory
from service.engine.reading import AnyBaseline
from service.http.problems import Place
from service.middleware.keys import NAME, Role
from service.plugins.stations.alerts import EventKind, StationEvents
from service.plugins.stations.durations import AUTO, parse_duration
from service.plugins.stations.event_changes import AlertKind
from service.plugins.stations.issue import DEFAULT_HORIZON
from service.plugins.stations.notify import NotifyAddresses
from service.plugins.stations.outbound import MAX_URL
from service.plugins.stations.parameters import StationName
from service.plugins.stations.sources import Source
from service.plugins.stations.store.alerts import Channel
from service.plugins.stations.store.audit import Action
from service.plugins.stations.store.stations import Visibility
from service.plugins.stations.weather_fetching import WeatherOrigin
from service.plugins.stations.webhooks import HealthKind, Webhooks

Flag = Annotated[
    Literal[1, 2, 3, 4, 9],
    Field(description="A QARTOD flag: 1 good, 2 not evaluated, 3 suspect, 4 fail; 9 if it was taken back."),
]
Tests = Annotated[
    list[str],
    Field(
        description="The tests that it fails: `gross_range`, `rate_of_change`, `climatology`, `forecast`, `flat_line` "
        "or `spike`; `person` if a person has set the flag."
    ),
]


WatchedKind = EventKind | HealthKind


class StationEventAnswer(BaseModel):
    """An event that a station watches, and its state at the end of the readings."""

    name: str
    kind: WatchedKind = Field(
        description="Every station has the events `silent` (no readings arrive) and `stuck` (they repeat one value)."
    )
    state: Literal["active", "inactive", "unknown"] = Field(
        description="Degree heating weeks are `active` from the level `Warning` on. `unknown`: the event has not been "
        "judged yet, or cannot be, as while the station is silent."
    )
    since: Day | Time | None = Field(
        description="When the event began; null if it is not active, and for degree heating weeks."
    )
    category: EventCategory | None = Field(
        description="The category of a marine heatwave or cold spell, or the level of degree heating weeks."
    )
    probability: float | None = Field(
        description="The probability that the event occurs at one of the steps ahead. For an active marine heatwave or "
        "cold spell, that it continues at the next step. For degree heating weeks, that some step ahead reaches a "
        "higher level."
    )
    error: str | None = Field(description="Why the state is unknown.")
    settings: dict[str, Any] | None = Field(description="The event as it was sent; null for `silent` and `stuck`.")


class WebhookAnswer(BaseModel):
    """Where alerts are sent. Only the host of the URL is shown."""

    url: str = Field(description="The host, and six digits that distinguish the webhook from others on this host.")
    events: list[str] | None = Field(description="The names of the events whose alerts are sent; null for all.")
    health: bool = Field(description="Whether alerts about a silent station or a stuck sensor are sent too.")
    secret: str | None = Field(
        description="The secret that the service has just made, in the response to the `PUT` that made it; else null. "
        "Keep it: it is not shown again."
    )


class DeliveryAnswer(BaseModel):
    """A delivery of an alert to a webhook or an address of `notify`."""

    url: str = Field(description="The webhook or address, as the station shows it.")
    channel: Channel
    state: Literal["waiting", "delivered", "given_up"]
    attempts: int
    delivered: Time | None
    next_attempt: Time | None = Field(description="Null once it is delivered or given up.")
    status: int | None = Field(
        description="The HTTP status of the last attempt; null if there was no response, and for a sentence that was "
        "sent."
    )
    error: str | None = Field(description="The error of the last attempt.")


class AlertAnswer(BaseModel):
    """An alert: an event that began, changed its category, ended or is expected."""

    alert: AlertKind
    event: str = Field(description="The name of the event.")
    kind: WatchedKind
    status: Literal["raised", "held", "dropped"] = Field(
        description="An alert that rests on a suspect reading is `held`, and sent to nobody. It is `raised` once the "
        "next readings or a person confirm the reading, and `dropped` if they do not."
    )
    reason: str | None = Field(description="Why it is held or was dropped.")
    raised: Time = Field(description="When the readings that raised the alert arrived, or the settings changed.")
    late: bool = Field(
        default=False, description="Whether the reading arrived more than two steps after the end of its step."
    )
    delay_seconds: int = Field(
        default=0, description="Seconds from the end of the step that made the change to the arrival of its reading."
    )
    observed_until: Time | None = Field(description="The time of the observation that made the change.")
    sst: float | None = Field(description="That observation, in `units`.")
    units: Units
    since: Day | Time | None = Field(description="When the event began; null unless it is active.")
    category: EventCategory | None
    previous_category: EventCategory | None = Field(description="The category before it changed or the event ended.")
    probability: float | None = Field(description="The probability at that moment, as in `GET /stations/{id}`.")
    deliveries: list[DeliveryAnswer]


class AlertList(BaseModel):
    """Some of the alerts of a station, newest first."""

    station: str
    alerts: list[AlertAnswer]
    next: str | None = Field(description="Send it as `after` to get the next page; null on the last page.")


class IssuedInterval(BaseModel):
    """A prediction interval. Lists have one value for each step ahead."""

    level: int = Field(description="In percent.")
    lower: list[float]
    upper: list[float]
    calibrated: bool


class GivenWeather(WeatherUse):
    """The weather that a forecast was given, and what it made of it. Lists have a value for each step ahead."""

    attribution: str | None = Field(description="What the licence of the weather asks you to show; null if nothing.")
    fetched: Time = Field(description="When the service fetched it.")
    air_temperature: list[float | None] = Field(
        description="In the units of the station; shorter than the forecast if the weather ends early."
    )
    wind_speed: list[float | None] = Field(description="In m/s.")


class ShortForecast(BaseModel):
    """The main part of a forecast that was issued for a station. Lists have one value for each step ahead."""

    issued: Time = Field(description="When the readings that it was issued for arrived.")
    observed_until: Time = Field(description="The time of the last observation that it uses.")
    replayed: bool = Field(description="Whether these readings arrived more than two steps after `observed_until`.")
    model: str = Field(description="The network that made it, or `mixture`.")
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
    weather: GivenWeather | None = Field(description="Null for a forecast without weather.")
    sst_without_weather: list[float] | None = Field(
        description="The forecast that was made without weather at the same time; null if this one uses none."
    )
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


def _known_step(text: str) -> str:
    try:
        return str(TimeStep.parse(text))
    except SeriesError as error:
        raise PydanticCustomError("step", "{message}", {"message": str(error)}) from None


def _known_duration(text: str) -> str:
    try:
        parse_duration(text)
    except SeriesError as error:
        raise PydanticCustomError("duration", "{message}", {"message": str(error)}) from None
    return text


Duration = Annotated[
    str,
    AfterValidator(_known_duration),
    WithJsonSchema({"type": "string", "format": "duration", "pattern": "^P[0-9A-Z]+$", "maxLength": 40}),
]
"""An ISO 8601 duration."""


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
    horizon: Annotated[Horizon, Field(strict=True)] | None = Field(
        default=None, description=f"The number of steps to forecast. Defaults to {DEFAULT_HORIZON}."
    )
    source: Source | None = Field(
        default=None, description="Where the service fetches its readings on a schedule; null if you send them."
    )

    weather: WeatherOrigin | None = Field(
        default=None,
        description="Where the service fetches the weather at the position, for networks that use it: `open-meteo`, or "
        "a grid on an ERDDAP server. Positions are sent there, rounded to 0.01°. The step is exactly an hour or a day, "
        "and the model a universal network. The weather is fetched every three hours: the past that forecasts are "
        "tested on (180 days of days, or 60 of hours), 16 days ahead, and at first also earlier forecasts. A server "
        "that fails is left alone for as long as it asks, or a minute, then twice as long each time, up to three "
        "hours.",
    )

    events: StationEvents = Field(
        default=(), description="The events to watch, as in `POST /forecast`, each with `alert_at`."
    )
    baseline: AnyBaseline | None = Field(
        default=None, description="The baseline of the events, as in `POST /forecast`."
    )
    alert_within: Duration | None = Field(
        default=None,
        description="How old a change of an event may be that raises an alert, as an ISO 8601 duration. Defaults to "
        "two days, or to seven steps if these are longer.",
        examples=["P2D"],
    )
    silent_after: Duration | Literal["auto"] | None = Field(
        default=AUTO,
        description="How long no new readings may arrive before the station is silent, as an ISO 8601 duration. "
        "`auto`: three steps, or four times the usual time between arrivals if that is longer. Null: it never is.",
        examples=["PT12H"],
    )
    webhooks: Webhooks = Field(default=(), description="Where alerts about the events are sent.")
    visibility: Visibility = Field(
        default="private",
        description="Who may read it where the service has keys: only the key that it belongs to and admin keys, or "
        "(`shared`) everyone who may call the service.",
    )
    owner: Annotated[str, Field(pattern=f"^{NAME}$")] | None = Field(
        default=None,
        description="The name of the key that it belongs to. Only an admin key can change it. A new station belongs to "
        "the key that creates it; another one keeps its owner if you leave this out.",
    )
    notify: NotifyAddresses = Field(
        default=(),
        description="Addresses that all alerts are sent to as one sentence, in the form of Apprise. The operator says "
        "which kinds are allowed; by default, `ntfys` and `mailtos`. Responses show only the scheme and the host, with "
        "six digits, such as `ntfys://ntfy.example/...#3f2a9c`. You may send this form for an address of the station.",
        examples=[["ntfys://ntfy.example/pier"]],
    )

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


class FetchAttempts(BaseModel):
    """The state of fetching."""

    next: Time = Field(description="When the next attempt will be made.")
    attempted: Time | None = Field(description="When the last attempt was made.")
    succeeded: Time | None = Field(description="When an attempt last succeeded.")
    failures: int = Field(description="The number of failures since the last success.")
    error: str | None = Field(description="Why the last attempt failed, and what to do; null if it succeeded.")


class FetchState(FetchAttempts):
    """The state of fetching readings."""

    stored: FetchedReadings | None


class WeatherState(FetchAttempts):
    """The state of fetching weather."""

    until: Time | None = Field(description="Where the newest forecast of the weather ends; null before the first.")
    attribution: str | None = Field(description="What the licence of the weather asks you to show; null if nothing.")


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
    weather: WeatherOrigin | None
    visibility: Visibility
    owner: str | None = Field(
        description="The name of the key that it belongs to, for this key and admin keys. Null for others, and for a "
        "station from before there were keys, which every key may read, and every station key may change."
    )
    created: Time
    changed: Time = Field(description="When the settings last changed.")
    newest: NewestObservation | None = Field(description="Its newest observation; null if it has none.")
    events: list[StationEventAnswer] = Field(description="The events that it watches, each with its state.")
    webhooks: list[WebhookAnswer]
    alert_within: Duration = Field(description="How old a change of an event may be that raises an alert.")
    silent_after: Duration | Literal["auto"] | None = Field(
        description="How long no new readings may arrive before the station is silent; null if it never is."
    )
    notify: list[str] = Field(description="Addresses that alerts are sent to as a sentence: their schemes and hosts.")
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
    weather_fetch: WeatherState | None = Field(description="The same of weather; null for a station without it.")
    summary: Summary = Field(description="What is said about the station, in its units.")


class StationDetail(StationAnswer):
    """A station, with all of its settings."""

    baseline: AnyBaseline | None = Field(
        description="The baseline of the events; null if it is computed from the readings."
    )
    writable: bool = Field(
        description="Whether the caller may change the station: its key allows that, and the database can be written."
    )


class AccessAnswer(BaseModel):
    """What the caller may do about stations."""

    role: Role | None = Field(description="The role of the key; null without a key.")
    create_stations: bool = Field(description="Whether the caller may create stations, which are then its own.")
    change_stations: bool = Field(description="Whether the caller may change the stations that are its own.")
    needs_key: bool = Field(description="Whether a key of the role `station` or `admin` would allow that.")
    reason: str | None = Field(description="Why the caller may not create stations; null if it may.")


class SettingChange(BaseModel):
    """A setting before and after a change. Secrets are hidden: if they changed, both may be the same."""

    old: Any
    new: Any


class AuditedBatch(BaseModel):
    """The readings of a batch by outcome."""

    new: int
    revised: int
    unchanged: int
    refused: int
    first: Time = Field(description="The earliest time of those that were not refused.")
    last: Time


class AuditedReading(BaseModel):
    """A reading before or after a correction."""

    value: float = Field(description="In °C, whatever the units of the station.")
    flag: Flag


class AuditedCorrection(BaseModel):
    """A reading that a person has corrected or taken back."""

    time: Time = Field(description="The time of the reading.")
    old: AuditedReading
    new: AuditedReading


class AuditedDeletion(BaseModel):
    """What was deleted with a station."""

    name: str | None
    readings: int = Field(description="The number of readings and revisions.")


class AuditedRelease(BaseModel):
    """The release of a dataset that serves since, or in which a model is unloaded."""

    dataset: str
    version: str
    previous: str | None = Field(description="The release that served before; the same if it did not change.")
    model: str | None = Field(description="The model that the call named; null for a release that replaced another.")


class AuditEntry(BaseModel):
    """What was written. The field that belongs to the action holds the rest; the other ones are null."""

    time: Time
    who: str | None = Field(description="The name of the key; null without one.")
    by: Literal["key", "anyone", "source", "service"] = Field(
        description="`anyone` calls a service without keys. Readings are fetched from a `source`. The `service` itself "
        "loads what was published."
    )
    station: str | None = Field(description="The ID of the station; null for releases.")
    action: Action
    changes: dict[str, SettingChange] | None = Field(
        default=None, description="Of `created` and `changed`: the settings that changed, by name."
    )
    readings: AuditedBatch | None = Field(default=None, description="Of `readings`.")
    correction: AuditedCorrection | None = Field(default=None, description="Of `corrected` and `taken_back`.")
    deleted: AuditedDeletion | None = Field(default=None, description="Of `deleted`.")
    release: AuditedRelease | None = Field(default=None, description="Of `loaded`, `unloaded` and `rolled_back`.")


class AuditList(BaseModel):
    """Some of what was written, newest first."""

    entries: list[AuditEntry]
    next: str | None = Field(description="Send it as `after` to get the next page; null on the last page.")


class WebhookTestRequest(RequestModel):
    """Which webhooks and addresses to test."""

    url: Annotated[str, Field(min_length=1, max_length=MAX_URL, pattern=ONE_LINE)] | None = Field(
        default=None,
        description="A webhook or an address of `notify` of the station, as you sent it or as responses show it. "
        "Defaults to all.",
    )


class TriedDelivery(BaseModel):
    """A test delivery, and what came back."""

    url: str = Field(description="The webhook or address, as the station shows it.")
    channel: Channel
    delivered: bool = Field(description="Whether the receiver took it; a webhook, whether it responded with 2xx.")
    status: int | None = Field(
        description="The HTTP status of the response; null if there was none, and for a sentence that was sent."
    )
    milliseconds: int = Field(description="How long it took.")
    error: str | None = Field(description="Why it was not delivered, and what to do; null if it was.")


class WebhookTest(BaseModel):
    """The test deliveries of a station, in the order of its webhooks, then of its other addresses."""

    station: str
    deliveries: list[TriedDelivery]


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
            "webhooks": [{"url": "https://hooks.example/sst", "events": ["heatwave"]}],
        },
    },
}
"""Examples of a JSON body, for OpenAPI."""


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
    """The issued forecasts. `model` is that of the station, such as `best`, whatever made them."""

    kind: Literal["issued"]
    skill: dict[str, float | None] = Field(
        description="1 − RMSE / RMSE of the baseline, for each baseline; null if the baseline's RMSE is zero."
    )
    crps: float | None = Field(
        description="The continuous ranked probability score of the intervals as they were issued; null if they have "
        "too few levels."
    )
    coverage: dict[str, IntervalShares] = Field(description="By level, in percent.")


class VerifiedWithoutWeather(VerifiedErrors):
    """The forecasts that were made without weather when the issued ones used it, and else those."""

    kind: Literal["without_weather"]


class VerifiedBaseline(VerifiedErrors):
    """A baseline that was issued with the forecasts."""

    kind: Literal["baseline"]


VerifiedModel = Annotated[VerifiedForecasts | VerifiedWithoutWeather | VerifiedBaseline, Field(discriminator="kind")]


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
    models: list[VerifiedModel] = Field(
        description="The issued forecasts, those without weather if any used it, and the baselines; empty if `n` is 0."
    )
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


class ReadingsRequest(RequestModel):
    """Readings of one station: `values` with `timestamps`, or with `start` if they are regular."""

    values: list[Finite | None] = Field(
        min_length=1, fail_fast=True, description="SST in the units of the station; null means no reading."
    )
    timestamps: Annotated[list[InputTime], Field(fail_fast=True)] | None = Field(
        default=None, description="The time of each value, in ISO 8601; UTC without an offset."
    )
    start: InputTime | None = Field(default=None, description="The time of the first value, instead of `timestamps`.")
    step: str | None = Field(
        default=None, description="The step between values with a `start`. It must be the step of the station."
    )


class StationReadings(ReadingsRequest):
    """Readings of one of several stations."""

    station: StationName = Field(description="The ID of the station.")


class ManyReadingsRequest(RequestModel):
    """Readings of several stations."""

    readings: list[StationReadings] = Field(
        min_length=1, fail_fast=True, description="The readings of each station, which may appear once."
    )


class Stored(BaseModel):
    """The readings of a station by outcome. Readings without a value are not counted."""

    new: int = Field(description="The number of readings at times that had none.")
    revised: int = Field(description="The number that differ from the stored reading at the same time. Both are kept.")
    unchanged: int = Field(description="The number that were already stored.")
    refused: list[Place] = Field(
        description="Readings that are not stored: from the future, outside the range of sea temperatures, between two "
        "steps of the station, or without a valid time."
    )
    warnings: list[str] = Field(
        description="Doubts about readings that are stored: those that are suspect or fail a test, and what `POST "
        "/series` would warn of."
    )
    forecast: IssuedAnswer | IssuedFailure | None = Field(
        default=None,
        description="The forecast that was issued from the end of the series, or why there is none; null if nothing "
        "changed since the last one.",
    )


class FileStored(Stored):
    """The readings of a file by outcome."""

    units: Units = Field(
        description="The units in which the file was read: those that it states, which are converted, or else those of "
        "the station."
    )
    units_from: str = Field(description="Where these units come from.", examples=["by the header"])


class StationStored(Stored):
    """The readings of one of several stations by outcome."""

    station: str


class StationFailure(BaseModel):
    """A station whose readings could not be stored. The other stations are unaffected."""

    station: str
    error: str


class ManyStored(BaseModel):
    """The outcome for each station, in the order of the request."""

    stations: list[StationStored | StationFailure]


class Correction(RequestModel):
    """A person's decision about one reading: another value, a flag, or both."""

    value: Finite | None = Field(
        default=None, description="The right value, in the units of the station. It is a revision; both are kept."
    )
    flag: Literal[1, 3, 4] | None = Field(
        default=None,
        description="The flag: 1 good, 3 suspect, 4 fail. Defaults to 1 with a value. Later readings do not change it.",
    )

    @model_validator(mode="after")
    def _check_content(self) -> Self:
        if self.value is None and self.flag is None:
            raise PydanticCustomError("correction", "give a value, a flag, or both")
        return self


class CorrectedReading(BaseModel):
    """A reading as it is stored after a correction."""

    station: str
    units: Units
    time: Time
    value: float
    flag: Flag
    tests: Tests
    revision: int = Field(description="0 for the first reading at a time, and one more for each change.")
    received: Time = Field(description="When this value arrived.")
    forecast: IssuedAnswer | IssuedFailure | None = Field(
        description="The forecast that was issued, or why there is none; null if nothing changed."
    )


class ObservationsAnswer(BaseModel):
    """Observations of a station in chronological order. All lists have the same length."""

    station: str
    units: Units
    timestamps: list[Time]
    values: list[float]
    revision: list[int] = Field(description="0 for the first reading at a time, and one more for each change.")
    received: list[Time] = Field(description="When each arrived.")
    flag: list[Flag]
    tests: list[Tests]


READINGS_EXAMPLES: Final[dict[str, Any]] = {
    "regular": {
        "summary": "Forty days, one without a reading",
        "value": {"start": "2025-06-01", "values": DAILY_VALUES[:40]},
    },
    "timestamps": {
        "summary": "A time for each reading",
        "value": {"timestamps": ["2025-07-11", "2025-07-12"], "values": [20.41, 20.27]},
    },
}
MANY_EXAMPLES: Final[dict[str, Any]] = {
    "one": {
        "summary": "One station",
        "value": {"readings": [{"station": "pier", "start": "2025-07-13", "values": [20.33]}]},
    }
}
WEBHOOK_TEST_EXAMPLES: Final[dict[str, Any]] = {"all": {"summary": "All webhooks of the station", "value": {}}}
CORRECTION_EXAMPLES: Final[dict[str, Any]] = {
    "value": {"summary": "Another value", "value": {"value": 20.41}},
    "flag": {"summary": "The reading is right", "value": {"flag": 1}},
}
"""Examples of JSON bodies, for OpenAPI."""

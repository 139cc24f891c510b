"""The events, alerts and webhooks of stations, as JSON."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from forecasting.series.units import Units
from service.http.time_fields import Day, Time
from service.stations.alerts.event_states import AlertKind, EventCategory
from service.stations.station_events import EventKind


class StationEventAnswer(BaseModel):
    """An event that a station watches, and its state at the end of the readings."""

    name: str
    kind: EventKind
    state: Literal["active", "inactive", "unknown"] = Field(
        description="Degree heating weeks are `active` from the level `Warning` on. `unknown`: no forecast has judged "
        "the event yet, or the last one could not."
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
    error: str | None = Field(description="Why the last forecast could not judge the event.")
    settings: dict[str, Any] = Field(description="The event as it was sent.")


class WebhookAnswer(BaseModel):
    """Where alerts are sent. Only the host of the URL is shown, and the secret never is."""

    url: str = Field(description="The host, and six digits that distinguish the webhook from others on this host.")
    events: list[str] | None = Field(description="The names of the events whose alerts are sent; null for all.")


class DeliveryAnswer(BaseModel):
    """A delivery of an alert to a webhook."""

    url: str = Field(description="The webhook, as the `webhooks` of the station show it.")
    state: Literal["waiting", "delivered", "given_up"]
    attempts: int
    delivered: Time | None
    next_attempt: Time | None = Field(description="Null once it is delivered or given up.")
    status: int | None = Field(description="The HTTP status of the last attempt; null if there was no response.")
    error: str | None = Field(description="The error of the last attempt.")


class AlertAnswer(BaseModel):
    """An alert: an event that began, changed its category, ended or is expected."""

    alert: AlertKind
    event: str = Field(description="The name of the event.")
    kind: EventKind
    status: Literal["raised", "held", "dropped"] = Field(
        description="An alert that rests on a suspect reading is `held`, and sent to nobody. It is `raised` once the "
        "next readings or a person confirm the reading, and `dropped` if they do not."
    )
    reason: str | None = Field(description="Why it is held or was dropped.")
    raised: Time = Field(description="When the readings that raised the alert arrived.")
    observed_until: Time = Field(description="The time of the last observation at that moment.")
    sst: float | None = Field(description="The last observation, in `units`.")
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

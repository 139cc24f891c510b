"""Stores what a station watches, with the state of each event."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Connection

from service.stations.alerts.webhook_settings import InputWebhook, stored_webhooks
from service.store.alerts import change_alert
from service.store.event_states import get_states, keep_states
from service.store.stations import EVERYONE, Station, StationSettings, Writer, get_station, lock_webhooks, put_station

_NOT_ITS_STATE: Final = "alert_at"
"""What may change of an event that stays the same event."""

Json = dict[str, Any]


def put_watching_station(
    connection: Connection,
    station_id: str,
    settings: StationSettings,
    webhooks: Sequence[InputWebhook],
    now: int,
    writer: Writer = EVERYONE,
) -> tuple[bool, Station]:
    """Create a station, or give it other settings. Return whether it is new, and the station.

    An event that has changed begins without a state.

    Args:
        connection: of a writing transaction.
        station_id: chosen by clients.
        settings: without webhooks.
        webhooks: that receive alerts.
        now: Unix seconds.
        writer: who sends them.

    Raises:
        NotOwnerError: if the station belongs to another writer.
        RequestError: if a new webhook has no secret.
        StepChangeError: if the station has readings at another step.
    """
    stored = stored_webhooks(webhooks, lock_webhooks(connection, station_id, writer))
    is_new = put_station(connection, station_id, replace(settings, webhooks=stored), now, writer)
    station = get_station(connection, station_id)
    if not is_new:
        events = {event["name"]: event for event in station.settings.events or ()}
        states = get_states(connection, [station.number]).get(station.number, {})
        kept = [name for name, state in states.items() if is_same_event(state["definition"], events.get(name))]
        for name in states.keys() - kept:
            if held := states[name].get("held"):
                drop_alert(connection, held, "the event of the station was changed")
        keep_states(connection, station.number, kept)
    return is_new, station


def drop_alert(connection: Connection, held: Json, reason: str) -> None:
    """Drop an alert that is held, as the state of its event has it."""
    change_alert(connection, held["number"], content=held["content"] | {"status": "dropped", "reason": reason})


def is_same_event(definition: Json, other: Json | None) -> bool:
    """Return whether two stored events have the same state, whenever that is worth an alert."""
    return other is not None and _compared(definition) == _compared(other)


def _compared(definition: Json) -> Json:
    return {name: value for name, value in definition.items() if name != _NOT_ITS_STATE}

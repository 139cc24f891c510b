"""The events and alerts of stations, written for answers."""

from typing import Any

from sqlalchemy import Connection

from forecasting.series.times import iso_of
from service.api.stations.cursor import Cursor, cut_page
from service.api.stations.events.event_schemas import AlertAnswer, AlertList, DeliveryAnswer, StationEventAnswer
from service.api.stations.period import Period
from service.api.stations.storing import store_problems
from service.stations.alerts.event_states import EventState, from_json
from service.stations.alerts.webhook_settings import shown_url
from service.stations.station_store import StationStore
from service.store.alerts import Alert, get_alerts
from service.store.deliveries import Delivery, deliveries_of
from service.store.stations import get_station

Json = dict[str, Any]

_UNKNOWN = EventState(None)


def event_answer(event: Json, stored: Json | None) -> StationEventAnswer:
    """Return a stored event with its state, if it has one."""
    state = _UNKNOWN if stored is None else from_json(stored)[0]
    # The store has what this service wrote, and checking the fields of many stations takes longer than reading them.
    return StationEventAnswer.model_construct(
        name=event["name"],
        kind=event["kind"],
        state="unknown" if state.active is None else "active" if state.active else "inactive",
        since=state.since,
        category=state.category,
        probability=state.probability,
        error=state.error,
        settings=event,
    )


async def station_alerts(store: StationStore, station: str, period: Period, after: str, limit: int) -> AlertList:
    """Return a page of the alerts of a station that were raised in a period, newest first.

    Args:
        store: of the stations.
        station: its ID.
        period: of ``raised``.
        after: the ``next`` of the previous page; empty for the first page.
        limit: the most alerts.

    Raises:
        ProblemError: 404 if there is no such station, 503 if the store cannot be used.
    """
    with store_problems():
        alerts, deliveries = await store.read(_find, station, period, Cursor.read(after), limit + 1)
    page, following = cut_page(alerts, limit, lambda alert: Cursor(alert.raised, alert.number))
    return AlertList(
        station=station,
        alerts=[_alert_answer(alert, deliveries.get(alert.number, [])) for alert in page],
        next=following,
    )


def _find(
    connection: Connection, station: str, period: Period, after: Cursor | None, limit: int
) -> tuple[list[Alert], dict[int, list[Delivery]]]:
    stored_station = get_station(connection, station)
    alerts = get_alerts(connection, stored_station.number, period.begin, period.end, after=after, limit=limit)
    return alerts, deliveries_of(connection, [alert.number for alert in alerts])


def _alert_answer(alert: Alert, deliveries: list[Delivery]) -> AlertAnswer:
    fields = {name: value for name, value in alert.content.items() if name in AlertAnswer.model_fields}
    return AlertAnswer(**fields, deliveries=[_delivery_answer(delivery) for delivery in deliveries])


def _delivery_answer(delivery: Delivery) -> DeliveryAnswer:
    attempted = delivery.attempted
    waiting = "given_up" if attempted.next_attempt is None else "waiting"
    return DeliveryAnswer(
        url=shown_url(delivery.url),
        state="delivered" if attempted.delivered is not None else waiting,
        attempts=attempted.attempts,
        delivered=None if attempted.delivered is None else iso_of(attempted.delivered),
        next_attempt=None if attempted.next_attempt is None else iso_of(attempted.next_attempt),
        status=attempted.status,
        error=attempted.error,
    )

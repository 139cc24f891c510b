"""The states of the events that stations watch, in the database.

Each function works in the transaction of the connection that it is given.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import Connection, select

from service.store.database.inserting import insert_into
from service.store.database.tables import EVENT_STATES

_AT_ONCE: Final = 500
"""Stations in one statement."""


@dataclass(frozen=True, slots=True)
class StoredState:
    """The state of an event of a station.

    Attributes:
        station: the number of the station.
        event: the name of the event.
        content: JSON of the state, and of the batch of readings and the definition that it belongs to.
    """

    station: int
    event: str
    content: dict[str, Any]


def get_states(connection: Connection, stations: Sequence[int]) -> dict[int, dict[str, dict[str, Any]]]:
    """Return the content of the states of each station that has any, by event."""
    states: dict[int, dict[str, dict[str, Any]]] = {}
    for begin in range(0, len(stations), _AT_ONCE):
        some = EVENT_STATES.c.station.in_(stations[begin : begin + _AT_ONCE])
        for row in connection.execute(select(EVENT_STATES).where(some)):
            states.setdefault(row.station, {})[row.event] = row.content
    return states


def put_states(connection: Connection, states: Sequence[StoredState]) -> None:
    """Store states in place of those of the same events."""
    if not states:
        return
    statement = insert_into(connection, EVENT_STATES)
    replacing = statement.on_conflict_do_update(
        index_elements=["station", "event"], set_={"content": statement.excluded.content}
    )
    connection.execute(replacing, [asdict(state) for state in states])


def keep_states(connection: Connection, station: int, events: Sequence[str]) -> None:
    """Delete the states of all other events of a station."""
    others = EVENT_STATES.c.event.not_in(events)
    connection.execute(EVENT_STATES.delete().where(EVENT_STATES.c.station == station, others))

"""Who wrote what, in the database. Rows are only ever added, in the transaction of what they tell."""

from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import ColumnElement, Connection, select

from service.plugins.stations.store.database import AFTER_ALL, BEFORE_ALL
from service.plugins.stations.store.tables import AUDIT

Json = dict[str, Any]

Action = Literal[
    "created", "changed", "deleted", "readings", "corrected", "taken_back", "loaded", "unloaded", "rolled_back"
]

_RELEASES: Final[tuple[Action, ...]] = ("loaded", "rolled_back")

Part = Literal["source", "service"]
"""What of the service writes by itself: the fetching of readings from sources, or the rest."""


class Author(NamedTuple):
    """Who writes."""

    name: str | None = None
    part: Part | None = None


ANYONE: Final = Author()
SOURCE: Final = Author(part="source")
SERVICE: Final = Author(part="service")


class Entry(NamedTuple):
    """What was written."""

    time: int
    author: Author
    station: str | None
    owner: str | None
    action: Action
    content: Json
    number: int = 0


_INSERT: Final = AUDIT.insert()


def add_entries(connection: Connection, entries: Sequence[Entry]) -> None:
    """Store entries, whose numbers the database gives."""
    rows = [
        {
            "time": each.time,
            "who": each.author.name,
            "station": each.station,
            "owner": each.owner,
            "action": each.action,
            "content": each.content if each.author.part is None else each.content | {"by": each.author.part},
        }
        for each in entries
    ]
    if rows:
        connection.execute(_INSERT, rows)


def get_entries(
    connection: Connection,
    begin: int = BEFORE_ALL,
    end: int = AFTER_ALL,
    *,
    station: str | None,
    owner: str | None,
    after: int | None,
    limit: int,
) -> list[Entry]:
    """Return the newest ``limit`` entries from ``begin`` to ``end``, newest first."""
    table = AUDIT.c
    wanted: list[ColumnElement[bool]] = [table.time.between(begin, end), table.number < (after or AFTER_ALL)]
    wanted += [table.station == station] if station is not None else []
    wanted += [table.owner == owner] if owner is not None else []
    columns = table.time, table.who, table.station, table.owner, table.action, table.content, table.number
    rows = connection.execute(select(*columns).where(*wanted).order_by(table.number.desc()).limit(limit))
    entries = []
    for time, who, name, of, action, content, number in rows:
        part = content.pop("by", None)
        entries.append(Entry(time, Author(who, part), name, of, action, content, number))
    return entries


def last_version(connection: Connection, dataset: str) -> str | None:
    """Return the version of a dataset that was loaded last, as far as entries tell."""
    table = AUDIT.c
    of_dataset = table.action.in_(_RELEASES) & (table.content["dataset"].as_string() == dataset)
    version = table.content["version"].as_string()
    query = select(version).where(table.station.is_(None), of_dataset).order_by(table.number.desc()).limit(1)
    return connection.scalar(query)

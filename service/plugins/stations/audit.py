"""What the audit says of settings and releases."""

import logging
import time
from collections.abc import Callable
from dataclasses import fields
from typing import Any, Final

from sqlalchemy import Connection

from service.engine.releases.release_watcher import ReleaseChange
from service.plugins.stations.notify import shown_notify
from service.plugins.stations.store.audit import SERVICE, Action, Author, Entry, add_entries, last_version
from service.plugins.stations.store.database import StationStore, StoreError, take_turns
from service.plugins.stations.store.stations import Caller, Station, StationSettings
from service.plugins.stations.webhooks import shown_webhooks

logger = logging.getLogger("service")

Json = dict[str, Any]

PLAIN: Final = frozenset(
    {
        *("step", "name", "latitude", "longitude", "units", "model", "horizon", "events", "baseline", "source"),
        *("weather", "alert_within", "silent_after", "visibility", "owner"),
    }
)
"""Settings without secrets."""

SHOWN: Final[dict[str, Callable[[Any], Any]]] = {"webhooks": shown_webhooks, "notify": shown_notify}
"""Settings that hold secrets, and what is shown of them. Of settings that are neither here nor plain, nothing is."""


def audit_settings(connection: Connection, before: Station | None, after: Station, now: int, caller: Caller) -> None:
    """Add what has changed of a station to the audit, with the old and the new value; nothing if nothing has."""
    changes = {
        name: {"old": _shown(name, old), "new": _shown(name, new)}
        for name, new in _settings(after).items()
        if (old := None if before is None else _settings(before)[name]) != new
    }
    if changes:
        action: Action = "created" if before is None else "changed"
        entry = Entry(now, caller.author, after.id, after.owner, action, {"changes": changes})
        add_entries(connection, [entry])


def _settings(station: Station) -> Json:
    settings = {each.name: getattr(station.settings, each.name) for each in fields(StationSettings)}
    return settings | {"owner": station.owner}


def _shown(name: str, value: Any) -> Any:
    if value is None or name in PLAIN:
        return value
    return SHOWN[name](value) if name in SHOWN else "hidden"


async def audit_release(store: StationStore, change: ReleaseChange) -> None:
    """Add a release that was loaded or unloaded to the audit, if there is a database.

    A new release is added once, though all processes load it. Nothing is created for an entry, and no failure ends what
    it is about.
    """
    if not store.exists:
        return
    try:
        await store.write(_add_release, change, int(time.time()))
    except StoreError as error:
        logger.error("%s of %s is not in the audit: %s", change.action, change.model or change.dataset, error)


def _add_release(connection: Connection, change: ReleaseChange, now: int) -> None:
    if change.model is None:
        take_turns(connection, "releases")
        if last_version(connection, change.dataset) == change.version:
            return
    author = SERVICE if change.who is None else Author(change.who)
    content = {name: getattr(change, name) for name in ("dataset", "version", "previous", "model")}
    add_entries(connection, [Entry(now, author, None, None, change.action, content)])

"""What a plug-in tells the service, and how those that ``SST_PLUGINS`` chooses are found."""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from importlib import import_module
from typing import NamedTuple

from fastapi import APIRouter, FastAPI
from prometheus_client import Metric
from pydantic import BaseModel

from forecasting.errors import MissingExtraError, RequestError
from forecasting.extras import needs_extra
from service.engine.releases.release_watcher import ReleaseChange
from service.http.paths import Protocol, Stream
from service.middleware.access import Guard
from service.settings import Settings

logger = logging.getLogger("service")


class Tag(NamedTuple):
    """A group of operations, which ``/docs`` shows in front of the service's own group ``before``."""

    name: str
    description: str
    before: str = "models"


class Plugin(NamedTuple):
    """A part of the service that can be left out: what it serves, and what the service has to know about that."""

    routers: Sequence[APIRouter] = ()
    requires: frozenset[str] = frozenset()
    """Names of plug-ins that this one cannot do without. It imports no others."""
    tags: Sequence[Tag] = ()
    bodies: Sequence[type[BaseModel]] = ()
    """Schemas of bodies that its routes read and write themselves, which FastAPI does not know of."""
    open_paths: Sequence[str] = ()
    """Regular expressions for the paths that need no key: one has to match all of a path."""
    operators: Sequence[str] = ()
    """Prefixes of the paths that a draining or full process also answers, because its operators rely on them."""
    streams: Sequence[Stream] = ()
    """Bodies that routes, its own or those of others, read piece by piece."""
    guards: Sequence[Guard] = ()
    """The roles that its paths need."""
    protocol: Protocol | None = None
    """The protocol that its paths belong to, if that is not the service's own."""
    checks_query: bool = True
    """Whether a query that no route of it can use is refused, as it is everywhere but in the addresses of a browser."""
    check: Callable[[Settings], object] | None = None
    """Refuses settings that it cannot work with, before the service listens."""
    install: Callable[[FastAPI], None] | None = None
    """Gives the application what its routes need, such as state and handlers of errors."""
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None
    """What it does from the time when all models are loaded until the service ends."""
    readiness: Callable[[FastAPI], Awaitable[Mapping[str, str]]] | None = None
    """Returns fields for ``GET /health/ready``; a problem that it raises is the response."""
    metrics: Callable[[FastAPI], Awaitable[Iterable[Metric]]] | None = None
    """Returns metrics that are made when ``GET /metrics`` asks for them."""
    released: Callable[[FastAPI, ReleaseChange], Awaitable[None]] | None = None
    """Hears of each release or model that was loaded or unloaded."""


def load_plugins(chosen: str, known: Mapping[str, str]) -> dict[str, Plugin]:
    """Import the plug-ins that ``SST_PLUGINS`` chooses, by name in the order of ``known``, and no others.

    Of all, those whose packages are not installed are left out, and those that require them.
    """
    if chosen.lower() in ("", "all"):
        return _all_installed(known)
    names = [] if chosen.lower() == "none" else [name.strip().lower() for name in chosen.split(",")]
    for name in names:
        if name not in known:
            raise _invalid(chosen, f"there is no plug-in {name!r}; write all, none, or some of {', '.join(known)}")
    plugins = {name: _load(name, known) for name in known if name in names}
    for name, plugin in plugins.items():
        if lacking := sorted(plugin.requires - plugins.keys()):
            raise _invalid(chosen, f"{name} needs {' and '.join(lacking)}; add what is missing, or leave {name} out")
    return plugins


def _all_installed(known: Mapping[str, str]) -> dict[str, Plugin]:
    plugins: dict[str, Plugin] = {}
    for name in known:
        try:
            plugin = _load(name, known)
        except MissingExtraError as error:
            logger.info("left out: %s", error)
            continue
        if lacking := sorted(plugin.requires - plugins.keys()):
            logger.info("left out: the plug-in %s, which needs %s", name, " and ".join(lacking))
        else:
            plugins[name] = plugin
    return plugins


def _load(name: str, known: Mapping[str, str]) -> Plugin:
    with needs_extra(name, f"the plug-in {name}"):
        plugin: Plugin = import_module(known[name]).PLUGIN
    return plugin


def _invalid(chosen: str, reason: str) -> RequestError:
    return RequestError(f"invalid setting SST_PLUGINS={chosen}: {reason}", field="plugins")

"""Stations as a plug-in."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final

import anyio
from fastapi import FastAPI
from prometheus_client import Metric

from forecasting.weather_sources import OpenMeteo
from service.engine.releases.release_watcher import ReleaseChange
from service.http.problems import ProblemError
from service.middleware.access import RateLimiter
from service.plugin import Plugin, Tag
from service.plugins.stations.audit import audit_release
from service.plugins.stations.background import Background, Retention
from service.plugins.stations.health import SilenceWatcher
from service.plugins.stations.heartbeat import Heartbeat
from service.plugins.stations.metrics import StationMetrics, station_gauges
from service.plugins.stations.notify import Notifier
from service.plugins.stations.outbound import Outbound
from service.plugins.stations.parameters import GUARD, install_store_errors
from service.plugins.stations.routes import router
from service.plugins.stations.schemas import (
    Correction,
    ManyReadingsRequest,
    ReadingsRequest,
    StationRequest,
    WebhookTestRequest,
)
from service.plugins.stations.sources import Fetcher, SourceReader
from service.plugins.stations.store.database import StationStore, store_url
from service.plugins.stations.store.pulse import WriteProof
from service.plugins.stations.weather_fetching import WeatherFetcher
from service.plugins.stations.webhooks import TESTS_A_MINUTE, TESTS_AT_ONCE, WebhookSender
from service.settings import Settings


def _install(app: FastAPI) -> None:
    state, settings = app.state, app.state.settings
    install_store_errors(app)
    state.outbound = Outbound(allow_private=settings.allow_private_addresses)
    state.notifier = Notifier(settings.schemes, allow_private=settings.allow_private_addresses)
    state.webhook_tests = RateLimiter(TESTS_A_MINUTE)
    state.webhook_tests_at_once = asyncio.Semaphore(TESTS_AT_ONCE)
    used = None if state.shared_folder is None else state.shared_folder / "store.used"
    state.station_store = StationStore(store_url(settings), StationMetrics(state.metrics.registry), used)
    state.write_proof = WriteProof(state.station_store.database)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Fetch readings and weather and deliver webhooks meanwhile, if this process is to."""
    await app.state.write_proof.begin()
    settings: Settings = app.state.settings
    store: StationStore = app.state.station_store
    outbound: Outbound = app.state.outbound
    reader = SourceReader(outbound, store, settings.max_body_bytes)
    fetcher = Fetcher(store, reader, lambda: app.state.lifecycle.serving, lambda: app.state.background.wake())
    own = Outbound(allow_private=bool(settings.open_meteo_url) or settings.allow_private_addresses)
    servers = OpenMeteo(settings.open_meteo_url, settings.open_meteo_key.get_secret_value())
    weather = WeatherFetcher(store, reader, servers, own, settings.max_body_bytes)
    sender = WebhookSender(store, outbound, app.state.notifier)
    silence = SilenceWatcher(store, lambda: app.state.background.wake())
    heartbeat = Heartbeat(store, settings.heartbeat_url.get_secret_value(), Outbound(allow_private=True))
    keeping = [Retention(store, settings.keep_days).task] if settings.keep_days else []
    tasks = [fetcher.task, weather.task, sender.task, silence.task, heartbeat.task, *keeping]
    background = app.state.background = Background(store, tasks)
    async with anyio.create_task_group() as group:
        if settings.background:
            group.start_soon(background.work)
        yield
        group.cancel_scope.cancel()
    app.state.write_proof.close()
    store.close()


async def _readiness(app: FastAPI) -> Mapping[str, str]:
    state = await app.state.write_proof.state()
    if state.trouble is None:
        return {"store": "writable" if state.exists else "not_created"}
    # Where nobody keeps stations, the file system may be read-only.
    if state.exists or app.state.settings.store.get_secret_value():
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, state.trouble, headers={"Retry-After": "10"})
    return {"store": "unavailable"}


async def _metrics(app: FastAPI) -> Iterable[Metric]:
    figures, store = await asyncio.gather(app.state.station_store.figures(), app.state.write_proof.state())
    return station_gauges(figures, int(time.time()), is_up=figures is not None and store.trouble is None)


async def _released(app: FastAPI, change: ReleaseChange) -> None:
    await audit_release(app.state.station_store, change)


PLUGIN: Final = Plugin(
    [router],
    requires=frozenset({"uploads"}),
    tags=[Tag("stations", "Have the service store a station and its readings.")],
    bodies=[StationRequest, ReadingsRequest, Correction, ManyReadingsRequest, WebhookTestRequest],
    guards=[GUARD],
    check=store_url,
    install=_install,
    lifespan=_lifespan,
    readiness=_readiness,
    metrics=_metrics,
    released=_released,
)

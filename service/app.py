"""The application: the one place where its parts are wired together."""

import asyncio
import gc
import logging
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import Final

from fastapi import Depends, FastAPI
from fastapi.routing import iter_route_contexts
from fastapi.telemetry import TelemetryConfig

from forecasting.models.checkpoint import choose_device
from forecasting.releases.catalog import Catalog
from service.api import events, health, models, summary
from service.api import metrics as metrics_route
from service.api.compare import routes as compare
from service.api.compare.hindcast import HindcastStore
from service.api.compare.schemas import CompareRequest
from service.api.events import EventsRequest
from service.api.forecast import routes as forecast
from service.api.forecast.schemas import AllLine, FailedAllLine, FailedLine, ForecastLine, ForecastRequest
from service.api.forecast.streaming import stream_forecast
from service.api.openapi import install_openapi
from service.engine.releases.published_releases import PublishedReleases, open_catalog
from service.engine.releases.release_watcher import ReleaseChange, ReleaseWatcher
from service.engine.releases.worker_bus import WorkerBus
from service.engine.serving import Lifecycle, Serving
from service.http.bodies import NDJSON_TYPE
from service.http.paths import FILE, Paths, Stream
from service.http.problems import has_route, install_error_handlers
from service.http.query import refuse_unusable
from service.middleware.access import Access
from service.middleware.keys import read_keys
from service.middleware.requests import RequestMiddleware
from service.plugin import Plugin, load_plugins
from service.plugins import PLUGINS
from service.settings import Settings
from service.telemetry.metrics import Metrics
from service.telemetry.tracing import request_tracer, send_the_rest, trace_parts
from service.worker.threads import Worker

logger = logging.getLogger("service")

_SWITCH_SECONDS = 0.0005
"""How long a thread runs before another may: large requests run in threads, and must not delay the event loop."""

_GC_THRESHOLD = 50_000
"""New objects before the garbage collector runs: with fewer, it would visit the requests of a batch every time."""

_OWN: Final = Plugin(
    [
        forecast.router,
        events.router,
        summary.router,
        compare.router,
        models.router,
        health.router,
        metrics_route.router,
    ],
    bodies=[
        ForecastRequest,
        ForecastLine,
        FailedLine,
        AllLine,
        FailedAllLine,
        CompareRequest,
        EventsRequest,
    ],
    open_paths=["/metrics", r"/openapi\.json", f"/health{FILE}"],
    operators=["/health/", "/metrics"],
    streams=[Stream("/forecast", NDJSON_TYPE, stream_forecast)],
)
"""The service itself, in the form of its plug-ins. ``/docs`` lists the routes in the order of their routers."""

_DESCRIPTION = """Forecasts of sea-surface temperature by recurrent networks, with prediction intervals and with
baselines to compare them with. Temperatures are in °C unless you ask for another unit. Times are in UTC."""


def create_app(
    settings: Settings,
    catalog: Catalog | None = None,
    bus: WorkerBus | None = None,
    telemetry: TelemetryConfig | None = None,
) -> FastAPI:
    """Return the application."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        tracer = app.state.lifecycle.tracer = request_tracer((telemetry or {}).get("tracer_provider"))
        if tracer is not None:
            # What runs in the background is traced too.
            trace_parts(tracer)
        async with _serving(app, catalog, bus or WorkerBus()) as watcher, AsyncExitStack() as stack:
            app.state.release_watcher = watcher
            for plugin in chosen.values():
                if plugin.lifespan:
                    await stack.enter_async_context(plugin.lifespan(app))
            watching = asyncio.create_task(watcher.watch(settings.reload_seconds))
            stack.callback(watching.cancel)
            logger.info("ready: %s", ", ".join(watcher.catalog.model_names))
            yield

    app = FastAPI(
        title="SST forecasting",
        version=version("sst-forecasting"),
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        # A redirect would repeat the host that the client's header names.
        redirect_slashes=False,
        lifespan=lifespan,
        telemetry=telemetry,
    )
    app.state.settings, app.state.lifecycle = settings, Lifecycle()
    app.state.hindcasts = HindcastStore()
    # The processes of the service share this folder as long as it runs.
    app.state.shared_folder = None if bus is None else bus.folder
    chosen = app.state.plugins = load_plugins(settings.plugins, PLUGINS)
    plugins = [_OWN, *chosen.values()]
    paths = app.state.paths = _paths_of(plugins)
    _add_routes(app, plugins, paths)
    routes = [context.path for context in iter_route_contexts(app.routes) if context.path]
    app.state.metrics = Metrics(routes)
    guards = [guard for plugin in plugins for guard in plugin.guards]
    app.state.access = Access(settings, read_keys(settings), paths, guards, partial(has_route, app.routes))
    for plugin in chosen.values():
        if plugin.install:
            plugin.install(app)
    app.add_middleware(
        RequestMiddleware,
        settings=settings,
        lifecycle=app.state.lifecycle,
        access=app.state.access,
        metrics=app.state.metrics,
        routes=routes,
        paths=paths,
    )
    return app


def _paths_of(plugins: Sequence[Plugin]) -> Paths:
    return Paths(
        open_paths=[path for plugin in plugins for path in plugin.open_paths],
        operators=[path for plugin in plugins for path in plugin.operators],
        streams=[stream for plugin in plugins for stream in plugin.streams],
        protocols=[plugin.protocol for plugin in plugins if plugin.protocol],
    )


def _add_routes(app: FastAPI, plugins: Sequence[Plugin], paths: Paths) -> None:
    """Add every resource, the handlers of errors, and the OpenAPI document."""
    install_error_handlers(app)
    install_openapi(
        app,
        paths,
        bodies=[body for plugin in plugins for body in plugin.bodies],
        tags=[tag for plugin in plugins for tag in plugin.tags],
    )
    for plugin in plugins:
        for router in plugin.routers:
            # Of what people open in a browser, an unusable query is no reason to show nothing.
            checks = [Depends(refuse_unusable)] if plugin.checks_query else []
            app.include_router(router, dependencies=checks)


@asynccontextmanager
async def _serving(app: FastAPI, catalog: Catalog | None, bus: WorkerBus) -> AsyncIterator[ReleaseWatcher]:
    """Serve the models through ``app``, and load newer releases as they are published."""
    settings: Settings = app.state.settings
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.set_threshold(_GC_THRESHOLD)
    async with AsyncExitStack() as stack:
        # Runs last, so that it sends what the others report as they close.
        stack.callback(lambda: send_the_rest(app.state.lifecycle.until))
        stack.enter_context(app.state.metrics.batches.on_loop())
        watcher = _release_watcher(app, bus, stack)
        stack.callback(watcher.stop)
        watcher.start(catalog or open_catalog(settings))
        await stack.enter_async_context(bus.listening(watcher.handle))
        # Only now, when this worker hears of models that others unload.
        watcher.refresh()
        yield watcher


def _release_watcher(app: FastAPI, bus: WorkerBus, stack: AsyncExitStack) -> ReleaseWatcher:
    """Return the object that loads releases and serves them; its threads end with ``stack``."""
    settings: Settings = app.state.settings
    metrics: Metrics = app.state.metrics
    worker = stack.enter_context(Worker(2, "large"))
    # Each thread keeps the memory that it allocates, so all loading happens in one.
    loader = stack.enter_context(Worker(1, "load"))

    async def tell(change: ReleaseChange) -> None:
        for plugin in app.state.plugins.values():
            if plugin.released:
                await plugin.released(app, change)

    def serving(loaded: Catalog) -> Serving:
        return Serving(loaded, worker, settings.request_seconds, metrics)

    return ReleaseWatcher(
        PublishedReleases.of(settings),
        choose_device(settings.device),
        app.state.lifecycle,
        serving,
        bus,
        metrics,
        loader,
        tell,
    )

"""The application: the one place where things are wired."""

import asyncio
import gc
import logging
import sys
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from importlib.metadata import version

from fastapi import Depends, FastAPI
from fastapi.routing import iter_route_contexts
from fastapi.telemetry import TelemetryConfig
from pydantic import BaseModel

from forecasting.networks.device import choose_device
from forecasting.releases.registry import Registry
from service.api import health, models, recent, training
from service.api import metrics as metrics_route
from service.api.compare import routes as compare
from service.api.compare.schemas import CompareRequest
from service.api.forecast import routes as forecast
from service.api.forecast.schemas import AllLine, FailedAllLine, FailedLine, ForecastLine, ForecastRequest
from service.api.inference import repository as model_repository
from service.api.inference import routes as inference
from service.api.inference.schemas import IndexRequest, InferRequest, LoadRequest
from service.api.openapi import install_openapi
from service.api.pages import docs as docs_page
from service.api.pages import routes as page
from service.api.pages.assets import Assets
from service.api.uploads import routes as series
from service.api.uploads.grid_files import GridFiles
from service.engine.lifecycle import Lifecycle
from service.engine.release_watcher import ReleaseWatcher, open_registry
from service.engine.serving import Serving
from service.engine.statistics import Statistics
from service.engine.worker_bus import WorkerBus
from service.gate.admission import Guard
from service.gate.gate import Gate
from service.gate.keys import read_keys
from service.gate.policy import Access
from service.gate.rate_limit import RateLimiter
from service.http.problems import install_error_handlers
from service.http.query import refuse_unknown
from service.http.security_headers import PAGE_POLICY, security_headers
from service.settings import Settings
from service.telemetry.metrics import Metrics
from service.telemetry.tracing import request_tracer, send_the_rest

logger = logging.getLogger("service")

_SWITCH_SECONDS = 0.0005
"""Of a thread: large requests run in some, and must not hold the event loop's up for long."""

_OBJECTS = 50_000
"""New ones until garbage is looked for: among fewer, the requests of a batch would be found each time."""

_BODIES: Sequence[type[BaseModel]] = (
    ForecastRequest,
    ForecastLine,
    FailedLine,
    AllLine,
    FailedAllLine,
    CompareRequest,
    InferRequest,
    IndexRequest,
    LoadRequest,
)
_RESOURCES = (
    forecast,
    compare,
    training,
    series,
    recent,
    models,
    health,
    inference,
    model_repository,
    metrics_route,
    page,
)

_DESCRIPTION = """Sea-surface temperature forecasts by recurrent networks, with prediction intervals, beside honest
references. Temperatures are °C where not asked for otherwise; times are UTC."""


def create_app(
    settings: Settings,
    registry: Registry | None = None,
    bus: WorkerBus | None = None,
    telemetry: TelemetryConfig | None = None,
) -> Gate:
    """The application for these settings.

    Args:
        settings: what it is set to.
        registry: the models, where they are loaded already; else they are when the application starts.
        bus: reaches the other workers of the service; None: there are none.
        telemetry: FastAPI's: OpenTelemetry providers other than the global ones.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        gate.tracer = request_tracer((telemetry or {}).get("tracer_provider"))
        async with _serving(gate, registry, bus or WorkerBus()) as repository:
            app.state.repository = repository
            yield

    lifecycle = Lifecycle()
    app = FastAPI(
        title="SST forecasting",
        version=version("sst-forecasting"),
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        # A redirect would name whatever host the client's header does.
        redirect_slashes=False,
        lifespan=lifespan,
        telemetry=telemetry,
    )
    app.state.settings = settings
    app.state.lifecycle = lifecycle
    app.state.assets = Assets.find()
    app.state.grid_files = GridFiles()
    install_error_handlers(app)
    install_openapi(app, bodies=_BODIES)
    for resource in _RESOURCES:
        app.include_router(resource.router, dependencies=[] if resource is page else [Depends(refuse_unknown)])
    guard = _guard(settings, app)
    templates = [context.path for context in iter_route_contexts(app.routes) if context.path]
    app.state.metrics = Metrics(templates)
    answers = {"/forecast": forecast.answer} | dict.fromkeys(inference.INFER_PATHS, inference.answer)
    direct = {path: partial(answer, lifecycle, settings) for path, answer in answers.items()}
    streams = {"/forecast": partial(forecast.stream, lifecycle, settings)}
    gate = Gate(app, settings, lifecycle, guard, app.state.metrics, direct, streams, templates)
    return gate


@asynccontextmanager
async def _serving(gate: Gate, registry: Registry | None, bus: WorkerBus) -> AsyncIterator[ReleaseWatcher]:
    """Serve the models through ``gate``, and follow what is published."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.set_threshold(_OBJECTS)
    async with AsyncExitStack() as stack:
        # Last of all, so that it has what the others say at their end.
        stack.callback(lambda: send_the_rest(gate.lifecycle.until))
        stack.enter_context(gate.metrics.batches.on_loop())
        repository = _repository(gate, bus, stack)
        repository.start(registry or open_registry(gate.settings))
        await stack.enter_async_context(bus.listening(repository.hear))
        # Only now: what is withdrawn from here on is heard.
        repository.refresh()
        watching = asyncio.create_task(repository.watch(gate.settings.reload_seconds))
        stack.callback(watching.cancel)
        logger.info("ready: %s", ", ".join(one.metadata.model for one in repository.registry.models))
        yield repository


def _repository(gate: Gate, bus: WorkerBus, stack: AsyncExitStack) -> ReleaseWatcher:
    """What loads releases and puts them to serve, with threads that end with ``stack``."""
    settings, metrics = gate.settings, gate.metrics
    workers = stack.enter_context(ThreadPoolExecutor(2, thread_name_prefix="large"))
    # A thread has memory of its own, which it keeps: loading in any thread of several would fill each.
    loader = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="load"))
    statistics = Statistics()

    def serving(loaded: Registry) -> Serving:
        return Serving(loaded, workers, settings.request_seconds, metrics, statistics)

    return ReleaseWatcher(
        settings.artifacts, choose_device(settings.device), gate.lifecycle, serving, bus, metrics, loader
    )


def _guard(settings: Settings, app: FastAPI) -> Guard:
    """Who may call; and the policies of the pages, whose routes are added to ``app`` here where they need files."""
    return Guard(
        access=Access(settings, read_keys(settings)),
        limiter=RateLimiter(settings.rate_limit),
        headers=security_headers(),
        page_headers={
            page.PATH: security_headers(PAGE_POLICY),
            docs_page.PATH: security_headers(docs_page.install_docs(app, app.state.assets)),
        },
    )

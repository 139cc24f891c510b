"""The application: the one place where things are wired."""

import gc
import logging
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from importlib.metadata import version

import torch
from fastapi import FastAPI
from starlette.types import ASGIApp

from forecasting.registry import Registry, choose_device
from service import docs_page
from service.errors import install_error_handlers
from service.gate import Gate, Guard
from service.keys import read_keys
from service.lifecycle import Lifecycle
from service.openapi import install_openapi
from service.rate_limit import RateLimiter
from service.routes import compare, forecast, health, models
from service.schemas import ForecastRequest
from service.security import Access
from service.security_headers import security_headers, with_cors
from service.serving import Serving
from service.settings import Settings

logger = logging.getLogger("service")

_DESCRIPTION = """Sea-surface temperature forecasts by recurrent networks, with prediction intervals, beside honest
references. Temperatures are °C where not asked for otherwise; times are UTC."""


def open_registry(settings: Settings) -> Registry:
    """Load what ``settings`` name.

    Raises:
        ForecastError: if there is no such device, or a release cannot be used.
    """
    return Registry.open(settings.artifacts, choose_device(settings.device), settings.default_dataset)


def create_app(settings: Settings) -> Gate:
    """The application for these settings; models are loaded when it starts, not before."""
    lifecycle = Lifecycle()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # A second thread makes networks this small slower; a full collection over torch's heap stops all for 90 ms.
        torch.set_num_threads(1)
        with ThreadPoolExecutor(1, thread_name_prefix="large") as workers:
            registry = open_registry(settings)
            lifecycle.serving = Serving(registry, workers, settings.request_seconds, lambda one: lambda *batch: None)
            gc.collect()
            gc.freeze()
            logger.info("ready: %s", ", ".join(forecaster.metadata.model for forecaster in registry.models))
            yield

    app = FastAPI(
        title="SST forecasting",
        version=version("sst-forecasting"),
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.settings = settings
    app.state.lifecycle = lifecycle
    install_error_handlers(app)
    install_openapi(app, bodies=[ForecastRequest])
    for resource in (forecast, compare, models, health):
        app.include_router(resource.router)
    guard = Guard(
        access=Access(settings, read_keys(settings)),
        limiter=RateLimiter(settings.rate_limit),
        headers=security_headers(),
        page_headers={docs_page.PATH: security_headers(docs_page.install_docs(app))},
    )
    return Gate(app, settings, lifecycle, guard, direct={"/forecast": forecast.direct(lifecycle, settings)})


def serve(settings: Settings) -> ASGIApp:
    """What the server calls: the application, and what browsers ask before they call it."""
    # Preflights carry no key, so this stands outside of what checks keys.
    return with_cors(create_app(settings), settings.origins)


def app_from_environment() -> ASGIApp:
    """The application for the settings in the environment: what each worker process starts with."""
    return serve(Settings())

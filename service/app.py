"""The application: the one place where things are wired."""

import gc
import logging
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from importlib.metadata import version

import torch
from fastapi import FastAPI

from forecasting.registry import Registry, choose_device
from service.errors import install_error_handlers
from service.gate import Gate
from service.lifecycle import Lifecycle
from service.openapi import install_openapi
from service.routes import compare, forecast, health, models
from service.schemas import ForecastRequest
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
        lifespan=lifespan,
    )
    app.state.settings = settings
    app.state.lifecycle = lifecycle
    install_error_handlers(app)
    install_openapi(app, bodies=[ForecastRequest])
    for resource in (forecast, compare, models, health):
        app.include_router(resource.router)
    return Gate(app, settings, lifecycle, direct={"/forecast": forecast.direct(lifecycle, settings)})


def app_from_environment() -> Gate:
    """The application for the settings in the environment: what each worker process starts with."""
    return create_app(Settings())

"""The application: the one place where things are wired."""

import gc
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import TypedDict

import torch
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from fastapi.telemetry import TelemetryConfig

from forecasting.registry import Registry, choose_device
from service.body_limit import BodyLimitMiddleware
from service.errors import install_error_handlers
from service.head import HeadMiddleware
from service.metrics import Metrics, loaded_models
from service.openapi import install_openapi
from service.request_id import RequestIdMiddleware
from service.routes import compare, forecast, health, metrics, models
from service.schemas import ForecastRequest
from service.settings import Settings

logger = logging.getLogger("service")

_DESCRIPTION = """Sea-surface temperature forecasts by recurrent networks, with prediction intervals, beside honest
references. Temperatures are °C where not asked for otherwise; times are UTC."""


class State(TypedDict):
    """What lives from start to stop."""

    registry: Registry


def open_registry(settings: Settings) -> Registry:
    """Load what ``settings`` name.

    Raises:
        ForecastError: if there is no such device, or a release cannot be used.
    """
    return Registry.open(settings.artifacts, choose_device(settings.device), settings.default_dataset)


def create_app(settings: Settings, telemetry: TelemetryConfig | None = None) -> FastAPI:
    """The application for these settings; models are loaded when it starts, not before.

    ``telemetry`` is FastAPI's: OpenTelemetry providers other than the global ones.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[State]:
        # A second thread makes networks this small slower; a full collection over torch's heap stops all for 90 ms.
        torch.set_num_threads(1)
        registry = open_registry(settings)
        gc.collect()
        gc.freeze()
        app.state.metrics.models(loaded_models(registry))
        names = ", ".join(forecaster.metadata.model for forecaster in registry.models)
        logger.info("ready: %s", names)
        yield State(registry=registry)

    app = FastAPI(
        title="SST forecasting",
        version=version("sst-forecasting"),
        description=_DESCRIPTION,
        lifespan=lifespan,
        telemetry=telemetry,
    )
    app.state.settings = settings
    app.add_middleware(HeadMiddleware)
    app.add_middleware(BodyLimitMiddleware, limit=settings.max_body_bytes)
    app.add_middleware(RequestIdMiddleware)
    install_error_handlers(app)
    install_openapi(app, bodies=[ForecastRequest])
    for resource in (forecast, compare, models, health, metrics):
        app.include_router(resource.router)
    app.state.metrics = Metrics(context.path or "" for context in iter_route_contexts(app.routes))
    return app


def app_from_environment() -> FastAPI:
    """The application for the settings in the environment: what each worker process starts with."""
    return create_app(Settings())

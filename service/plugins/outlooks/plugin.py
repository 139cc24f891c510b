"""The outlooks of a grid as a plug-in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import FastAPI

from service.plugin import Plugin, Tag
from service.plugins.outlooks.reader import OutlookReader
from service.plugins.outlooks.routes import router
from service.settings import Settings


def _install(app: FastAPI) -> None:
    settings: Settings = app.state.settings
    # Well before the request gets a 504, which would not say what is slow.
    app.state.outlook_reader = OutlookReader(settings.outlooks, patience=settings.request_seconds / 3)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    await app.state.outlook_reader.close()


PLUGIN: Final = Plugin(
    [router],
    tags=[Tag("outlooks", "Show the forecast of a grid on a map, and of each of its cells.")],
    install=_install,
    lifespan=_lifespan,
)

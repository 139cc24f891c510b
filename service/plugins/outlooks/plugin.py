"""The outlooks of a grid as a plug-in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import FastAPI

from service.plugin import Plugin, Tag
from service.plugins.outlooks.reader import OutlookReader
from service.plugins.outlooks.routes import router


def _install(app: FastAPI) -> None:
    app.state.outlook_reader = OutlookReader(app.state.settings.outlooks)


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

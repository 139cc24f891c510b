"""Tables in ``POST /forecast`` as a plug-in: an Arrow stream is answered with one, or with a Parquet file."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import Final

from fastapi import FastAPI

from service.http.paths import Stream
from service.plugin import Plugin
from service.plugins.columns import ARROW_TYPE, PARQUET_TYPE
from service.plugins.columns.streams import ColumnStreams

# It is only imported with the first table: a service that gets none does without its memory.
if find_spec("pyarrow") is None:
    raise ModuleNotFoundError("pyarrow is not installed", name="pyarrow")


def _install(app: FastAPI) -> None:
    app.state.column_streams = ColumnStreams(app.state.lifecycle, app.state.settings)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    await app.state.column_streams.close()


PLUGIN: Final = Plugin(
    streams=[
        Stream(
            "/forecast",
            ARROW_TYPE,
            answer=lambda request: request.app.state.column_streams.respond(request),
            responses=[ARROW_TYPE, PARQUET_TYPE],
            description="An Arrow stream has the columns `id`, `time` and `sst`, and optionally `latitude`, "
            "`longitude`, `air_temperature` and `wind_speed`, one series after another; `Accept` selects the format "
            "of the response: Arrow or Parquet.",
        )
    ],
    install=_install,
    lifespan=_lifespan,
)

"""Metrics for Prometheus."""

import asyncio
import time
from typing import Final

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import PlainTextResponse, Response
from sqlalchemy import Connection

from service.api.dependencies import StationStoreDep
from service.stations.station_store import StationStore
from service.store.database.errors import StoreError
from service.store.deliveries import pending_deliveries
from service.store.fetches import failing_fetches
from service.store.stations import oldest_newest
from service.telemetry.metrics import Metrics
from service.telemetry.station_metrics import StationFigures, station_gauges

router = APIRouter(tags=["metrics"])

_EXAMPLE: Final = 'sst_request_seconds_count{method="POST",route="/forecast",status="200"} 42.0\n'

_STORE_SECONDS: Final = 2
"""How long metrics wait for the database of stations."""


@router.get(
    "/metrics",
    operation_id="getMetrics",
    summary="Get metrics",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/plain": {"example": _EXAMPLE}}}},
)
async def get_metrics(request: Request, store: StationStoreDep) -> Response:
    """Return the metrics of all workers together, in Prometheus's text format."""
    metrics: Metrics = request.app.state.metrics
    gauges = [*station_gauges(await _figures(store), int(time.time()))]
    # Reading the files that the workers share takes milliseconds, during which other requests are served.
    text, media_type = await run_in_threadpool(metrics.exposition, gauges)
    return Response(text, media_type=media_type)


async def _figures(store: StationStore) -> StationFigures | None:
    try:
        return await asyncio.wait_for(store.read(_read), _STORE_SECONDS)
    except (StoreError, TimeoutError):
        return None


def _read(connection: Connection) -> StationFigures:
    pending, oldest_pending = pending_deliveries(connection)
    return StationFigures(*oldest_newest(connection), pending, oldest_pending, failing_fetches(connection))

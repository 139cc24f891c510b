"""Metrics for Prometheus."""

import asyncio
import time
from typing import Final

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import PlainTextResponse, Response

from service.telemetry.metrics import Metrics
from service.telemetry.station_metrics import StationFigures, StoreState, station_gauges

router = APIRouter(tags=["metrics"])

_EXAMPLE: Final = 'sst_request_seconds_count{method="POST",route="/forecast",status="200"} 42.0\n'


@router.get(
    "/metrics",
    operation_id="getMetrics",
    summary="Get metrics",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/plain": {"example": _EXAMPLE}}}},
)
async def get_metrics(request: Request) -> Response:
    """Return the metrics of all workers together, in Prometheus's text format."""
    metrics: Metrics = request.app.state.metrics
    figures: StationFigures | None
    store: StoreState
    figures, store = await asyncio.gather(
        request.app.state.station_store.figures(), request.app.state.write_proof.state()
    )
    gauges = station_gauges(figures, int(time.time()), is_up=figures is not None and store.trouble is None)
    # Reading the files that the workers share takes milliseconds, during which other requests are served.
    text, media_type = await run_in_threadpool(metrics.exposition, [*gauges])
    return Response(text, media_type=media_type)

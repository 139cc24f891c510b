"""Metrics for Prometheus."""

import asyncio
from collections.abc import Mapping
from itertools import chain
from typing import Final

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import PlainTextResponse, Response

from service.plugin import Plugin
from service.telemetry.metrics import Metrics

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
    plugins: Mapping[str, Plugin] = request.app.state.plugins
    further = await asyncio.gather(*[plugin.metrics(request.app) for plugin in plugins.values() if plugin.metrics])
    # Reading the files that the workers share takes milliseconds, during which other requests are served.
    text, media_type = await run_in_threadpool(metrics.exposition, [*chain.from_iterable(further)])
    return Response(text, media_type=media_type)

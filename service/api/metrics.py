"""Metrics for Prometheus."""

from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from service.telemetry.metrics import Metrics

router = APIRouter(tags=["metrics"])

_EXAMPLE: Final = 'sst_request_seconds_count{method="POST",route="/forecast",status="200"} 42.0\n'


# Not async: reading the files that the workers share takes milliseconds, during which other requests are served.
@router.get(
    "/metrics",
    operation_id="getMetrics",
    summary="Get metrics",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/plain": {"example": _EXAMPLE}}}},
)
def get_metrics(request: Request) -> Response:
    """Return the metrics of all workers together, in Prometheus's text format."""
    metrics: Metrics = request.app.state.metrics
    text, media_type = metrics.exposition()
    return Response(text, media_type=media_type)

"""``/events``: events in the past of the caller's series."""

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from forecasting.events.baseline import Kind
from service.api.dependencies import ServingDep, SettingsDep
from service.api.events.handler import find_past_events
from service.api.events.schemas import EXAMPLES, EventsAnswer, EventsRequest
from service.api.openapi import problems, request_body
from service.api.series_request import check_limits, refuse_missing_steps
from service.http.media import require_json

_MEDIA_TYPES: Final = {"json": "application/json", "csv": "text/csv; charset=utf-8"}
_CSV: dict[str, Any] = {"content": {"text/csv": {"schema": {"type": "string"}}}}

router = APIRouter(prefix="/events", tags=["events"])


@router.post(
    "",
    operation_id="listEvents",
    summary="List marine heatwaves or cold spells",
    response_model=EventsAnswer,
    responses={200: _CSV, **problems(400, 413, 415, 422, 503, 504)},
    openapi_extra=request_body(EventsRequest, examples=EXAMPLES),
)
async def post_events(
    request: Request,
    serving: ServingDep,
    settings: SettingsDep,
    kind: Annotated[Kind, Query(description="Heatwaves or cold spells.")] = "marine_heatwave",
    format: Annotated[Literal["json", "csv"], Query(description="The format of the response.")] = "json",
    by_day: Annotated[
        bool,
        Query(description="Whether to return the climatology and the threshold of each day of the year; JSON only."),
    ] = False,
    strict: Annotated[bool, Query(description="Return 422 if any series cannot be used.")] = False,
) -> Response:
    """List the marine heatwaves or cold spells in daily series, as Hobday et al. (2016, 2018) define them.

    The baseline comes from the series, which then needs ten years, or from the request.
    """
    require_json(dict(request.scope["headers"]))
    body = await serving.read_json(EventsRequest, await request.body(), settings.max_series, settings.max_body_bytes)
    check_limits(body.series, settings)
    refuse_missing_steps(body.series)
    most = settings.max_answer_bytes
    content = await find_past_events(serving, body, kind, format, most, by_day=by_day, strict=strict)
    return Response(content, media_type=_MEDIA_TYPES[format])

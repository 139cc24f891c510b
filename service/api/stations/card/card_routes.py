"""``/stations/{id}/card.svg``: a station on a card, to embed in other pages."""

import time
from hashlib import sha256
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from service.api.dependencies import StationStoreDep
from service.api.openapi import problems
from service.api.stations.card.card import card_svg
from service.api.stations.listing import find_station, station_answer
from service.api.stations.station_id import StationId
from service.api.stations.storing import store_problems

router = APIRouter(prefix="/stations/{id}", tags=["stations"])

_MEDIA_TYPE: Final = "image/svg+xml"
_HEADERS: Final = {
    "Cache-Control": "max-age=300",
    # A card is there to be shown by the pages of others, which cannot read its content.
    "Cross-Origin-Resource-Policy": "cross-origin",
}


@router.get(
    "/card.svg",
    operation_id="getStationCard",
    summary="Get a card of a station as a picture",
    response_class=Response,
    responses={
        200: {"content": {_MEDIA_TYPE: {"schema": {"type": "string"}}}, "description": "The card, as SVG."},
        304: {"description": "The card is the one that `If-None-Match` names."},
        **problems(404, 422, 503, 504),
    },
)
async def get_card(request: Request, store: StationStoreDep, id: StationId) -> Response:
    """Get a picture for other pages: the last value, what is usual, the next steps and the last sixty days.

    It follows the light or dark colours of the reader, and holds its content in words for screen readers.
    """
    with store_problems():
        row = await store.read(find_station, id, recent=True)
    content = await store.run(card_svg, station_answer(row), int(time.time()))
    headers = _HEADERS | {"ETag": f'"{sha256(content.encode()).hexdigest()[:24]}"'}
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(content, headers=headers, media_type=_MEDIA_TYPE)

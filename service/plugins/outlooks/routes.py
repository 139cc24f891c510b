"""The routes of ``/outlooks``."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi import Path as InPath
from starlette.responses import Response

from service.api.dependencies import app_state
from service.api.openapi import BYTES, links, problems
from service.http.caching import REVALIDATE, revalidated
from service.plugins.outlooks.folder import LATEST
from service.plugins.outlooks.reader import OutlookReader
from service.plugins.outlooks.schemas import OutlookMaps, OutlookPoint

router = APIRouter(prefix="/outlooks", tags=["outlooks"])

OutlookName = Annotated[
    str, InPath(description="The name of an outlook, or `latest` for the newest.", examples=[LATEST])
]
OutlookReaderDep = Annotated[OutlookReader, app_state("outlook_reader")]
_KEPT_FOR_HOURS: Final = {"Cache-Control": "max-age=14400"}
_STATUSES: Final = problems(404, 422, 503, 504)
_UNCHANGED: Final[dict[int | str, dict[str, Any]]] = {
    304: {"description": "The content is the one that `If-None-Match` names."}
}


@router.get(
    "/{outlook}",
    operation_id="getOutlook",
    summary="Get an outlook",
    response_model=OutlookMaps,
    responses={
        200: {
            "links": links("getOutlookPoint", outlook="$response.body#/id")
            | links(
                "getOutlookRaster",
                outlook="$response.body#/id",
                layer="$response.body#/layers/0/name",
                lead="$response.body#/layers/0/rasters/0/lead",
            )
        },
        **_UNCHANGED,
        **_STATUSES,
    },
)
async def get_outlook(request: Request, reader: OutlookReaderDep, outlook: OutlookName) -> Response:
    """Get what an outlook shows: its days, layers, colours and legends, what is usual, and the paths of its rasters."""
    return revalidated(request, await reader.ask("maps", outlook=outlook), "application/json")


@router.get(
    "/{outlook}/point",
    operation_id="getOutlookPoint",
    summary="Get the forecast of one cell of an outlook",
    response_model=OutlookPoint,
    responses=problems(404, 422, 501, 503, 504),
)
async def get_point(
    reader: OutlookReaderDep,
    outlook: OutlookName,
    latitude: Annotated[float, Query(ge=-90, le=90, description="Degrees north.", examples=[-2.2])],
    longitude: Annotated[float, Query(ge=-180, le=360, description="Degrees east.", examples=[177.3])],
) -> Response:
    """Get values, intervals, references and events of the cell around a position. On land there are none: 404."""
    content = await reader.ask("point", outlook=outlook, latitude=latitude, longitude=longitude)
    return Response(content, media_type="application/json")


@router.get(
    "/{outlook}/{layer}/{lead}.png",
    operation_id="getOutlookRaster",
    summary="Get a layer of an outlook as a picture",
    response_class=Response,
    responses={200: {"content": {"image/png": {"schema": BYTES}}}, **_UNCHANGED, **_STATUSES},
)
async def get_raster(
    request: Request,
    reader: OutlookReaderDep,
    outlook: OutlookName,
    layer: Annotated[str, InPath(description="The name of a layer.", examples=["anomaly"])],
    lead: Annotated[int, InPath(ge=1, description="Days after the last observation.", examples=[1])],
) -> Response:
    """Get one day of a layer: equal degrees between the bounds, from the north; transparent without a forecast."""
    content = await reader.ask("raster", outlook=outlook, layer=layer, lead=lead)
    return revalidated(request, content, "image/png", REVALIDATE if outlook == LATEST else _KEPT_FOR_HOURS)

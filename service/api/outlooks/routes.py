"""The routes of ``/outlooks``."""

import logging
import re
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi import Path as InPath
from pydantic import ValidationError
from starlette.responses import Response

from forecasting.errors import FileError, MissingExtraError, UnknownNameError
from service.api.dependencies import SettingsDep
from service.api.openapi import BYTES, problems
from service.api.outlooks.folder import LATEST, Description, Outlook, find_outlook, newest_first
from service.api.outlooks.schemas import (
    OutlookEvent,
    OutlookHeatStress,
    OutlookInterval,
    OutlookLayer,
    OutlookMaps,
    OutlookPoint,
    OutlookRaster,
    OutlookUsual,
    OutlookWarning,
)
from service.http.caching import REVALIDATE, revalidated
from service.http.problems import ProblemError

logger = logging.getLogger("service")

_SOURCES: Final = {"grid": "series", "period": "series", "position": "position", "file": "baseline"}
_KINDS: Final = {"heatwave": "marine_heatwave", "cold_spell": "marine_cold_spell"}
_REFERENCES: Final = ("persistence", "climatology", "damped", "linear", "usual_change")
router = APIRouter(prefix="/outlooks", tags=["outlooks"])

OutlookName = Annotated[
    str, InPath(description="The name of an outlook, or `latest` for the newest.", examples=[LATEST])
]
_KEPT_FOR_HOURS: Final = {"Cache-Control": "max-age=14400"}
_STATUSES: Final = problems(404, 422, 503, 504)
_UNCHANGED: Final[dict[int | str, dict[str, Any]]] = {
    304: {"description": "The content is the one that `If-None-Match` names."}
}


# These functions are not async: they read files, in a thread.
@router.get(
    "/{outlook}",
    operation_id="getOutlook",
    summary="Get an outlook",
    response_model=OutlookMaps,
    responses=_UNCHANGED | _STATUSES,
)
def get_outlook(request: Request, settings: SettingsDep, outlook: OutlookName) -> Response:
    """Get what an outlook shows: its days, layers, colours and legends, what is usual, and the paths of its rasters."""
    content = _maps(find_outlook(settings.outlooks, outlook), settings.outlooks, outlook).model_dump_json()
    return revalidated(request, content, "application/json")


@router.get(
    "/{outlook}/point",
    operation_id="getOutlookPoint",
    summary="Get the forecast of one cell of an outlook",
    responses=problems(404, 422, 501, 503, 504),
)
def get_point(
    settings: SettingsDep,
    outlook: OutlookName,
    latitude: Annotated[float, Query(ge=-90, le=90, description="Degrees north.", examples=[-2.2])],
    longitude: Annotated[float, Query(ge=-180, le=360, description="Degrees east.", examples=[177.3])],
) -> OutlookPoint:
    """Get values, intervals, references and events of the cell around a position. On land there are none: 404."""
    found = find_outlook(settings.outlooks, outlook)
    try:
        cell = found.grid.cell(latitude, longitude)
        if cell is None:
            west, south, east, north = (f"{edge:g}" for edge in found.description.bounds)
            raise UnknownNameError(
                f"the outlook does not cover this position: choose one from {south} to {north} °N and from {west} to "
                f"{east} °E"
            )
        return _point(found, cell)
    except MissingExtraError as error:
        raise ProblemError(HTTPStatus.NOT_IMPLEMENTED, str(error)) from None
    except (FileError, KeyError, ValidationError) as error:
        logger.warning("outlook %s: %s", found.folder.name, error)
        raise UnknownNameError("the forecasts of this outlook are damaged; make it again with sst outlook") from None


@router.get(
    "/{outlook}/{layer}/{lead}.png",
    operation_id="getOutlookRaster",
    summary="Get a layer of an outlook as a picture",
    response_class=Response,
    responses={200: {"content": {"image/png": {"schema": BYTES}}}, **_UNCHANGED, **_STATUSES},
)
def get_raster(
    request: Request,
    settings: SettingsDep,
    outlook: OutlookName,
    layer: Annotated[str, InPath(description="The name of a layer.", examples=["anomaly"])],
    lead: Annotated[int, InPath(ge=1, description="Days after the last observation.", examples=[1])],
) -> Response:
    """Get one day of a layer: equal degrees between the bounds, from the north; transparent without a forecast."""
    found = find_outlook(settings.outlooks, outlook)
    pictures = found.description.layers.get(layer, [])
    if lead > len(pictures):
        layers = ", ".join(found.description.layers)
        raise UnknownNameError(f"the outlook has the layers {layers}, each for days 1 to {len(found.description.days)}")
    content = (found.folder / pictures[lead - 1].raster).read_bytes()
    return revalidated(request, content, "image/png", REVALIDATE if outlook == LATEST else _KEPT_FOR_HOURS)


def _maps(found: Outlook, folder: Path | None, asked: str) -> OutlookMaps:
    name, known = found.folder.name, found.description
    here = f"/outlooks/{name}"
    layers = [
        OutlookLayer(
            name=layer,
            title=known.titles[layer],
            scale=known.scales[layer],
            rasters=[
                OutlookRaster(lead=picture.lead, day=str(day), text=picture.text, href=f"{here}/{layer}/{lead}.png")
                for lead, (day, picture) in enumerate(zip(known.days, pictures, strict=True), 1)
            ],
        )
        for layer, pictures in known.layers.items()
    ]
    warnings = _warnings(known)
    newest = next(iter(newest_first(folder)), name) if folder is not None and asked == LATEST else name
    if newest != name:
        message = f"the outlook {newest} is damaged, so the one before it is shown; make it again with sst outlook"
        warnings.append(OutlookWarning(code="damaged_outlook", message=message))
    return OutlookMaps(
        id=name,
        bounds=dict(zip(("west", "south", "east", "north"), known.bounds, strict=True)),
        days=list(map(str, known.days)),
        layers=layers,
        point=f"{here}/point",
        title=known.title,
        caption=known.caption,
        warnings=warnings,
        **_identity(known),
    )


def _identity(known: Description) -> dict[str, Any]:
    """Return what an outlook and each of its cells say about their origin."""
    usual = OutlookUsual(years=known.usual.years, source=_SOURCES[known.usual.kind], text=known.usual.text)
    return {"issued": known.issued, "usual": usual, "model": known.summary.model, "version": known.summary.version}


def _warnings(known: Description) -> list[OutlookWarning]:
    warning = known.usual.warning
    return [OutlookWarning(code="coarse_baseline", message=warning)] if warning else []


def _point(found: Outlook, cell: tuple[int, int]) -> OutlookPoint:
    """Return the forecast of a cell.

    Raises:
        UnknownNameError: if it has none.
    """
    grid, known, values = found.grid, found.description, found.read(cell)
    latitude, longitude = float(grid.latitudes[cell[0]]), float((grid.longitudes[cell[1]] + 180) % 360 - 180)
    if values["quality"] == "missing" or None in values["sst"]:
        raise UnknownNameError(
            f"the outlook has no forecast at {latitude:g} °N, {longitude:g} °E: it is land, ice, or has too few "
            "observations; choose a position at sea"
        )
    levels = sorted(int(name[6:]) for name in values if re.fullmatch(r"lower_\d+", name))
    return OutlookPoint(
        outlook=found.folder.name,
        latitude=round(latitude, 4),
        longitude=round(longitude, 4),
        units="celsius",
        step="day",
        timestamps=grid.times,
        sst=values["sst"],
        intervals=[
            OutlookInterval(level=level, lower=values[f"lower_{level}"], upper=values[f"upper_{level}"])
            for level in levels
        ],
        baselines={name: values[name] for name in _REFERENCES if None not in values.get(name, [None])},
        anomaly=values["anomaly"],
        quality=values["quality"],
        events=[
            OutlookEvent(kind=kind, **_fields(values, f"event_{name}_"))
            for name, kind in _KINDS.items()
            if f"event_{name}_state" in values
        ],
        heat_stress=OutlookHeatStress(**heat) if (heat := _fields(values, "event_heat_stress_")) else None,
        warnings=_warnings(known),
        **_identity(known),
    )


def _fields(values: dict[str, Any], prefix: str) -> dict[str, Any]:
    """Return the variables of an event by the names of its fields."""
    return {name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)}

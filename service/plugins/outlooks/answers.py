"""What ``/outlooks`` answers, made from the folder of outlooks."""

import logging
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from pydantic import ValidationError

from forecasting.errors import FileError, UnknownNameError
from forecasting.events.heat_stress import FIRST_ACTIVE_LEVEL, LEVEL_PROBABILITIES, LEVELS
from forecasting.qartod import NOT_EVALUATED
from forecasting.references.baselines import REFERENCES
from forecasting.series.times import DAY, seconds_of
from forecasting.series.timestep import TimeStep
from service.api.place_summary import LEVEL, Ahead, Newest, Place, PlaceEvent, Summary, summarize
from service.engine.event_state import HEAT_STRESS, EventStatus
from service.plugins.outlooks.folder import LATEST, Description, Outlook, find_outlook, newest_first
from service.plugins.outlooks.schemas import (
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

logger = logging.getLogger("service")

_KINDS: Final = {"heatwave": "marine_heatwave", "cold_spell": "marine_cold_spell"}
_UNKNOWN: Final = EventStatus(None, error="the cell has no baseline")
_DAMAGED: Final = "are damaged; make it again with sst outlook"


def maps(folder: Path, outlook: str) -> bytes:
    """Return what an outlook shows, as JSON."""
    return _maps(find_outlook(folder, outlook), outlook).model_dump_json().encode()


def point(folder: Path, outlook: str, latitude: float, longitude: float) -> bytes:
    """Return the forecast of the cell around a position, as JSON."""
    found = find_outlook(folder, outlook)
    try:
        cell = found.grid.cell(latitude, longitude)
        if cell is None:
            west, south, east, north = (f"{edge:g}" for edge in found.description.bounds)
            raise UnknownNameError(
                f"the outlook does not cover this position: choose one from {south} to {north} °N and from {west} to "
                f"{east} °E"
            )
        return _point(found, cell).model_dump_json().encode()
    except (FileError, OSError, KeyError, ValidationError) as error:
        logger.warning("outlook %s: %s", found.name, error)
        raise UnknownNameError(f"the forecasts of this outlook {_DAMAGED}") from None


def raster(folder: Path, outlook: str, layer: str, lead: int) -> bytes:
    """Return a layer on one day, as PNG."""
    found = find_outlook(folder, outlook)
    pictures = found.description.layers.get(layer, [])
    if lead > len(pictures):
        layers = ", ".join(found.description.layers)
        raise UnknownNameError(f"the outlook has the layers {layers}, each for days 1 to {len(found.description.days)}")
    try:
        return found.raster(pictures[lead - 1].raster)
    except (FileError, OSError) as error:
        logger.warning("outlook %s: %s", found.name, error)
        raise UnknownNameError(f"the maps of this outlook {_DAMAGED}") from None


def _maps(found: Outlook, asked: str) -> OutlookMaps:
    name, known = found.name, found.description
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
    newest = next(iter(newest_first(found.folder)), name) if asked == LATEST else name
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
    usual = OutlookUsual(text=known.usual.text, **known.usual.at().basis)
    return {"issued": known.issued, "usual": usual, "model": known.summary.model, "version": known.summary.version}


def _warnings(known: Description) -> list[OutlookWarning]:
    warning = known.usual.warning
    return [OutlookWarning(code="coarse_baseline", message=warning)] if warning else []


def _point(found: Outlook, cell: tuple[int, int]) -> OutlookPoint:
    """Return the forecast of a cell."""
    grid, known, values = found.grid, found.description, found.read(cell)
    latitude, longitude = float(grid.latitudes[cell[0]]), float((grid.longitudes[cell[1]] + 180) % 360 - 180)
    if values["quality"] == "missing" or None in values["sst"]:
        raise UnknownNameError(
            f"the outlook has no forecast at {latitude:g} °N, {longitude:g} °E: it is land, ice, or has too few "
            "observations; choose a position at sea"
        )
    events = [
        OutlookEvent(kind=kind, **_fields(values, f"event_{name}_"))
        for name, kind in _KINDS.items()
        if f"event_{name}_state" in values
    ]
    levels = sorted(int(name[6:]) for name in values if re.fullmatch(r"lower_\d+", name))
    return OutlookPoint(
        outlook=found.name,
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
        baselines={name: values[name] for name in REFERENCES if None not in values.get(name, [None])},
        anomaly=values["anomaly"],
        quality=values["quality"],
        events=events,
        heat_stress=OutlookHeatStress(**heat) if (heat := _fields(values, "event_heat_stress_")) else None,
        summary=_summary(found, values, events),
        warnings=_warnings(known),
        **_identity(known),
    )


def _summary(found: Outlook, values: dict[str, Any], events: Sequence[OutlookEvent]) -> Summary:
    """Return what is said about a cell; its newest value is the one that persistence repeats."""
    known, sst = found.description, next(iter(values.get("persistence", ())), None)
    intensity = next((event.intensity for event in events if event.intensity is not None), None)
    place = Place(
        step=TimeStep(DAY),
        units="celsius",
        newest=None if sst is None else Newest(seconds_of(known.issued), sst, NOT_EVALUATED),
        ahead=Ahead(
            found.grid.times, values["sst"], values.get(f"lower_{LEVEL}", ()), values.get(f"upper_{LEVEL}", ())
        ),
        usual=None if sst is None or intensity is None else known.usual.at(round(sst - intensity, 6)),
        events=[
            *(PlaceEvent.of(event.kind, event.kind, _marine(event, known.issued)) for event in events),
            *(PlaceEvent.of(HEAT_STRESS, HEAT_STRESS, state) for state in _heat_stress(values)),
        ],
    )
    return summarize(place, int(time.time()))


def _marine(event: OutlookEvent, issued: str) -> EventStatus:
    if event.state is None:
        return _UNKNOWN
    since = None if not event.days else str(np.datetime64(issued[:10]) - (int(event.days) - 1))
    category = None if event.category in (None, "no_event") else str(event.category).capitalize()
    state = {"active": event.state == "active", "since": since, "category": category}
    return EventStatus.of(event.model_dump() | {"state": state})


def _heat_stress(values: dict[str, Any]) -> Iterator[EventStatus]:
    """Yield the state of heat stress, if there is one; only of two levels is the probability of more known."""
    alert = values.get("event_heat_stress_alert", "")
    for level, name in enumerate(LEVELS):
        if name.lower().replace(" ", "_") == alert:
            column = LEVEL_PROBABILITIES.get(next(iter(LEVELS[level + 1 :]), name), "")
            above = [each for each in values.get(f"event_heat_stress_{column}", ()) if each is not None]
            yield EventStatus(level >= FIRST_ACTIVE_LEVEL, None, name, max(above, default=None))
    if alert is None:
        yield _UNKNOWN


def _fields(values: dict[str, Any], prefix: str) -> dict[str, Any]:
    """Return the variables of an event by the names of its fields."""
    return {name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)}

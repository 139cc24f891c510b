"""``POST /summary``: what is said about places whose series are not stored."""

import time
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from fastapi import APIRouter, Request
from orjson import loads
from pydantic import BaseModel

from forecasting.climatology.usual import Usual
from forecasting.errors import RequestError, SeriesError
from forecasting.models.base import ALL
from forecasting.qartod import NOT_EVALUATED
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import iso, seconds_of
from forecasting.series.units import Units, from_celsius
from service.api.dependencies import ServingDep, SettingsDep
from service.api.forecast.handler import job_of
from service.api.forecast.schemas import ForecastRequest
from service.api.openapi import problems, request_body
from service.api.place_summary import (
    LEVEL,
    Newest,
    Place,
    PlaceEvent,
    Summary,
    SummaryAccuracy,
    ahead_of,
    known_usual,
    summarize,
)
from service.api.series_request import DAILY_VALUES, SeriesFailure
from service.engine.event_state import EventStatus
from service.engine.reading import read_each, sentence, series_ids
from service.http.bodies import require_json

EXAMPLES: Final[dict[str, Any]] = {
    "limit": {
        "summary": "Sixty days, and a limit to watch",
        "value": {
            "events": [{"name": "net washing", "above": 22.0}],
            "series": [{"id": "pier", "start": "2026-04-01", "step": "day", "values": [*DAILY_VALUES]}],
        },
    }
}
"""Examples of a JSON body, for OpenAPI."""


class PlaceSummary(Summary):
    """What is said about the place of one series."""

    id: str


class SummaryAnswer(BaseModel):
    """What is said about the place of each series, in the order of the request."""

    units: Units
    summaries: list[PlaceSummary | SeriesFailure]


router = APIRouter(prefix="/summary", tags=["forecast"])


@router.post(
    "",
    operation_id="summarizeSeries",
    summary="Summarize your series",
    responses=problems(400, 404, 413, 415, 422, 503, 504),
    openapi_extra=request_body(ForecastRequest, examples=EXAMPLES),
)
async def post_summary(request: Request, serving: ServingDep, settings: SettingsDep) -> SummaryAnswer:
    """Say about each of your series what `summary` in `GET /stations/{id}` says about a station.

    The body is that of `POST /forecast`, without `model` `all`. Nothing is stored.
    """
    require_json(dict(request.scope["headers"]))
    body = await serving.read_json(ForecastRequest, await request.body(), settings.max_series, settings.max_body_bytes)
    if body.model == ALL:
        raise RequestError("a summary has one model: name it, or leave the choice to best", field="model")
    job = job_of(serving, settings, body.model_copy(update={"levels": (LEVEL,)}))
    found: list[bytes | SeriesError] = []
    await serving.forecast(job, lambda columns: found.extend(columns[0].entries))
    read = await serving.worker.run(read_each, body.series, body.units, None, 0, lambda _: None)
    now = int(time.time()) if job.options.as_of is None else job.options.as_of
    kinds = {event.name: event.kind for event in body.events or ()}
    summaries = list[PlaceSummary | SeriesFailure]()
    for name, entry, series in zip(series_ids(body.series), found, read.each(), strict=True):
        if isinstance(entry, SeriesError):
            summaries.append(SeriesFailure(id=name, error=sentence(entry)))
        elif isinstance(series, SeriesError):
            summaries.append(SeriesFailure(id=name, error=sentence(series)))
        else:
            place = place_of(loads(b"{" + entry), series, body.units, kinds)
            summaries.append(PlaceSummary(id=name, **dict(summarize(place, now))))
    return SummaryAnswer(units=body.units, summaries=summaries)


def place_of(entry: dict[str, Any], series: SstSeries, units: Units, kinds: Mapping[str, str]) -> Place:
    """Return what the forecast of a series tells of its place."""
    last = int(np.flatnonzero(np.isfinite(series.values))[-1])
    usual = known_usual(entry)
    return Place(
        step=series.step,
        units=units,
        newest=Newest(
            seconds_of(iso(series.times[last])),
            round(float(from_celsius(series.values[last], units)), 6),
            NOT_EVALUATED,
        ),
        ahead=ahead_of(entry),
        usual=None if usual is None else Usual(**usual),
        events=[
            PlaceEvent.of(event["name"], kinds[event["name"]], EventStatus.of(event))
            for event in entry.get("events", ())
        ],
        accuracy=_accuracy(entry),
    )


def _accuracy(entry: dict[str, Any]) -> SummaryAccuracy | None:
    chosen = entry.get("chosen")
    if chosen is None or chosen["by"] != "own_past":
        return None
    rmse = chosen["rmse"]
    return SummaryAccuracy(
        by="backtest",
        n=chosen["origins"],
        rmse=rmse[entry["model"]],
        persistence_rmse=rmse.get("persistence"),
    )

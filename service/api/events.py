"""``/events``: marine heatwaves and cold spells in the past of the caller's series."""

import csv
import io
from collections.abc import Sequence
from math import isfinite
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request
from orjson import dumps
from pydantic import BaseModel, Field
from starlette.responses import Response

from forecasting.errors import RequestError, SeriesError
from forecasting.events.baseline import DAYS, PERCENTILES, Baseline, Kind
from forecasting.events.detection import Category, find_events
from forecasting.events.event_json import past_event_json
from forecasting.events.outlook import GivenBaseline, baseline_for
from forecasting.forecasts.options import InputUnits
from forecasting.requests import RequestModel
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import DAY
from forecasting.series.timestep import TimeStep, in_words
from forecasting.series.units import Units, from_celsius
from service.api.dependencies import ServingDep, SettingsDep
from service.api.openapi import problems, request_body
from service.api.series_request import ClimatologyBasis, Day, SeriesFailure, SeriesWarning, refuse_failures
from service.engine.events import given_baseline, position_of, refuse_inverted
from service.engine.reading import (
    AnyBaseline,
    InputSeries,
    check_limits,
    read_each,
    refuse_missing_steps,
    sentence,
    series_ids,
)
from service.engine.serving import Serving
from service.http.bodies import require_json


class EventsRequest(RequestModel):
    """The series to find events in."""

    units: InputUnits = "celsius"
    baseline: AnyBaseline | None = Field(
        default=None, description="The baseline of every series without its own. Defaults to the whole series."
    )
    series: list[InputSeries] = Field(min_length=1, fail_fast=True, description="The daily series, at least one.")


class PastEvent(BaseModel):
    """A marine heatwave or cold spell. Intensities are relative to the climatology, and negative in cold spells."""

    start: Day
    end: Day
    peak: Day = Field(description="The day of the greatest intensity.")
    days: int
    intensity_mean: float
    intensity_max: float
    intensity_cumulative: float = Field(description="The sum over the days.")
    rate_onset: float = Field(description="The increase in magnitude from the start to the peak, per day.")
    rate_decline: float = Field(description="The decrease in magnitude from the peak to the end, per day.")
    category: Category = Field(
        description="The category at the peak, by multiples of the threshold minus the climatology."
    )


class BaselinePeriod(BaseModel):
    """The first and the last day of the baseline."""

    start: Day
    end: Day


class BaselineByDay(BaseModel):
    """The values of a baseline from 1 January to 31 December of a leap year; null for a day without observations."""

    climatology: list[float | None] = Field(description="The usual SST.")
    threshold: list[float | None] = Field(description="The SST beyond which a day is extreme.")


class SeriesEvents(BaseModel):
    """The events of one series, in chronological order."""

    id: str
    events: list[PastEvent]
    baseline: BaselinePeriod | None = Field(description="Null for a given climatology and threshold, or a position.")
    usual: ClimatologyBasis = Field(description="What the climatology, which intensities are relative to, rests on.")
    warnings: list[SeriesWarning]
    by_day: BaselineByDay | None = Field(
        default=None,
        description="The baseline for each day of the year, in the form of a request's `baseline`; only with `by_day`.",
    )


class EventsAnswer(BaseModel):
    """The events of each series, in the order of the request."""

    kind: Kind
    units: Units
    series: list[SeriesEvents | SeriesFailure]


EXAMPLES: Final[dict[str, Any]] = {
    "givenBaseline": {
        "summary": "Twelve days, with a given climatology and threshold",
        "value": {
            "baseline": {"climatology": [18.0] * DAYS, "threshold": [20.0] * DAYS},
            "series": [
                {
                    "id": "pier",
                    "start": "2025-07-01",
                    "step": "day",
                    "values": [19.1, 20.4, 21.3, 22.6, 23.0, 22.1, 20.9, 19.8, 20.3, 19.5, 19.2, 18.8],
                }
            ],
        },
    }
}
"""Examples of a JSON body, for OpenAPI."""


_DAILY: Final = TimeStep(DAY)
_DECIMALS: Final = 4
_COLUMNS: Final = ("id", *PastEvent.model_fields, "warnings", "error")

_Part = tuple[bytes, SeriesError | None]
"""What the response has of a series, and its error if it cannot be used."""


async def find_past_events(
    serving: Serving,
    request: EventsRequest,
    kind: Kind,
    format: Literal["json", "csv"],
    max_bytes: int,
    *,
    by_day: bool,
    strict: bool,
) -> bytes:
    """Return the JSON of an :class:`~service.api.events.EventsAnswer`, or CSV with a row for each event."""

    def part_of(series_id: str, series: SstSeries | SeriesError, sent: InputSeries) -> _Part:
        entry: SeriesEvents | SeriesFailure
        try:
            if isinstance(series, SeriesError):
                raise series
            position = position_of(sent.latitude, sent.longitude)
            given = given_baseline(sent.baseline or request.baseline, request.units, position)
            entry, failure = _events(series_id, series, given, kind, request.units), None
        except SeriesError as error:
            entry, failure = SeriesFailure(id=series_id, error=sentence(error)), error
        if format == "csv":
            return _csv_rows(_rows(entry)), failure
        return entry.model_dump_json(exclude=None if by_day else {"by_day"}).encode(), failure

    ids = series_ids(request.series)
    read = await serving.worker.run(read_each, request.series, request.units, None, 0, _refused_step)
    parts, failures, size = list[bytes](), list[SeriesError | None](), 0
    for name, series, sent in zip(ids, read.each(), request.series, strict=True):
        # In turns, so that other large requests get theirs and a cancelled one ends soon.
        part, failure = await serving.worker.run(part_of, name, series, sent)
        parts.append(part)
        failures.append(failure)
        size += len(part)
        if size > max_bytes:
            raise RequestError(
                f"the response would be larger than {max_bytes} bytes: send fewer or shorter series", field="series"
            )
    if strict:
        refuse_failures(ids, failures)
    if format == "csv":
        return _csv_rows([_COLUMNS]) + b"".join(parts)
    head = dumps({"kind": kind, "units": request.units})[:-1]
    return head + b',"series":[' + b",".join(parts) + b"]}"


def _rows(entry: SeriesEvents | SeriesFailure) -> list[list[object]]:
    """Return the rows of a series in CSV: one for each event, or one with its error."""
    if isinstance(entry, SeriesFailure):
        return [[entry.id, *[None] * (len(_COLUMNS) - 2), entry.error]]
    codes = " ".join(warning.code for warning in entry.warnings)
    return [[entry.id, *event.model_dump().values(), codes, None] for event in entry.events]


def _csv_rows(rows: Sequence[Sequence[object]]) -> bytes:
    output = io.StringIO()
    csv.writer(output, lineterminator="\n").writerows(rows)
    return output.getvalue().encode()


def _refused_step(step: TimeStep) -> SeriesError | None:
    if step == _DAILY:
        return None
    return SeriesError(
        f"the step is {in_words(str(step))}, but marine heatwaves and cold spells are defined for daily values: send "
        "daily means"
    )


def _events(series_id: str, series: SstSeries, given: GivenBaseline, kind: Kind, units: Units) -> SeriesEvents:
    if isinstance(given, Baseline):
        refuse_inverted(given, kind)
        baseline = given
    else:
        baseline = baseline_for(series, given, PERCENTILES[kind])
    events = find_events(series, baseline, kind)
    period = None
    if baseline.period is not None:
        period = BaselinePeriod(start=str(baseline.period.start), end=str(baseline.period.end))
    warnings = [SeriesWarning(code=warning.code, message=warning.message) for warning in baseline.warnings]
    written = [PastEvent(**past_event_json(event, units)) for event in events]
    return SeriesEvents(
        id=series_id,
        events=written,
        baseline=period,
        usual=ClimatologyBasis(**baseline.usual.basis),
        warnings=warnings,
        by_day=_by_day(baseline, units),
    )


def _by_day(baseline: Baseline, units: Units) -> BaselineByDay:
    climatology, threshold = (
        [round(value, _DECIMALS) if isfinite(value) else None for value in from_celsius(celsius, units).tolist()]
        for celsius in (baseline.climatology, baseline.threshold)
    )
    return BaselineByDay(climatology=climatology, threshold=threshold)


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

    The baseline comes from the series, which then needs ten years, from the request, or from the position.
    """
    require_json(dict(request.scope["headers"]))
    body = await serving.read_json(EventsRequest, await request.body(), settings.max_series, settings.max_body_bytes)
    check_limits(body.series, settings)
    refuse_missing_steps(body.series)
    most = settings.max_answer_bytes
    content = await find_past_events(serving, body, kind, format, most, by_day=by_day, strict=strict)
    return Response(content, media_type=_MEDIA_TYPES[format])

"""Answer ``POST /events``: find the events of each series."""

import csv
import io
from collections.abc import Sequence
from math import isfinite
from typing import Final, Literal, NamedTuple

from orjson import dumps

from forecasting.errors import RequestError, SeriesError
from forecasting.events.baseline import Baseline, Kind
from forecasting.events.detection import find_events
from forecasting.events.event_json import past_event_json
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import DAY
from forecasting.series.timestep import TimeStep, in_words
from forecasting.series.units import Units, from_celsius
from service.api.events.schemas import BaselineByDay, BaselinePeriod, EventsRequest, PastEvent, SeriesEvents
from service.api.series_request import ClimatologyBasis, SeriesFailure, SeriesWarning, refuse_failures, series_ids
from service.engine.events import given_baseline, refuse_inverted
from service.engine.reading import read_each, sentence
from service.engine.series_schema import InputBaseline
from service.engine.serving import Serving

_DAILY: Final = TimeStep(DAY)
_DECIMALS: Final = 4
_COLUMNS: Final = ("id", *PastEvent.model_fields, "error")


class EventsJob(NamedTuple):
    """The work of one request.

    Attributes:
        request: the series and baselines.
        kind: of event.
        format: of the answer.
        max_bytes: largest answer.
        by_day: whether the answer has the values of each baseline.
    """

    request: EventsRequest
    kind: Kind
    format: Literal["json", "csv"]
    max_bytes: int
    by_day: bool = False
    strict: bool = False


async def answer_events(serving: Serving, job: EventsJob) -> bytes:
    """Return the JSON of an :class:`~service.api.events.schemas.EventsAnswer`, or CSV with a row for each event.

    Raises:
        RequestError: if the answer would be too large.
        ProblemError: 422 if ``strict`` and a series cannot be used.
    """
    request, ids = job.request, series_ids(job.request.series)
    parsed = await serving.run_in_worker(read_each, request.series, request.units, None, 0, _refused_step)
    parts, failures, size = list[bytes](), list[SeriesError | None](), 0
    for i, series in enumerate(parsed):
        # In turns, so that other large requests get theirs and a cancelled one ends soon.
        part, failure = await serving.run_in_worker(_part, job, i, ids[i], series)
        failures.append(failure)
        size += len(part)
        if size > job.max_bytes:
            raise RequestError(
                f"the response would be larger than {job.max_bytes} bytes: send fewer or shorter series", field="series"
            )
        parts.append(part)
    if job.strict:
        refuse_failures(ids, failures)
    if job.format == "csv":
        return _csv_rows([_COLUMNS]) + b"".join(parts)
    head = dumps({"kind": job.kind, "units": request.units})[:-1]
    return head + b',"series":[' + b",".join(parts) + b"]}"


def _part(job: EventsJob, i: int, series_id: str, series: SstSeries | SeriesError) -> tuple[bytes, SeriesError | None]:
    """Return the part of the answer for the ``i``-th series, and its error if it has one."""
    given = job.request.series[i].baseline or job.request.baseline
    try:
        if isinstance(series, SeriesError):
            raise series
        events = _events(series_id, series, given, job.kind, job.request.units)
    except SeriesError as error:
        failure = SeriesFailure(id=series_id, error=sentence(error))
        if job.format == "json":
            return failure.model_dump_json().encode(), error
        return _csv_rows([[series_id, *[None] * (len(_COLUMNS) - 2), failure.error]]), error
    if job.format == "json":
        return events.model_dump_json(exclude=None if job.by_day else {"by_day"}).encode(), None
    return _csv_rows([[series_id, *event.model_dump().values(), None] for event in events.events]), None


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


def _events(series_id: str, series: SstSeries, given: InputBaseline | None, kind: Kind, units: Units) -> SeriesEvents:
    baseline = given_baseline(given, units)
    if isinstance(baseline, Baseline):
        refuse_inverted(baseline, kind)
    else:
        baseline = Baseline.fit(series, kind, baseline)
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

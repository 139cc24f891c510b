"""Find the events in the past of each series, for ``POST /events``."""

import csv
import io
from collections.abc import Sequence
from math import isfinite
from typing import Final, Literal

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
    """Return the JSON of an :class:`~service.api.events.schemas.EventsAnswer`, or CSV with a row for each event.

    Raises:
        RequestError: if that would be more than ``max_bytes``.
        ProblemError: 422 if ``strict`` and a series cannot be used.
    """

    def part_of(series_id: str, series: SstSeries | SeriesError, given: InputBaseline | None) -> _Part:
        entry: SeriesEvents | SeriesFailure
        try:
            if isinstance(series, SeriesError):
                raise series
            entry, failure = _events(series_id, series, given, kind, request.units), None
        except SeriesError as error:
            entry, failure = SeriesFailure(id=series_id, error=sentence(error)), error
        if format == "csv":
            return _csv_rows(_rows(entry)), failure
        return entry.model_dump_json(exclude=None if by_day else {"by_day"}).encode(), failure

    ids = series_ids(request.series)
    parsed = await serving.run_in_worker(read_each, request.series, request.units, None, 0, _refused_step)
    parts, failures, size = list[bytes](), list[SeriesError | None](), 0
    for name, series, sent in zip(ids, parsed, request.series, strict=True):
        # In turns, so that other large requests get theirs and a cancelled one ends soon.
        part, failure = await serving.run_in_worker(part_of, name, series, sent.baseline or request.baseline)
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
    return [[entry.id, *event.model_dump().values(), None] for event in entry.events]


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

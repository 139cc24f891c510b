"""Answer ``POST /events``: find the events of each series."""

import csv
import io
from typing import Final

import numpy as np

from forecasting.errors import SeriesError
from forecasting.events.baseline import Baseline, Kind, Period
from forecasting.events.detection import Event, find_events
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import DAY, Floats, parse_time
from forecasting.series.timestep import TimeStep, in_words
from forecasting.series.units import Units, from_celsius, to_celsius
from service.api.events.schemas import (
    BaselinePeriod,
    EventOut,
    EventsAnswer,
    EventsRequest,
    InputBaseline,
    SeriesEvents,
)
from service.api.series_request import SeriesFailure, SeriesWarning, series_ids
from service.engine.step_reading import read_each
from service.engine.writing import sentence

_DAILY: Final = TimeStep(DAY)
_DECIMALS: Final = 4
_COLUMNS: Final = ("id", *EventOut.model_fields, "error")


def answer_events(request: EventsRequest, kind: Kind) -> EventsAnswer:
    """Find the events of each series of a request."""
    parsed = read_each(request.series, request.units, None, 0, _refused_step)
    ids = series_ids(request.series)
    answers: list[SeriesEvents | SeriesFailure] = []
    for series_id, given, series in zip(ids, request.series, parsed, strict=True):
        try:
            if isinstance(series, SeriesError):
                raise series
            answers.append(_events(series_id, series, given.baseline or request.baseline, kind, request.units))
        except SeriesError as error:
            answers.append(SeriesFailure(id=series_id, error=sentence(error)))
    return EventsAnswer(kind=kind, units=request.units, series=answers)


def events_csv(answer: EventsAnswer) -> str:
    """Return a row for each event, after the ID of its series. A series that failed has one row, with its error."""
    output = io.StringIO()
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for series in answer.series:
        if isinstance(series, SeriesFailure):
            writer.writerow([series.id, *[None] * (len(_COLUMNS) - 2), series.error])
        else:
            writer.writerows([series.id, *event.model_dump().values(), None] for event in series.events)
    return output.getvalue()


def _refused_step(step: TimeStep) -> SeriesError | None:
    if step == _DAILY:
        return None
    return SeriesError(
        f"the step is {in_words(str(step))}, and marine heatwaves and cold spells are defined for daily values: send "
        "daily means"
    )


def _events(series_id: str, series: SstSeries, given: InputBaseline | None, kind: Kind, units: Units) -> SeriesEvents:
    baseline = _baseline(series, given, kind, units)
    events = find_events(series, baseline, kind)
    period, warnings = None, []
    if baseline.period is not None:
        period = BaselinePeriod(start=_day(baseline.period.start), end=_day(baseline.period.end))
        if baseline.is_short:
            years = f"{baseline.period.years:.0f} years"
            message = (
                f"The baseline covers {years}; thirty are recommended. Thresholds and categories are less certain."
            )
            warnings.append(SeriesWarning(code="short_baseline", message=message))
    written = [_written(event, units) for event in events]
    return SeriesEvents(id=series_id, events=written, baseline=period, warnings=warnings)


def _baseline(series: SstSeries, given: InputBaseline | None, kind: Kind, units: Units) -> Baseline:
    """Return the baseline that the request gives, or one of the series.

    Raises:
        SeriesError: if the baseline is incomplete or contradicts itself, or the series is too short for one.
    """
    if given is None:
        return Baseline.fit(series, kind)
    if (given.climatology is None) != (given.threshold is None):
        raise SeriesError("the baseline needs both climatology and threshold, or neither")
    if (given.start is None) != (given.end is None):
        raise SeriesError("the baseline needs both start and end, or neither")
    if given.climatology is None or given.threshold is None:
        return Baseline.fit(series, kind, _period(given))
    if given.start is not None:
        raise SeriesError("the baseline has a period and a climatology: give one of them")
    climatology, threshold = (to_celsius(values, units) for values in (given.climatology, given.threshold))
    _refuse_inverted(climatology, threshold, kind)
    return Baseline(climatology, threshold)


def _period(given: InputBaseline) -> Period | None:
    if given.start is None or given.end is None:
        return None
    start, end = parse_time(given.start), parse_time(given.end)
    if end < start:
        raise SeriesError(f"the baseline ends before it starts: {given.start} to {given.end}")
    return Period(start, end)


def _refuse_inverted(climatology: Floats, threshold: Floats, kind: Kind) -> None:
    difference = threshold - climatology
    beyond, word = (difference, "above") if kind == "marine_heatwave" else (-difference, "below")
    if (beyond <= 0).any():
        i = int((beyond <= 0).argmax())
        raise SeriesError(f"baseline: threshold[{i}] is not {word} climatology[{i}], as a {kind} needs it to be")


def _written(event: Event, units: Units) -> EventOut:
    scale = float(from_celsius(1.0, units) - from_celsius(0.0, units))

    def degrees(celsius: float) -> float:
        return round(celsius * scale, _DECIMALS)

    return EventOut(
        start=_day(event.start),
        end=_day(event.end),
        peak=_day(event.peak),
        days=event.days,
        intensity_mean=degrees(event.intensity_mean),
        intensity_max=degrees(event.intensity_max),
        intensity_cumulative=degrees(event.intensity_cumulative),
        rate_onset=degrees(event.rate_onset),
        rate_decline=degrees(event.rate_decline),
        category=event.category,
    )


def _day(time: np.datetime64) -> str:
    return str(time.astype("datetime64[D]"))

"""The events that a comparison asks for, and how well they were forecast."""

from dataclasses import replace

from forecasting.errors import RequestError, SeriesError
from forecasting.evaluation.events import RequestedEvents, Verified
from forecasting.evaluation.report import EventReport
from forecasting.events.baseline import Baseline, Period
from forecasting.events.definitions import ThresholdEvent
from forecasting.events.event_schema import definitions_of
from forecasting.scores.events import EventScore
from forecasting.series.units import Units
from forecasting.wording import counted
from service.api.compare.schemas import CompareRequest, EventVerification, EventVerificationFailure
from service.engine.events import read_baseline
from service.engine.options import MAX_EVENT_HORIZON
from service.engine.reading import sentence
from service.engine.series_schema import InputBaseline


def threshold_events(request: CompareRequest, horizon: int) -> tuple[ThresholdEvent, ...]:
    """Return the events of a request in °C, with the number of leads that each considers.

    Args:
        request: of a comparison.
        horizon: the lead that is scored, which an event considers unless it says how many.

    Raises:
        RequestError: if an event looks too far ahead, or has a temperature that no sea has.
    """
    definitions = definitions_of(request.events, MAX_EVENT_HORIZON, request.units)
    events = tuple(
        replace(event, within=event.within or max(event.duration, horizon))
        for event in definitions
        if isinstance(event, ThresholdEvent)
    )
    check_reach(events, MAX_EVENT_HORIZON, "a comparison")
    return events


def check_reach(events: tuple[ThresholdEvent, ...], leads: int, forecaster: str) -> None:
    """Raise RequestError if an event considers more than the ``leads`` that ``forecaster`` forecasts."""
    for i, event in enumerate(events):
        if (event.within or 1) > leads:
            raise RequestError(
                f"events[{i}] looks {counted(event.within or 1, 'step')} ahead, but {forecaster} reaches only {leads}: "
                f"set within to at most {leads}",
                field=f"events[{i}].within",
            )


def reach_of(events: tuple[ThresholdEvent, ...], horizon: int) -> int:
    """Return the last lead that has to be forecast for ``events``, and for the lead that is scored."""
    return max([horizon, *(event.within or 1 for event in events)])


def requested_events(
    events: tuple[ThresholdEvent, ...], baseline: InputBaseline | None, units: Units
) -> RequestedEvents:
    """Return the events to verify on a series with this ``baseline``, whose temperatures are in ``units``."""
    known: Baseline | Period | SeriesError | None
    try:
        known = read_baseline(baseline, units)
    except SeriesError as error:
        known = error
    return RequestedEvents(events, known)


def verifications(verified: Verified, cell: str) -> list[EventVerification | EventVerificationFailure] | None:
    """Return the scores of one network, in the order of the request; None if no event was asked for."""
    rows = [
        EventVerificationFailure(name=name, error=sentence(event))
        if isinstance(event, SeriesError)
        else _verification(name, event.score(cell))
        for name, event in verified.items()
    ]
    return rows or None


def reported_events(events: tuple[EventReport, ...]) -> list[EventVerification | EventVerificationFailure] | None:
    """Return the scores that a release records; None if it has none."""
    return [_verification(event.description, event.score) for event in events] or None


def _verification(name: str, score: EventScore) -> EventVerification:
    return EventVerification.model_validate({"name": name, **score.model_dump()})

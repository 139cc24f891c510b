"""Events in a request for forecasts."""

from collections.abc import Sequence
from typing import Any, Final

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from forecasting.errors import RequestError
from forecasting.events.event_schema import InputEvent, definitions_of, parse_events
from forecasting.requests.model import UnknownFieldsError
from forecasting.series.units import Units
from service.engine.baseline_schema import InputBaseline
from service.engine.event_options import EventOptions
from service.http.validation import errors_of

MAX_PATHS: Final = 1_000
"""Sample paths in one forecast."""

MAX_EVENT_HORIZON: Final = 300
"""Steps ahead of events and paths. How the leads depend on each other takes the cube of their number to compute."""


def read_events(text: str) -> tuple[InputEvent, ...]:
    """Read the events in a query; there are none in an empty text.

    Raises:
        RequestValidationError: if they are not JSON, or not valid.
    """
    if not text:
        return ()
    try:
        return parse_events(text)
    except (ValidationError, UnknownFieldsError) as error:
        places = [_in_query(place) for place in errors_of(text.encode(), error)]
        raise RequestValidationError(places) from None


def _in_query(place: dict[str, Any]) -> dict[str, Any]:
    """Return an error of the events as one of the query; the body may well be JSON."""
    if place["type"] == "json_invalid":
        place = {"type": "events", "loc": (), "msg": f"send a JSON array: {place['ctx']['error']}"}
    return {**place, "loc": ("query", "events", *place["loc"])}


def event_options(
    events: Sequence[InputEvent], paths: int, baseline: InputBaseline | None, horizon: int, units: Units
) -> EventOptions | None:
    """Return what events and paths a request asks for; None for neither.

    Args:
        events: temperatures in ``units``.
        paths: number of sample paths to return.
        baseline: for series without their own.
        horizon: number of leads.
        units: of the request.

    Raises:
        RequestError: if an event looks further ahead than ``horizon``, or has a temperature that no sea has; or if the
            horizon is too long for sample paths.
    """
    if not events and not paths:
        return None
    if horizon > MAX_EVENT_HORIZON:
        raise RequestError(
            f"horizon {horizon} is too large for events and paths: they reach at most {MAX_EVENT_HORIZON} steps ahead",
            field="horizon",
        )
    return EventOptions(definitions_of(events, horizon, units), paths, baseline)

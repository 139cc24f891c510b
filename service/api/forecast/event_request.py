"""Events in a request for forecasts."""

from typing import Any, Final

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from forecasting.events.event_schema import InputEvent, parse_events
from forecasting.requests.model import UnknownFieldsError
from forecasting.requests.sentences import invalid_json
from service.http.validation import errors_of

MAX_PATHS: Final = 1_000
"""Sample paths in one forecast."""


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
        place = {"type": "events", "loc": (), "msg": f"send a JSON array: {invalid_json(place['ctx']['error'])}"}
    return {**place, "loc": ("query", "events", *place["loc"])}

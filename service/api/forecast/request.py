"""Read a request to ``POST /forecast``: a JSON body, and the query parameters that may stand in for its fields."""

from typing import Final

from fastapi.exceptions import RequestValidationError

from service.api.forecast.query import LinesQuery
from service.api.forecast.schemas import ForecastRequest
from service.http.media import Headers, require_json
from service.worker.json_bodies import read_model

_BODY_FIELDS: Final = {
    "model": "model",
    "horizon": "horizon",
    "level": "levels",
    "threshold": "thresholds",
    "units": "units",
    "events": "events",
    "paths": "paths",
    "check": "check",
    "as_of": "as_of",
}
"""Query parameters, and the field of a JSON body that means the same."""


def read_request(query_string: bytes, headers: Headers, body: bytes) -> tuple[ForecastRequest, str | None, bool]:
    """Return the request, the dataset that its query names, and whether it is strict.

    Raises:
        ProblemError: 415 if the headers do not announce JSON.
        RequestValidationError: if the query or the body is invalid, or they contradict each other.
    """
    require_json(headers)
    query = LinesQuery.read(query_string) if query_string else None
    request = read_model(ForecastRequest, body)
    if query is None:
        return request, None, False
    return _merge(request, query), query.dataset or None, query.strict


def _merge(request: ForecastRequest, query: LinesQuery) -> ForecastRequest:
    """Return the request with what the query says and the body does not."""
    update: dict[str, object] = {}
    for name in query.model_fields_set & _BODY_FIELDS.keys():
        field, value = _BODY_FIELDS[name], query.parsed_events if name == "events" else getattr(query, name)
        value = tuple(value) if field == "thresholds" else value
        if field not in request.model_fields_set:
            update[field] = value
        elif getattr(request, field) != value:
            message = f"{name} in the query contradicts {field} in the body: send only one of them"
            raise RequestValidationError([{"type": "contradiction", "loc": ("query", name), "msg": message}])
    return request.model_copy(update=update)

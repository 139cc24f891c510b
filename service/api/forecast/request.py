"""Requests to ``/forecast``: the query, a JSON body whose fields it may stand in for, and the job that they ask for."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Annotated, Any, Final

from fastapi.exceptions import RequestValidationError
from pydantic import BeforeValidator, Field, ValidationError, WithJsonSchema

from forecasting.errors import RequestError
from forecasting.events.event_schema import InputEvent, parse_events
from forecasting.forecasts.options import (
    SINGULAR,
    DatasetForecastFields,
    ForecastFields,
    ForecastOptions,
    Levels,
    Thresholds,
)
from forecasting.models.base import Model
from forecasting.releases.catalog import Selection
from forecasting.requests.model import UnknownFieldsError
from forecasting.requests.sentences import invalid_json
from service.api.forecast.schemas import ForecastRequest
from service.api.series_request import check_horizon, check_limits, refuse_missing_steps
from service.engine.forecasting import Job
from service.engine.options import RequestOptions
from service.engine.serving import Serving
from service.http.media import Headers, require_json
from service.http.query import merge_query_and_body, read_query
from service.http.validation import errors_of
from service.settings import Settings
from service.worker.json_bodies import read_json

_MAX_CACHED_BYTES: Final = 256
_EVENTS_SCHEMA: Final = {"type": "string", "examples": ['[{"name": "warm", "above": 24.0}]']}


def _drop_blanks(value: Iterable[object]) -> object:
    """Drop empty strings from the values of a repeatable parameter, so that ``level=`` asks for no levels."""
    return [text for text in value if text != ""] if isinstance(value, list) else value


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
        raise RequestValidationError([_in_query(each) for each in errors_of(text.encode(), error)]) from None


def _in_query(error: dict[str, Any]) -> dict[str, Any]:
    """Return an error of the events as one of the query; the body may well be JSON."""
    if error["type"] == "json_invalid":
        error = {"type": "events", "loc": (), "msg": f"send a JSON array: {invalid_json(error['ctx']['error'])}"}
    return {**error, "loc": ("query", "events", *error["loc"])}


class ForecastQuery(DatasetForecastFields):
    """The options of a forecast as query parameters: text, with repeated parameters instead of lists."""

    dataset: str | None = Field(
        default=None,
        description="The dataset whose models to use. Defaults to the service's default dataset.",
        examples=["nino12"],
    )
    levels: Annotated[Levels | None, BeforeValidator(_drop_blanks)] = Field(
        default=None,
        alias=SINGULAR["levels"],
        description="The level of a prediction interval, in percent. Repeat it for several levels; leave it empty for "
        "no intervals. Defaults to 80 and 95.",
    )
    thresholds: Thresholds = Field(
        default=(),
        alias=SINGULAR["thresholds"],
        description="A temperature for which to return the probability of exceedance. Repeat it for several.",
    )
    # FastAPI would take several values of a tuple, and these are one text.
    events: Annotated[Any, BeforeValidator(read_events), WithJsonSchema(_EVENTS_SCHEMA)] = Field(
        default=None,
        description="The events to forecast, as a JSON array in the form of `events` of `ForecastRequest`, "
        "URL-encoded.",
    )


class LinesQuery(ForecastQuery, ForecastFields, frozen=True):
    """The options of an NDJSON request, which has no place for them in its body: each line is a series."""

    strict: bool = False

    @classmethod
    def read(cls, query_string: bytes) -> "LinesQuery":
        """Read the query of a request.

        Raises:
            RequestValidationError: if a parameter is unknown or repeated, or its value is invalid.
        """
        # Requests of one client have the same query. Long ones must not fill the cache.
        return (_read_lines if len(query_string) <= _MAX_CACHED_BYTES else _read_lines.__wrapped__)(query_string)


_PARAMETERS: Final = [SINGULAR.get(name, name) for name in LinesQuery.model_fields]


@lru_cache(maxsize=256)
def _read_lines(query_string: bytes) -> LinesQuery:
    repeatable = SINGULAR.values()
    parameters = read_query(query_string, _PARAMETERS, repeatable)
    try:
        return LinesQuery.model_validate(
            {name: values if name in repeatable else values[-1] for name, values in parameters.items()}
        )
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
        raise RequestValidationError([{**entry, "loc": ("query", *entry["loc"])} for entry in errors]) from None


def read_request(
    settings: Settings, query_string: bytes, headers: Headers, body: bytes
) -> tuple[ForecastRequest, str | None, bool]:
    """Return the request, the dataset that its query names, and whether it is strict.

    Raises:
        ProblemError: 415 if the headers do not announce JSON; 422 if the body would take too much memory.
        RequestValidationError: if the query or the body is invalid, or they contradict each other.
    """
    require_json(headers)
    query = LinesQuery.read(query_string) if query_string else None
    request = read_json(ForecastRequest, body, settings.max_series, settings.max_body_bytes)
    if query is None:
        return request, None, False
    return _merge(request, query), query.dataset or None, query.strict


def _merge(request: ForecastRequest, query: LinesQuery) -> ForecastRequest:
    """Return the request with what the query says and the body does not."""
    update: dict[str, object] = {}
    for field in query.model_fields_set - {"dataset", "strict"}:
        value = getattr(query, field)
        if field not in request.model_fields_set:
            update[field] = value
        elif getattr(request, field) != value:
            name = SINGULAR.get(field, field)
            message = f"{name} in the query contradicts {field} in the body: send only one of them"
            raise RequestValidationError([{"type": "contradiction", "loc": ("query", name), "msg": message}])
    return request.model_copy(update=update)


def plan_forecast(serving: Serving, settings: Settings, request: ForecastRequest, dataset: str | None) -> Job:
    """Return the job for a request: its series, its options, and the models that forecast them.

    Raises:
        ForecastError: if the request asks for something that is not available.
    """
    check_limits(request.series, settings)
    check_horizon(request.horizon, settings)
    dataset = merge_query_and_body("dataset", dataset, request.dataset)
    options = RequestOptions.of(request, request.baseline)
    selection = serving.select(request.model, dataset)
    if selection.release is None:
        refuse_missing_steps(request.series)
    selection.check(options.forecast)
    return Job(selection, request.series, options)


def select_models(serving: Serving, query: LinesQuery) -> Selection:
    """Return the models that a query means, for series that come in after it.

    Raises:
        ForecastError: if there are none, or they cannot forecast what the query asks for.
    """
    selection = serving.select(query.model, query.dataset or None)
    for model in selection.named:
        check_query(model, query.forecast_options)
    return selection


def check_query(model: Model, options: ForecastOptions) -> None:
    """Raise RequestError if a model does not offer what a query asks for.

    The error names the query parameter ``level``, where the body has ``levels``.
    """
    try:
        model.check(options)
    except RequestError as error:
        raise RequestError(str(error), field=error.field.replace("levels", "level")) from None

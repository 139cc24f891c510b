"""Query parameters: refuse those that a route does not have; those that say how a file is read are one model."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, TypeVar, get_args, get_origin
from urllib.parse import parse_qs

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field

from forecasting.errors import ForecastError, RequestError
from forecasting.readers import DateOrder, ReadingOptions
from forecasting.readers.options import OPTIONS
from forecasting.series.units import Units
from service.http.paths import paths_of

Value = TypeVar("Value", str, int)


async def refuse_unusable(request: Request) -> None:
    """Refuse query parameters that a route does not have or that are repeated, except on operators' paths.

    FastAPI ignores the former, and of the latter takes the last.
    """
    query, route = request.scope["query_string"], request.scope.get("route")
    if query and isinstance(route, APIRoute) and not paths_of(request.scope).is_operators(request.scope["path"]):
        known = _known(route)
        values = parse_qs(query.decode("latin-1"), keep_blank_values=True)
        problems = {name: _problem(name, len(given), known) for name, given in values.items()}
        errors = [{"type": "query", "loc": ("query", name), "msg": text} for name, text in problems.items() if text]
        if errors:
            raise RequestValidationError(errors)


def _problem(name: str, count: int, known: Mapping[str, bool]) -> str | None:
    if name not in known:
        return f"unknown query parameter; this call takes {', '.join(known) or 'no parameters'}"
    return f"given {count} times; send it once" if count > 1 and not known[name] else None


def _known(route: APIRoute) -> Mapping[str, bool]:
    """Return the names of the parameters of a route, and whether each may be repeated."""
    known: dict[str, bool] = {}
    for parameter in route.dependant.query_params:
        annotation: Any = parameter.field_info.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            fields = annotation.model_fields.items()
            known |= {field.alias or name: _is_list(field.annotation) for name, field in fields}
        else:
            known[parameter.alias] = _is_list(annotation)
    others = (route.openapi_extra or {}).get("parameters", ())
    return known | {each["name"]: each["schema"].get("type") == "array" for each in others if each["in"] == "query"}


def _is_list(annotation: Any) -> bool:
    """Return whether a type is a list, or may be one."""
    return get_origin(annotation) in (list, tuple) or any(map(_is_list, get_args(annotation)))


def merge_query_and_body(field: str, query: Value | None, body: Value | None) -> Value | None:
    """Return the value of ``field`` from the query or the body; None if neither has it."""
    if query is None or body is None or query == body:
        return body if query is None else query
    raise RequestError(f"{field} is {query} in the query but {body} in the body: send only one of them", field=field)


MAX_STATIONS: Final = 500
"""Limit of stations in a file, as each is described."""

MAX_COLUMNS: Final = 1_000
"""Limit of columns in a table, as each is examined."""

MAX_LINES: Final = 1_000_000
"""Limit of lines in a file: half-hourly values of 57 years."""


def _parameter(name: str, default: Any = None, **constraints: Any) -> Any:
    return Field(default=default, description=OPTIONS[name].description, **constraints)


class ReadingQuery(BaseModel):
    """Overrides of what is found in the file: the options of ``python -m training inspect``."""

    model_config = ConfigDict(extra="forbid")

    format: Literal["csv", "erddap", "ndbc", "netcdf"] | None = _parameter("format")
    station: str | None = _parameter("station")
    at: str | None = _parameter("at")
    depth: float | None = _parameter("depth", allow_inf_nan=False)
    time_column: str | None = _parameter("time_column")
    value_column: str | None = _parameter("value_column")
    flags: str | None = _parameter("flags")
    units: Units | None = _parameter("units")
    missing: list[Annotated[float, Field(allow_inf_nan=False)]] = _parameter("missing", [], max_length=16)
    dates: DateOrder | None = _parameter("dates")
    timezone: str | None = _parameter("timezone")
    resample: str | None = _parameter("resample")

    def options(self) -> ReadingOptions:
        """The options of the readers, within the limits of the service."""
        values = {name: _parsed(name, getattr(self, name)) for name in ReadingQuery.model_fields}
        return ReadingOptions.from_values(
            values, max_stations=MAX_STATIONS, max_columns=MAX_COLUMNS, max_lines=MAX_LINES
        )


def _parsed(name: str, value: Any) -> Any:
    try:
        return OPTIONS[name].parse(value) if isinstance(value, str) else value
    except ForecastError as error:
        raise RequestError(str(error), field=name) from None

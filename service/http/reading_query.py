"""Query parameters that say how a file is read."""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from forecasting.errors import ForecastError, RequestError
from forecasting.readers import DateOrder, ReadingOptions
from forecasting.readers.options import OPTIONS
from forecasting.series.units import Units

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
        """The options of the readers, within the limits of the service.

        Raises:
            RequestError: if a place or step cannot be parsed.
        """
        values = {name: _parsed(name, getattr(self, name)) for name in ReadingQuery.model_fields}
        return ReadingOptions.from_values(
            values, max_stations=MAX_STATIONS, max_columns=MAX_COLUMNS, max_lines=MAX_LINES
        )


def _parsed(name: str, value: Any) -> Any:
    try:
        return OPTIONS[name].parse(value) if isinstance(value, str) else value
    except ForecastError as error:
        raise RequestError(str(error), field=name) from None

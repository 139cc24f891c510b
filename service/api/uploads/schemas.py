"""What ``POST /series`` is told about a file, and what it says of it."""

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from forecasting.errors import ForecastError, RequestError
from forecasting.readers import DateOrder, ReadingOptions
from forecasting.readers.base.options import OPTIONS
from forecasting.series.sst_series import Units

MAX_STATIONS: Final = 500
"""In one file: each is described."""

MAX_COLUMNS: Final = 1_000
"""In one table: each is looked at by itself."""

MAX_FLAGGED: Final = 10_000
"""Values of one station, that are named with their flags."""

MAX_LINES: Final = 1_000_000
"""In one file: half-hourly values of 57 years."""


def _parameter(name: str, default: Any = None, **constraints: Any) -> Any:
    return Field(default=default, description=OPTIONS[name].description, **constraints)


class FileQuery(BaseModel):
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
    missing: list[float] = _parameter("missing", [], max_length=16)
    dates: DateOrder | None = _parameter("dates")
    timezone: str | None = _parameter("timezone")
    resample: str | None = _parameter("resample")

    def options(self) -> ReadingOptions:
        """The options of the readers, within the limits of the service.

        Raises:
            RequestError: if a place or step cannot be parsed.
        """
        values = {name: _parsed(name, value) for name, value in self}
        return ReadingOptions.from_values(
            values, max_stations=MAX_STATIONS, max_columns=MAX_COLUMNS, max_lines=MAX_LINES
        )


def _parsed(name: str, value: Any) -> Any:
    try:
        return OPTIONS[name].parse(value) if isinstance(value, str) else value
    except ForecastError as error:
        raise RequestError(str(error), field=name) from None


class FileColumns(BaseModel):
    """Columns that were taken; absent where there is none."""

    time: str = Field(description="one name, or several that make a time together")
    value: str
    station: str | None = Field(default=None, description="that tells stations apart")
    flags: str | None = Field(default=None, description="of QARTOD flags")


class SeriesSummary(BaseModel):
    """A series that was found, in figures; temperatures in °C."""

    step: str = Field(examples=["day"])
    values: int = Field(description="steps from the first to the last, missing ones among them")
    start: str
    end: str
    least: float
    most: float
    missing: int = Field(description="values that are missing")
    gaps: int = Field(description="runs of missing values")
    longest_gap: int
    notes: list[str] = Field(description="what was chosen or changed")


class Use(BaseModel):
    """Whether a dataset's models can forecast from a series."""

    dataset: str
    problem: str | None = Field(description="null where they can")


class Training(BaseModel):
    """Whether ``python -m training`` can train on a series, with its defaults."""

    problem: str | None = Field(description="null where it can")


class StationOut(BaseModel):
    """One station of the file, understood; a file with one series has one, whose name is null."""

    id: str = Field(description="of its series")
    name: str | None
    columns: FileColumns
    units: Units = Field(description="in the file")
    units_from: str = Field(description="what says so")
    flags: dict[str, int] = Field(description="QARTOD flag → how often it came")
    warnings: list[str] = Field(description="what should be looked at")
    summary: SeriesSummary | None = Field(default=None, description="absent where there is a problem")
    problem: str | None = Field(description="why there is no series, and what to do; null where there is one")
    training: Training
    forecast: list[Use] = Field(description="datasets of the same step, whose models could be asked")


class FoundSeries(BaseModel):
    """A series as ``POST /forecast`` and ``POST /compare`` take it; it ends at its last observation."""

    id: str
    start: str
    step: str
    values: list[float | None] = Field(description="°C; null where missing")


class FlaggedSeries(BaseModel):
    """Observed values that the file itself flags as suspect (3, kept) or fail (4, left out): lists of one length."""

    id: str
    timestamps: list[str]
    sst: list[float] = Field(description="°C, as they stand in the file, whether or not a sea can be so")
    flags: list[Literal[3, 4]] = Field(description="QARTOD")


class FileReading(BaseModel):
    """What was understood of a file."""

    format: str = Field(examples=["CSV"])
    problem: str | None = Field(description="what has to be chosen, where the file holds several series; else null")
    stations: list[StationOut]
    units: Literal["celsius"] = Field(description="of the values in series")
    series: list[FoundSeries] = Field(description="of each station that has one")
    flagged: list[FlaggedSeries] = Field(description=f"of each station that has such; its first {MAX_FLAGGED}")

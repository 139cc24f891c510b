"""What ``POST /series`` is told about a file, and what it says of it."""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from forecasting.errors import FileError, RequestError, SeriesError
from forecasting.readers import DateOrder, Options, Place
from forecasting.readers.base.geometry import place_of
from forecasting.series.timestep import TimeStep
from forecasting.series.units import Units

MOST_STATIONS: Final = 500
"""In one file: each is described."""

MOST_COLUMNS: Final = 1_000
"""In one table: each is looked at by itself."""

MOST_FLAGGED: Final = 10_000
"""Values of one station, that are named with their flags."""

MOST_LINES: Final = 1_000_000
"""In one file: half-hourly values of 57 years."""


class FileQuery(BaseModel):
    """Overrides of what would be found in the file: those of ``python -m training inspect``."""

    model_config = ConfigDict(extra="forbid")

    format: Literal["csv", "erddap", "ndbc", "netcdf"] | None = Field(
        default=None, description="default: told by the content"
    )
    station: str | None = Field(default=None, description="which, where the file holds several")
    at: str | None = Field(default=None, description="LAT,LON of the place, where the file holds several, or a grid")
    depth: float | None = Field(default=None, allow_inf_nan=False, description="metres, where the file holds several")
    time_column: str | None = Field(default=None, description="default: found by the usual names")
    value_column: str | None = Field(default=None, description="default: found by the usual names")
    flags: str | None = Field(default=None, description="column of QARTOD flags, or none; default: found by its name")
    units: Units | None = Field(default=None, description="of the values; default: as the file says, or celsius")
    missing: list[float] = Field(default=[], max_length=16, description="stands for a missing value; repeatable")
    dates: DateOrder | None = Field(default=None, description="order of dates as 03/04/2010")
    timezone: str | None = Field(default=None, description="of times without offset, as Europe/Rome or +01:00")
    resample: str | None = Field(default=None, description="average to month, week, day, hour, P8D, PT30M…")

    def options(self) -> Options:
        """The same as readers have it.

        Raises:
            RequestError: if a place or step is not understood.
        """
        return Options(
            format=self.format,
            station=self.station,
            at=None if self.at is None else _place(self.at),
            depth=self.depth,
            time_column=self.time_column,
            value_column=self.value_column,
            flag_column=self.flags,
            units=self.units,
            missing=tuple(self.missing),
            date_order=self.dates,
            timezone=self.timezone,
            resample=None if self.resample is None else _step(self.resample),
            most_stations=MOST_STATIONS,
            most_columns=MOST_COLUMNS,
            most_lines=MOST_LINES,
        )


def _place(text: str) -> Place:
    try:
        return place_of(text)
    except FileError as error:
        raise RequestError(str(error), field="at") from None


def _step(text: str) -> TimeStep:
    try:
        return TimeStep.parse(text)
    except SeriesError as error:
        raise RequestError(str(error), field="resample") from None


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
    flagged: list[FlaggedSeries] = Field(description=f"of each station that has such; its first {MOST_FLAGGED}")

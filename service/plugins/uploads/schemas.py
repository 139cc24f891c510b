"""The query and the responses of ``/series``."""

from typing import Final, Literal

from pydantic import BaseModel, Field

from forecasting.series.units import Units
from service.api.series_request import ClimatologyBasis, Time
from service.http.problems import Choice
from service.http.query import ReadingQuery

MAX_FLAGGED: Final = 10_000
"""Limit of flagged values of a station in a response."""

MAX_CHECKED: Final = 50_000
"""Limit of values in a file that are checked, a few seconds of hourly ones."""


class FileQuery(ReadingQuery):
    """The same, and what else to do with the file."""

    check: bool = Field(
        default=False,
        examples=[True],
        description="Whether to check each value against the forecast made before it. Lines of NDJSON have no flags.",
    )


class FileColumns(BaseModel):
    """The columns that were read; absent if there is none."""

    time: str = Field(description="The name of the time column, or of several columns that together make a time.")
    value: str = Field(description="The name of the temperature column.")
    station: str | None = Field(default=None, description="The name of the column that distinguishes stations.")
    flags: str | None = Field(default=None, description="The name of the QARTOD flag column.")
    weather: list[str] | None = Field(default=None, description="The columns of air temperature and wind speed.")


class SeriesSummary(BaseModel):
    """A series in figures; temperatures in °C."""

    step: str = Field(examples=["day"])
    values: int = Field(description="The number of steps from the first to the last, including missing values.")
    start: Time
    end: Time
    least: float
    most: float
    missing: int = Field(description="The number of missing values.")
    gaps: int = Field(description="The number of runs of missing values.")
    longest_gap: int = Field(description="The length of the longest run of missing values.")
    notes: list[str] = Field(description="Choices and changes made while reading, one sentence each.")


class DatasetFit(BaseModel):
    """Whether the models of a dataset, of one place or universal, can forecast from a series."""

    dataset: str
    problem: str | None = Field(description="Why they cannot; null if they can.")


class TrainingFit(BaseModel):
    """Whether ``python -m training`` can train on a series with its default settings."""

    problem: str | None = Field(description="Why it cannot; null if it can.")


class Station(BaseModel):
    """A station of the file; a file with a single series has one station whose name is null."""

    id: str = Field(description="The ID of its series.")
    name: str | None
    columns: FileColumns
    units: Units = Field(description="The units in the file.")
    units_from: str = Field(description="Where the units come from.")
    flags: dict[str, int] = Field(description="The number of values by QARTOD flag.")
    warnings: list[str] = Field(description="Warnings to check, one sentence each.")
    summary: SeriesSummary | None = Field(default=None, description="Absent if there is a problem.")
    problem: str | None = Field(description="Why there is no series, and what to do; null if there is one.")
    choices: list[Choice] = Field(description="The possible answers to the question in the problem.")
    training: TrainingFit
    forecast: list[DatasetFit] = Field(
        description="For each dataset, whether its models can forecast. Of the universal releases, it is the one that "
        "`POST /forecast` uses without a `dataset`: that of the same step, or the nearest."
    )


class FoundWeather(BaseModel):
    """The weather over a series, with a value for each step; null where it is missing."""

    start: Time
    air_temperature: list[float | None] | None = Field(default=None, description="°C; absent without values.")
    wind_speed: list[float | None] | None = Field(default=None, description="m/s; absent without values.")


class FoundSeries(BaseModel):
    """A series in the format of ``POST /forecast`` and ``POST /compare``, up to its last observation."""

    id: str
    start: Time
    step: str
    values: list[float | None] = Field(description="°C; null if missing.")
    latitude: float | None = Field(default=None, description="Degrees north; absent if the file has no position.")
    longitude: float | None = Field(default=None, description="Degrees east; absent if the file has no position.")
    weather: FoundWeather | None = Field(
        default=None, description="From the columns `air_temperature` and `wind_speed`; absent without any."
    )


class FlaggedSeries(BaseModel):
    """Observed values that the file flags as suspect (3, kept) or fail (4, removed); all lists have the same length."""

    id: str
    timestamps: list[Time]
    sst: list[float] = Field(description="°C, as in the file, even if outside the range of sea temperatures.")
    flags: list[Literal[3, 4]] = Field(description="QARTOD flags.")


class Suspects(BaseModel):
    """Values that are implausible given the forecast made before them; all lists have the same length."""

    timestamps: list[Time]
    sst: list[float]
    lower: list[float] = Field(description="The lowest plausible value.")
    upper: list[float] = Field(description="The highest plausible value.")


class SeriesCheck(BaseModel):
    """The check of one series. Temperatures are in °C."""

    id: str
    problem: str | None = Field(description="Why the series is not checked; null if it is.")
    flags: list[Literal[1, 2, 3, 9]] = Field(
        description="The QARTOD flag of each value of the series: good (1), not evaluated (2), suspect (3) or missing "
        "(9). Values are not evaluated at the beginning, or after a long gap."
    )
    suspects: Suspects


class FileReading(BaseModel):
    """What was read from a file."""

    format: str = Field(examples=["CSV"])
    problem: str | None = Field(description="What to choose, if the file holds several series; otherwise null.")
    choices: list[Choice] = Field(
        description="The possible answers to the question in the problem: the stations, or places of the grid."
    )
    stations: list[Station]
    units: Literal["celsius"] = Field(description="The units of the values in `series`.")
    series: list[FoundSeries] = Field(description="The series of each station that has one.")
    flagged: list[FlaggedSeries] = Field(
        description=f"The first {MAX_FLAGGED} flagged values of each station that has any."
    )
    checks: list[SeriesCheck] | None = Field(
        default=None,
        description=f"With `check`: the check of each series. The last {MAX_CHECKED} values of a file are checked, an "
        "equal number of each series; earlier ones are not evaluated.",
    )


class RecentSeries(BaseModel):
    """The end of a dataset's own series."""

    dataset: str
    version: str
    units: Literal["celsius"]
    step: str
    timestamps: list[Time] = Field(description="The time of each value, in UTC.")
    values: list[float | None] = Field(description="The values in °C, with null for a missing value.")
    climatology: list[float] = Field(description="The climatology at each time, in °C, as in GET /forecast.")
    usual: ClimatologyBasis = Field(description="What the climatology rests on.")

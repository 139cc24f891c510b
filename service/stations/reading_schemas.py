"""Readings and observations, as JSON."""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from forecasting.requests.model import Finite, InputTime, RequestModel
from forecasting.series.units import Units
from service.api.series_request import DAILY_VALUES
from service.http.time_fields import Time
from service.http.validation import Place
from service.stations.parameters import StationName
from service.stations.schemas import Flag, IssuedAnswer, IssuedFailure, Tests


class ReadingsRequest(RequestModel):
    """Readings of one station: `values` with `timestamps`, or with `start` if they are regular."""

    values: list[Finite | None] = Field(
        min_length=1, fail_fast=True, description="SST in the units of the station; null means no reading."
    )
    timestamps: Annotated[list[InputTime], Field(fail_fast=True)] | None = Field(
        default=None, description="The time of each value, in ISO 8601; UTC without an offset."
    )
    start: InputTime | None = Field(default=None, description="The time of the first value, instead of `timestamps`.")
    step: str | None = Field(
        default=None, description="The step between values with a `start`. It must be the step of the station."
    )


class StationReadings(ReadingsRequest):
    """Readings of one of several stations."""

    station: StationName = Field(description="The ID of the station.")


class ManyReadingsRequest(RequestModel):
    """Readings of several stations."""

    readings: list[StationReadings] = Field(
        min_length=1, fail_fast=True, description="The readings of each station, which may appear once."
    )


class Stored(BaseModel):
    """The readings of a station by outcome. Readings without a value are not counted."""

    new: int = Field(description="The number of readings at times that had none.")
    revised: int = Field(description="The number that differ from the stored reading at the same time. Both are kept.")
    unchanged: int = Field(description="The number that were already stored.")
    refused: list[Place] = Field(
        description="Readings that are not stored: from the future, outside the range of sea temperatures, between two "
        "steps of the station, or without a valid time."
    )
    warnings: list[str] = Field(
        description="Doubts about readings that are stored: those that are suspect or fail a test, and what `POST "
        "/series` would warn of."
    )
    forecast: IssuedAnswer | IssuedFailure | None = Field(
        default=None,
        description="The forecast that was issued from the end of the series, or why there is none; null if nothing "
        "changed since the last one.",
    )


class FileStored(Stored):
    """The readings of a file by outcome."""

    units: Units = Field(
        description="The units in which the file was read: those that it states, which are converted, or else those of "
        "the station."
    )
    units_from: str = Field(description="Where these units come from.", examples=["by the header"])


class StationStored(Stored):
    """The readings of one of several stations by outcome."""

    station: str


class StationFailure(BaseModel):
    """A station whose readings could not be stored. The other stations are unaffected."""

    station: str
    error: str


class ManyStored(BaseModel):
    """The outcome for each station, in the order of the request."""

    stations: list[StationStored | StationFailure]


class Correction(RequestModel):
    """A person's decision about one reading: another value, a flag, or both."""

    value: Finite | None = Field(
        default=None, description="The right value, in the units of the station. It is a revision; both are kept."
    )
    flag: Literal[1, 3, 4] | None = Field(
        default=None,
        description="The flag: 1 good, 3 suspect, 4 fail. Defaults to 1 with a value. Later readings do not change it.",
    )

    @model_validator(mode="after")
    def _check_content(self) -> Self:
        if self.value is None and self.flag is None:
            raise PydanticCustomError("correction", "give a value, a flag, or both")
        return self


class CorrectedReading(BaseModel):
    """A reading as it is stored after a correction."""

    station: str
    units: Units
    time: Time
    value: float
    flag: Flag
    tests: Tests
    revision: int = Field(description="0 for the first reading at a time, and one more for each change.")
    received: Time = Field(description="When this value arrived.")
    forecast: IssuedAnswer | IssuedFailure | None = Field(
        description="The forecast that was issued, or why there is none; null if nothing changed."
    )


class ObservationsAnswer(BaseModel):
    """Observations of a station in chronological order. All lists have the same length."""

    station: str
    units: Units
    timestamps: list[Time]
    values: list[float]
    revision: list[int] = Field(description="0 for the first reading at a time, and one more for each change.")
    received: list[Time] = Field(description="When each arrived.")
    flag: list[Flag]
    tests: list[Tests]


READINGS_EXAMPLES: Final[dict[str, Any]] = {
    "regular": {
        "summary": "Forty days, one without a reading",
        "value": {"start": "2025-06-01", "values": DAILY_VALUES[:40]},
    },
    "timestamps": {
        "summary": "A time for each reading",
        "value": {"timestamps": ["2025-07-11", "2025-07-12"], "values": [20.41, 20.27]},
    },
}
MANY_EXAMPLES: Final[dict[str, Any]] = {
    "one": {
        "summary": "One station",
        "value": {"readings": [{"station": "pier", "start": "2025-07-13", "values": [20.33]}]},
    }
}
CORRECTION_EXAMPLES: Final[dict[str, Any]] = {
    "value": {"summary": "Another value", "value": {"value": 20.41}},
    "flag": {"summary": "The reading is right", "value": {"flag": 1}},
}
"""Examples of JSON bodies, for OpenAPI."""

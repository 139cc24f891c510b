"""Shared by all requests that carry series: the model, the limits, times, and how a failed series is reported."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Final

from pydantic import BaseModel, Field

from forecasting.climatology.usual import Source
from forecasting.errors import SeriesError
from forecasting.forecast_warning import WarningCode
from forecasting.forecasts.options import Dataset, InputUnits
from forecasting.requests import RequestModel
from service.engine.reading import InputSeries, sentence
from service.http.problems import Place, ProblemError

Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
"""A time that the service writes: ISO 8601 in UTC, to the second, such as ``2010-12-01T00:00:00Z``."""

Day = Annotated[str, Field(json_schema_extra={"format": "date"})]
"""A day that the service writes: ``2010-12-01``."""


DAILY_VALUES: Final = (
    18.03, 18.25, 18.31, 18.46, 17.79, 17.75, 18.08, 18.15, 18.87, 18.97, 18.55, 18.59,
    18.17, 18.30, 19.02, 19.08, 19.40, 19.32, 18.66, 18.83, 18.89, 19.12, 19.89, 19.72,
    19.55, 19.47, 18.94, 19.34, 19.82, None, 20.37, 20.00, 19.53, 19.70, 19.55, 20.05,
    20.64, 20.38, 20.43, 20.07, 19.63, 20.16, 20.35, 20.65, 21.05, 20.46, 20.25, 20.23,
    20.04, 20.75, 21.04, 20.88, 20.99, 20.36, 20.16, 20.60, 20.62, 21.16, 21.31, 20.71,
)  # fmt: skip
"""Sixty days of values in °C, invented; one is missing."""

EXAMPLE_VALUES: Final = (
    24.81, 26.19, 26.86, 25.91, 24.47, 23.30, 21.94, 20.76, 20.21, 20.59, 21.55, 22.72,
    24.62, 25.92, None, 25.79, 24.36, 22.56, 20.87, 19.73, 19.38, 19.65, 20.49, 21.84,
)  # fmt: skip
"""Two years of monthly values in °C, invented to resemble Niño 1+2; one is missing."""


class SeriesRequest(RequestModel):
    """The fields that every request with series has."""

    dataset: Dataset = None
    units: InputUnits = "celsius"
    series: list[InputSeries] = Field(min_length=1, fail_fast=True, description="The series, at least one.")


class SeriesWarning(BaseModel):
    """A warning about one forecast."""

    code: WarningCode
    message: str


class ClimatologyBasis(BaseModel):
    """What a climatology rests on."""

    years: Annotated[list[int], Field(min_length=2, max_length=2)] | None = Field(
        description="The first and the last year of its observations; null if a baseline was given.",
        examples=[[1991, 2020]],
    )
    source: Source = Field(
        description="`series`: the past of the series, where that is long enough. `position`: the climatology of the "
        "position. `baseline`: the request."
    )


class UsualSst(ClimatologyBasis):
    """The climatology at the last observation, and what it rests on."""

    sst: float = Field(description="In the units of the response.")


class SeriesFailure(BaseModel):
    """A series that could not be used. The other series in the request are unaffected."""

    id: str
    error: str


def refuse_failures(ids: Sequence[str], entries: Sequence[object]) -> None:
    """Raise ProblemError (422) that names each series whose entry is an error."""
    places = [
        Place(location=_location(i, entry), message=f"series {ids[i]!r}: {sentence(entry)}")
        for i, entry in enumerate(entries)
        if isinstance(entry, SeriesError)
    ]
    if places:
        more = f" (and {len(places) - 1} more)" if len(places) > 1 else ""
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, places[0].message + more, places)


def _location(series: int, error: SeriesError) -> str:
    return f"body.series[{series}]" + ("" if error.index is None else f".values[{error.index}]")

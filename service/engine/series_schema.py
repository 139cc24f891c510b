"""A series in the body of a request, and the baseline of its events."""

from typing import Annotated, Final, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from forecasting.events.baseline import DAYS
from forecasting.requests.model import Finite, InputTime, RequestModel

ByDay = Annotated[list[Finite], Field(min_length=DAYS, max_length=DAYS)]


class InputBaseline(RequestModel):
    """A baseline: a period of the series, or a climatology and a threshold for each day of the year."""

    start: InputTime | None = Field(default=None, description="The first day of the period.", examples=["1983-01-01"])
    end: InputTime | None = Field(default=None, description="The last day of the period.", examples=["2012-12-31"])
    climatology: ByDay | None = Field(
        default=None, description="The usual SST on each day of a leap year, from 1 January to 31 December."
    )
    threshold: ByDay | None = Field(default=None, description="The SST beyond which each day is extreme.")

    @model_validator(mode="after")
    def _check_form(self) -> Self:
        if (self.climatology is None) != (self.threshold is None):
            raise PydanticCustomError("baseline", "give both climatology and threshold, or neither")
        if (self.start is None) != (self.end is None):
            raise PydanticCustomError("baseline", "give both start and end, or neither")
        if self.start is not None and self.climatology is not None:
            raise PydanticCustomError("baseline", "give a period, or climatology and threshold, but not both")
        return self


MAX_ID: Final = 256
"""Maximum characters of a series' id."""


class InputSeries(RequestModel):
    """A series: `values` with either `start` and `step`, if they are regular, or `timestamps`."""

    id: str | None = Field(
        default=None,
        max_length=MAX_ID,
        description="Returned as given. Defaults to the position of the series in the request, starting at 0.",
    )
    values: list[Finite | None] = Field(
        min_length=1,
        fail_fast=True,
        description="SST, oldest first, with null for a missing value.",
    )
    start: InputTime | None = Field(
        default=None, description="The time of the first value, in ISO 8601; UTC without an offset."
    )
    timestamps: Annotated[list[InputTime], Field(fail_fast=True)] | None = Field(
        default=None, description="The time of each value, in ISO 8601; use it instead of `start`."
    )
    step: str | None = Field(
        default=None,
        description="The step between values: `month`, `week`, `day`, `hour`, or an ISO 8601 duration such as `PT30M`. "
        "Required with `start`, unless the request names a dataset or a full model name; then it has to be the step of "
        "that model.",
    )
    latitude: Annotated[Finite, Field(ge=-90, le=90)] | None = Field(
        default=None, description="Degrees north. With `longitude`, it gives the climatology of the place."
    )
    longitude: Annotated[Finite, Field(ge=-180, le=360)] | None = Field(default=None, description="Degrees east.")
    baseline: InputBaseline | None = Field(
        default=None, description="For events in this series; replaces the baseline of the request."
    )

"""The baseline of events in the body of a request."""

from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from forecasting.events.days import DAYS
from forecasting.requests.model import Finite, RequestModel
from service.http.time_fields import InputTime

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

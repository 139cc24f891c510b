"""A series in the body of a request."""

from typing import Annotated, Final

from pydantic import Field

from forecasting.requests.model import Finite, RequestModel
from service.engine.reading.baseline_schema import InputBaseline
from service.http.time_fields import InputTime

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

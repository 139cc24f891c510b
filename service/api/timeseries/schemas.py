"""The request and the response of KServe's time-series protocol.

Its reference: https://kserve.github.io/website/docs/reference/time_series/api. Fields that the protocol does not have
are allowed everywhere in a request; those that the service does not know either are ignored.
"""

import math
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from forecasting.requests.model import Finite
from forecasting.series.units import Units
from service.api.series_request import DAILY_VALUES, SeriesWarning
from service.engine.reading.series_schema import MAX_ID
from service.http.problems import ProtocolError
from service.http.time_fields import InputTime, Time

STEPS: Final = {
    "second": "PT1S", "S": "PT1S", "minute": "PT1M", "T": "PT1M", "hour": "hour", "H": "hour", "day": "day", "D": "day",
    "week": "week", "W": "week", "month": "month", "M": "month",
}  # fmt: skip
"""The step of each frequency that can be forecast."""

Frequency = Literal[
    "second", "S", "minute", "T", "hour", "H", "day", "D", "week", "W", "month", "M", "quarter", "Q", "year", "Y"
]
Status = Literal["completed", "partial", "error"]


def _of_an_interval(quantile: float) -> float:
    # Not multiple_of: validators of JSON schemas disagree on which fractions are multiples.
    if not math.isclose(200 * quantile, round(200 * quantile), abs_tol=1e-6):
        raise PydanticCustomError("quantile", "expected a multiple of 0.005")
    return quantile


Quantile = Annotated[float, Field(gt=0, lt=1), AfterValidator(_of_an_interval)]

_UNIVARIATE: Final = "univariate_time_series"


_EITHER: Final = WithJsonSchema(
    {
        "anyOf": [
            {"type": "array", "minItems": 1, "items": {"anyOf": [{"type": "number"}, {"type": "null"}]}},
            {"type": "array", "minItems": 1, "items": {"type": "array", "items": {}}},
        ]
    }
)
"""Univariate values, or those of several variables, which are an error of their series."""


class _Extensible(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class TimeSeriesInput(_Extensible):
    """A series to forecast."""

    type: Literal["univariate_time_series", "multivariate_time_series"] = Field(
        description="Only univariate series can be forecast."
    )
    name: str = Field(max_length=MAX_ID, description="Returned as given.")
    series: Annotated[list[Finite | None], _EITHER] = Field(
        min_length=1, fail_fast=True, description="SST, oldest first, with null for a missing value."
    )
    frequency: Frequency = Field(description="The step between values; at most a month can be forecast.")
    start_timestamp: InputTime | None = Field(
        default=None, description="The time of the first value, in ISO 8601. It is needed to forecast SST."
    )
    latitude: Annotated[Finite, Field(ge=-90, le=90)] | None = Field(
        default=None, description="Degrees north. With `longitude`, it gives the climatology of the place."
    )
    longitude: Annotated[Finite, Field(ge=-180, le=360)] | None = Field(default=None, description="Degrees east.")

    @model_validator(mode="before")
    @classmethod
    def _drop_multivariate(cls, given: Any) -> Any:
        """Leave out values by variable, so that their series fails alone."""
        series = given.get("series") if isinstance(given, dict) else None
        if not series or not isinstance(series, list) or not all(isinstance(value, list) for value in series):
            return given
        kind = "multivariate_time_series" if given.get("type") == _UNIVARIATE else given.get("type")
        return {**given, "type": kind, "series": [None]}


class TimeSeriesOptions(_Extensible):
    """How to forecast."""

    horizon: int = Field(ge=1, le=10_000, strict=True, description="The number of steps to forecast.")
    quantiles: list[Quantile] | None = Field(
        default=None, max_length=32, fail_fast=True, description="Multiples of 0.005 between 0 and 1."
    )
    units: Units = Field(default="celsius", description="The unit of all temperatures in the request and response.")
    as_of: InputTime | None = Field(
        default=None, description="The time that counts as now, in ISO 8601. Defaults to the time of the request."
    )


class TimeSeriesRequest(_Extensible):
    """A request for forecasts of one or thousands of series."""

    model: str = Field(description="`best`, `rnn`, `lstm`, `gru`, or the full name of a model, such as `nino12-gru`.")
    inputs: list[TimeSeriesInput] = Field(min_length=1, fail_fast=True, description="The series, at least one.")
    options: TimeSeriesOptions
    metadata: dict[str, Any] | None = Field(default=None, description="Returned as given.")


class TimeSeriesForecast(BaseModel):
    """The forecast of a series."""

    type: Literal["univariate_time_series"] = "univariate_time_series"
    name: str
    mean_forecast: list[float] = Field(description="`sst` of `POST /forecast`, one value for each step ahead.")
    frequency: Frequency
    start_timestamp: Time = Field(description="The time of the first value.")
    quantiles: dict[str, list[float]] | None = Field(description="By quantile, such as `0.9`; null if not asked for.")


class TimeSeriesOutput(BaseModel):
    """The outcome of one input: a forecast or an error. Outputs are in the order of the inputs."""

    type: Literal["time_series_forecast"] = "time_series_forecast"
    id: str
    status: Literal["completed", "error"]
    content: list[TimeSeriesForecast]
    error: ProtocolError | None = None
    model: str | None = Field(default=None, description="The network or reference that made the forecast.")
    version: str | None = Field(default=None, description="Of its release.")
    warnings: list[SeriesWarning] = Field(default=[], description="As in `POST /forecast`.")


class TimeSeriesResponse(BaseModel):
    """The forecasts of all inputs."""

    id: str
    created_at: int = Field(description="Unix seconds.")
    status: Status = Field(description="`partial` if some inputs cannot be forecast, `error` if none can.")
    error: ProtocolError | None = None
    model: str = Field(description="As in the request.")
    outputs: list[TimeSeriesOutput]
    metadata: dict[str, Any] | None = Field(default=None, description="As in the request.")


EXAMPLES: Final[dict[str, Any]] = {
    "daily": {
        "summary": "A daily series",
        "value": {
            "model": "best",
            "inputs": [
                {
                    "type": _UNIVARIATE,
                    "name": "pier",
                    "series": list(DAILY_VALUES),
                    "frequency": "D",
                    "start_timestamp": "2026-04-01T00:00:00Z",
                }
            ],
            "options": {"horizon": 7, "quantiles": [0.1, 0.5, 0.9]},
        },
    }
}
"""Examples of a JSON body, for OpenAPI."""

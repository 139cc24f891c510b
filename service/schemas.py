"""What goes over the wire."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, NoReturn

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    ValidationInfo,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticKnownError

from forecasting.forecast import WarningCode
from forecasting.series import Units

Finite = Annotated[float, Field(allow_inf_nan=False, strict=True)]
Level = Annotated[int, Field(ge=1, le=99, strict=True)]

MAX_ID: Final = 256
"""Characters of a series' id."""

MAX_UNKNOWN_FIELDS: Final = 50
"""Of a body: more that there are none of are not named one by one."""

EXAMPLE_VALUES: Final = (
    24.81, 26.19, 26.86, 25.91, 24.47, 23.30, 21.94, 20.76, 20.21, 20.59, 21.55, 22.72,
    24.62, 25.92, None, 25.79, 24.36, 22.56, 20.87, 19.73, 19.38, 19.65, 20.49, 21.84,
)  # fmt: skip
"""Two years of months, made up in the likeness of Niño 1+2, one of them missing."""

EXAMPLE: Final[dict[str, Any]] = {
    "model": "gru",
    "horizon": 3,
    "levels": [80, 95],
    "thresholds": [25.0],
    "series": [{"id": "pier", "start": "2009-01-01", "values": list(EXAMPLE_VALUES)}],
}


class UnknownFieldsError(Exception):
    """A body has more fields that there are none of than are worth a sentence each."""


def _refuse_unknown(value: object, info: ValidationInfo) -> NoReturn:
    """Say that there is no such field; of many, each of which would take memory, end the reading instead."""
    if info.context is not None:
        info.context.append(info.field_name)
        if len(info.context) > MAX_UNKNOWN_FIELDS:
            raise UnknownFieldsError
    raise PydanticKnownError("extra_forbidden")


class _Request(BaseModel):
    """A body, or a part of one: read with a new list as context, in which unknown fields are counted."""

    # As "forbid" refuses them, which does not bound how many.
    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, Annotated[Any, BeforeValidator(_refuse_unknown)]]

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """That other fields than those named are refused."""
        schema = handler.resolve_ref_schema(handler(core_schema))
        schema["additionalProperties"] = False
        return schema


class SeriesIn(_Request):
    """A series: ``values`` with ``start`` (regular, at the model's step), or with ``timestamps``."""

    id: str | None = Field(default=None, max_length=MAX_ID, description="returned as given; default: its place, from 0")
    values: list[Finite | None] = Field(
        min_length=1, fail_fast=True, description="SST, oldest first; null where missing; at least the model's window"
    )
    start: str | None = Field(default=None, description="ISO 8601 time of the first value; UTC without an offset")
    timestamps: Annotated[list[str], Field(fail_fast=True)] | None = Field(
        default=None, description="ISO 8601 time of each value, in place of start"
    )
    step: str | None = Field(
        default=None, description="month, week, day, hour or ISO 8601 (PT30M); refused where it is not the model's"
    )


class SeriesRequest(_Request):
    """What every request with series says."""

    dataset: str | None = Field(default=None, description="whose release; default: the default dataset")
    units: Units = Field(default="celsius", description="of all temperatures, the answer's among them")
    series: list[SeriesIn] = Field(min_length=1, fail_fast=True)


class ForecastRequest(SeriesRequest):
    """Forecasts for the caller's series, one or thousands."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    model: str = Field(default="best", description="best, all, rnn, lstm, gru, or a full name as nino12-gru")
    horizon: int = Field(default=1, ge=1, le=10_000, strict=True, description="steps ahead")
    levels: list[Level] | None = Field(
        default=None, max_length=16, fail_fast=True, description="percent; default 80 and 95; [] asks for no intervals"
    )
    thresholds: tuple[Finite, ...] = Field(
        default=(),
        max_length=16,
        fail_fast=True,
        description="temperatures whose probability of being exceeded is wanted",
    )


class IntervalOut(BaseModel):
    """A prediction interval, one value a step ahead."""

    level: int = Field(description="percent", examples=[80])
    lower: list[float]
    upper: list[float]
    calibrated: bool = Field(description="false where the window is unlike what the model was trained on")


class ExceedanceOut(BaseModel):
    """Probability that SST exceeds a threshold, one value a step ahead."""

    threshold: float
    probability: list[float]
    calibrated: bool = Field(description="false where the window is unlike what the model was trained on")


class WarningOut(BaseModel):
    """Something the reader of a forecast should know."""

    code: WarningCode
    message: str


class _Identified(BaseModel):
    id: str


class _Forecast(BaseModel):
    timestamps: list[str] = Field(description="valid times, UTC")
    sst: list[float]
    intervals: list[IntervalOut]
    exceedance: list[ExceedanceOut]
    baselines: dict[str, list[float]] = Field(description="what the references say: persistence always")
    warnings: list[WarningOut]


class SeriesForecast(_Forecast, _Identified):
    """The forecast of one series."""


class SeriesFailure(BaseModel):
    """A series that could not be forecast from; its neighbours are not touched by it."""

    id: str
    error: str


class ForecastLine(SeriesForecast):
    """The same as a line of an answer in NDJSON."""

    model: str = Field(examples=["nino12-gru"])
    version: str = Field(description="of the release")


class FailedLine(SeriesFailure):
    """A line that could not be forecast from; its neighbours are not touched by it."""

    line: int = Field(description="its number in the request, from 1")


class ModelLine(_Forecast):
    """What one model forecasts of a line."""

    model: str = Field(examples=["nino12-gru"])
    version: str = Field(description="of the release")


class ModelFailure(BaseModel):
    """A model that could not forecast from a line."""

    model: str = Field(examples=["nino12-gru"])
    version: str = Field(description="of the release")
    error: str


class AllLine(BaseModel):
    """With ``model=all``: a line with an entry for each model."""

    id: str
    models: list[ModelLine]


class FailedAllLine(FailedLine):
    """With ``model=all``: a line that some model could not forecast from."""

    models: list[ModelLine | ModelFailure]


class ModelForecast(BaseModel):
    """What one model forecasts, in the order of the request's series."""

    model: str = Field(examples=["nino12-gru"])
    version: str = Field(description="of the release")
    units: Units
    step: str = Field(examples=["month"])
    forecasts: list[SeriesForecast | SeriesFailure]


class AllForecasts(BaseModel):
    """With ``model: all``: one entry a model."""

    models: list[ModelForecast]


class RecentSeries(BaseModel):
    """The end of a dataset's own series."""

    dataset: str
    version: str
    units: Literal["celsius"]
    step: str
    timestamps: list[str] = Field(description="UTC")
    values: list[float | None] = Field(description="null where none was measured")


class ModelSummary(BaseModel):
    """A model that is loaded."""

    model: str
    dataset: str
    cell: str
    version: str
    window: int
    step: str
    units: str
    horizon: int = Field(description="most steps ahead that may be asked for")
    levels: list[int] = Field(description="of prediction intervals, percent")
    training_period: Mapping[str, str]
    accuracy: Mapping[str, float | None] = Field(description="on the test part, one step ahead, °C")
    sha256: str
    device: str
    best: bool = Field(description="whether best means this model")


class ModelList(BaseModel):
    """Every model that is loaded."""

    default_dataset: str
    models: list[ModelSummary]


class ModelDetail(ModelSummary):
    """A model with all that is known about it."""

    metadata: dict[str, Any] = Field(description="as stored in the checkpoint")


class Live(BaseModel):
    """The process answers."""

    status: Literal["live"] = "live"


class Ready(BaseModel):
    """Every model is loaded, verified and warmed up, but for those that were unloaded."""

    status: Literal["ready"] = "ready"
    models: list[str]

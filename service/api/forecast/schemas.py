"""What goes over the wire."""

from typing import Annotated, Any, Final

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
)

from forecasting.forecast_warning import WarningCode
from forecasting.series.sst_series import Units
from service.engine.series_schema import Finite, SeriesIn
from service.http.request_model import RequestModel

Level = Annotated[int, Field(ge=1, le=99, strict=True)]


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


class SeriesRequest(RequestModel):
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

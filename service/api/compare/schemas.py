"""Comparisons as they go over the wire: of a release's own series, and of callers'."""

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from forecasting.series.sst_series import Units
from service.api.forecast.schemas import EXAMPLE_VALUES, SeriesFailure, SeriesRequest, WarningOut

EXAMPLE: Final[dict[str, Any]] = {
    "horizon": 1,
    "series": [{"id": "pier", "start": "2005-01-01", "values": [*EXAMPLE_VALUES, *EXAMPLE_VALUES]}],
}


class TestPeriod(BaseModel):
    """The held-out part that accuracy is measured on."""

    start: str
    end: str
    n: int = Field(description="forecasts that were scored at this horizon")


class ComparedModel(BaseModel):
    """Errors of one model on the test part, °C."""

    model: str
    kind: Literal["recurrent", "baseline"]
    mae: float
    rmse: float
    mape: float | None = Field(description="percent; null only where every observation is within 0.01 of 0 °C")
    bias: float = Field(description="mean of forecast minus observation")
    skill: dict[str, float | None] = Field(
        description="1 − RMSE / RMSE of each baseline; null where that baseline has no error"
    )
    anomaly_correlation: float | None = Field(
        default=None, description="null where anomalies do not vary, and on callers' series"
    )


class SkillOut(BaseModel):
    """How sure the skill against one baseline is."""

    lower: float | None = Field(description="of what 95 % of block-bootstrap resamples say; null where untold")
    upper: float | None
    p_value: float | None = Field(description="Diebold–Mariano; null where it cannot be told")


class CoverageOut(BaseModel):
    """Share of observations inside intervals."""

    n: int
    share: float
    error: float = Field(description="standard error, autocorrelation counted")


class IntervalsOut(CoverageOut):
    """Intervals of one level on the test part."""

    score: float = Field(description="mean interval score, the lower the better")
    seasons: dict[str, CoverageOut] = Field(description="DJF, MAM, JJA, SON: those that the test part holds")


class BrierOut(BaseModel):
    """Probability that a threshold is exceeded."""

    threshold: float
    brier: float = Field(description="the lower the better")
    climatology: float = Field(description="the same of how often it was exceeded before, in the calendar month")


class Verification(BaseModel):
    """What the test part says of a network beyond its errors."""

    skill: dict[str, SkillOut] = Field(description="by baseline")
    intervals: dict[str, IntervalsOut] = Field(description="by level in percent")
    crps: float = Field(description="continuous ranked probability score")
    exceedance: list[BrierOut]


class ComparedNetwork(ComparedModel):
    """A network's row; baselines have no more than errors."""

    p_value: float | None = Field(description="Diebold–Mariano against the best baseline; null where it cannot be told")
    coverage: dict[str, float] = Field(description="share of observations inside the intervals, by level in percent")
    parameters: int
    latency_ms: float = Field(description="median of a forecast alone, on the machine that trained")
    train_seconds: float
    verification: Verification | None = Field(
        default=None, description="null on callers' series, and in a release from before there was any"
    )


class Comparison(BaseModel):
    """Accuracy on the test part: RNN, LSTM and GRU first, then the baselines."""

    dataset: str
    version: str
    units: Literal["celsius"]
    step: str
    horizon: int
    test: TestPeriod
    best: str = Field(description="the network with the lowest validation RMSE")
    models: list[ComparedNetwork | ComparedModel]


class Predictions(BaseModel):
    """One-step forecasts of the test part: what the plot draws."""

    dataset: str
    version: str
    units: Literal["celsius"]
    step: str
    timestamps: list[str]
    observed: list[float]
    predictions: dict[str, list[float]] = Field(description="by model; baselines included")


class SeedRun(BaseModel):
    """A network trained once more from other random numbers."""

    seed: int
    rmse: float = Field(description="°C on the test part, one step ahead")


class TrainedNetwork(BaseModel):
    """How one network was fitted."""

    model: str = Field(examples=["nino12-gru"])
    parameters: int
    epochs: int | None = Field(description="of the final fit, on train and validation; null where not recorded")
    train_loss: list[float] = Field(
        description="mean by epoch of the fit on the training part alone, in one-step spreads; empty where not recorded"
    )
    validation_loss: list[float] = Field(description="of the same fit, on the validation part")
    seeds: list[SeedRun] = Field(description="empty where one seed was trained")


class TrainingRecord(BaseModel):
    """How a dataset's networks were fitted."""

    dataset: str
    version: str
    step: str
    configuration: Mapping[str, int | float | str | bool] = Field(description="every setting of the training")
    networks: list[TrainedNetwork]


class CompareRequest(SeriesRequest):
    """Every model and baseline, rolled through the caller's series one step at a time."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    model: str = Field(default="all", description="all, best, rnn, lstm, gru, or a full name as nino12-gru")
    horizon: int | None = Field(
        default=None, ge=1, le=10_000, strict=True, description="steps ahead that are scored; default 1"
    )
    predictions: bool = Field(default=False, strict=True, description="whether the forecasts themselves are wanted")


class SeriesPredictions(BaseModel):
    """What was scored of one series, in the units of the request."""

    timestamps: list[str] = Field(description="valid times, UTC")
    observed: list[float]
    predicted: dict[str, list[float]] = Field(description="by model; baselines included")


class SeriesComparison(BaseModel):
    """How each model did on one series."""

    id: str
    test: TestPeriod
    lowest_rmse: str = Field(description="the model or baseline with the lowest RMSE here")
    models: list[ComparedNetwork | ComparedModel]
    warnings: list[WarningOut]
    predictions: SeriesPredictions | None = Field(default=None, description="absent where not asked for")


class OwnComparison(BaseModel):
    """Accuracy on the caller's series: RNN, LSTM and GRU first, then the baselines.

    ``test``, ``lowest_rmse`` and ``models`` are of all series together, with the baselines that each of them affords;
    with one series they are its own. Where no series can be compared on, the first two are absent and ``models`` is
    empty.
    """

    dataset: str
    version: str = Field(description="of the release")
    units: Units = Field(description="of errors")
    step: str
    horizon: int
    test: TestPeriod | None = Field(default=None, description="first and last step that was scored, and how many")
    best: str = Field(description="the network with the lowest validation RMSE in training, which best means")
    lowest_rmse: str | None = Field(default=None, description="the model or baseline with the lowest RMSE here")
    models: list[ComparedNetwork | ComparedModel]
    series: list[SeriesComparison | SeriesFailure] = Field(description="in the order of the request")

"""What a comparison on callers' series looks like over the wire."""

from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from forecasting.series import Units
from service.schemas import (
    EXAMPLE_VALUES,
    ComparedModel,
    ComparedNetwork,
    SeriesFailure,
    SeriesRequest,
    TestPeriod,
    WarningOut,
)

EXAMPLE: Final[dict[str, Any]] = {
    "horizon": 1,
    "series": [{"id": "pier", "start": "2005-01-01", "values": [*EXAMPLE_VALUES, *EXAMPLE_VALUES]}],
}


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

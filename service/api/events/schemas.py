"""The request and the response of ``/events``, as JSON."""

from typing import Any, Final

from pydantic import BaseModel, Field

from forecasting.events.baseline import DAYS, Kind
from forecasting.events.detection import Category
from forecasting.forecasts.options import InputUnits
from forecasting.requests.model import RequestModel
from forecasting.series.units import Units
from service.api.series_request import ClimatologyBasis, SeriesFailure, SeriesWarning
from service.engine.series_schema import InputBaseline, InputSeries
from service.http.time_fields import Day


class EventsRequest(RequestModel):
    """The series to find events in."""

    units: InputUnits = "celsius"
    baseline: InputBaseline | None = Field(
        default=None, description="The baseline of every series without its own. Defaults to the whole series."
    )
    series: list[InputSeries] = Field(min_length=1, fail_fast=True, description="The daily series, at least one.")


class PastEvent(BaseModel):
    """A marine heatwave or cold spell. Intensities are relative to the climatology, and negative in cold spells."""

    start: Day
    end: Day
    peak: Day = Field(description="The day of the greatest intensity.")
    days: int
    intensity_mean: float
    intensity_max: float
    intensity_cumulative: float = Field(description="The sum over the days.")
    rate_onset: float = Field(description="The increase in magnitude from the start to the peak, per day.")
    rate_decline: float = Field(description="The decrease in magnitude from the peak to the end, per day.")
    category: Category = Field(
        description="The category at the peak, by multiples of the threshold minus the climatology."
    )


class BaselinePeriod(BaseModel):
    """The first and the last day of the baseline."""

    start: Day
    end: Day


class BaselineByDay(BaseModel):
    """The values of a baseline from 1 January to 31 December of a leap year; null for a day without observations."""

    climatology: list[float | None] = Field(description="The usual SST.")
    threshold: list[float | None] = Field(description="The SST beyond which a day is extreme.")


class SeriesEvents(BaseModel):
    """The events of one series, in chronological order."""

    id: str
    events: list[PastEvent]
    baseline: BaselinePeriod | None = Field(description="Null if the request gave a climatology and a threshold.")
    usual: ClimatologyBasis = Field(description="What the climatology, which intensities are relative to, rests on.")
    warnings: list[SeriesWarning]
    by_day: BaselineByDay | None = Field(
        default=None,
        description="The baseline for each day of the year, in the form of a request's `baseline`; only with `by_day`.",
    )


class EventsAnswer(BaseModel):
    """The events of each series, in the order of the request."""

    kind: Kind
    units: Units
    series: list[SeriesEvents | SeriesFailure]


EXAMPLES: Final[dict[str, Any]] = {
    "givenBaseline": {
        "summary": "Twelve days, with a given climatology and threshold",
        "value": {
            "baseline": {"climatology": [18.0] * DAYS, "threshold": [20.0] * DAYS},
            "series": [
                {
                    "id": "pier",
                    "start": "2025-07-01",
                    "step": "day",
                    "values": [19.1, 20.4, 21.3, 22.6, 23.0, 22.1, 20.9, 19.8, 20.3, 19.5, 19.2, 18.8],
                }
            ],
        },
    }
}
"""Examples of a JSON body, for OpenAPI."""

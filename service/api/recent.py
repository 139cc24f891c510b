"""``GET /series``: the end of a dataset's own series, which ``GET /forecast`` starts from."""

from typing import Literal

import numpy as np
from fastapi import APIRouter
from pydantic import BaseModel, Field

from forecasting.climatology.usual import Usual
from service.api.dependencies import CatalogDep, DatasetQuery
from service.api.openapi import problems
from service.api.series_request import ClimatologyBasis
from service.http.time_fields import Time


class RecentSeries(BaseModel):
    """The end of a dataset's own series."""

    dataset: str
    version: str
    units: Literal["celsius"]
    step: str
    timestamps: list[Time] = Field(description="The time of each value, in UTC.")
    values: list[float | None] = Field(description="The values in °C, with null for a missing value.")
    climatology: list[float] = Field(description="The climatology at each time, in °C, as in GET /forecast.")
    usual: ClimatologyBasis = Field(description="What the climatology rests on.")


router = APIRouter(prefix="/series", tags=["series"])


@router.get(
    "",
    operation_id="getRecentValues",
    summary="Get the recent values of a dataset",
    responses=problems(404, 422, 503),
)
def recent_series(catalog: CatalogDep, dataset: DatasetQuery = None) -> RecentSeries:
    """Return the end of the series that a dataset's models were trained on."""
    release = catalog.dataset(dataset)
    series = release.recent
    times = np.datetime_as_string(series.times, unit="s")
    return RecentSeries(
        dataset=release.report.dataset,
        version=release.report.version,
        units="celsius",
        step=release.report.step,
        timestamps=[f"{time}Z" for time in times],
        values=[None if np.isnan(value) else float(value) for value in series.values],
        climatology=[float(value) for value in release.baselines.climatology(series.times)],
        usual=ClimatologyBasis(**Usual(release.baselines.years, "series").basis),
    )

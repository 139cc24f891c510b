"""The plan of a columnar request, read from its query before its body."""

from forecasting.errors import RequestError
from service.api.forecast.handler import select_models
from service.api.forecast.request import LinesQuery
from service.api.series_request import check_horizon
from service.engine.forecasting import Job
from service.engine.options import RequestOptions
from service.engine.serving import Serving
from service.settings import Settings


def plan_columns(serving: Serving, settings: Settings, query: LinesQuery) -> Job:
    """Return the models and options of a request, without its series.

    Raises:
        ForecastError: if it asks for something that is not available.
        RequestValidationError: if the query is invalid.
    """
    check_horizon(query.horizon, settings)
    options = RequestOptions.of(query)
    if options.events is not None:
        field = "events" if query.events else "paths"
        raise RequestError(
            f"{field} are not available in Arrow or Parquet: request them with JSON or NDJSON", field=field
        )
    return Job(select_models(serving, query), (), options)

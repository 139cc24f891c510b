"""The plan of a columnar request, read from its query before its body."""

from forecasting.errors import RequestError
from service.api.forecast.handler import select_networks
from service.api.forecast.query import LinesQuery
from service.api.series_request import check_horizon
from service.engine.columns.column_job import ColumnJob
from service.engine.serving import Serving
from service.engine.universal.job import UniversalJob, UniversalModels
from service.settings import Settings


def plan_columns(serving: Serving, settings: Settings, query: LinesQuery) -> ColumnJob:
    """Return the networks and options of a request.

    Raises:
        ForecastError: if it asks for something that is not available.
        RequestValidationError: if the query is invalid.
    """
    check_horizon(query.horizon, settings)
    options = query.options
    if options.events is not None:
        field = "events" if query.events else "paths"
        raise RequestError(
            f"{field} are not available in Arrow or Parquet: request them with JSON or NDJSON", field=field
        )
    networks = select_networks(serving, query)
    if isinstance(networks, UniversalModels):
        return ColumnJob((), UniversalJob(networks, (), options), options)
    return ColumnJob(networks, None, options)

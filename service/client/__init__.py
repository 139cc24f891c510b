"""A client of the service: pandas in, pandas out.

from service.client import Client

with Client("http://127.0.0.1:8000") as client:
    client.forecast(series, horizon=3)

It needs pandas and httpx (the extra ``client``), but neither torch nor a web framework.
"""

try:
    import httpx as httpx
except ModuleNotFoundError as error:
    # The same sentence as in forecasting.extras: the client imports nothing from the core.
    missing = f"The client needs the extra `client` (no package {error.name!r}): pip install 'sst-forecasting[client]'"
    raise ModuleNotFoundError(missing, name=error.name) from None

from service.client.client import AsyncClient, Client
from service.client.errors import AnswerError, Place, ProblemError, ServiceError, UnavailableError
from service.client.reports import FileReading
from service.client.station_tables import PushAllResult, PushResult
from service.client.stations import AsyncStations, Stations
from service.client.tables import ForecastTable

__all__ = [
    "AnswerError",
    "AsyncClient",
    "AsyncStations",
    "Client",
    "FileReading",
    "ForecastTable",
    "Place",
    "ProblemError",
    "PushAllResult",
    "PushResult",
    "ServiceError",
    "Stations",
    "UnavailableError",
]

"""Begins the responses to columnar requests. Most of the plug-in is imported with the first of them."""

from http import HTTPStatus
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from fastapi import Request

from forecasting.errors import RequestError
from service.api.forecast.handler import LinesQuery, select_models
from service.engine.forecasting import Job, RequestOptions
from service.engine.reading import check_horizon
from service.engine.serving import Lifecycle, Serving
from service.http.bodies import preferred, refuse_compression
from service.http.problems import ProblemError
from service.middleware.deadlines import StreamedResponse
from service.plugins.columns import ARROW_TYPE, PARQUET_TYPE
from service.plugins.columns.spool import SpoolSpace
from service.settings import Settings
from service.worker.accounts import current

if TYPE_CHECKING:
    from service.plugins.columns.readers import ColumnReaders


class ColumnStreams:
    """Responds to columnar requests, with one limit for the temporary files of all of them."""

    def __init__(self, lifecycle: Lifecycle, settings: Settings) -> None:
        self._lifecycle = lifecycle
        self._settings = settings
        self._space = SpoolSpace(settings.max_spool_bytes)
        # A space lives as long as a request of its caller.
        self._spaces: WeakValueDictionary[str, SpoolSpace] = WeakValueDictionary()
        self._readers: ColumnReaders | None = None

    async def close(self) -> None:
        """End the processes that read bodies."""
        if self._readers is not None:
            await self._readers.close()

    def _space_of(self, caller: str) -> SpoolSpace:
        space = self._spaces.get(caller)
        if space is None:
            limit = int(self._settings.max_spool_bytes * self._settings.caller_share)
            space = self._spaces[caller] = SpoolSpace(limit, self._space)
        return space

    def respond(self, request: Request) -> StreamedResponse:
        """Begin the response to a request with an Arrow stream."""
        from service.plugins.columns.pipeline import ColumnResponse, Pipeline
        from service.plugins.columns.readers import ColumnReaders

        headers = dict(request.scope["headers"])
        refuse_compression(headers, "Arrow")
        accepted = preferred(headers.get(b"accept", b"").decode("latin-1"), [ARROW_TYPE, PARQUET_TYPE])
        if accepted is None:
            detail = f"a columnar request gets a columnar response: accept {ARROW_TYPE} or {PARQUET_TYPE}"
            raise ProblemError(HTTPStatus.NOT_ACCEPTABLE, detail)
        serving = self._lifecycle.ready()
        query = LinesQuery.read(request.scope["query_string"])
        job = _plan(serving, self._settings, query)
        pipeline = Pipeline(serving, job, accepted, self._settings.max_values, strict=query.strict)
        if self._readers is None:
            self._readers = ColumnReaders(self._settings.caller_share)
        account = current.get()
        caller = "" if account is None else account.caller
        response = ColumnResponse(serving, pipeline, self._space_of(caller), self._readers)
        return StreamedResponse(response.pieces(request.receive, caller), accepted, response.abort)


def _plan(serving: Serving, settings: Settings, query: LinesQuery) -> Job:
    """Return the models and options of a request, without its series."""
    check_horizon(query.horizon, settings)
    options = RequestOptions.of(query)
    if options.events is not None:
        field = "events" if query.events else "paths"
        raise RequestError(
            f"{field} are not available in Arrow or Parquet: request them with JSON or NDJSON", field=field
        )
    return Job(select_models(serving, query), (), options)

"""Every call as a plan that both clients carry out: what to send, when to wait, and how to read the responses.

A plan is a generator. It yields a :class:`Call` and is sent its outcome, or yields a :class:`Wait`.
"""

import json
import logging
from collections.abc import Callable, Generator, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Any, Generic, NoReturn, TypeVar

import httpx
import pandas as pd

from service.client.columns import ARROW_TYPE, ColumnSupport, column_batches, query_of, read_columns
from service.client.errors import ProblemError, no_answer, refusal, unexpected_answer
from service.client.event_tables import ForecastTable, past_event_rows, past_event_table
from service.client.files import FileReading, file_reading
from service.client.parameters import ComparisonParameters, ForecastParameters, Json, drop_none, whole
from service.client.payload import OwnFields, batches, read_stations
from service.client.retry import Outcome, RetryPolicy, is_temporary, retry_after
from service.client.series_input import PandasInput, SeriesInput, to_pandas
from service.client.tables import (
    compared_rows,
    compared_table,
    comparison_table,
    hindcast_table,
    joined_forecasts,
    lead_comparison_table,
    models_of,
    models_table,
    predictions_table,
    read_forecasts,
    typed,
)

logger = logging.getLogger("service.client")

T = TypeVar("T")


@dataclass(frozen=True)
class Call:
    """A request to send."""

    method: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    body: str | bytes | None = None
    media_type: str = "application/json"
    accept: str | None = None


@dataclass(frozen=True)
class Wait:
    """A request to wait for a number of seconds."""

    seconds: float


@dataclass(frozen=True)
class Done(Generic[T]):
    """The end of a plan, with its result."""

    result: T


Plan = Generator[Call | Wait, Outcome | None, T]


def advance(plan: Plan[T], outcome: Outcome | None = None) -> Call | Wait | Done[T]:
    """Return the next step of a plan, given the ``outcome`` of the previous one."""
    try:
        return plan.send(outcome)
    except StopIteration as stop:
        return Done(stop.value)


@dataclass(frozen=True)
class Calls:
    """The plans of every call.

    Attributes:
        address: the address of the service, for messages.
        policy: when to retry.
        max_series: the most series in one request.
        max_bytes: the largest body of one request.
        column_support: whether many series may be sent as columns.
    """

    address: str
    policy: RetryPolicy
    max_series: int
    max_bytes: int
    column_support: ColumnSupport

    def forecast(
        self, series: SeriesInput, parameters: ForecastParameters, strict: bool | None, further: Sequence[OwnFields]
    ) -> Plan[ForecastTable]:
        """``POST /forecast``, in as many requests as ``series`` needs; with ``further`` fields of each series."""
        series = to_pandas(series)
        if not (parameters.events or parameters.paths or parameters.baseline):
            table = yield from self._forecast_columns(series, parameters, bool(strict), further)
            if table is not None:
                return joined_forecasts(parameters, [], table)
        read = partial(read_forecasts, parameters)
        parts = yield from self._parts("/forecast", series, parameters.fields, strict, read, further)
        return joined_forecasts(parameters, parts)

    def _forecast_columns(
        self, series: PandasInput, parameters: ForecastParameters, strict: bool, further: Sequence[OwnFields]
    ) -> Plan[pd.DataFrame | None]:
        """Forecast many series as columns; None if that is not possible, or the service does not take them."""
        batches = (
            column_batches(series, further, self.max_series, self.max_bytes) if self.column_support.is_on else None
        )
        if batches is None:
            return None
        parts: list[pd.DataFrame] = []
        for batch in batches:
            query = query_of(parameters, strict=strict)
            call = Call("POST", "/forecast", query, batch.body, ARROW_TYPE, accept=ARROW_TYPE)
            try:
                response = yield from self.answer(call)
            except ProblemError as error:
                if error.status != HTTPStatus.UNSUPPORTED_MEDIA_TYPE:
                    raise
                self.column_support.is_on = False
                return None
            try:
                parts.append(read_columns(parameters, batch.names, response.content))
            except (KeyError, TypeError, ValueError, AttributeError, OSError) as error:
                raise unexpected_answer(response, self.address + call.path) from error
        return typed(parameters, pd.concat(parts, ignore_index=True))

    def events(
        self,
        series: SeriesInput,
        kind: str,
        fields: Json,
        strict: bool | None,
        further: Sequence[OwnFields],
    ) -> Plan[pd.DataFrame]:
        """``POST /events``, in as many requests as ``series`` needs."""
        parts = yield from self._parts("/events", series, fields, strict, past_event_rows, further, kind=kind)
        return past_event_table([row for rows in parts for row in rows])

    def forecast_dataset(self, parameters: ForecastParameters) -> Plan[ForecastTable]:
        """``GET /forecast``."""
        params = drop_none(
            dataset=parameters.dataset,
            model=parameters.model,
            horizon=parameters.horizon,
            # An empty value asks for no levels; without the parameter, the service chooses them.
            level=list(parameters.levels) or "",
            threshold=list(parameters.thresholds),
            units=parameters.units,
            events=json.dumps(parameters.events) if parameters.events else None,
            paths=parameters.paths or None,
        )

        def read(answer: Json) -> ForecastTable:
            names = [forecast["id"] for forecast in models_of(parameters, answer)[0]["forecasts"]]
            return joined_forecasts(parameters, [read_forecasts(parameters, names, answer)])

        return self.ask(Call("GET", "/forecast", params), read)

    def compare(self, dataset: str | None, horizon: int | None) -> Plan[pd.DataFrame]:
        """``GET /compare``."""
        params = drop_none(dataset=dataset, horizon=None if horizon is None else whole("horizon", horizon))
        return self.ask(Call("GET", "/compare", params), comparison_table)

    def compare_leads(self, dataset: str | None) -> Plan[pd.DataFrame]:
        """``GET /compare/leads``."""
        return self.ask(Call("GET", "/compare/leads", drop_none(dataset=dataset)), lead_comparison_table)

    def hindcast(self, dataset: str | None, model: str, origin: str | None, origins: int) -> Plan[pd.DataFrame]:
        """``GET /compare/hindcast``."""
        params = drop_none(dataset=dataset, model=model, origin=origin, origins=whole("origins", origins))
        return self.ask(Call("GET", "/compare/hindcast", params), hindcast_table)

    def compare_series(
        self, series: SeriesInput, parameters: ComparisonParameters, strict: bool | None
    ) -> Plan[pd.DataFrame]:
        """``POST /compare``, in as many requests as ``series`` needs."""
        parts = yield from self._parts("/compare", series, parameters.fields, strict, compared_rows)
        return compared_table([row for rows in parts for row in rows])

    def read_series(self, content: bytes, options: Mapping[str, Any]) -> Plan[FileReading]:
        """``POST /series``."""
        call = Call("POST", "/series", drop_none(**options), content, "application/octet-stream")
        return self.ask(call, file_reading)

    def predictions(self, dataset: str | None) -> Plan[pd.DataFrame]:
        """``GET /compare/predictions``."""
        return self.ask(Call("GET", "/compare/predictions", drop_none(dataset=dataset)), predictions_table)

    def models(self) -> Plan[pd.DataFrame]:
        """``GET /models``."""
        return self.ask(Call("GET", "/models"), models_table)

    def ready(self) -> Plan[bool]:
        """``GET /health/ready``, once."""
        call = Call("GET", "/health/ready")
        outcome = yield call
        if isinstance(outcome, httpx.Response) and not (outcome.is_success or is_temporary(outcome)):
            self._fail(call, outcome, tries=1)
        return isinstance(outcome, httpx.Response) and outcome.is_success

    def _parts(
        self,
        path: str,
        series: SeriesInput,
        fields: Json,
        strict: bool | None,
        read: Callable[[Sequence[Hashable], Json], T],
        further: Sequence[OwnFields] = (),
        **params: str,
    ) -> Plan[list[T]]:
        """Return what ``read`` makes of each response to ``series``, a batch of which goes into each request.

        ``read`` also gets the names of the series.
        """
        series = to_pandas(series)
        query = {"strict": isinstance(series, pd.Series) if strict is None else strict, **params}
        parts: list[T] = []
        for batch in batches(fields, read_stations(series, further), self.max_series, self.max_bytes):
            part = yield from self.ask(Call("POST", path, query, batch.body), partial(read, batch.names))
            parts.append(part)
        return parts

    def ask(self, call: Call, read: Callable[[Json], T]) -> Plan[T]:
        """Send ``call`` until it succeeds or the policy gives up, and ``read`` the response."""
        response = yield from self.answer(call)
        try:
            return read(response.json())
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise unexpected_answer(response, self.address + call.path) from error

    def answer(self, call: Call) -> Plan[httpx.Response]:
        """Send ``call`` until it succeeds or the policy gives up."""
        attempt = 0
        while True:
            outcome = yield call
            assert outcome is not None
            if isinstance(outcome, httpx.Response) and outcome.is_success:
                return outcome
            delay = self.policy.delay(attempt, outcome)
            attempt += 1
            if delay is None:
                self._fail(call, outcome, tries=attempt)
            logger.info("%s%s: %s; retrying in %.1f s", self.address, call.path, _summary(outcome), delay)
            if delay:
                yield Wait(delay)

    def _fail(self, call: Call, outcome: Outcome, tries: int) -> NoReturn:
        address = self.address + call.path
        if isinstance(outcome, httpx.Response):
            raise refusal(outcome, address, retry_after(outcome, datetime.now(UTC)))
        raise no_answer(outcome, address, tries) from outcome


def _summary(outcome: Outcome) -> str:
    return str(outcome.status_code) if isinstance(outcome, httpx.Response) else type(outcome).__name__

"""The calls about stations, as plans that both clients carry out."""

import json
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pandas as pd

from service.client.calls import Call, Calls, Plan
from service.client.event_tables import ForecastTable
from service.client.files import FileOptions, content_of
from service.client.parameters import Json, TimeInput, drop_none, whole, written_time
from service.client.payload import batches
from service.client.series_input import SeriesInput, named_series, to_pandas
from service.client.stations.push_results import (
    PushAllResult,
    PushResult,
    push_all_result,
    push_result,
    stored_stations,
)
from service.client.stations.station_payload import (
    ReadingsInput,
    only_series,
    period_params,
    read_readings,
    readings_body,
    station_path,
)
from service.client.stations.station_tables import (
    alerts_table,
    corrected_series,
    event_verification_table,
    issued_table,
    observations_table,
    station_series,
    stations_table,
    verification_table,
)

PAGE: Final = 1_000
"""Entries in one page."""

Entries = list[Json]


@dataclass(frozen=True)
class StationCalls:
    """The plans of every call about stations."""

    calls: Calls

    def put(self, station: str, fields: Json) -> Plan["pd.Series[Any]"]:
        """``PUT /stations/{id}``."""
        return self.calls.ask(Call("PUT", station_path(station), body=json.dumps(fields)), station_series)

    def get(self, station: str) -> Plan["pd.Series[Any]"]:
        """``GET /stations/{id}``."""
        return self.calls.ask(Call("GET", station_path(station)), station_series)

    def list(self) -> Plan[pd.DataFrame]:
        """``GET /stations``, page by page."""
        stations = yield from self._pages("/stations", "stations", {})
        return stations_table(stations)

    def delete(self, station: str) -> Plan[None]:
        """``DELETE /stations/{id}``, once: after a lost answer, a retry would find no station."""
        once = replace(self.calls, policy=replace(self.calls.policy, retries=0))
        yield from once.answer(Call("DELETE", station_path(station)))

    def push(self, station: str, readings: ReadingsInput, options: FileOptions) -> Plan[PushResult]:
        """``POST /stations/{id}/observations``."""
        path = station_path(station, "observations")
        if isinstance(readings, str | Path | bytes):
            call = Call("POST", path, drop_none(**options), content_of(readings), "application/octet-stream")
            return self.calls.ask(call, partial(push_result, station, None))
        if options:
            raise TypeError(f"{min(options)} is an option for files, but the readings are not a file: leave it out")
        series = only_series(readings)
        call = Call("POST", path, body=readings_body(station, series))
        return self.calls.ask(call, partial(push_result, station, series))

    def push_all(self, readings: SeriesInput) -> Plan[PushAllResult]:
        """``POST /observations``, in as many requests as ``readings`` needs."""
        readings = to_pandas(readings)
        stations = read_readings(readings)
        stored: list[tuple[Hashable, Json]] = []
        for batch in batches({}, stations, self.calls.max_series, self.calls.max_bytes, "readings"):
            call = Call("POST", "/observations", body=batch.body)
            stored += yield from self.calls.ask(call, partial(stored_stations, batch.names))
        return push_all_result(dict(named_series(readings)), stored)

    def observations(self, station: str, start: TimeInput, end: TimeInput, *, revisions: bool) -> Plan[pd.DataFrame]:
        """``GET /stations/{id}/observations``."""
        params = drop_none(**period_params(start, end), revisions=True if revisions else None)
        return self.calls.ask(Call("GET", station_path(station, "observations"), params), observations_table)

    def correct(self, station: str, time: TimeInput, value: float | None, flag: int | None) -> Plan["pd.Series[Any]"]:
        """``PATCH /stations/{id}/observations/{time}``."""
        fields = drop_none(value=value, flag=None if flag is None else whole("flag", flag))
        return self.calls.ask(Call("PATCH", _reading_path(station, time), body=json.dumps(fields)), corrected_series)

    def take_back(self, station: str, time: TimeInput) -> Plan["pd.Series[Any]"]:
        """``DELETE /stations/{id}/observations/{time}``."""
        return self.calls.ask(Call("DELETE", _reading_path(station, time)), corrected_series)

    def forecast(self, station: str, levels: Sequence[int] | None) -> Plan[ForecastTable]:
        """``GET /stations/{id}/forecast``."""
        chosen = _levels(levels)
        return self.calls.ask(
            Call("GET", station_path(station, "forecast")), lambda answer: issued_table([(station, answer)], chosen)
        )

    def forecasts(
        self, station: str, start: TimeInput, end: TimeInput, levels: Sequence[int] | None
    ) -> Plan[ForecastTable]:
        """``GET /stations/{id}/forecasts``."""
        path, params = station_path(station, "forecasts"), drop_none(**period_params(start, end))
        chosen = _levels(levels)
        forecasts = yield from self._pages(path, "forecasts", params)
        return issued_table([(station, issued) for issued in forecasts], chosen)

    def verification(
        self,
        station: str,
        lead: int | None,
        start: TimeInput,
        end: TimeInput,
        by: str | None,
        replayed: bool | None,
    ) -> Plan[pd.DataFrame]:
        """``GET /stations/{id}/verification``."""
        call = _verification(station, lead, start, end, by, replayed)
        return self.calls.ask(call, verification_table)

    def event_verification(
        self, station: str, lead: int | None, start: TimeInput, end: TimeInput, replayed: bool | None
    ) -> Plan[pd.DataFrame]:
        """``GET /stations/{id}/verification``, of its events."""
        call = _verification(station, lead, start, end, None, replayed)
        return self.calls.ask(call, event_verification_table)

    def alerts(self, station: str, start: TimeInput, end: TimeInput, limit: int | None) -> Plan[pd.DataFrame]:
        """``GET /stations/{id}/alerts``, page by page."""
        maximum = None if limit is None else whole("limit", limit)
        path, params = station_path(station, "alerts"), drop_none(**period_params(start, end))
        alerts = yield from self._pages(path, "alerts", params, maximum)
        return alerts_table(alerts)

    def _pages(self, path: str, field: str, params: Json, maximum: int | None = None) -> Plan[Entries]:
        """Return the entries of all pages of a list, or the first ``maximum``."""
        entries: Entries = []
        after: str | None = ""
        while True:
            wanted = PAGE if maximum is None else min(PAGE, maximum - len(entries))
            call = Call("GET", path, params | {"limit": wanted, "after": after})
            page, after = yield from self.calls.ask(call, lambda answer: (answer[field], answer["next"]))
            entries += page
            if after is None or (maximum is not None and len(entries) >= maximum):
                return entries


def _reading_path(station: str, time: TimeInput) -> str:
    written = written_time(time)
    if written is None:
        raise ValueError("the time of the reading is missing")
    return station_path(station, "observations", quote(written, safe=""))


def _levels(levels: Sequence[int] | None) -> Sequence[int] | None:
    return None if levels is None else [whole("a level", level) for level in levels]


def _verification(
    station: str, lead: int | None, start: TimeInput, end: TimeInput, by: str | None, replayed: bool | None
) -> Call:
    params = drop_none(
        lead=None if lead is None else whole("lead", lead), by=by, replayed=replayed, **period_params(start, end)
    )
    return Call("GET", station_path(station, "verification"), params)

"""The JSON of forecasts: all numbers are formatted together, and then put in their places.

This takes two thirds of the time of building dictionaries and lists and serializing them.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np
from orjson import OPT_SERIALIZE_NUMPY, dumps

from forecasting.forecast_warning import ForecastWarning
from forecasting.forecasts.forecast import Chosen, WeatherUse
from forecasting.forecasts.forecasts import Columns, Forecasts
from forecasting.series.times import Floats, Times, iso, iso_of
from forecasting.series.units import Units, from_celsius

Json = dict[str, Any]

_SCALE: Final = 1e6
"""Values are rounded to six decimals."""

_NUMBER: Final = "%"
"""Stands for a number in an entry without numbers."""


def entries_of(forecasts: Forecasts) -> list[bytes]:
    """Return the JSON object of each forecast, without its opening brace, so that an ``id`` can come before it."""
    columns, n = forecasts.columns, len(forecasts)
    numbers = dumps(rounded(forecasts.table).ravel(), option=OPT_SERIALIZE_NUMPY)[1:-1].split(b",")
    size = columns.count * forecasts.horizon
    absent = np.isnan(forecasts.table[:, columns.first_reference :, 0]).tolist()
    calibrated, times = forecasts.calibrated.tolist(), written_times(forecasts.times)
    blanks: dict[tuple[bool, ...], tuple[bytes, list[int]]] = {}
    entries = []
    for i in range(n):
        kind = (calibrated[i], *absent[i])
        if kind not in blanks:
            blanks[kind] = _blank(columns, forecasts.horizon, *kind)
        blank, kept = blanks[kind]
        cells = numbers[i * size : (i + 1) * size]
        if len(kept) < size:
            cells = [cells[index] for index in kept]
        head = _head(forecasts.model[i], forecasts.version[i], forecasts.step[i])
        if chosen := forecasts.chosen[i]:
            head += b'"chosen":%s,' % dumps(_chosen(chosen, forecasts.units))
        basis = _basis(forecasts, i)
        entries.append(
            blank
            % (
                head,
                '","'.join(times[i]).encode(),
                *cells,
                dumps(basis)[1:-1] + b"," if basis else b"",
                dumps(_warnings(warnings))[1:-1] if (warnings := forecasts.warnings[i]) else b"",
            )
        )
    return entries


def objects_of(forecasts: Forecasts) -> list[Json]:
    """Return the JSON object of each forecast."""
    columns, units, numbers = forecasts.columns, forecasts.units, listed(forecasts.table)
    absent = np.isnan(forecasts.table[:, :, 0])
    absent[:, : columns.first_reference] = False
    calibrated, times = forecasts.calibrated.tolist(), written_times(forecasts.times)
    objects = []
    for i in range(len(forecasts)):
        chosen = forecasts.chosen[i]
        lists = [
            None if is_absent else values for values, is_absent in zip(numbers[i], absent[i].tolist(), strict=True)
        ]
        objects.append(
            {"model": forecasts.model[i], "version": forecasts.version[i], "step": forecasts.step[i]}
            | ({"chosen": _chosen(chosen, units)} if chosen else {})
            | _body(columns, times[i], lists, calibrated=calibrated[i])
            | _basis(forecasts, i)
            | {"warnings": _warnings(forecasts.warnings[i])}
        )
    return objects


@lru_cache(maxsize=256)
def _head(model: str, version: str, step: str) -> bytes:
    return dumps({"model": model, "version": version, "step": step})[1:-1] + b","


@lru_cache(maxsize=64)
def _blank(columns: Columns, leads: int, is_calibrated: bool, *missing: bool) -> tuple[bytes, list[int]]:
    """Return an entry with placeholders for the head, times, numbers and warnings, and which numbers it has.

    The ``missing`` references have no numbers.
    """
    absent = [*[False] * columns.first_reference, *missing]
    kept = [index for c in range(columns.count) if not absent[c] for index in range(c * leads, (c + 1) * leads)]
    lists = [None if is_absent else [_NUMBER] * leads for is_absent in absent]
    body = dumps(_body(columns, ["%s"], lists, calibrated=is_calibrated))[1:-1].replace(dumps(_NUMBER), b"%s")
    return b"%s" + body + b',%s"warnings":[%s]}', kept


def _body(columns: Columns, times: list[str], lists: Sequence[list[Any] | None], *, calibrated: bool) -> Json:
    """Return the part of an object with a list for each column; None for a reference that is missing."""
    rest = iter(lists)
    return {
        "timestamps": times,
        "sst": next(rest),
        "intervals": [
            {"level": level, "lower": next(rest), "upper": next(rest), "calibrated": calibrated}
            for level in columns.levels
        ],
        "exceedance": [
            {"threshold": threshold, "probability": next(rest), "calibrated": calibrated}
            for threshold in columns.thresholds
        ],
        "baselines": {
            name: values for name, values in zip(columns.references, rest, strict=True) if values is not None
        },
    }


def _basis(forecasts: Forecasts, i: int) -> Json:
    """Return what a forecast rests on, as far as that is known."""
    usual, weather = forecasts.usual[i], forecasts.weather[i] if forecasts.weather else None
    basis: Json = {}
    if usual is not None:
        sst = usual.sst if forecasts.units == "celsius" else float(from_celsius(usual.sst, forecasts.units))
        basis["usual"] = {**usual.basis, "sst": round(sst, 6)}
    if weather is not None:
        basis["weather"] = _weather(weather)
    return basis


def _warnings(warnings: Sequence[ForecastWarning]) -> list[Json]:
    return [{"code": warning.code, "message": warning.message} for warning in warnings]


def _chosen(chosen: Chosen, units: Units) -> Json:
    degree = float(from_celsius(1.0, units) - from_celsius(0.0, units))
    rmse = {name: round(value * degree, 6) for name, value in chosen.rmse.items()}
    by_lead = {name: np.round(row * degree, 4).tolist() for name, row in chosen.rmse_by_lead.items()}
    since = {} if chosen.since is None else {"since": iso(chosen.since)}
    weights = {name: [round(weight, 3) for weight in row.tolist()] for name, row in chosen.weights.items()}
    optional = {"rmse_by_lead": by_lead, "weights": weights}
    more = since | {name: values for name, values in optional.items() if values}
    return {"by": chosen.by, "origins": chosen.origins, "rmse": rmse, **more}


def _weather(weather: WeatherUse) -> Json:
    """Return what a forecast made of the weather over its series; what is not known is left out."""
    until = None if weather.until is None else iso(weather.until)
    ratio, origins = weather.rounded_ratio, weather.origins
    known = {"used": [*weather.used], "until": until, "past_rmse_ratio": ratio, "origins": origins}
    return {name: value for name, value in {**known, "source": weather.source}.items() if value is not None}


def rounded(values: Floats) -> Floats:
    """Round ``values`` to the decimals that are written."""
    scaled: Floats = np.rint(values * _SCALE)
    scaled /= _SCALE
    return scaled


def listed(values: Floats) -> list[Any]:
    """Return rounded values as lists, with None where a value is not a finite number."""
    written = rounded(values).astype(object)
    written[~np.isfinite(values)] = None
    lists: list[Any] = written.tolist()
    return lists


def written_times(times: Times) -> list[list[str]]:
    """Return ISO 8601 times in UTC, as lists in the shape of ``times`` ``(n, leads)``."""
    return [[iso_of(seconds) for seconds in row] for row in times.astype(np.int64).tolist()]

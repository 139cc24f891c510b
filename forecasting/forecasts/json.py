"""The JSON of forecasts: all numbers are formatted together, and then put in their places.

This takes two thirds of the time of building dictionaries and lists and serializing them.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np
from orjson import OPT_SERIALIZE_NUMPY, dumps

from forecasting.climatology.usual import Usual
from forecasting.forecasts.forecast import Chosen, WeatherUse
from forecasting.forecasts.forecasts import Columns, Forecasts
from forecasting.series.times import Floats, Times, iso, iso_of
from forecasting.series.units import Units, from_celsius

Json = dict[str, Any]

_SCALE: Final = 1e6
"""Values are rounded to six decimals."""


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
            blanks[kind] = _blank(columns.levels, columns.thresholds, columns.references, forecasts.horizon, *kind)
        blank, kept = blanks[kind]
        cells = numbers[i * size : (i + 1) * size]
        if len(kept) < size:
            cells = [cells[index] for index in kept]
        head = _head(forecasts.model[i], forecasts.version[i], forecasts.step[i])
        if chosen := forecasts.chosen[i]:
            head += _chosen(chosen, forecasts.units)
        usual, warnings = forecasts.usual[i], forecasts.warnings[i]
        basis = b"" if usual is None else _usual(usual, forecasts.units)
        if forecasts.weather and (weather := forecasts.weather[i]):
            basis += b'"weather":%s,' % dumps(written_weather(weather))
        entries.append(
            blank
            % (
                head,
                '","'.join(times[i]).encode(),
                *cells,
                basis,
                dumps([{"code": w.code, "message": w.message} for w in warnings])[1:-1] if warnings else b"",
            )
        )
    return entries


@lru_cache(maxsize=256)
def _head(model: str, version: str, step: str) -> bytes:
    return dumps({"model": model, "version": version, "step": step})[1:-1] + b","


@lru_cache(maxsize=64)
def _blank(
    levels: tuple[int, ...],
    thresholds: tuple[float, ...],
    references: tuple[str, ...],
    leads: int,
    is_calibrated: bool,
    *missing: bool,
) -> tuple[bytes, list[int]]:
    """Return an entry with placeholders for the head, times, numbers and warnings, and which numbers it has.

    The ``missing`` references have no numbers.
    """
    columns = Columns(levels, thresholds, references)
    present = [c for c, is_missing in enumerate(missing) if not is_missing]
    lists = [*range(columns.first_reference), *[columns.first_reference + c for c in present]]
    kept = [index for c in lists for index in range(c * leads, (c + 1) * leads)]
    numbers, calibrated = b"[" + b",".join([b"%s"] * leads) + b"]", dumps(is_calibrated)
    intervals = [
        b'{"level":%d,"lower":%s,"upper":%s,"calibrated":%s}' % (level, numbers, numbers, calibrated)
        for level in levels
    ]
    exceedance = [
        b'{"threshold":%s,"probability":%s,"calibrated":%s}' % (dumps(threshold), numbers, calibrated)
        for threshold in thresholds
    ]
    baselines = [b"%s:%s" % (dumps(references[c]), numbers) for c in present]
    lists_of = [b",".join(part) for part in (intervals, exceedance, baselines)]
    blank = (
        b'%%s"timestamps":["%%s"],"sst":%s,"intervals":[%s],"exceedance":[%s],"baselines":{%s},%%s"warnings":[%%s]}'
        % (numbers, *lists_of)
    )
    return blank, kept


def _chosen(chosen: Chosen, units: Units) -> bytes:
    degree = float(from_celsius(1.0, units) - from_celsius(0.0, units))
    rmse = {name: round(value * degree, 6) for name, value in chosen.rmse.items()}
    by_lead = {name: np.round(row * degree, 4).tolist() for name, row in chosen.rmse_by_lead.items()}
    since = {} if chosen.since is None else {"since": iso(chosen.since)}
    weights = {name: [round(weight, 3) for weight in row.tolist()] for name, row in chosen.weights.items()}
    optional = {"rmse_by_lead": by_lead, "weights": weights}
    more = since | {name: values for name, values in optional.items() if values}
    return b'"chosen":%s,' % dumps({"by": chosen.by, "origins": chosen.origins, "rmse": rmse, **more})


def _usual(usual: Usual, units: Units) -> bytes:
    return b'"usual":%s,' % dumps(written_usual(usual, units))


def written_usual(usual: Usual | None, units: Units) -> dict[str, Any] | None:
    """Return what a climatology rests on, and its value at the last observation in ``units``."""
    if usual is None:
        return None
    sst = usual.sst if units == "celsius" else float(from_celsius(usual.sst, units))
    return {**usual.basis, "sst": round(sst, 6)}


def written_weather(weather: WeatherUse) -> dict[str, Any]:
    """Return what a forecast made of the weather over its series; what is not known is left out."""
    until = None if weather.until is None else iso(weather.until)
    ratio, origins = weather.rounded_ratio, weather.origins
    known = {"used": weather.used, "until": until, "past_rmse_ratio": ratio, "origins": origins}
    return {name: value for name, value in {**known, "source": weather.source}.items() if value is not None}


def rounded(values: Floats) -> Floats:
    """Round ``values`` to the decimals that are written."""
    scaled: Floats = np.rint(values * _SCALE)
    scaled /= _SCALE
    return scaled


def written_times(times: Times) -> list[list[str]]:
    """Return ISO 8601 times in UTC, as lists in the shape of ``times`` ``(n, leads)``."""
    return [[iso_of(seconds) for seconds in row] for row in times.astype(np.int64).tolist()]


def joined(ids: Sequence[str], entries: Sequence[bytes]) -> bytes:
    """Return ``entries`` with their ``ids``, separated by commas."""
    return b",".join([b'{"id":%s,%s' % (dumps(name), entry) for name, entry in zip(ids, entries, strict=True)])

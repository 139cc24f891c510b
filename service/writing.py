"""Forecasts as they go over the wire, many at once: levels, thresholds and units as they were asked for."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from forecasting.errors import SeriesError
from forecasting.forecast import Forecasts, Rows
from forecasting.forecaster import Forecaster
from forecasting.intervals import ErrorDistribution
from forecasting.series import Units, from_celsius, to_celsius
from forecasting.timestep import Floats, Times, iso_of

DEFAULT_LEVELS: Final = (80, 95)
_SCALE: Final = 1e6
"""Values are written to six decimals."""

Json = dict[str, Any]


class ForecastOptions(NamedTuple):
    """What a forecast is to contain.

    Attributes:
        horizon: number of leads.
        levels: of intervals, percent; None: those of :data:`DEFAULT_LEVELS` that are calibrated.
        thresholds: in ``units``, whose probability of being exceeded is wanted.
        units: of all temperatures.
    """

    horizon: int
    levels: tuple[int, ...] | None = None
    thresholds: tuple[float, ...] = ()
    units: Units = "celsius"

    def levels_of(self, errors: ErrorDistribution) -> tuple[int, ...]:
        """The levels that are meant, of a network with these ``errors``."""
        if self.levels is not None:
            return self.levels
        return tuple([level for level in DEFAULT_LEVELS if level in errors.half_width])


def write(forecasts: Forecasts, rows: Sequence[int], options: ForecastOptions, levels: Sequence[int]) -> list[Json]:
    """The entries of some ``rows`` of ``forecasts``: :class:`~service.schemas.SeriesForecast`, but for their ``id``.

    ``levels`` are those that are meant, and calibrated for each of the networks that the rows come from.
    """
    picked = slice(None) if len(rows) == len(forecasts) else np.asarray(rows)
    sst, times, scale = (
        forecasts.sst[picked, : options.horizon],
        forecasts.times[picked, : options.horizon],
        forecasts.scale[picked],
    )
    names, first = list(forecasts.baselines), 1 + 2 * len(levels)
    table = np.empty((first + len(names), *sst.shape))
    table[0] = sst
    errors = [(network.metadata.errors, own) for network, own in _by_network(forecasts, rows)]
    if levels:
        widths = np.empty((len(levels), *sst.shape))
        for distribution, own in errors:
            widths[:, own] = distribution.half_widths_of(levels, times[own], scale[own])
        np.subtract(sst, widths, out=table[1 : 1 + len(levels)])
        np.add(sst, widths, out=table[1 + len(levels) : first])
    for c, name in enumerate(names, first):
        table[c] = forecasts.baselines[name][picked, : options.horizon]
    absent = np.isnan(table[first:, :, 0])
    if options.units != "celsius":
        table = from_celsius(table, options.units)
    ahead, *columns = rounded(table).tolist()
    bounds = list(zip(levels, columns, columns[len(levels) :], strict=False))
    references = list(zip(names, columns[first - 1 :], absent.tolist(), strict=True))
    probabilities = _exceedance(errors, sst, times, scale, options) if options.thresholds else []
    calibrated = forecasts.calibrated[picked].tolist()
    said = [forecasts.warnings[row] for row in rows]
    return [
        {
            "id": None,
            "timestamps": stamps,
            "sst": ahead[k],
            "intervals": [
                {"level": level, "lower": low[k], "upper": high[k], "calibrated": calibrated[k]}
                for level, low, high in bounds
            ],
            "exceedance": [
                {"threshold": threshold, "probability": probability[k], "calibrated": calibrated[k]}
                for threshold, probability in probabilities
            ]
            if probabilities
            else [],
            "baselines": {name: values[k] for name, values, none in references if not none[k]},
            "warnings": [{"code": one.code, "message": one.message} for one in warnings] if warnings else [],
        }
        for k, (warnings, stamps) in enumerate(zip(said, written_times(times), strict=True))
    ]


def _by_network(forecasts: Forecasts, rows: Sequence[int]) -> Iterator[tuple[Forecaster, Rows]]:
    """Each network, and where among ``rows`` its own are."""
    for network, own, _ in forecasts.by_network:
        if isinstance(own, slice) or len(rows) == len(forecasts):
            yield network, own
        else:
            of_network = set(own)
            yield network, [place for place, row in enumerate(rows) if row in of_network]


def _exceedance(
    errors: Sequence[tuple[ErrorDistribution, Rows]], sst: Floats, times: Times, scale: Floats, options: ForecastOptions
) -> list[tuple[float, list[list[float]]]]:
    """Each threshold, and the probabilities of being over it."""
    probabilities = np.empty((len(options.thresholds), *sst.shape))
    for distribution, own in errors:
        for k, threshold in enumerate(to_celsius(options.thresholds, options.units).tolist()):
            probabilities[k, own] = distribution.exceedance(sst[own], times[own], scale[own], threshold)
    return list(zip(options.thresholds, rounded(probabilities).tolist(), strict=True))


def model_forecast(forecaster: Forecaster, units: Units, forecasts: Sequence[Json]) -> Json:
    """What one network says: :class:`~service.schemas.ModelForecast`, its forecasts last."""
    metadata = forecaster.metadata
    return {
        "model": metadata.model,
        "version": metadata.version,
        "units": units,
        "step": metadata.step,
        "forecasts": forecasts,
    }


def named(ids: Sequence[str], entries: Sequence[Json | SeriesError]) -> list[Json]:
    """The entries, which get their ``id`` here; or what is wrong, where there is none."""
    forecasts: list[Json] = []
    for name, entry in zip(ids, entries, strict=True):
        if isinstance(entry, SeriesError):
            forecasts.append({"id": name, "error": sentence(entry)})
        else:
            entry["id"] = name
            forecasts.append(entry)
    return forecasts


def sentence(error: SeriesError) -> str:
    """What is wrong, with the place of the value that is to blame."""
    text = str(error)
    if error.index is None or text.startswith("values["):
        return text
    return f"values[{error.index}]: {text}"


def rounded(values: Floats) -> Floats:
    """To as many decimals as are written."""
    scaled: Floats = np.rint(values * _SCALE)
    scaled /= _SCALE
    return scaled


def written_times(times: Times) -> list[list[str]]:
    """ISO 8601 in UTC, in lists as ``times`` ``(n, leads)`` are shaped."""
    return [[iso_of(seconds) for seconds in row] for row in times.astype(np.int64).tolist()]

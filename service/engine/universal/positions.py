"""What is usual at the positions of series, and warnings about positions on land."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from forecasting.climatology.annual_cycle import COEFFICIENTS
from forecasting.climatology.global_climatology import GlobalClimatology
from forecasting.errors import SeriesError
from forecasting.forecast_warning import ForecastWarning
from forecasting.series.sst_series import SstSeries
from service.engine.events.event_judging import Coefficients
from service.engine.reading.series_schema import InputSeries


def climatology_at(
    series: Sequence[InputSeries], parsed: list[SstSeries | SeriesError]
) -> tuple[Coefficients, dict[int, tuple[ForecastWarning, ...]]]:
    """Return the climatology of each position, NaN where there is none, and warnings about positions on land.

    A series with half of a position becomes an error in ``parsed``.
    """
    sides = [(given.latitude, given.longitude) for given in series]
    degrees = np.array([[np.nan if side is None else side for side in pair] for pair in sides], dtype=np.float64)
    return climatology_of(degrees[:, 0], degrees[:, 1], parsed)


def climatology_of(
    latitudes: npt.NDArray[np.float64], longitudes: npt.NDArray[np.float64], parsed: list[SstSeries | SeriesError]
) -> tuple[Coefficients, dict[int, tuple[ForecastWarning, ...]]]:
    """Return what :func:`climatology_at` returns, from the coordinates of each series, ``(n,)``; NaN if not known."""
    coefficients = np.full((len(latitudes), COEFFICIENTS), np.nan, dtype=np.float32)
    warnings: dict[int, tuple[ForecastWarning, ...]] = {}
    unknown = np.isnan(latitudes), np.isnan(longitudes)
    for i in np.flatnonzero(unknown[0] != unknown[1]).tolist():
        missing = "longitude" if unknown[1][i] else "latitude"
        if not isinstance(parsed[i], SeriesError):
            parsed[i] = SeriesError(f"{missing} is missing: give both latitude and longitude, or neither")
    places = np.flatnonzero(~unknown[0] & ~unknown[1])
    if len(places):
        coefficients[places] = GlobalClimatology.load().coefficients(latitudes[places], longitudes[places])
    for i in places[np.isnan(coefficients[places, 0])].tolist():
        where = f"{latitudes[i]:g}° N, {longitudes[i]:g}° E"
        message = f"the position {where} is on land, far from the sea: the forecast does not use it"
        warnings[i] = (ForecastWarning("no_climatology", message),)
    return coefficients, warnings

"""The grid of an outlook: what it is compared with, and its file."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from forecasting.climatology.annual_cycle import FREEZING_POINT
from forecasting.climatology.global_climatology import YEARS
from forecasting.climatology.usual import UsualOfGrid, of_series
from forecasting.errors import FileError
from forecasting.events.baseline import POSITION, Period
from forecasting.events.definitions import EventDefinition, HeatStress, MarineEvent
from forecasting.readers.grid.fields import Field
from forecasting.references.baselines import REFERENCES
from forecasting.series.times import DAY, Floats
from forecasting.series.timestep import TimeStep, in_words
from forecasting.series.units import from_celsius, outside_sea_range, range_error
from scoring.errors import NothingToForecastError, in_one_line
from scoring.events import DAYS_WITH_BASELINE, EventRequest
from scoring.grids.field import last_steps
from scoring.grids.input import GridInput, positions_of
from scoring.grids.job import Arrays
from scoring.grids.output import Output, Variable
from scoring.models import Span

HEATWAVE: Final = "heatwave"
COLD_SPELL: Final = "cold_spell"
HEAT_STRESS: Final = "heat_stress"

EVENTS: Final[dict[str, EventDefinition]] = {
    HEATWAVE: MarineEvent("heatwave"),
    COLD_SPELL: MarineEvent("cold spell", "marine_cold_spell"),
    HEAT_STRESS: HeatStress("heat stress"),
}
"""The events of every outlook, by the name of their variables."""

ANOMALY: Final = "anomaly"

_LEAST_YEARS: Final = 10
_DAYS_PER_YEAR: Final = 365.25
_NEAR_FREEZING: Final = 0.1
"""°C above the freezing point, below which water is under ice."""


def require_days(step: TimeStep) -> TimeStep:
    """Return the step of a grid."""
    if step != TimeStep(DAY):
        remedy = "; average it with --resample day" if step.seconds < DAY else "; use sst score"
        raise FileError(f"its step is {in_words(str(step))}, but an outlook needs daily values{remedy}")
    return step


def usual_of(field: Field, baseline: str | None, period: Period | None) -> UsualOfGrid:
    """Return what the anomalies of a grid are relative to."""
    first, last = field.times.min(), field.times.max()
    years = float((last - first).astype(np.int64) / DAY + 1) / _DAYS_PER_YEAR
    if period is not None:
        years_of = of_series(period.start, period.end).years
        return UsualOfGrid(str(baseline), "period", years_of, f"{period.start} to {period.end} of the grid")
    if baseline is None and round(years, 1) >= _LEAST_YEARS:
        years_of = of_series(first, last).years
        return UsualOfGrid("grid", "grid", years_of, f"{str(first)[:4]} to {str(last)[:4]} of the grid")
    if baseline is not None and baseline != POSITION:
        return UsualOfGrid(baseline, "file", None, f"the baseline {Path(baseline).name}")
    warning = (
        f"the grid has {years:.1f} years, and its own baseline would need {_LEAST_YEARS}: anomalies, heatwaves and "
        "cold spells are relative to a coarse climatology of each position and may be wrong by more than a degree near "
        "coasts; pass --baseline FILE with climatology and threshold of each cell"
    )
    coarse = f"{YEARS[0]} to {YEARS[1]}, a coarse climatology of each position (2°)"
    return UsualOfGrid(POSITION, "position", YEARS, coarse, None if baseline == POSITION else warning)


def events_of(usual: UsualOfGrid, given: EventRequest, paths: int | None) -> EventRequest:
    """Return the events of an outlook; ``given`` has the baseline that the user named."""
    return replace(
        given,
        definitions=tuple(EVENTS.values()),
        names=tuple(EVENTS),
        paths=paths,
        of_position=usual.baseline == POSITION,
    )


@dataclass(frozen=True)
class OutlookInput(GridInput):
    """The grid of an outlook, and what is usual there."""

    references = REFERENCES

    usual: UsualOfGrid

    @property
    def chunk_size(self) -> int:
        """See :class:`~scoring.run.Input`; only baselines from the grid need the whole past."""
        return self.model.cells_per_chunk if self._is_given else super().chunk_size

    @property
    def _span(self) -> Span:
        if not self._is_given:
            return super()._span
        return replace(self.model.span, longest=max(self.model.span.longest, DAYS_WITH_BASELINE))

    @property
    def _is_given(self) -> bool:
        return self.events.of_position or self.events.baseline_file is not None

    def check(self, field: Field) -> None:
        """Refuse a grid that maps cannot be drawn of, or whose sea is under ice."""
        axes = regular_axes(field)
        if axes is None:
            raise FileError(_no_axes(field))
        for dim, degrees in zip(axes[0], (axes[1], np.unwrap(axes[2], period=360.0)), strict=True):
            steps = np.diff(degrees)
            if (steps <= 0).any() and (steps >= 0).any():
                raise FileError(f"its {dim} does not increase or decrease all the way; sort it first")
        last = last_steps(field, self._span, self.options.resample).at.max()
        values = field.celsius(slice(int(last), int(last) + 1))
        sea = values[np.isfinite(values)].astype(np.float64)
        if len(sea) and outside_sea_range(sea).all():
            stored = from_celsius(sea, field.units)
            error = range_error(stored, field.units, lambda i: f"{field.value.name} of its last day")
            raise FileError(f"{in_one_line(error)} with --units")
        if len(sea) and sea.max() <= FREEZING_POINT + _NEAR_FREEZING:
            raise NothingToForecastError(
                f"every value of its last day is near the freezing point, at most {sea.max():.1f} °C: the sea is under "
                "ice, and there is nothing to forecast; choose another region"
            )

    def completed(self, output: Output) -> Output:
        """Add anomalies, what is usual, the forecast period, and the bounds of the coordinates."""
        layout, bare, variables = output.layout, output.skeleton.copy(), dict(output.variables)
        sst = variables["sst"].attributes
        anomaly = {
            "standard_name": "surface_temperature_anomaly",
            "long_name": "forecast minus the usual temperature of the day",
            "units": "degree_Celsius",
            "units_metadata": "temperature: difference",
            "coordinates": sst["coordinates"],
        } | ({"grid_mapping": sst["grid_mapping"]} if "grid_mapping" in sst else {})
        variables[ANOMALY] = Variable("float32", True, anomaly, np.nan)
        for name, variable in variables.items():
            if variable.by_lead:
                coordinates = f"{variable.attributes['coordinates']} forecast_period".strip()
                variables[name] = replace(variable, attributes=variable.attributes | {"coordinates": coordinates})
        leads = np.arange(1.0, len(layout.valid_times) + 1)
        period = {"standard_name": "forecast_period", "long_name": "time after the last observation", "units": "day"}
        bare["forecast_period"] = xr.Variable((layout.along,), leads, period, {"_FillValue": None})
        _add_bounds(bare, layout.along)
        bare.attrs |= {"forecast_baseline": self.usual.text, "forecast_baseline_kind": self.usual.kind}
        return OutlookOutput(layout, bare, variables)


def axes_of(field: Field) -> tuple[str, str] | None:
    """Return the dimensions of latitude and longitude; None if the grid is not regular."""
    axes = regular_axes(field)
    return None if axes is None else axes[0]


def regular_axes(field: Field) -> tuple[tuple[str, str], Floats, Floats] | None:
    """Return the dimensions of latitude and longitude, and their degrees; None if the grid is not regular."""
    places = positions_of(field)
    if places is None or len(field.dims) != 2:
        return None
    first, second = field.dims
    grid = places.astype(np.float64).reshape(*field.shape, 2)
    for dims, turned in (((first, second), grid), ((second, first), grid.swapaxes(0, 1))):
        if np.ptp(turned[..., 0], axis=1).max() == 0 and np.ptp(turned[..., 1], axis=0).max() == 0:
            return dims, turned[:, 0, 0], turned[0, :, 1]
    return None


def _no_axes(field: Field) -> str:
    known = [name for name, axis in field.data.variables.items() if axis.ndim == 2 and set(axis.dims) == {*field.dims}]
    two = next((str(name) for name in known if str(name).lower().removeprefix("nav_")[:3] in ("lat", "lon")), None)
    if two is not None:
        return (
            f"its {two} has two dimensions, so that the grid is curvilinear, and an outlook needs one latitude for "
            "each row and one longitude for each column; interpolate it to a regular grid first"
        )
    return (
        f"its dimensions {', '.join(field.dims) or '(none)'} are not one of latitude and one of longitude, in degrees, "
        "which maps need; give them units degrees_north and degrees_east"
    )


def _add_bounds(bare: xr.Dataset, along: str) -> None:
    """Add the bounds of days, and of cells where the input has none."""
    for name in [str(name) for name, variable in bare.variables.items() if variable.dims == (name,)]:
        axis = bare.variables[name]
        if "bounds" in axis.attrs:
            continue
        if name == along or axis.attrs.get("standard_name") == "time":
            begin = axis.values.astype("datetime64[D]").astype("datetime64[s]")
            bounds: npt.NDArray[Any] = np.stack([begin, begin + np.timedelta64(DAY, "s")], axis=1)
            encoding = dict(axis.encoding)
        elif axis.attrs.get("standard_name") in ("latitude", "longitude") and len(axis) > 1:
            centres = axis.values.astype(np.float64)
            is_latitude = axis.attrs["standard_name"] == "latitude"
            # Longitudes may jump at the date line or at Greenwich.
            onward = centres if is_latitude else np.unwrap(centres, period=360.0)
            bounds = _between(onward, 90.0 if is_latitude else np.inf) + (centres - onward)[:, None]
            encoding = {"_FillValue": None}
        else:
            continue
        bare[f"{name}_bnds"] = xr.Variable((name, "bnds"), bounds, {}, encoding)
        bare[name] = xr.Variable(axis.dims, axis.values, axis.attrs | {"bounds": f"{name}_bnds"}, axis.encoding)


def _between(centres: npt.NDArray[np.float64], furthest: float) -> npt.NDArray[np.float64]:
    """Return the lower and upper bound of cells, halfway between their centres, ``(n, 2)``."""
    halfway = (centres[1:] + centres[:-1]) / 2
    ends = np.clip([2 * centres[0] - halfway[0], 2 * centres[-1] - halfway[-1]], -furthest, furthest)
    return np.stack([[ends[0], *halfway], [*halfway, ends[1]]], axis=1)


class OutlookOutput(Output):
    """The file of an outlook."""

    def values(self, part: bytes | None, chunk: int) -> Arrays:
        """Return the values of a chunk; the anomaly is relative to the baseline of the events."""
        values = super().values(part, chunk)
        usual = usual_in(values)
        if "sst" in values and usual is not None:
            values[ANOMALY] = values["sst"] - usual
        return values


def usual_in(values: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[Any] | None:
    """Return the usual temperature of each day, °C; that of cold spells where there is none of heatwaves."""
    found = [values[name] for event in (HEATWAVE, COLD_SPELL) if (name := f"event_{event}_climatology") in values]
    return np.where(np.isfinite(found[0]), found[0], found[1]) if len(found) > 1 else next(iter(found), None)

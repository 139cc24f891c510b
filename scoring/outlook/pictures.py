"""The maps of an outlook, and what is seen on each in words."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr

from forecasting.qartod import MISSING
from forecasting.series.times import Bools
from scoring.outlook.colours import ANOMALIES, CATEGORIES, PROBABILITIES, Scale
from scoring.outlook.grid import ANOMALY, COLD_SPELL, HEATWAVE
from scoring.outlook.maps import MapGrid
from scoring.outlook.words import Seen
from scoring.run import progress

MAPS: Final = "maps"
"""Folder of the maps in an outlook."""
RASTERS: Final = "rasters"
"""Folder of the same without title, land, legend and caption, for maps that have their own."""


@dataclass(frozen=True)
class Layer:
    """What maps of one kind show."""

    name: str
    variable: str
    title: str
    scale: Scale
    kind: str


LAYERS: Final = (
    Layer("anomaly", ANOMALY, "Sea surface temperature, difference from usual", ANOMALIES, "anomaly"),
    *(
        Layer(f"{event.replace('_', '-')}-{short}", f"event_{event}_{variable}", f"{title}, {of}", scale, short)
        for event, title in ((HEATWAVE, "Marine heatwaves"), (COLD_SPELL, "Marine cold spells"))
        for short, variable, of, scale in (
            ("category", "likely_category", "most likely category", CATEGORIES),
            ("probability", "probability", "probability", PROBABILITIES),
        )
    ),
)


@dataclass(frozen=True)
class Picture:
    """One map."""

    lead: int
    file: str
    raster: str
    text: str


@dataclass(frozen=True)
class Pictures:
    """The maps of an outlook."""

    days: tuple[str, ...]
    bounds: tuple[float, float, float, float]
    size: tuple[int, int]
    layers: dict[str, list[Picture]]
    titles: dict[str, str]
    scales: dict[str, Scale]

    def description(self) -> dict[str, Any]:
        """Return everything as plain values."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plain


def draw_all(
    file: Path, kind: str, axes: tuple[str, str], caption: list[str], folder: Path, *, quiet: bool
) -> Pictures:
    """Draw all maps of the forecasts in ``file`` into the folder of an outlook."""
    for inner in (MAPS, RASTERS):
        (folder / inner).mkdir()
    with _opened(file, kind) as data:
        rows, columns = axes
        grid = MapGrid.of(data[rows].values, data[columns].values, _has_values(data, axes))
        along = str(data["forecast_period"].dims[0])
        days = tuple(map(str, data[_time_of(data, along)].values.astype("datetime64[D]")))
        layers: dict[str, list[Picture]] = {}
        known = [layer for layer in LAYERS if layer.variable in data]
        with progress("drawing", len(known) * len(days), " maps", quiet=quiet) as bar:
            for layer in known:
                layers[layer.name] = []
                for picture in _drawn(layer, data, axes, grid, days, caption, folder):
                    layers[layer.name].append(picture)
                    bar.update()
    titles = {layer.name: layer.title for layer in known}
    scales = {layer.name: layer.scale for layer in known}
    return Pictures(days, grid.bounds, grid.size, layers, titles, scales)


def _opened(file: Path, kind: str) -> xr.Dataset:
    """Open an output; only what is drawn is read."""
    if kind == "zarr":
        return xr.open_dataset(file, engine="zarr", consolidated=False, chunks=None)
    return xr.open_dataset(file, engine="h5netcdf")


def _time_of(data: xr.Dataset, along: str) -> str:
    named = (str(name) for name in data.variables if data[name].attrs.get("standard_name") == "time")
    return next((name for name in named if data[name].dims == (along,)), along)


def _has_values(data: xr.Dataset, axes: tuple[str, str]) -> Bools:
    has_values: Bools = data["quality"].transpose(*axes).values != MISSING
    return has_values


def _drawn(
    layer: Layer,
    data: xr.Dataset,
    axes: tuple[str, str],
    grid: MapGrid,
    days: tuple[str, ...],
    caption: list[str],
    folder: Path,
) -> Iterator[Picture]:
    """Draw the maps of a layer, one for each lead."""
    event = layer.title.partition(",")[0].lower().removesuffix("s") if layer.kind != "anomaly" else ""
    seen = Seen(grid.lat, grid.lon, event)
    along = str(data["forecast_period"].dims[0])
    for lead, day in enumerate(days, 1):
        values = data[layer.variable].isel({along: lead - 1}).transpose(*axes).values.astype(np.float32)
        file, raster = (f"{inner}/{layer.name}-{lead}.png" for inner in (MAPS, RASTERS))
        when = f"{day}, {lead} {'day' if lead == 1 else 'days'} ahead"
        grid.draw(values, layer.scale, f"{layer.title}, {when}", caption, folder / file)
        grid.draw_raster(values, layer.scale, folder / raster)
        yield Picture(lead, file, raster, seen.text(layer.kind, values))

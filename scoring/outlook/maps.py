"""Maps of a grid, as PNG: colours of the values, the land and its coast, a legend and a caption."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from forecasting.climatology.global_climatology import GlobalClimatology
from forecasting.series.times import Bools, Floats
from scoring.outlook.colours import (
    COAST_INDEX,
    FIRST,
    INK_INDEX,
    LAND_INDEX,
    NOTHING_INDEX,
    PAPER_INDEX,
    Indices,
    Scale,
)

_WIDEST: Final = 1_440
_TALLEST: Final = 960
_NARROWEST: Final = 560
"""Pixels of a map; captions need some width."""

_NEAR_LAND: Final = 0.3
"""Degrees from the land of the climatology, which begins 25 km behind the coast, within which cells without values are
land."""
_FINE: Final = 0.5
"""Degrees between cells of a grid that knows the coast itself."""
_STRETCHED_FROM: Final = 120.0
"""Degrees of longitude from which a map is not narrowed by its latitude."""

_MARGIN: Final = 16
_TITLE_SIZE: Final = 20
_TEXT_SIZE: Final = 14
_LINE: Final = 20
_BAR: Final = 14


@dataclass(frozen=True, eq=False)
class MapGrid:
    """The pixels of maps of one grid."""

    lat: Floats
    lon: Floats
    has_values: Bools

    @classmethod
    def of(cls, lat: npt.NDArray[np.floating], lon: npt.NDArray[np.floating], has_values: Bools) -> "MapGrid":
        """Return the pixels of a grid, whose longitudes may jump at the date line or at Greenwich."""
        return cls(lat.astype(np.float64), np.unwrap(lon.astype(np.float64), period=360.0), has_values)

    @cached_property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east and north edge, in degrees."""
        (west, east), (south, north) = _edges(self.lon), _edges(self.lat)
        return west, max(south, -90.0), east, min(north, 90.0)

    @cached_property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        west, south, east, north = self.bounds
        wide, tall = east - west, north - south
        narrowed = np.cos(np.deg2rad((south + north) / 2)) if wide < _STRETCHED_FROM else 1.0
        ratio = tall / (wide * max(float(narrowed), 0.1))
        width = min(_WIDEST, round(_TALLEST / ratio))
        return max(width, 1), max(round(width * ratio), 1)

    @cached_property
    def _cells(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """Row and column of the cell at each row and column of pixels."""
        return self._cells_at(*self._centres(self.size))

    @cached_property
    def _raster_cells(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """Row and column of the cell at each row and column of a raster: a pixel for each cell, unless it is large."""
        west, south, east, north = self.bounds
        sides = ((east - west) / _spacing(self.lon), (north - south) / _spacing(self.lat))
        width, height = (min(max(round(side), 1), _WIDEST) for side in sides)
        return self._cells_at(*self._centres((width, height)))

    def _cells_at(self, north: Floats, east: Floats) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        return _nearest(self.lat, north), _nearest(self.lon, east)

    def _centres(self, size: tuple[int, int]) -> tuple[Floats, Floats]:
        """Return the latitude of each row of pixels, from the north, and the longitude of each column."""
        (width, height), (west, south, east, north) = size, self.bounds
        down, across = (np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width
        return north - down * (north - south), west + across * (east - west)

    @cached_property
    def land(self) -> Bools:
        """Whether each pixel is land, ``(height, width)``."""
        north, east = self._centres(self.size)
        inland = _is_land(north, east)
        rows, columns = self._cells
        empty = ~self.has_values[np.ix_(rows, columns)]
        near = inland.copy()
        for down in (-_NEAR_LAND, 0, _NEAR_LAND):
            for across in (-1, 0, 1):
                near |= _is_land(np.clip(north + down, -90, 90), east, across * _NEAR_LAND)
        is_fine = min(_spacing(self.lat), _spacing(self.lon)) <= _FINE
        known: Bools = near & empty if is_fine else inland | (near & empty)
        return known

    @cached_property
    def _background(self) -> Indices:
        """Land and coast, and 255 elsewhere."""
        land = self.land
        background = np.full(land.shape, 255, dtype=np.uint8)
        background[land] = LAND_INDEX
        sea = ~land
        beside = np.zeros_like(land)
        beside[1:] |= sea[:-1]
        beside[:-1] |= sea[1:]
        beside[:, 1:] |= sea[:, :-1]
        beside[:, :-1] |= sea[:, 1:]
        background[land & beside] = COAST_INDEX
        return background

    def pixels(self, values: npt.NDArray[np.float32], scale: Scale) -> Indices:
        """Return the index of the colour of each pixel in the palette, ``(height, width)``."""
        rows, columns = self._cells
        indices = scale.indices(values)[np.ix_(rows, columns)]
        known = self._background != 255
        indices[known] = self._background[known]
        return indices

    def draw(self, values: npt.NDArray[np.float32], scale: Scale, title: str, caption: list[str], path: Path) -> None:
        """Draw a map of values ``(rows, columns)``."""
        width, height = self.size
        total = max(width, _NARROWEST) + 2 * _MARGIN
        titles, captions = (
            _wrapped(title, total, _TITLE_SIZE),
            [line for text in caption for line in _wrapped(text, total)],
        )
        top = _MARGIN + len(titles) * (_LINE + 6)
        below = top + height + _MARGIN
        image = Image.new("P", (total, below + _BAR + 2 * _LINE + len(captions) * _LINE + _MARGIN), PAPER_INDEX)
        image.putpalette(scale.palette)
        image.paste(Image.fromarray(self.pixels(values, scale)), ((total - width) // 2, top))
        pen = ImageDraw.Draw(image)
        pen.fontmode = "1"
        for i, line in enumerate(titles):
            pen.text((_MARGIN, _MARGIN + i * (_LINE + 6)), line, INK_INDEX, _font(_TITLE_SIZE))
        _legend(pen, scale, _MARGIN, below, min(total - 2 * _MARGIN, 640))
        for i, line in enumerate(captions):
            pen.text((_MARGIN, below + _BAR + 2 * _LINE + i * _LINE), line, INK_INDEX, _font(_TEXT_SIZE))
        image.save(path, compress_level=6)

    def draw_raster(self, values: npt.NDArray[np.float32], scale: Scale, path: Path) -> None:
        """Draw values ``(rows, columns)`` alone, at equal degrees; transparent without a forecast."""
        image = Image.fromarray(scale.indices(values)[np.ix_(*self._raster_cells)]).convert("P")
        image.putpalette(scale.palette)
        image.save(path, compress_level=6, transparency=NOTHING_INDEX)


def _legend(pen: ImageDraw.ImageDraw, scale: Scale, left: int, top: int, width: int) -> None:
    """Draw the colours with their numbers or names, and those of land and of cells without a forecast."""
    font = _font(_TEXT_SIZE)
    size = (width - 200) / len(scale.colours)
    for i in range(len(scale.colours)):
        begin, end = left + i * size, left + (i + 1) * size
        pen.rectangle((begin, top, end - 1, top + _BAR), fill=FIRST + i, outline=INK_INDEX)
        if scale.of_categories:
            pen.text((begin + size / 2, top + _BAR + 2), scale.labels[i], INK_INDEX, font, anchor="ma")
        elif i < len(scale.labels) and scale.labels[i]:
            pen.text((end, top + _BAR + 2), scale.labels[i], INK_INDEX, font, anchor="ma")
    right = left + width - 180
    pen.text((right, top - 1), scale.unit, INK_INDEX, font)
    for i, (index, name) in enumerate(((LAND_INDEX, "land"), (NOTHING_INDEX, "no forecast"))):
        begin = right + i * 62
        pen.rectangle((begin, top + _BAR + 4, begin + _BAR, top + 2 * _BAR + 4), fill=index, outline=INK_INDEX)
        pen.text((begin + _BAR + 5, top + _BAR + 2), name, INK_INDEX, font)


def _wrapped(text: str, width: int, size: int = _TEXT_SIZE) -> list[str]:
    """Return the lines of a text that fit into ``width`` pixels."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and _font(size).getlength(longer) > width - 2 * _MARGIN:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


_fonts: dict[int, ImageFont.FreeTypeFont | ImageFont.ImageFont] = {}


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return the font that Pillow has in it."""
    if size not in _fonts:
        _fonts[size] = ImageFont.load_default(size)
    return _fonts[size]


def _spacing(axis: Floats) -> float:
    return float(np.abs(np.diff(axis)).min()) if len(axis) > 1 else np.inf


def _edges(axis: Floats) -> tuple[float, float]:
    """Return the lower and upper edge of the cells on an axis."""
    half = _spacing(axis) / 2 if len(axis) > 1 else 0.5
    return float(axis.min()) - half, float(axis.max()) + half


def _nearest(axis: Floats, wanted: Floats) -> npt.NDArray[np.intp]:
    """Return the index of the value of ``axis``, increasing or decreasing, that is nearest to each of ``wanted``."""
    order = np.argsort(axis)
    ordered = axis[order]
    nearest: npt.NDArray[np.intp] = order[np.searchsorted((ordered[1:] + ordered[:-1]) / 2, wanted)]
    return nearest


def _is_land(north: Floats, east: Floats, shifted: float = 0.0) -> Bools:
    """Return whether positions are at least 25 km from the sea, for rows and columns of pixels."""
    away = shifted / np.maximum(np.cos(np.deg2rad(north)), 0.1)
    longitudes = (east[None, :] + away[:, None]) % 360.0
    return ~GlobalClimatology.load().is_sea(north[:, None], longitudes)

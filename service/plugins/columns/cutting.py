"""Joins the rows of successive record batches into whole series."""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from forecasting.errors import SeriesError
from forecasting.series.times import Floats
from forecasting.series.weather import COVARIATES
from service.engine.reading import MAX_ID
from service.plugins.columns.rows import Rows
from service.plugins.columns.series_columns import SeriesColumns

_REMEMBERED: Final = 2**17
"""IDs that are remembered, to recognize one that comes again."""

_FARTHEST_DEGREES: Final = 2.0
"""How far the position of a series may move: farther, no position is its own."""


class SeriesCutter:
    """Cuts rows into series. A series may go on in the next rows; only its end shows that it is whole."""

    def __init__(self, max_values: int) -> None:
        """Cut series of at most ``max_values`` rows; of a longer one, only the error is kept."""
        self._max_values = max_values
        self._open: list[Rows] = []
        """Rows of the series that may go on."""
        self._open_rows = 0
        self._whole: list[SeriesColumns] = []
        """Series that have ended."""
        self._seen: set[int] = set()
        self._first: pa.StringArray | None = None
        """The IDs of the first series, until others follow."""

    def add(self, rows: Rows, *, is_last: bool = False) -> None:
        """Take the next rows; with ``is_last``, none follow."""
        first = 0
        if self._open and rows.ids[0] == self._open[0].ids[0]:
            self._keep(rows.part(0, 1))
            first = 1
        if first == len(rows.ids):
            return
        self._end()
        end = len(rows.ids) if is_last else len(rows.ids) - 1
        if first < end:
            self._whole.append(self._series(rows.part(first, end)))
        if not is_last:
            self._keep(rows.part(end, end + 1))

    def whole(self) -> SeriesColumns | None:
        """Return the series that have ended since the last call; None if there are none."""
        parts, self._whole = self._whole, []
        return SeriesColumns.joined(parts) if parts else None

    def end(self) -> SeriesColumns | None:
        """Return the series that have ended since the last call, with the last of all; None if there are none."""
        self._end()
        return self.whole()

    def _end(self) -> None:
        """End the open series, if there is one."""
        if not self._open:
            return
        parts, count = self._open, self._open_rows
        self._open, self._open_rows = [], 0
        series = self._series(_joined(parts))
        if count > self._max_values:
            series.errors[0] = self._too_many(count)
        self._whole.append(series)

    def _too_many(self, count: int) -> SeriesError:
        return SeriesError(f"{count} values are too many: send at most {self._max_values} in one series")

    def _keep(self, rows: Rows) -> None:
        self._open_rows += len(rows.times)
        # Of a series that is too long, one row is enough to report it.
        if self._open_rows <= self._max_values or not self._open:
            self._open.append(rows)
        else:
            self._open[1:] = []

    def _series(self, rows: Rows) -> SeriesColumns:
        begins = np.concatenate([[0], rows.ends[:-1]])
        errors: dict[int, SeriesError] = {}
        lengths = rows.ends - begins
        for i in np.flatnonzero(lengths > self._max_values).tolist():
            errors[i] = self._too_many(int(lengths[i]))
        latitudes = _coordinate(rows.latitudes, begins, rows.ends, "latitude", (-90, 90), errors)
        longitudes = _coordinate(rows.longitudes, begins, rows.ends, "longitude", (-180, 360), errors)
        ids = self._ids(rows.ids, errors)
        return SeriesColumns(
            ids,
            rows.ends,
            rows.times,
            rows.local,
            rows.values,
            latitudes,
            longitudes,
            errors,
            {
                name: column
                for name, column in zip(COVARIATES, (rows.air, rows.wind), strict=True)
                if column is not None
            },
        )

    def _ids(self, ids: pa.StringArray, errors: dict[int, SeriesError]) -> pa.StringArray:
        """Return the IDs for the response, and record what is wrong with them."""
        shown = _shown(ids, errors)
        first, self._first = self._first, None
        if first is None and not self._seen and len(shown.unique()) == len(shown):
            # Most requests have no others: their IDs never become text of Python.
            self._first = shown
            return shown
        if first is not None:
            self._seen |= set(map(hash, first.to_pylist()))
        names = shown.to_pylist()
        keys = set(map(hash, names))
        if len(keys) < len(names) or not self._seen.isdisjoint(keys):
            self._record_repeats(names, errors)
        if len(self._seen) < _REMEMBERED:
            self._seen |= keys
        return shown

    def _record_repeats(self, ids: list[str], errors: dict[int, SeriesError]) -> None:
        met = set(self._seen)
        for i, key in enumerate(map(hash, ids)):
            if key in met:
                message = f"the id {ids[i][:64]!r} appears again after another: sort the rows by id, then by time"
                errors.setdefault(i, SeriesError(message))
            met.add(key)


def _shown(ids: pa.StringArray, errors: dict[int, SeriesError]) -> pa.StringArray:
    """Return IDs of which none is missing or too long, and record those that were."""
    # A character has one byte or more.
    if not ids.null_count and _most_bytes(ids) <= MAX_ID:
        return ids
    names = ids.to_pylist()
    for i, name in enumerate(names):
        if name is None:
            errors[i] = SeriesError("the id is missing")
        elif len(name) > MAX_ID:
            errors[i] = SeriesError(f"the id has {len(name)} characters: send at most {MAX_ID}")
    return pa.array(["" if name is None else name[:MAX_ID] for name in names], pa.string())


def _most_bytes(texts: pa.StringArray) -> int:
    """Return the bytes of the longest of some texts, at least one."""
    return int(pc.max(pc.binary_length(texts)).as_py())


def _joined(parts: list[Rows]) -> Rows:
    """Return the rows of one series."""
    if len(parts) == 1:
        return parts[0]
    _, _, times, local, values, *optional = zip(*parts, strict=True)
    is_local = any(part.local is not part.times for part in parts)
    every = np.concatenate(times)
    return Rows(
        parts[0].ids,
        np.array([len(every)]),
        every,
        np.concatenate(local) if is_local else every,
        np.concatenate(values),
        *[None if columns[0] is None else np.concatenate(columns) for columns in optional],
    )


def _coordinate(
    degrees: Floats | None,
    begins: np.ndarray[tuple[int], np.dtype[np.int64]],
    ends: np.ndarray[tuple[int], np.dtype[np.int64]],
    name: str,
    bounds: tuple[int, int],
    errors: dict[int, SeriesError],
) -> Floats:
    """Return the last known coordinate of each series, NaN where there is none; record those that cannot be used."""
    if degrees is None:
        return np.full(len(ends), np.nan)
    known = ~np.isnan(degrees)
    least = np.minimum.reduceat(np.where(known, degrees, np.inf), begins)
    most = np.maximum.reduceat(np.where(known, degrees, -np.inf), begins)
    place = np.maximum.reduceat(np.where(known, np.arange(len(degrees)), -1), begins)
    low, high = bounds
    for i in np.flatnonzero((most >= least) & ((least < low) | (most > high))).tolist():
        wrong = least[i] if least[i] < low else most[i]
        errors.setdefault(i, SeriesError(f"{name} is {wrong:g}: it must be from {low} to {high}"))
    for i in np.flatnonzero(most - least > _FARTHEST_DEGREES).tolist():
        errors.setdefault(
            i, SeriesError(f"{name} ranges from {least[i]:g} to {most[i]:g}: send one position for each series")
        )
    last: Floats = np.where(place >= 0, degrees[np.maximum(place, 0)], np.nan)
    return last

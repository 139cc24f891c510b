"""The temperatures of a grid, whose times may be spread over several files, and the last of its steps."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
import numpy.typing as npt
import xarray as xr

from forecasting.errors import FileError
from forecasting.readers.grid.fields import Field, open_field
from forecasting.readers.options import ReadingOptions
from forecasting.readers.stations import MIN_OBSERVED_SHARE, expected_counts, first_step, typical_interval
from forecasting.readers.text import sniff_binary
from forecasting.series.observations import anchor, grid_positions, infer_step, sort_order
from forecasting.series.times import Times, short
from forecasting.series.timestep import TimeStep, in_words, one_each
from forecasting.series.weather import steps_at
from forecasting.wording import counted
from scoring.errors import NothingToForecastError
from scoring.models import Span
from scoring.source import named

_DECODING: Final = ("units", "calendar", "scale_factor", "add_offset", "_FillValue", "missing_value")
"""Attributes needed to decode stored times."""


@dataclass(frozen=True)
class JoinedField(Field):
    """The grid of the first file with the times of all files, each read from its own file."""

    options: ReadingOptions
    first: Path
    files: tuple[Path, ...]
    steps: tuple[int, ...]

    def celsius(self, steps: slice, rows: slice = slice(None)) -> npt.NDArray[np.float32]:
        """See :meth:`forecasting.readers.grid.fields.Field.celsius`."""
        wanted = range(*steps.indices(len(self.files)))
        return np.concatenate([piece for run in _runs(self, wanted) for piece in self._read(run, rows)])

    def _read(self, run: range, rows: slice) -> Iterator[npt.NDArray[np.float32]]:
        file, begin = self.files[run[0]], self.steps[run[0]]
        with named(file), open_field(file, _kind(file), self.options) as field:
            difference = _difference(self.value, field.value, self.along)
            if difference:
                raise FileError(f"{difference} of {self.first.name}; pass files of one grid only")
            yield field.celsius(slice(begin, begin + len(run)), rows)


def _runs(field: JoinedField, wanted: range) -> Iterator[range]:
    """Split ``wanted`` into runs that are consecutive in one file."""
    begin = wanted.start
    for i in wanted:
        following = i + 1
        beside = following < wanted.stop and field.files[following] == field.files[i]
        if not (beside and field.steps[following] == field.steps[i] + 1):
            yield range(begin, following)
            begin = following


def _difference(expected: xr.DataArray, other: xr.DataArray, along: str) -> str:
    """Describe how the grid of another file differs from the expected one; empty if it is the same."""
    if expected.dims != other.dims:
        return f"its dimensions {', '.join(map(str, other.dims))} differ from those"
    for dim in expected.dims:
        if dim == along:
            continue
        if expected.sizes[dim] != other.sizes[dim]:
            return f"its {other.sizes[dim]} points along {dim} differ from the {expected.sizes[dim]}"
        if dim in expected.coords and not np.array_equal(expected[dim].values, other[dim].values):
            return f"its {dim} differs from that"
    return ""


@contextmanager
def open_files(files: Sequence[Path], options: ReadingOptions) -> Iterator[Field]:
    """Open the temperatures of all ``files``; see :func:`forecasting.readers.grid.fields.open_field`."""
    with ExitStack() as stack:
        with named(files[0]):
            field = stack.enter_context(open_field(files[0], _kind(files[0]), options))
        if len(files) > 1:
            field = _join(field, options, files, [_times(file, field.time, options) for file in files])
        yield field


def _join(field: Field, options: ReadingOptions, files: Sequence[Path], times: Sequence[Times]) -> JoinedField:
    all_times = np.concatenate(times)
    file = np.repeat(np.arange(len(files)), [len(file_times) for file_times in times])
    step = np.concatenate([np.arange(len(file_times)) for file_times in times])
    order = np.argsort(all_times, kind="stable")
    all_times, file, step = all_times[order], file[order], step[order]
    repeated = np.flatnonzero((all_times[1:] == all_times[:-1]) & (file[1:] != file[:-1]))
    if len(repeated):
        at = repeated[0]
        first, second = (files[i] for i in file[at : at + 2].tolist())
        raise FileError(f"{first}: contains {short(all_times[at])}, as does {second.name}; leave one of them out")
    parts = {name: getattr(field, name) for name in Field.__dataclass_fields__}
    return JoinedField(
        **parts | {"times": all_times},
        options=options,
        first=files[0],
        files=tuple(files[i] for i in file.tolist()),
        steps=tuple(step.tolist()),
    )


def _times(file: Path, name: str, options: ReadingOptions) -> Times:
    """Return the times in a file, without reading the rest if possible: archives consist of many files."""
    try:
        with h5py.File(file, "r") as data:
            attributes = {key: _plain(value) for key, value in data[name].attrs.items() if key in _DECODING}
            stored = xr.Variable(("n",), data[name][:], attributes)
        decoded = xr.decode_cf(xr.Dataset({"time": stored}))["time"].values
        if decoded.dtype.kind == "M" and not np.isnat(decoded).any():
            return decoded.astype("datetime64[s]")
    except Exception:  # noqa: S110  the reader of whole files handles unusual files, or explains what is wrong
        pass
    with named(file), open_field(file, _kind(file), options) as field:
        return field.times


def _plain(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else np.ravel(value)[0]


def _kind(file: Path) -> str:
    kind = sniff_binary(file)
    if kind is None:
        raise FileError("is not NetCDF or Zarr")
    return kind


Indices = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Steps:
    """The regular steps that are staged."""

    at: Indices
    start: np.datetime64
    issued: np.datetime64
    averaged: list[Indices] | None
    least: list[float]
    notes: tuple[str, ...]

    @property
    def count(self) -> int:
        """Number of steps."""
        return len(self.at)

    @property
    def first(self) -> int:
        """The least index in the field's times that is needed."""
        return int(self.at[self.at >= 0].min())


def step_of(field: Field) -> TimeStep:
    """Infer the step of a grid."""
    order, _ = sort_order(field.times, _place(field.times))
    times = field.times[order]
    if len(times) < 2:
        raise NothingToForecastError(
            f"contains {counted(len(times), 'time')}, but a forecast needs a series of them; pass all files of the grid"
        )
    return infer_step(times, _place(times))


def last_steps(field: Field, span: Span, resample: TimeStep | None) -> Steps:
    """Return the steps at the end of ``field`` that a model uses, up to the last time with values."""
    if resample is not None:
        return _averaged_steps(field, span, resample)
    order, _ = sort_order(field.times, _place(field.times))
    times = field.times[order]
    step = step_of(field)
    if step != span.step:
        raise NothingToForecastError(
            f"its step is {in_words(str(step))}, but {span.model} forecasts steps of {in_words(str(span.step))}"
            f"{_remedy(step, span)}"
        )
    start = anchor(times, step)
    positions = grid_positions(times, start, step, _place(times))
    last = _last_with_value(field, order)
    end = int(positions[last])
    begin = max(int(positions[0]), end + 1 - span.longest)
    _refuse_short(end + 1 - begin, span)
    at = np.full(end + 1 - begin, -1, dtype=np.intp)
    kept = (positions >= begin) & (positions <= end)
    at[positions[kept] - begin] = order[kept]
    grid = step.range(start, end + 1)
    notes = tuple(_left_out(field, at, grid[-1], span))
    return Steps(at, grid[begin], grid[-1], None, [], notes)


def _averaged_steps(field: Field, span: Span, step: TimeStep) -> Steps:
    """Return the last steps as means of the times within each, as :mod:`forecasting.readers.stations` does.

    A step at the end with fewer times than a mean needs is left out.
    """
    if step != span.step:
        raise NothingToForecastError(
            f"--resample {step} makes steps of {in_words(str(step))}, but {span.model} forecasts steps of "
            f"{in_words(str(span.step))}; use --resample {span.step}"
        )
    order, _ = sort_order(field.times, _place(field.times))
    order = order[: _last_with_value(field, order) + 1]
    times = field.times[order]
    pace = typical_interval(times) if len(times) > 1 else step.seconds
    if pace > step.seconds * 1.1:
        observed, wanted = one_each(str(TimeStep(pace))), one_each(str(step))
        raise NothingToForecastError(f"cannot resample {observed} to {wanted}; resample to a longer step")
    start = first_step(times, step)
    positions = np.floor(step.position(times, start) + 1e-9).astype(np.int64)
    expected = expected_counts(start, step, int(positions[-1]) + 1, pace)
    counts = np.bincount(positions, minlength=len(expected))
    complete = np.flatnonzero((counts > 0) & (counts >= MIN_OBSERVED_SHARE * expected))
    end = int(complete[-1]) if len(complete) else -1
    begin = max(0, end + 1 - span.longest)
    _refuse_short(end + 1 - begin, span)
    members = [order[positions == position] for position in range(begin, end + 1)]
    at = np.asarray([indices.min() if len(indices) else -1 for indices in members], dtype=np.intp)
    grid = step.range(start, end + 1)
    least = (MIN_OBSERVED_SHARE * expected[begin : end + 1]).tolist()
    note = f"resampled to means of {in_words(str(step))} (UTC), each of at least half of its values"
    return Steps(at, grid[begin], grid[-1], members, least, (note,))


def members_of(
    field: Field, start: np.datetime64, count: int, step: TimeStep, *, averaged: bool
) -> tuple[list[Indices], float]:
    """Return the indices of the field's times that belong to each of ``count`` steps, and how many a mean needs."""
    order, _ = sort_order(field.times, _place(field.times))
    times = field.times[order]
    positions = steps_at(step, times, start, averaged=averaged)
    edges = np.searchsorted(positions, np.arange(count + 1))
    pace = typical_interval(times) if averaged and len(times) > 1 else step.seconds
    return [order[a:b] for a, b in pairwise(edges.tolist())], MIN_OBSERVED_SHARE * step.seconds / pace


def _last_with_value(field: Field, order: Indices) -> int:
    for last in range(len(order) - 1, -1, -1):
        if _any_value(field, int(order[last])):
            return last
    raise NothingToForecastError(
        f"every value of {field.value.name} is missing: the grid has no sea cell; check --variable, --missing and "
        "--flags"
    )


def _refuse_short(count: int, span: Span) -> None:
    if count < span.fewest:
        words = in_words(str(span.step))
        raise NothingToForecastError(
            f"contains {counted(count, 'step')} of {words}; {span.model} needs at least {span.fewest}: add "
            f"{span.fewest - count} more"
        )


def _remedy(step: TimeStep, span: Span) -> str:
    return f"; average it with --resample {span.step}" if step.seconds < span.step.seconds else ""


def _place(times: Times) -> Callable[[int], str]:
    return lambda i: f"time {short(times[i])}"


def _any_value(field: Field, step: int) -> bool:
    """Return whether any cell has a value at ``step``, looking at the middle rows first."""
    rows = field.shape[0] if field.dims else 1
    count = max(1, rows // 16)
    begins = [*range(rows // 2, rows, count), *range(0, rows // 2, count)]
    slabs = (field.celsius(slice(step, step + 1), slice(begin, begin + count)) for begin in begins)
    return any(bool(np.isfinite(slab).any()) for slab in slabs)


def _left_out(field: Field, at: Indices, issued: np.datetime64, span: Span) -> Iterator[str]:
    absent = int((at < 0).sum())
    if absent:
        yield f"{absent} of the last {len(at)} steps of {in_words(str(span.step))} are missing from the file"
    latest = field.times.max()
    if latest > issued and span.step.position(np.asarray([latest]), issued)[0] >= 1:
        yield f"no cell has a value after {short(issued)}; forecasts are issued from that time"

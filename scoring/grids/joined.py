"""A grid whose times are spread over several files, as one field."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
import numpy.typing as npt
import xarray as xr

from forecasting.errors import FileError
from forecasting.readers.base.options import ReadingOptions
from forecasting.readers.base.text import sniff_binary
from forecasting.readers.grid.fields import Field, open_field
from forecasting.series.times import Times, short
from scoring.source import named

_DECODING: Final = ("units", "calendar", "scale_factor", "add_offset", "_FillValue", "missing_value")
"""Attributes needed to decode stored times."""


@dataclass(frozen=True)
class JoinedField(Field):
    """The grid of the first file with the times of all files, each read from its own file.

    Attributes:
        options: how to read the files.
        first: the file that defines the grid.
        files: file of each time, ``(n,)``.
        steps: index of each time in its file, ``(n,)``.
    """

    options: ReadingOptions
    first: Path
    files: tuple[Path, ...]
    steps: tuple[int, ...]

    def celsius(self, steps: slice, rows: slice = slice(None)) -> npt.NDArray[np.float32]:
        """See :meth:`forecasting.readers.grid.fields.Field.celsius`.

        Raises:
            FileError: if a file cannot be read, or has another grid.
        """
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
    """Open the temperatures of all ``files``; see :func:`forecasting.readers.grid.fields.open_field`.

    Raises:
        FileError: if a file cannot be read, or two files contain the same time.
    """
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

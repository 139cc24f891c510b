"""Files that hold the times of one grid between them, as the one field that they are."""

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
from forecasting.series.timestep import Times, short
from scoring.source import named

_DECODING: Final = ("units", "calendar", "scale_factor", "add_offset", "_FillValue", "missing_value")
"""Attributes that say what stored times mean."""


@dataclass(frozen=True)
class JoinedField(Field):
    """The field of one file, with the times of all, each read from the file that holds it.

    Attributes:
        options: how each file is read.
        first: the file whose grid it is.
        files: of each time, ``(n,)``.
        steps: where each time stands in its file, ``(n,)``.
    """

    options: ReadingOptions
    first: Path
    files: tuple[Path, ...]
    steps: tuple[int, ...]

    def celsius(self, steps: slice, rows: slice = slice(None)) -> npt.NDArray[np.float32]:
        """See :meth:`forecasting.readers.grid.fields.Field.celsius`.

        Raises:
            FileError: if a file cannot be read, or its grid is another.
        """
        wanted = range(*steps.indices(len(self.files)))
        return np.concatenate([piece for run in _runs(self, wanted) for piece in self._read(run, rows)])

    def _read(self, run: range, rows: slice) -> Iterator[npt.NDArray[np.float32]]:
        file, begin = self.files[run[0]], self.steps[run[0]]
        with named(file), open_field(file, _kind(file), self.options) as field:
            other = _difference(self.value, field.value, self.along)
            if other:
                raise FileError(f"{other} of {self.first.name}; name files of one grid alone")
            yield field.celsius(slice(begin, begin + len(run)), rows)


def _runs(field: JoinedField, wanted: range) -> Iterator[range]:
    """Pieces of ``wanted`` that stand side by side in one file."""
    begin = wanted.start
    for i in wanted:
        following = i + 1
        beside = following < wanted.stop and field.files[following] == field.files[i]
        if not (beside and field.steps[following] == field.steps[i] + 1):
            yield range(begin, following)
            begin = following


def _difference(ours: xr.DataArray, theirs: xr.DataArray, along: str) -> str:
    """In what the grid of another file differs, in words; nothing where it is the same."""
    if ours.dims != theirs.dims:
        return f"its dimensions {', '.join(map(str, theirs.dims))} are not those"
    for dim in ours.dims:
        if dim == along:
            continue
        if ours.sizes[dim] != theirs.sizes[dim]:
            return f"its {theirs.sizes[dim]} places along {dim} are not the {ours.sizes[dim]}"
        if dim in ours.coords and not np.array_equal(ours[dim].values, theirs[dim].values):
            return f"its {dim} is not that"
    return ""


@contextmanager
def open_files(files: Sequence[Path], options: ReadingOptions) -> Iterator[Field]:
    """The temperatures that ``files`` hold between them; see :func:`forecasting.readers.grid.fields.open_field`.

    Raises:
        FileError: if one cannot be read, or two hold the same time: which, and what to do.
    """
    with ExitStack() as stack:
        with named(files[0]):
            field = stack.enter_context(open_field(files[0], _kind(files[0]), options))
        if len(files) > 1:
            field = _join(field, options, files, [_times(file, field.time, options) for file in files])
        yield field


def _join(field: Field, options: ReadingOptions, files: Sequence[Path], times: Sequence[Times]) -> JoinedField:
    every = np.concatenate(times)
    which = np.repeat(np.arange(len(files)), [len(some) for some in times])
    step = np.concatenate([np.arange(len(some)) for some in times])
    order = np.argsort(every, kind="stable")
    every, which, step = every[order], which[order], step[order]
    twice = np.flatnonzero((every[1:] == every[:-1]) & (which[1:] != which[:-1]))
    if len(twice):
        first, second = (files[k] for k in which[twice[0] : twice[0] + 2].tolist())
        raise FileError(f"{first}: holds {short(every[twice[0]])}, as {second.name} does; leave one of them out")
    parts = {name: getattr(field, name) for name in Field.__dataclass_fields__}
    of_each = tuple(files[k] for k in which.tolist())
    return JoinedField(
        **parts | {"times": every}, options=options, first=files[0], files=of_each, steps=tuple(step.tolist())
    )


def _times(file: Path, name: str, options: ReadingOptions) -> Times:
    """The times in a file, with no look at the rest of it where that can be: archives have very many files."""
    try:
        with h5py.File(file, "r") as data:
            attributes = {key: _plain(one) for key, one in data[name].attrs.items() if key in _DECODING}
            stored = xr.Variable(("n",), data[name][:], attributes)
        decoded = xr.decode_cf(xr.Dataset({"time": stored}))["time"].values
        if decoded.dtype.kind == "M" and not np.isnat(decoded).any():
            return decoded.astype("datetime64[s]")
    except Exception:  # noqa: S110  whatever is unusual about a file: the reader of whole files knows, or says what
        pass
    with named(file), open_field(file, _kind(file), options) as field:
        return field.times


def _plain(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else np.ravel(value)[0]


def _kind(file: Path) -> str:
    kind = sniff_binary(file)
    if kind is None:
        raise FileError("is neither NetCDF nor Zarr")
    return kind

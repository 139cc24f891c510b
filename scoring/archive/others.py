"""Other people's forecasts of stations, from tables, by station, reference time and valid time."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as papq

from forecasting.errors import FileError
from forecasting.readers.clock import clock_of
from forecasting.readers.dates import seconds_of_unit
from forecasting.readers.files import table_of
from forecasting.readers.names import LEADS, REFERENCE_TIMES, VALID_TIMES
from forecasting.readers.options import ReadingOptions
from forecasting.readers.split import station_column
from forecasting.readers.table import ABSENT, Table, numbers
from forecasting.readers.tabular import units_of
from forecasting.readers.text import read_text
from forecasting.readers.values import find_values
from forecasting.scores.verification import positions_of
from forecasting.series.times import DAY, SECONDS, Floats, Times, iso, short
from forecasting.series.timestep import TimeStep, in_words
from forecasting.series.units import to_celsius
from forecasting.wording import listed
from scoring.source import bare_name, find_source, is_grid, is_parquet, named_other
from scoring.tables.source import texts_of

_OPTIONS: Final = ReadingOptions()
_NOT_NEEDED: Final = ("lower_", "upper_", "baseline_", "event_")
"""Beginnings of the names of columns of an archive that are not read."""
_KEY: Final = ["station", "reference", "valid"]


class _Columns(NamedTuple):
    """The columns of a table of forecasts; two of the first three suffice."""

    reference: str | None
    valid: str | None
    lead: str | None
    station: str | None
    value: str

    @classmethod
    def of(cls, table: Table) -> "_Columns":
        """Find the columns by their names."""
        reference, valid = (table.first_of(names, table.names) for names in (REFERENCE_TIMES, VALID_TIMES))
        lead = table.first_of(LEADS, [name for name in table.names if _may_be_lead(table, name)])
        if sum(name is not None for name in (reference, valid, lead)) < 2:
            raise FileError(
                "does not say from when its forecasts are and for when: it needs two of the columns reference_time (or "
                f"issued, init_time), valid_time (or time) and lead; its columns are {table.describe()}"
            )
        clock = clock_of(table, ReadingOptions(time_column=valid or reference))
        station = station_column(table, clock)
        others = {reference, valid, lead, station}
        rest = Table(table.format, table.cells[[name for name in table.names if name not in others]], table.units)
        return cls(reference, valid, lead, station, next(iter(find_values(rest, clock, _OPTIONS))))


def _may_be_lead(table: Table, name: str) -> bool:
    """Return whether a column holds numbers: in archives, ``step`` is the name of a step."""
    first = next((cell for cell in table.cells[name] if cell.lower() not in ABSENT), "")
    return first.lstrip("+-").replace(".", "", 1).isdecimal()


@dataclass(frozen=True, eq=False)
class OtherStations:
    """Other people's forecasts of stations."""

    name: str
    path: Path
    rows: pd.DataFrame

    @classmethod
    def read(cls, name: str, path: Path) -> "OtherStations":
        """Read tables."""
        parts = []
        for file in find_source([path], grid=False).files:
            with named_other(file):
                parts.append(_read(file))
        return cls(name, path, pd.concat(parts, ignore_index=True))

    def at(self, forecasts: pd.DataFrame) -> Floats:
        """Return the forecast of the same station, reference time and valid time for each row, °C; NaN without one.

        Daily forecasts are from the same day. Of several from one step, the one issued last counts.
        """
        found = np.full(len(forecasts), np.nan)
        for name, at in forecasts.groupby("step").indices.items():
            step, ours = TimeStep.parse(str(name)), forecasts.iloc[at]
            reference, valid = (ours[column].to_numpy().astype(SECONDS) for column in ("observed_until", "time"))
            wanted = _in_steps(step, valid[0], ours["station"], reference, valid)
            theirs = self._in_steps(step, valid[0])
            found[at] = wanted.merge(theirs, how="left", on=_KEY)["sst"].to_numpy()
        return found

    def describe(self, step: str) -> str:
        """Return from when to when the forecasts are, at which leads, and of which stations."""
        parsed = TimeStep.parse(step)
        reference, valid = self._times(parsed)
        known = ~(np.isnat(reference) | np.isnat(valid))
        if not known.any():
            return "no times"
        placed = _in_steps(parsed, reference[known][0], self.rows["station"][known], reference[known], valid[known])
        leads = placed["valid"] - placed["reference"]
        stations = listed(sorted(placed["station"].unique()), 5)
        ends = f"{short(reference[known].min())} to {short(reference[known].max())}"
        return f"from {ends}, {leads.min():g} to {leads.max():g} steps of {in_words(step)} ahead, for {stations}"

    def _times(self, step: TimeStep) -> tuple[Times, Times]:
        """Return reference and valid times, NaT where they are not known; a lead is in steps."""
        reference, valid = (self.rows[name].to_numpy().astype(SECONDS) for name in ("reference", "valid"))
        lead = self.rows["lead"].to_numpy(dtype=np.float64)
        whole = np.isfinite(lead) & (lead == np.round(lead))
        ahead, back = whole & np.isnat(valid) & ~np.isnat(reference), whole & np.isnat(reference) & ~np.isnat(valid)
        valid[ahead] = step.shift(reference[ahead], lead[ahead].astype(np.int64))
        reference[back] = step.shift(valid[back], -lead[back].astype(np.int64))
        return reference, valid

    def _in_steps(self, step: TimeStep, start: np.datetime64) -> pd.DataFrame:
        """Return the forecasts, with their times as steps after ``start``."""
        reference, valid = self._times(step)
        known = np.flatnonzero(~(np.isnat(reference) | np.isnat(valid)) & np.isfinite(self.rows["sst"].to_numpy()))
        known = known[np.argsort(reference[known], kind="stable")]
        placed = _in_steps(step, start, self.rows["station"].iloc[known], reference[known], valid[known])
        placed = placed.assign(sst=self.rows["sst"].to_numpy()[known], exact=reference[known], at=valid[known])
        placed = placed.dropna(subset=_KEY)
        distinct = placed.drop_duplicates([*_KEY, "exact", "at"])
        several = distinct[distinct.duplicated([*_KEY, "exact"])]
        if len(several):
            first = several.iloc[0]
            raise FileError(
                f"{self.path}: station {first['station']} has several forecasts from {iso(first['exact'])} within "
                f"{in_words(str(step))}, such as for {iso(first['at'])}; average them to {in_words(str(step))}"
            )
        return placed.drop_duplicates(_KEY, keep="last")


def _in_steps(
    step: TimeStep, start: np.datetime64, stations: "pd.Series[str]", reference: Times, valid: Times
) -> pd.DataFrame:
    """Return stations, and times as whole steps after ``start``; NaN for times between two steps."""
    frame = pd.DataFrame({"station": stations.to_numpy()})
    for name, times in (("reference", reference), ("valid", valid)):
        if step == TimeStep(DAY):
            times, start = times.astype("datetime64[D]").astype(SECONDS), start.astype("datetime64[D]").astype(SECONDS)
        positions, near = positions_of(times, step, start)
        frame[name] = np.where(near, positions, np.nan)
    return frame


def _read(file: Path) -> pd.DataFrame:
    if is_grid(file):
        raise FileError("is a grid; other forecasts of stations are a table")
    table = _parquet(file) if is_parquet(file) else table_of(*_text_of(file))
    if table.cells.empty:
        raise FileError("has no forecasts")
    columns = _Columns.of(table)
    values = numbers(table.cells[columns.value])
    values[np.isin(values, table.sentinels)] = np.nan
    count = len(table.cells)
    reference, valid = (_times_in(table, name) for name in (columns.reference, columns.valid))
    lead = np.full(count, np.nan) if columns.lead is None else numbers(table.cells[columns.lead])
    seconds = None if columns.lead is None else _seconds_of_lead(table, columns.lead)
    if seconds is not None:
        known = np.isfinite(lead)
        duration = np.round(np.where(known, lead, 0) * seconds).astype("timedelta64[s]")
        valid = np.where(known & np.isnat(valid), reference + duration, valid)
        reference = np.where(known & np.isnat(reference), valid - duration, reference)
        lead = np.full(count, np.nan)
    station = [bare_name(file)] * count if columns.station is None else table.cells[columns.station].to_numpy()
    return pd.DataFrame(
        {
            "station": station,
            "reference": reference,
            "valid": valid,
            "lead": lead,
            "sst": to_celsius(values, units_of(table, columns.value, _OPTIONS)[0]),
        }
    )


def _text_of(file: Path) -> tuple[str, ReadingOptions, tuple[str, ...]]:
    text, notes = read_text(file)
    return text, _OPTIONS, notes


def _parquet(file: Path) -> Table:
    """Read a file of Parquet as text; of an archive, only the columns that are needed."""
    try:
        with papq.ParquetFile(file) as data:
            names = [name for name in data.schema_arrow.names if not name.startswith(_NOT_NEEDED)]
            read = data.read(columns=names).combine_chunks()
    except (pa.ArrowException, OSError) as error:
        raise FileError(f"cannot read it: {' '.join(str(error).split())[:200]}") from None
    cells = {name: [text for chunk in read[name].chunks for text in texts_of(chunk)] for name in names}
    return Table("Parquet", pd.DataFrame(cells, dtype=str, index=range(1, read.num_rows + 1)))


def _times_in(table: Table, name: str | None) -> Times:
    times = np.full(len(table.cells), "NaT", SECONDS)
    if name is None:
        return times
    given = ~table.cells[name].str.lower().isin(ABSENT).to_numpy()
    if given.any():
        stated = Table(table.format, table.cells.loc[given, [name]], table.units)
        times[given] = clock_of(stated, ReadingOptions(time_column=name)).times(
            np.ones(int(given.sum()), dtype=np.bool_)
        )
    return times


def _seconds_of_lead(table: Table, name: str) -> float | None:
    """Return the seconds in the unit of a column of leads; None if they are in steps."""
    unit = table.unit(name)
    written = unit[0] if unit is not None else name.rpartition("_")[2]
    return seconds_of_unit(written)

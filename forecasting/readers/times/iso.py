"""Parse columns of ISO 8601 texts."""

import re
from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from forecasting.errors import FileError
from forecasting.readers.times.dates import is_date
from forecasting.readers.times.daylight import localise_cells, refuse_local_clock, within_years
from forecasting.remedies import Remedy
from forecasting.series.step_inference import choose_clock
from forecasting.series.times import Times

_OFFSET: Final = r"T.*[+-]\d\d:?\d\d$"
_WRITTEN: Final = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d(:\d\d)*(\.\d+)?(Z|[+-]\d\d:?\d\d)?)?")
"""Numbers in the form of a time."""


def have_offset(texts: "pd.Series[str]") -> "pd.Series[bool]":
    """Whether each text ends in Z or an offset."""
    return texts.str.contains(rf"[Zz]$|{_OFFSET}", regex=True)


def parse_utc(
    texts: "pd.Series[str]", shown: "pd.Series[str]", timezone: str | None, cells: Callable[[], pd.DataFrame]
) -> Times:
    """Parse texts as UTC; monthly times keep their local date.

    Args:
        texts: ISO 8601, indexed by line.
        shown: cells to show in errors.
        timezone: of texts without an offset; if None, UTC.
        cells: other cells of the rows, which tell repeated hours from repeated lines.

    Raises:
        FileError: if a text is not a time, or the times are local, naming the line.
    """
    utc, local, naive = parse_as_written(texts, shown)
    if timezone is None:
        refuse_local_clock(utc, naive, shown, cells)
        if local is utc:
            return utc
    elif naive.any():
        local = local.copy()
        utc[naive] = localise_cells(utc[naive], timezone, shown[naive])
    return choose_clock(utc, local)


def parse_as_written(texts: "pd.Series[str]", shown: "pd.Series[str]") -> "tuple[Times, Times, npt.NDArray[np.bool_]]":
    """Parse texts as UTC and as local times, which are equal without an offset; also return which have none.

    Raises:
        FileError: if a text is not a time, naming the line.
    """
    offset = texts.str.contains(_OFFSET, regex=True)
    utc = _parse(texts, shown)
    local = utc
    if offset.any():
        local = _parse(texts.str.replace(r"[+-]\d\d:?\d\d$", "", regex=True).where(offset, texts), shown)
    return utc, local, ~have_offset(texts).to_numpy()


def _refusal(cell: str, text: str, first: str) -> str:
    """Return why a cell is not a time, given its text in ISO 8601 as far as possible, and the first cell."""
    if not cell:
        return "the time is empty; it should be a time such as 2010-12-01 or 2010-12-01T06:00:00Z"
    if _WRITTEN.fullmatch(text):
        return f"time {cell[:40]!r} does not exist"
    if is_date(cell):
        return f"time {cell[:40]!r} is not written like the first, {first[:40]!r}"
    return f"time {cell[:40]!r} is not a time such as 2010-12-01, 31.12.2010 or 2010-12-01T06:00:00Z"


def _parse(texts: "pd.Series[str]", shown: "pd.Series[str]") -> Times:
    try:
        parsed = pd.to_datetime(texts, utc=True, format="ISO8601", errors="coerce")
    except (ValueError, OverflowError):
        parsed = pd.Series(pd.NaT, index=texts.index).dt.tz_localize("UTC")
    bad = parsed.isna().to_numpy()
    if bad.any():
        i = int(bad.argmax())
        raise FileError(
            f"line {texts.index[i]}: {_refusal(shown.iloc[i], texts.iloc[i], shown.iloc[0])}",
            index=i,
            remedy=Remedy.of("; rewrite the column, or name another time column with {}", "time_column"),
        )
    return within_years(parsed.dt.tz_localize(None).to_numpy().astype("datetime64[s]"), shown)

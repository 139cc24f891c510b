"""Columns of a table that only an archive has: lead, step and the forecasts of references."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from forecasting.climatology.usual import Usual
from forecasting.series.times import Floats

BASELINES: Final = ("persistence", "usual_change", "climatology", "damped", "linear")
"""All references that a forecast may have; each has a column, so that all files of an archive do."""

PREFIX: Final = "baseline_"

USUAL: Final = ("usual_years", "usual_source")
"""What the climatology rests on."""

_DECIMALS: Final = 6


def archive_fields() -> list[tuple[str, pa.DataType]]:
    """Return names and types of the columns."""
    references = [(f"{PREFIX}{name}", pa.float64()) for name in BASELINES]
    texts = [(name, pa.string()) for name in USUAL]
    return [("lead", pa.int16()), ("step", pa.string()), *references, *texts]


def archive_arrays(
    steps: Sequence[str],
    baselines: Mapping[str, Floats],
    usual: Sequence[Usual | None],
    row: npt.NDArray[np.int64],
    total: int,
) -> dict[str, pa.Array]:
    """Return the columns.

    Args:
        steps: name of the step of each forecast.
        baselines: forecasts of references, °C ``(n, horizon)``, by name; NaN where there is none.
        usual: what the climatology of each forecast rests on; None without one.
        row: row of each lead of each forecast, ``(n, horizon)``.
        total: number of rows.
    """
    horizon = row.shape[1]
    lead = np.zeros(total, dtype=np.int16)
    lead[row] = np.arange(1, horizon + 1)
    columns = {"lead": pa.array(lead, mask=lead == 0), "step": _texts(steps, row, total)}
    rests_on = [(None, None) if each is None else (each.years_text, each.source) for each in usual]
    for i, name in enumerate(USUAL):
        columns[name] = _texts([pair[i] for pair in rests_on], row, total)
    for name in BASELINES:
        values = np.full(total, np.nan)
        if name in baselines:
            values[row] = np.round(baselines[name], _DECIMALS)
        columns[f"{PREFIX}{name}"] = pa.array(values, mask=np.isnan(values))
    return columns


def _texts(values: Sequence[str | None], row: npt.NDArray[np.int64], total: int) -> pa.Array:
    """Return a column with the text of each forecast in all of its rows."""
    column = np.full(total, None, dtype=object)
    column[row] = np.asarray(values, dtype=object)[:, None]
    return pa.array(column, pa.string())

"""A chunk of a grid: consecutive cells, scored together."""

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from forecasting.series.times import Times
from scoring.grids.windows import NO_SEA, cell_windows
from scoring.models.window_forecasts import score
from scoring.work.job import Counts, Job, Part

if TYPE_CHECKING:
    from forecasting.networks.forecaster import Forecaster

Arrays = dict[str, npt.NDArray[Any]]

GOOD: Final = 1
NOT_EVALUATED: Final = 2
SUSPECT: Final = 3
FAIL: Final = 4
MISSING: Final = 9


@dataclass(frozen=True)
class GridJob(Job):
    """The forecasts to make for the cells of a staged grid: °C as raw float32, ``(steps, cells)``.

    Attributes:
        steps: number of staged steps; forecasts are issued from the last.
        valid_times: Unix seconds, ``(horizon,)``.
    """

    steps: int
    valid_times: tuple[int, ...]

    @property
    def times(self) -> Times:
        """Valid times, ``(horizon,)``."""
        return np.asarray(self.valid_times, dtype="datetime64[s]")

    def score(self, forecaster: "Forecaster", chunk: int) -> Part:
        """Return the forecasts of a chunk; see :func:`read_part`."""
        tail = self._read(chunk)
        metadata = forecaster.metadata
        windows = cell_windows(tail, metadata.window, metadata.fill_limit)
        times = np.broadcast_to(self.times, (len(windows.cell), len(self.valid_times)))
        scored = score(forecaster, windows.values, times, self.levels)
        n = self.places(chunk)
        quality = np.full(n, MISSING, dtype=np.int8)
        quality[windows.bad] = FAIL
        quality[windows.cell] = np.where(scored.unlike, SUSPECT, GOOD)
        arrays: Arrays = {"quality": quality, "sst": _on_grid(scored.sst, windows.cell, n)}
        for level, width in scored.widths.items():
            arrays[f"lower_{level}"] = _on_grid(scored.sst - width, windows.cell, n)
            arrays[f"upper_{level}"] = _on_grid(scored.sst + width, windows.cell, n)
        counted = {
            "gap_filled": int(windows.filled.sum()),
            "outside_training": int(scored.unlike.sum()),
            "no_sea_temperature": windows.missing.get(NO_SEA, 0),
        }
        warnings = {kind: count for kind, count in counted.items() if count}
        return Part(_to_bytes(arrays), Counts(n, len(windows.cell), windows.missing, warnings))

    def _read(self, chunk: int) -> npt.NDArray[np.float32]:
        begin, end = self.bounds[chunk], self.bounds[chunk + 1]
        try:
            shape = (self.steps, self.bounds[-1])
            return np.array(np.memmap(self.staged, dtype="<f4", mode="r", shape=shape)[:, begin:end])
        except OSError:
            raise FileNotFoundError(
                f"{self.staged} does not exist here: OUTPUT must be on storage that all workers share"
            ) from None


def _on_grid(values: npt.NDArray[np.float64], cell: npt.NDArray[np.intp], n: int) -> npt.NDArray[np.float32]:
    """Return ``(len(cell), horizon)`` as ``(horizon, n)``, NaN elsewhere."""
    field = np.full((values.shape[1], n), np.nan, dtype=np.float32)
    field[:, cell] = values.T
    return field


def _to_bytes(arrays: Arrays) -> bytes:
    file = io.BytesIO()
    for name, array in arrays.items():
        file.write(f"{name}\n".encode())
        np.save(file, array, allow_pickle=False)
    return file.getvalue()


def read_part(content: bytes) -> Arrays:
    """Return the arrays of a chunk: ``quality`` ``(cells,)``; ``sst``, ``lower_80``, …, °C ``(horizon, cells)``."""
    file = io.BytesIO(content)
    arrays: Arrays = {}
    while name := file.readline().decode().strip():
        arrays[name] = np.load(file, allow_pickle=False)
    return arrays

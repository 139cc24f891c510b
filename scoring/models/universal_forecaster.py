"""Forecasts of the cells of a grid by one universal network."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.errors import RangeError
from forecasting.events.detection import steps_after
from forecasting.events.paths import Coupling
from forecasting.forecast_warning import DOUBTS
from forecasting.forecasts.forecast import Forecast
from forecasting.models.universal.backtest import errors_of
from forecasting.models.universal.checks import implausible_ends
from forecasting.models.universal.contexts import Contexts, contexts_of_rows, gaps_within
from forecasting.models.universal.distribution import Quantiles, interval
from forecasting.models.universal.network import UniversalForecaster
from forecasting.models.universal.references import Past, forecast_references
from forecasting.qartod import SUSPECT
from forecasting.series.times import Floats, Times, unix_seconds
from scoring.errors import kind_of
from scoring.models.model import CellForecasts, Cells, joined
from scoring.models.quality import (
    Flags,
    evaluate,
    held_out_ratio,
    independent_forecasts,
    neighbours,
    relative_rmse,
    spread_origins,
)

_PIECE_VALUES: Final = 1_000_000
"""Values of one piece of cells, which bounds the memory of long contexts."""


@dataclass(frozen=True)
class UniversalCellForecaster:
    """One loaded universal network."""

    network: UniversalForecaster

    def forecast_cells(
        self, cells: Cells, times: Times, levels: tuple[int, ...], *, joint: bool = False
    ) -> CellForecasts:
        """See :class:`~scoring.models.model.CellForecaster`."""
        size = max(_PIECE_VALUES // max(cells.values.shape[1], 1), cells.every)
        begins = range(0, max(len(cells), 1), size)
        parts = [self._forecast(cells.part(slice(begin, begin + size)), times, levels, joint) for begin in begins]
        return joined(parts, begins)

    def _forecast(self, cells: Cells, times: Times, levels: tuple[int, ...], joint: bool) -> CellForecasts:
        metadata, horizon = self.network.metadata, len(times)
        contexts, failures = contexts_of_rows(
            cells.values, cells.start, self.network.step, cells.coefficients, horizon, metadata
        )
        sst = np.empty((len(contexts), horizon))
        quantiles = np.empty((len(contexts), horizon, len(metadata.levels)))
        leads = int(contexts.missing_after.max(initial=0)) + horizon
        leads = min(leads + steps_after(metadata.time_step), metadata.horizon) if joint else 0
        all_quantiles = np.empty((len(contexts), leads, len(metadata.levels)))
        for places, part in self._passes(contexts):
            ahead = part.missing_after[:, None] + np.arange(horizon)
            all_leads = self._answer(part)
            answer = np.take_along_axis(all_leads, ahead[:, :, None], axis=1)
            sst[places], quantiles[places] = answer[:, :, 0], answer[:, :, 1:]
            all_quantiles[places] = all_leads[:, : all_quantiles.shape[1], 1:]
        codes = _codes(contexts, cells, implausible_ends(self.network, contexts))
        evaluated = self._evaluated(contexts, horizon, cells.every)
        return CellForecasts(
            cell=contexts.row,
            sst=sst,
            bounds={level: interval(level, quantiles, metadata.levels) for level in levels},
            quality=_with_doubts(evaluated, contexts, codes),
            missing=dict(Counter(kind_of(str(error)) for error in failures.values())),
            warnings=self._warnings(contexts, codes, evaluated),
            bad=np.asarray([i for i, e in failures.items() if isinstance(e, RangeError)], dtype=np.intp),
            joint=self._joint(contexts, times, sst, all_quantiles) if joint else (),
        )

    def _joint(self, contexts: Contexts, times: Times, sst: Floats, quantiles: Floats) -> list[Forecast[Quantiles]]:
        """Return the forecasts with their joint distributions, from quantiles of all leads."""
        metadata, horizon = self.network.metadata, len(times)
        forecasts = []
        for i, (row, late) in enumerate(zip(contexts.row.tolist(), contexts.missing_after.tolist(), strict=True)):
            known = quantiles[i, : late + horizon + steps_after(metadata.time_step)]
            forecasts.append(
                Forecast(
                    model=metadata.model,
                    times=times,
                    sst=sst[i],
                    distribution=Quantiles(
                        coupling=Coupling(metadata.dependence, tuple(range(1, len(known) + 1))),
                        horizon=horizon,
                        unobserved=late,
                        quantiles=known,
                        levels=metadata.levels,
                    ),
                    baselines={},
                    warnings=contexts.warnings.get(row, ()),
                )
            )
        return forecasts

    def _warnings(self, contexts: Contexts, codes: dict[int, tuple[str, ...]], evaluated: Flags) -> dict[str, int]:
        """Return the number of cells with each kind of warning."""
        gappy = int(gaps_within(contexts, self.network.metadata.maximum).any(axis=1).sum())
        counts = Counter({"gap_filled": gappy} if gappy else {})
        counts.update(code for kinds in codes.values() for code in kinds)
        counts.update({"reference_is_better": int((evaluated == SUSPECT).sum())})
        return dict(+counts)

    def _passes(self, contexts: Contexts) -> Iterable[tuple[npt.NDArray[np.int64], Contexts]]:
        """Yield contexts of similar length that are forecast at once, with their places."""
        if not len(contexts):
            return
        for part in contexts.chunks(self.network.pass_size(contexts.values.shape[1])):
            yield np.searchsorted(contexts.row, part.row), part

    def _answer(self, part: Contexts) -> Floats:
        values = part.values[:, -self.network.metadata.maximum :]
        return self.network.predict(values, unix_seconds(part.last_time), part.coefficients)

    def _evaluated(self, contexts: Contexts, horizon: int, every: int) -> Flags:
        """Return the flag that past forecasts of every so many contexts, and held-out seas, support."""
        n = len(contexts)
        counts = np.isfinite(contexts.values).sum(axis=1)
        held_out = held_out_ratio(self.network.metadata, counts, horizon)
        to_persistence, to_best, independent = np.full(n, np.nan), np.full(n, np.nan), np.zeros(n)
        if n:
            sample = contexts.take_whole(np.arange(0, n, every))
            for places, part in self._passes(sample):
                to_persistence[places], to_best[places], independent[places] = self._past_skill(part, horizon)
            nearest = neighbours(n, every)
            to_persistence, to_best, independent = (of[nearest] for of in (to_persistence, to_best, independent))
        return evaluate(to_persistence, to_best, independent, held_out)

    def _past_skill(self, part: Contexts, horizon: int) -> tuple[Floats, Floats, float]:
        """Return the RMSE relative to persistence and to the best reference, and how many forecasts do not overlap."""
        minimum, length = self.network.metadata.minimum, part.values.shape[1]
        origins = spread_origins(minimum - 1, length - 1 - horizon)
        if not len(origins):
            return np.full(len(part), np.nan), np.full(len(part), np.nan), 0.0
        answers = self.network.backtest(part.values, unix_seconds(part.last_time), part.coefficients, origins)
        references = forecast_references(Past.of(part, origins, horizon))
        errors = errors_of(part, np.stack([answers[:, :, :horizon, 0], *references.values()]), origins, minimum)
        return *relative_rmse(errors), independent_forecasts(origins, horizon)


def _with_doubts(evaluated: Flags, contexts: Contexts, codes: dict[int, tuple[str, ...]]) -> Flags:
    """Return flags that are 3 too where a warning casts doubt on the forecast."""
    doubtful = [row for row, kinds in codes.items() if DOUBTS & set(kinds)]
    quality = evaluated.copy()
    quality[np.searchsorted(contexts.row, np.asarray(doubtful, dtype=np.int64))] = SUSPECT
    return quality


def _codes(contexts: Contexts, cells: Cells, suspect: npt.NDArray[np.int64]) -> dict[int, tuple[str, ...]]:
    """Return the kinds of warnings of each context that has any, by row; the ends of ``suspect`` are implausible."""
    kept = set(contexts.row.tolist())
    codes: dict[int, tuple[str, ...]] = {
        row: tuple(warning.code for warning in warnings) for row, warnings in contexts.warnings.items() if row in kept
    }
    for row in contexts.row[cells.on_land[contexts.row]].tolist():
        codes[row] = ("no_climatology", *codes.get(row, ()))
    for row in contexts.row[suspect].tolist():
        codes[row] = (*codes.get(row, ()), "suspect_value")
    return codes

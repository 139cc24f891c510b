"""Forecasts of some tens of series at once."""

from collections.abc import Mapping

import numpy as np

from forecasting.series.times import Floats, unix_seconds
from forecasting.universal.contexts import Contexts
from forecasting.universal.forecast import Chosen, UniversalForecast
from forecasting.universal.forecaster import UniversalForecaster


def forecast_chunk(
    contexts: Contexts,
    horizon: int,
    networks: Mapping[str, UniversalForecaster],
    cell: str | None,
    best_on_held_out: str,
    record: bool,
) -> dict[int, UniversalForecast]:
    """Forecast each of ``contexts``, by index in the request.

    Args:
        contexts: of similar length.
        horizon: number of steps after the end of each series.
        networks: by cell.
        cell: of the network that was named; None for the best model.
        best_on_held_out: cell of the network that answers where the record is too short.
        record: whether to forecast the past of each series too.
    """
    network = networks[cell or best_on_held_out]
    answer = network.predict(contexts.values, unix_seconds(contexts.last_time), contexts.coefficients)
    leads = contexts.missing_after[:, None] + np.arange(horizon)
    answer = np.take_along_axis(answer, leads[:, :, None], axis=1)
    times = contexts.step.shift(contexts.last_time[:, None], leads + 1)
    references: dict[str, Floats] = {"persistence": np.repeat(contexts.values[:, -1:], horizon, axis=1)}
    chosen = None if cell else Chosen("held_out_seas", 0, {})
    return {
        row: UniversalForecast(
            network.metadata.model,
            times[i],
            answer[i, :, 0],
            answer[i, :, 1:],
            network.metadata.levels,
            {name: values[i] for name, values in references.items()},
            contexts.warnings.get(row, ()),
            chosen,
        )
        for i, row in enumerate(contexts.row.tolist())
    }

"""The series that imported networks are evaluated on."""

from typing import Final

import numpy as np

from forecasting.errors import SeriesError
from forecasting.evaluation.division import (
    MIN_VALIDATION_RESIDUALS,
    TEST_TENTHS,
    TRAIN_TENTHS,
    VALIDATION_TENTHS,
    Split,
    is_still,
)
from forecasting.series.shape import ForecastShape
from forecasting.series.sst_series import SstSeries
from forecasting.wording import counted, too_few
from training.examples.dataset import Dataset

_LEAST: Final[dict[Split, int]] = {"train": 1, "validation": MIN_VALIDATION_RESIDUALS, "test": 1}
"""Values with a forecast at every lead that each part needs."""


def evaluation_dataset(series: SstSeries, shape: ForecastShape) -> Dataset:
    """Divide a series into the parts that trained networks are evaluated on.

    Raises:
        SeriesError: if it is too short, misses too many values or hardly changes; says what to do.
    """
    window, horizon, _ = shape
    shortest = max(
        -(-(window + horizon) * 10 // TRAIN_TENTHS),
        -(-(MIN_VALIDATION_RESIDUALS + horizon - 1) * 10 // VALIDATION_TENTHS),
        -(-horizon * 10 // TEST_TENTHS),
    )
    if len(series) < shortest:
        raise SeriesError(
            f"{too_few(len(series), 'value')} to evaluate a network on: a window of {window} and a horizon of "
            f"{horizon} need at least {shortest}; use a longer series or a smaller --horizon"
        )
    dataset = Dataset(series, shape)
    if is_still(dataset.past("train")):
        raise SeriesError(
            "the values of the training part hardly change, so nothing can be evaluated on them; check the data"
        )
    for part, least in _LEAST.items():
        usable = int(np.isfinite(dataset.origins(part).targets).sum(axis=0).min(initial=len(series)))
        if usable < least:
            raise SeriesError(
                f"too many values are missing: at some lead up to {horizon}, only {counted(usable, 'value')} in the "
                f"{part} part can be forecast from a window without long gaps, but an evaluation needs {least}; use a "
                "more complete series or a smaller --horizon"
            )
    return dataset

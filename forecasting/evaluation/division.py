"""A series divided by time into 70 % train, 10 % validation and 20 % test, and whether that is enough to train on."""

from collections.abc import Callable, Mapping
from typing import Final, Literal

import numpy as np

from forecasting.errors import SeriesError
from forecasting.series.origins import Origins, origins
from forecasting.series.shape import ForecastShape
from forecasting.series.sst_series import SstSeries
from forecasting.wording import counted, too_few

Split = Literal["train", "validation", "test"]
SPLITS: Final[tuple[Split, ...]] = ("train", "validation", "test")

TRAIN_TENTHS: Final = 7
VALIDATION_TENTHS: Final = 1
TEST_TENTHS: Final = 10 - TRAIN_TENTHS - VALIDATION_TENTHS

MIN_VALIDATION_RESIDUALS: Final = 10
"""Residuals at every lead; an interval at 90 % needs 9."""

SHORTEST_SERIES: Final = {"hour": 144, "day": 42, "week": 36, "month": 72}
"""Values, by step, that a place needs to start from the included universal networks without a position."""

SHORTEST_MONTHLY: Final = 24
"""Monthly values that a place needs to start from universal networks with a position."""

_STILL_CELSIUS: Final = 1e-6
"""°C. A series whose one-step changes vary by less counts as constant."""


def least_values(shape: ForecastShape) -> dict[Split, int]:
    """Return how many values with a forecast at every lead each part needs."""
    return {"train": 2 * shape.window, "validation": MIN_VALIDATION_RESIDUALS, "test": 1}


def divide(n: int) -> dict[Split, tuple[int, int]]:
    """Return the begin and end (exclusive) of each part of ``n`` values."""
    train_end, validation_end = n * TRAIN_TENTHS // 10, n * (TRAIN_TENTHS + VALIDATION_TENTHS) // 10
    return {"train": (0, train_end), "validation": (train_end, validation_end), "test": (validation_end, n)}


def check_length(n: int, shape: ForecastShape) -> None:
    """Raise SeriesError if ``n`` values are too few to train on."""
    shortest = -(-(3 * shape.window + shape.horizon - 1) * 10 // TRAIN_TENTHS)
    # A horizon longer than the test part could not be evaluated.
    shortest = max(shortest, MIN_VALIDATION_RESIDUALS * 10, -(-shape.horizon * 10 // TEST_TENTHS))
    if n < shortest:
        raise SeriesError(
            f"{too_few(n, 'value')} to train on: a window of {shape.window} and a horizon of {shape.horizon} need at "
            f"least {shortest}; use a longer series, or train with a smaller window or horizon"
        )


def check_parts(
    train: SstSeries, of_part: Callable[[Split], Origins], horizon: int, least: Mapping[Split, int]
) -> None:
    """Raise SeriesError if a part has too few values to forecast, or the training part is constant."""
    if is_still(train):
        raise SeriesError("the values of the training part hardly change, so there is nothing to learn; check the data")
    for part, needed in least.items():
        usable = int(np.isfinite(of_part(part).targets).sum(axis=0).min())
        if usable < needed:
            raise SeriesError(
                f"too many values are missing: at some lead up to {horizon}, only {counted(usable, 'value')} in the "
                f"{part} part can be forecast from a window without long gaps, but training needs {needed}; use a more "
                "complete series, or train with a smaller window or horizon"
            )


def is_still(series: SstSeries) -> bool:
    """Return whether the values hardly change from step to step, so that there is nothing to learn."""
    increments = np.diff(series.values)
    increments = increments[np.isfinite(increments)]
    return bool(len(increments)) and bool(increments.std() < _STILL_CELSIUS)


def untrainable(series: SstSeries) -> str | None:
    """Return why a series cannot be trained on with the defaults for its step; None if it can.

    A series that is too short to fit networks to can start from the included universal networks.
    """
    series = series.until_last_observation()
    shape, bounds = ForecastShape.for_step(series.step), divide(len(series))

    def of_part(part: Split) -> Origins:
        return origins(series, shape, *bounds[part])

    try:
        check_length(len(series), shape)
        check_parts(series.part(*bounds["train"]), of_part, shape.horizon, least_values(shape))
    except SeriesError as error:
        shortest = SHORTEST_SERIES.get(str(series.step))
        if shortest is None or is_still(series):
            return str(error)
        if len(series) >= shortest:
            return None
        known = f", or {SHORTEST_MONTHLY} if its position is known" if series.step.calendar_month else ""
        return f"{too_few(len(series), 'value')} to train on: a place needs {shortest}{known}; use a longer series"
    return None

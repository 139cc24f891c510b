"""Zeros that mark missing values: exactly 0 °C, in a sea that is warmer."""

import numpy as np

from forecasting.series.times import Bools, Floats, Times, short
from forecasting.wording import counted

_MIN_SPREADS = 5.0
"""Typical differences between values, by which a stray zero differs from both neighbours."""
_MIN_CELSIUS = 1.0
"""°C by which a stray zero differs at least, as some sensors hardly vary."""


def describe_zeros(times: Times, celsius: Floats) -> str | None:
    """Describe zeros far from the values before and after, which may mark missing values; None without any.

    Args:
        times: UTC ``(n,)``, in any order.
        celsius: values, ``(n,)``; NaN where missing.
    """
    observed = np.flatnonzero(np.isfinite(celsius) & ~np.isnat(times))
    order = observed[np.argsort(times[observed], kind="stable")]
    values = celsius[order]
    stray = _stray(values)
    if not stray.any():
        return None
    first = short(times[order[int(stray.argmax())]])
    are = "is" if stray.sum() == 1 else "are"
    return (
        f"{counted(int(stray.sum()), 'value')} {are} exactly 0 °C, far from the values before and after, the first at "
        f"{first}; if 0 marks a missing value, set missing to 0"
    )


def _stray(values: Floats) -> Bools:
    """Which values are 0 and far from the nearest other values on both sides, or on one side at an end."""
    others = np.flatnonzero(values != 0)
    stray: Bools = np.zeros(len(values), dtype=np.bool_)
    zeros = np.flatnonzero(values == 0)
    if len(others) < 2 or not len(zeros):
        return stray
    typical = float(np.median(np.abs(np.diff(values[others]))))
    far = max(_MIN_SPREADS * typical, _MIN_CELSIUS)
    after = np.searchsorted(others, zeros)
    before, behind = (values[others[np.clip(i, 0, len(others) - 1)]] for i in (after - 1, after))
    stray[zeros] = (np.minimum(np.abs(before), np.abs(behind)) > far) & (before * behind > 0)
    return stray

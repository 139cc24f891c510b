"""Zeros that stand for missing values: exactly 0 °C, in a sea that is not near it."""

import numpy as np

from forecasting.readers.result.reading import Observations
from forecasting.series.times import Bools, Floats, short
from forecasting.wording import counted

_MIN_SPREADS = 5.0
"""Typical differences between values, that one has to lie off both of its neighbours."""
_MIN_CELSIUS = 1.0
"""°C that it has to lie off them at least: some sensors hardly vary."""


def describe_zeros(found: Observations) -> str | None:
    """A sentence on zeros that lie far from the values before and after, which may stand for missing ones."""
    if found.units != "celsius":
        return None
    observed = np.flatnonzero(np.isfinite(found.values) & ~np.isnat(found.times))
    order = observed[np.argsort(found.times[observed], kind="stable")]
    values = found.values[order]
    stray = _stray(values)
    if not stray.any():
        return None
    first = short(found.times[order[int(stray.argmax())]])
    are = "is" if stray.sum() == 1 else "are"
    said = f"{counted(int(stray.sum()), 'value')} {are} exactly 0 °C, far from those before and after"
    return f"{said}, the first at {first}: if 0 stands for a missing value, --missing 0 says so"


def _stray(values: Floats) -> Bools:
    """Which values are 0, and far from the next other ones on either side; at an end, on one."""
    others = np.flatnonzero(values != 0)
    stray: Bools = np.zeros(len(values), dtype=np.bool_)
    zeros = np.flatnonzero(values == 0)
    if len(others) < 2 or not len(zeros):
        return stray
    typical = float(np.median(np.abs(np.diff(values[others]))))
    far = max(_MIN_SPREADS * typical, _MIN_CELSIUS)
    after = np.searchsorted(others, zeros)
    before, behind = (values[others[np.clip(at, 0, len(others) - 1)]] for at in (after - 1, after))
    stray[zeros] = (np.minimum(np.abs(before), np.abs(behind)) > far) & (before * behind > 0)
    return stray

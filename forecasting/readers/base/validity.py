"""Which values of a grid's variable are none: sentinels that were named, and what its valid range leaves out."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from forecasting.series.times import Bools, Floats

if TYPE_CHECKING:
    import xarray as xr

_MIN_WIDTH_DEGREES: Final = 5.0
"""Degrees that the limits of temperatures are apart at least."""


@dataclass(frozen=True)
class Validity:
    """What the values of a variable have to be, in the units that they have once they are unpacked.

    Attributes:
        low: least valid value.
        high: greatest valid value.
        attribute: that says so, in words; None where no attribute does.
        sentinels: numbers that stand for a missing value.
    """

    low: float
    high: float
    attribute: str | None = None
    sentinels: tuple[float, ...] = ()

    @classmethod
    def of(cls, variable: "xr.DataArray", sentinels: tuple[float, ...] = ()) -> "Validity":
        """By the attributes ``valid_range``, ``valid_min`` and ``valid_max`` (CF conventions, section 2.5.1).

        Those of packed values are packed too, but for those of another type, and those that would leave no room for a
        sea: some files have them as they are meant.
        """
        found = cls._of(variable, sentinels, packed=True)
        return found if found.high - found.low >= _MIN_WIDTH_DEGREES else cls._of(variable, sentinels, packed=False)

    @classmethod
    def _of(cls, variable: "xr.DataArray", sentinels: tuple[float, ...], *, packed: bool) -> "Validity":
        ends = _numbers(variable, "valid_range", packed)
        if len(ends) == 2:
            low, high = sorted(ends)
            return cls(low, high, "valid_range", sentinels)
        least, most = (_numbers(variable, name, packed) for name in ("valid_min", "valid_max"))
        said = " and ".join(name for name, found in (("valid_min", least), ("valid_max", most)) if found)
        low, high = least[0] if least else -np.inf, most[0] if most else np.inf
        if least and most:
            low, high = sorted((low, high))
        elif packed and _scale(variable) < 0:  # packed upside down
            low, high = most[0] if most else -np.inf, least[0] if least else np.inf
        return cls(low, high, said or None, sentinels)

    def masked(self, values: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], int]:
        """A copy of unpacked ``values`` with NaN where there is none, and how many the valid range left out.

        Numbers are compared in the values' own precision: −99.9 is another number in single precision than in double.
        """
        kept = np.array(values, dtype=None if values.dtype.kind == "f" else np.float64)
        kept[np.isin(kept, np.asarray(self.sentinels, dtype=kept.dtype))] = np.nan
        if self.attribute is None:
            return kept, 0
        outside = self._outside(kept)
        kept[outside] = np.nan
        return kept, int(outside.sum())

    def _outside(self, values: npt.NDArray[Any]) -> Bools:
        # Unpacked in single precision, the limits themselves are off by its last digits.
        margin = 4 * np.finfo(values.dtype).eps * np.maximum(np.abs(values), 1)
        outside: Bools = (values < self.low - margin) | (values > self.high + margin)
        return outside

    def describe(self, name: str) -> str:
        """The valid range of a variable of this name, in words."""
        ends = " to ".join(f"{end:g}" for end in (self.low, self.high) if np.isfinite(end))
        return f"the {self.attribute} of {name} ({ends})"


def as_written(values: npt.NDArray[Any]) -> Floats:
    """Numbers of single precision as the shortest decimals that stand for them: −99.9, not −99.9000015258789."""
    if values.dtype != np.float32:
        return np.asarray(values, dtype=np.float64)
    distinct, at = np.unique(values, return_inverse=True)
    found: Floats = distinct.astype(str).astype(np.float64)[at]
    return found.reshape(values.shape)


def _numbers(variable: "xr.DataArray", attribute: str, packed: bool) -> list[float]:
    """An attribute in the units of the unpacked values; nothing where it is absent or no number."""
    found = np.ravel(np.asarray(variable.attrs.get(attribute)))
    if found.dtype.kind not in "iuf" or not np.isfinite(found).all():
        return []
    stored = np.dtype(variable.encoding.get("dtype", variable.dtype))
    if stored.kind == "i" and str(variable.encoding.get("_Unsigned", "")).lower() == "true":
        found = found.astype(np.int64) % 2 ** (8 * stored.itemsize)
    limits: list[float] = found.astype(np.float64).tolist()
    # Limits of packed values are packed too, unless their type shows that they are not.
    if not (packed and _is_packed(variable)) or (found.dtype.kind == "f" and stored.kind in "iu"):
        return limits
    offset = float(np.ravel(variable.encoding.get("add_offset", 0.0))[0])
    return [limit * _scale(variable) + offset for limit in limits]


def _is_packed(variable: "xr.DataArray") -> bool:
    return "scale_factor" in variable.encoding or "add_offset" in variable.encoding


def _scale(variable: "xr.DataArray") -> float:
    return float(np.ravel(variable.encoding.get("scale_factor", 1.0))[0])

"""Missing values of a variable: named sentinels, and values outside its valid range."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from forecasting.series.times import Bools, Floats

if TYPE_CHECKING:
    import xarray as xr

_MIN_WIDTH_DEGREES: Final = 5.0
"""Smallest width of a plausible range of temperatures, in degrees."""


@dataclass(frozen=True)
class Validity:
    """Which values of a variable are valid, in the units of the unpacked values.

    Attributes:
        low: least valid value.
        high: greatest valid value.
        attribute: the source of the limits, in words; None if there are no limits.
        sentinels: numbers that mark a missing value.
    """

    low: float
    high: float
    attribute: str | None = None
    sentinels: tuple[float, ...] = ()

    @classmethod
    def of(cls, variable: "xr.DataArray", sentinels: tuple[float, ...] = ()) -> "Validity":
        """From the attributes ``valid_range``, ``valid_min`` and ``valid_max`` (CF conventions, section 2.5.1).

        The limits of packed values are packed too, unless they have another type, or would be too narrow for a sea:
        some files do not pack them.
        """
        packed = cls._of(variable, sentinels, packed=True)
        return packed if packed.high - packed.low >= _MIN_WIDTH_DEGREES else cls._of(variable, sentinels, packed=False)

    @classmethod
    def _of(cls, variable: "xr.DataArray", sentinels: tuple[float, ...], *, packed: bool) -> "Validity":
        ends = _numbers(variable, "valid_range", packed)
        if len(ends) == 2:
            low, high = sorted(ends)
            return cls(low, high, "valid_range", sentinels)
        minimum, maximum = (_numbers(variable, name, packed) for name in ("valid_min", "valid_max"))
        attributes = " and ".join(name for name, limit in (("valid_min", minimum), ("valid_max", maximum)) if limit)
        low, high = minimum[0] if minimum else -np.inf, maximum[0] if maximum else np.inf
        if minimum and maximum:
            low, high = sorted((low, high))
        elif packed and _scale(variable) < 0:  # packed upside down
            low, high = maximum[0] if maximum else -np.inf, minimum[0] if minimum else np.inf
        return cls(low, high, attributes or None, sentinels)

    def masked(self, values: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], int]:
        """Copy unpacked ``values`` with NaN for missing values; also return how many are outside the valid range.

        Sentinels are compared in the precision of the values, as −99.9 differs between single and double precision.
        """
        kept = np.array(values, dtype=None if values.dtype.kind == "f" else np.float64)
        kept[np.isin(kept, np.asarray(self.sentinels, dtype=kept.dtype))] = np.nan
        if self.attribute is None:
            return kept, 0
        outside = self._outside(kept)
        kept[outside] = np.nan
        return kept, int(outside.sum())

    def _outside(self, values: npt.NDArray[Any]) -> Bools:
        # Limits that were unpacked in single precision are inexact.
        margin = 4 * np.finfo(values.dtype).eps * np.maximum(np.abs(values), 1)
        outside: Bools = (values < self.low - margin) | (values > self.high + margin)
        return outside

    def describe(self, name: str) -> str:
        """Describe the valid range of a variable of this name."""
        ends = " to ".join(f"{end:g}" for end in (self.low, self.high) if np.isfinite(end))
        return f"the {self.attribute} of {name} ({ends})"


def as_written(values: npt.NDArray[Any]) -> Floats:
    """Convert single precision to the shortest decimals: −99.9 instead of −99.9000015258789."""
    if values.dtype != np.float32:
        return np.asarray(values, dtype=np.float64)
    distinct, at = np.unique(values, return_inverse=True)
    exact: Floats = distinct.astype(str).astype(np.float64)[at]
    return exact.reshape(values.shape)


def _numbers(variable: "xr.DataArray", attribute: str, packed: bool) -> list[float]:
    """An attribute in the units of the unpacked values; empty if it is absent or not a number."""
    numbers = np.ravel(np.asarray(variable.attrs.get(attribute)))
    if numbers.dtype.kind not in "iuf" or not np.isfinite(numbers).all():
        return []
    stored = np.dtype(variable.encoding.get("dtype", variable.dtype))
    if stored.kind == "i" and str(variable.encoding.get("_Unsigned", "")).lower() == "true":
        numbers = numbers.astype(np.int64) % 2 ** (8 * stored.itemsize)
    limits: list[float] = numbers.astype(np.float64).tolist()
    # Limits of packed values are packed too, unless their type shows otherwise.
    if not (packed and _is_packed(variable)) or (numbers.dtype.kind == "f" and stored.kind in "iu"):
        return limits
    offset = float(np.ravel(variable.encoding.get("add_offset", 0.0))[0])
    return [limit * _scale(variable) + offset for limit in limits]


def _is_packed(variable: "xr.DataArray") -> bool:
    return "scale_factor" in variable.encoding or "add_offset" in variable.encoding


def _scale(variable: "xr.DataArray") -> float:
    return float(np.ravel(variable.encoding.get("scale_factor", 1.0))[0])

"""Quality flags of QARTOD (1 good, 2 not evaluated, 3 suspect, 4 fail, 9 missing) and of wider schemes.

Argo, OceanSITES, SeaDataNet and IMOS share 1, 3, 4 and 9; their 2 means probably good, and 0 and 5 to 8 tell how a
value was obtained.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.qartod import FAIL, GOOD, MISSING, NOT_EVALUATED, SUSPECT
from forecasting.series.times import Floats, Times
from forecasting.wording import counted

MEANINGS: Final = {
    GOOD: "good", NOT_EVALUATED: "not evaluated", SUSPECT: "suspect", FAIL: "fail", MISSING: "missing"
}  # fmt: skip
DROPPED: Final = (FAIL, MISSING)

_CHANGED: Final = (5, 6, 7, 8)
"""Flags of wider schemes for changed or estimated values; in some other schemes they mean bad values."""
_WIDER: Final = (0, *_CHANGED)
"""Flags of wider schemes that do not mean a bad value."""

_ENDINGS: Final = ("_qc_agg", "_qartod_agg", "_qc_flag", "_qc_flags", "_qc", "_qartod", "_flag", "_flags",
                   "_quality_control", "_quality_flag")  # fmt: skip
_GENERAL: Final = ("qc_flag", "qc_flags", "qc_agg", "qc", "qartod", "qartod_flag", "quality_flag", "flag", "flags")
_FLAG_NAME: Final = re.compile(
    r"(.*_)?(qc|qartod|flags?|quality_control)(_(agg|flags?|tests?))?|quality(_.*)?", re.IGNORECASE
)

_LEVEL_NAME: Final = re.compile(r"(.*_)?quality_levels?", re.IGNORECASE)
_MIN_QUALITY_LEVEL: Final = 4
"""Lowest quality level that GHRSST recommends to use."""


@dataclass(frozen=True)
class Marked:
    """Observed values that the file flags as suspect or fail.

    Attributes:
        times: UTC, ``(n,)``.
        values: the values as in the file, ``(n,)``.
        flags: 3 or 4, ``(n,)``.
    """

    times: Times
    values: Floats
    flags: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Flagged:
    """Values after their flags were applied."""

    values: Floats
    counts: dict[int, int]
    warnings: tuple[str, ...]
    marked: Marked | None = None


def is_flag_name(name: str) -> bool:
    """Return whether a column of this name holds quality flags of any scheme."""
    return _FLAG_NAME.fullmatch(name) is not None


def may_be_flags(name: str) -> bool:
    """Return whether :func:`flag_column` could find a column of this lower-case name."""
    return is_flag_name(name) or name.startswith(("qc_", "qartod_"))


def is_level_name(name: str) -> bool:
    """Return whether a name is that of GHRSST quality levels, from 0 (no data) to 5 (best)."""
    return _LEVEL_NAME.fullmatch(name) is not None


def quality_column(names: Iterable[str], value: str) -> str | None:
    """Return the column named after the quality of ``value``, of any scheme."""
    pattern = rf"({re.escape(value)}_)?quality(_.*)?"
    return next((name for name in names if re.fullmatch(pattern, name, re.IGNORECASE)), None)


def describe_unused(values: Floats | None, levels: Floats | None, name: str) -> str:
    """Warn about quality that is not used, with the number of values below the recommended level if known."""
    if not is_level_name(name):
        return f"{name} was not used, as neither its attributes nor its name identify QARTOD flags"
    warning = f"{name} was not used, as it holds quality levels (5 is best) instead of QARTOD flags"
    if values is None or levels is None:
        return warning
    observed = np.isfinite(values)
    low = int((observed & (levels < _MIN_QUALITY_LEVEL)).sum())
    share = f"{100 * low / max(observed.sum(), 1):.2g} %"
    return (
        f"{warning}; {low} of {observed.sum()} observed values ({share}) are below level {_MIN_QUALITY_LEVEL}, the "
        "lowest that GHRSST recommends"
    )


def flag_column(names: Iterable[str], value: str) -> str | None:
    """Return the column that flags ``value``: named after it, or the only one with a general name."""
    plain = {name.lower(): name for name in names}
    specific = [f"{value.lower()}{ending}" for ending in _ENDINGS]
    specific += [f"qc_{value.lower()}", f"qartod_{value.lower()}"]
    known = [plain[name] for name in (*specific, *_GENERAL) if name in plain]
    if known:
        return known[0]
    aggregates = [name for low, name in plain.items() if low.endswith("_qc_agg")]
    return aggregates[0] if len(aggregates) == 1 else None


def to_qartod(flags: Floats) -> Floats:
    """Convert flags of a wider scheme to QARTOD flags."""
    return np.where(np.isin(flags, _WIDER), float(NOT_EVALUATED), flags)


def _seems_wider(distinct: Floats, counts: npt.NDArray[np.int64]) -> bool:
    # If there are only 0 and 1, either may mean good.
    if not len(distinct) or distinct[-1] <= GOOD:
        return False
    return bool(distinct[counts.argmax()] == GOOD and np.isin(distinct, (*MEANINGS, *_WIDER)).all())


def apply_flags(values: Floats, flags: Floats, name: str, times: Times | None = None) -> Flagged:
    """Set values flagged 4 or 9 to missing and warn about values flagged 3; a missing flag counts as 2.

    Flags of other schemes are not used, with a warning. A wider scheme is recognised if most values are good.
    """
    flags = np.where(np.isnan(flags), NOT_EVALUATED, flags)
    distinct, counts = np.unique(flags, return_counts=True)
    warnings: tuple[str, ...] = ()
    if _seems_wider(distinct, counts):
        if changed := int(counts[np.isin(distinct, _CHANGED)].sum()):
            warnings = (f"kept {counted(changed, 'value')} flagged 5 to 8 by {name}, read as Argo flags",)
        flags = to_qartod(flags)
        distinct, counts = np.unique(flags, return_counts=True)
    unknown = [f"{flag:g}" for flag in distinct if flag not in MEANINGS]
    if unknown:
        shown = ", ".join(unknown[:5])
        return Flagged(values, {}, (f"{name} was not used, as {shown} are not QARTOD flags (1, 2, 3, 4, 9)",))
    number_by_flag = {int(flag): int(count) for flag, count in zip(distinct, counts, strict=True)}
    if suspect := number_by_flag.get(SUSPECT, 0):
        warnings = (*warnings, f"kept {counted(suspect, 'value')} flagged suspect (3) by {name}")
    marked: Marked | None = None
    if times is not None:
        kept = np.isin(flags, (SUSPECT, FAIL)) & np.isfinite(values) & ~np.isnat(times)
        marked = Marked(times[kept], values[kept], flags[kept].astype(np.int64))
    return Flagged(np.where(np.isin(flags, DROPPED), np.nan, values), number_by_flag, warnings, marked)

"""Quality flags: QARTOD's 1 good, 2 not evaluated, 3 suspect, 4 fail, 9 missing, and schemes that are wider.

Argo, OceanSITES, SeaDataNet and IMOS have the same 1, 3, 4 and 9, with 2 probably good, and say with 0 and 5 to 8 how a
value came about.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.series.times import Floats, Times
from forecasting.wording import counted

MEANINGS: Final = {1: "good", 2: "not evaluated", 3: "suspect", 4: "fail", 9: "missing"}
SUSPECT: Final = 3
FAIL: Final = 4
DROPPED: Final = (FAIL, 9)

_NOT_EVALUATED: Final = 2
_GOOD: Final = 1
_CHANGED: Final = (5, 6, 7, 8)
"""Flags of wider schemes by which a value was changed or made up; of some others it is bad."""
_WIDER: Final = (0, *_CHANGED)
"""Flags of wider schemes that say nothing against a value."""

_ENDINGS: Final = ("_qc_agg", "_qartod_agg", "_qc_flag", "_qc_flags", "_qc", "_qartod", "_flag", "_flags",
                   "_quality_control", "_quality_flag")  # fmt: skip
_GENERAL: Final = ("qc_flag", "qc_flags", "qc_agg", "qc", "qartod", "qartod_flag", "quality_flag", "flag", "flags")
_FLAG_NAME: Final = re.compile(
    r"(.*_)?(qc|qartod|flags?|quality_control)(_(agg|flags?|tests?))?|quality(_.*)?", re.IGNORECASE
)

_LEVEL_NAME: Final = re.compile(r"(.*_)?quality_levels?", re.IGNORECASE)
_MIN_QUALITY_LEVEL: Final = 4
"""The least quality level that GHRSST advises to use."""


@dataclass(frozen=True)
class Flagged:
    """Values after their flags were heeded.

    Attributes:
        values: NaN where the flag is 4 or 9.
        counts: flag → how often it came.
        warnings: on suspect values, or on flags that are not QARTOD's.
    """

    values: Floats
    counts: dict[int, int]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Marked:
    """Observed values that are flagged suspect or fail, as they stand in the file.

    Attributes:
        times: UTC, ``(n,)``.
        values: ``(n,)``, in the units that its holder names.
        flags: 3 or 4, ``(n,)``.
    """

    times: Times
    values: Floats
    flags: npt.NDArray[np.int64]

    @classmethod
    def among(cls, times: Times, values: Floats, flags: Floats) -> "Marked":
        """Those among observations, of which some may lack a time, a value or a flag."""
        kept = np.isin(flags, (SUSPECT, FAIL)) & np.isfinite(values) & ~np.isnat(times)
        return cls(times[kept], values[kept], flags[kept].astype(np.int64))


def is_flag_name(name: str) -> bool:
    """Whether a column of this name holds quality flags, of whatever kind."""
    return _FLAG_NAME.fullmatch(name) is not None


def may_be_flags(name: str) -> bool:
    """Whether :func:`flag_column` could find a column of this name, in lower case."""
    return is_flag_name(name) or name.startswith(("qc_", "qartod_"))


def is_level_name(name: str) -> bool:
    """Whether a name is that of GHRSST's quality levels, 0 no data to 5 best."""
    return _LEVEL_NAME.fullmatch(name) is not None


def quality_column(names: Iterable[str], value: str) -> str | None:
    """A column that tells the quality of ``value`` by its name, in whatever scheme."""
    own = rf"({re.escape(value)}_)?quality(_.*)?"
    return next((name for name in names if re.fullmatch(own, name, re.IGNORECASE)), None)


def unheeded(values: Floats | None, levels: Floats | None, name: str) -> str:
    """What to say of quality that is not used: of levels how many observed values are below those to use."""
    if not is_level_name(name):
        return f"{name} holds no QARTOD flags by its attributes or name, and was not used"
    said = f"{name} holds quality levels, of which 5 is best, and was not used"
    if values is None or levels is None:
        return said
    observed = np.isfinite(values)
    low = int((observed & (levels < _MIN_QUALITY_LEVEL)).sum())
    share = f"{100 * low / max(observed.sum(), 1):.2g} %"
    return (
        f"{said}: {low} of {observed.sum()} observed values ({share}) are below {_MIN_QUALITY_LEVEL}, the least to use"
    )


def flag_column(names: Iterable[str], value: str) -> str | None:
    """The column that flags ``value``: named after it, or the only one with a general name."""
    plain = {name.lower(): name for name in names}
    own = [f"{value.lower()}{ending}" for ending in _ENDINGS]
    own += [f"qc_{value.lower()}", f"qartod_{value.lower()}"]
    found = [plain[name] for name in (*own, *_GENERAL) if name in plain]
    if found:
        return found[0]
    aggregates = [name for low, name in plain.items() if low.endswith("_qc_agg")]
    return aggregates[0] if len(aggregates) == 1 else None


def narrowed(flags: Floats) -> Floats:
    """Flags of a wider scheme as QARTOD's."""
    return np.where(np.isin(flags, _WIDER), float(_NOT_EVALUATED), flags)


def _seems_wider(found: Floats, counts: npt.NDArray[np.int64]) -> bool:
    # Of 0 and 1 alone either may be the good one.
    if not len(found) or found[-1] <= _GOOD:
        return False
    return bool(found[counts.argmax()] == _GOOD and np.isin(found, (*MEANINGS, *_WIDER)).all())


def heed(values: Floats, flags: Floats, name: str) -> Flagged:
    """Make missing what is flagged 4 or 9, and keep what is 3 with a warning; no flag counts as 2.

    Flags of another scheme are not used, and a warning says so. Wider ones are told by most values' being good.
    """
    flags = np.where(np.isnan(flags), _NOT_EVALUATED, flags)
    found, counts = np.unique(flags, return_counts=True)
    warnings: tuple[str, ...] = ()
    if _seems_wider(found, counts):
        if changed := int(counts[np.isin(found, _CHANGED)].sum()):
            warnings = (
                f"{counted(changed, 'value')} flagged 5 to 8 by {name}, which were taken as Argo's are, and kept",
            )
        flags = narrowed(flags)
        found, counts = np.unique(flags, return_counts=True)
    strange = [f"{flag:g}" for flag in found if flag not in MEANINGS]
    if strange:
        said = f"{name} holds {', '.join(strange[:5])}: these are not QARTOD flags (1, 2, 3, 4, 9), and were not used"
        return Flagged(values, {}, (said,))
    held = {int(flag): int(count) for flag, count in zip(found, counts, strict=True)}
    suspect = held.get(SUSPECT, 0)
    if suspect:
        warnings = (*warnings, f"{counted(suspect, 'value')} flagged suspect (3) by {name}, kept")
    return Flagged(np.where(np.isin(flags, DROPPED), np.nan, values), held, warnings)

"""QARTOD tests of the readings of one place: which are suspect, and which the readings after them confirm.

The tests and flags are those of U.S. IOOS, Manual for Real-Time Quality Control of In-situ Temperature Data. Their
limits follow from the readings before: how much these change from one to the next.
"""

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.qartod import FAIL, GOOD, NOT_EVALUATED, SUSPECT
from forecasting.series.doubts import LEAST_REPEATS, flat_line
from forecasting.series.times import Bools, Floats

REACH: Final = 61
"""Readings before a reading that it is compared with."""

LEAST: Final = 10
"""Readings before the first that is tested."""

LEAST_CHANGE: Final = 1.0
"""°C. A smaller change is never suspect."""

_RATE: Final = 8.0
_DOUBTFUL_RATE: Final = 2.5
"""Changes of so many mean changes are suspect, or are compared with the forecast."""

_SUSPECT_RANGE: Final = (-2.0, 36.0)
_MOST_ANOMALY: Final = 8.0
"""°C by which the difference from the climatology differs from that of the readings before."""

_LEVEL_SECONDS: Final = 6 * 3_600
"""How long a change lasts, in at least two readings, before it is confirmed."""

_LEAST_DISTINCT: Final = 0.5
"""Readings at a new level differ by less than this share of their distance from the old one."""

_LEAST_CHANGED: Final = 0.95
"""Share of readings that differ from the one before, where a repeated value is no sign of a stuck sensor below it."""

_MOST_FLAT_LINES: Final = 3

Indices = npt.NDArray[np.int64]
Range = tuple[float, float]


@dataclass
class QualityCheck:
    """Readings of one place in the order of time, and what the tests say of them.

    Attributes:
        values: °C, ``(n,)``.
        positions: the positions of the readings, in steps from any time, ``(n,)``.
        step_seconds: length of a step.
        flags: QARTOD flags ``(n,)``. Those of fresh and of suspect readings are replaced.
        fresh: which are new, ``(n,)``.
        usual: returns the climatology at indices, °C; NaN where it is not known.
        expected: returns the range that the forecast issued before a reading calls plausible, °C; None without one.
        tests: the tests that a suspect or failed reading has failed, by its index.
    """

    values: Floats
    positions: Floats
    step_seconds: int
    flags: Indices
    fresh: Bools
    usual: Callable[[Indices], Floats] | None = None
    expected: Callable[[int], Range | None] | None = None
    tests: dict[int, tuple[str, ...]] = field(default_factory=dict, init=False)

    def run(self) -> None:
        """Test the fresh readings, and confirm or refute those that are suspect."""
        open_ones = np.flatnonzero(self.fresh | (self.flags == SUSPECT))
        if not len(open_ones):
            return
        begin = int(open_ones[0])
        self._values, self._positions = self.values.tolist(), self.positions.tolist()
        self._needed = max(2, _LEVEL_SECONDS // self.step_seconds)
        self._flat = self._flat_lines(begin)
        self._kept = np.flatnonzero(self.flags[:begin] <= NOT_EVALUATED).tolist()
        self._pending: list[int] = []
        tested, flags = (self.fresh | (self.flags == SUSPECT)).tolist(), self.flags.tolist()
        self.flags[self.fresh] = GOOD
        values, kept, pending = self._values, self._kept, self._pending
        for i in range(begin, len(flags)):
            if tested[i]:
                # Of most readings, this is all that there is to do.
                is_near = len(kept) >= LEAST and abs(values[i] - values[kept[-1]]) <= LEAST_CHANGE
                if is_near and not pending and i not in self._flat:
                    if flags[i] == SUSPECT:
                        self._accept(i, GOOD)
                    else:
                        kept.append(i)
                else:
                    self._test(i)
            elif flags[i] <= NOT_EVALUATED:
                self._settle(i)
                self._kept.append(i)

    def _test(self, i: int) -> None:
        if len(self._kept) < LEAST:
            self._accept(i, NOT_EVALUATED)
            return
        failed = self._failed(i)
        if failed:
            self._doubt(i, failed)
        else:
            self._settle(i)
            self._accept(i, GOOD)

    def _accept(self, i: int, flag: int) -> None:
        self.flags[i] = flag
        self.tests.pop(i, None)
        self._kept.append(i)

    def _doubt(self, i: int, failed: tuple[str, ...]) -> None:
        self.flags[i], self.tests[i] = SUSPECT, failed
        self._pending.append(i)
        level = self._pending[-self._needed :]
        if len(level) == self._needed and self._is_level(level):
            del self._pending[-self._needed :]
            self._settle(level[0])
            for member in level:
                self._accept(member, GOOD)

    def _settle(self, i: int) -> None:
        """Decide on the pending readings before ``i``, which counts: those on the way to it are good."""
        if not self._pending:
            return
        ends = self._values[self._kept[-1]], self._values[i]
        low, high = min(ends) - LEAST_CHANGE, max(ends) + LEAST_CHANGE
        for each in self._pending:
            failed = self.tests[each]
            if "flat_line" in failed:
                continue
            if low <= self._values[each] <= high:
                self._accept(each, GOOD)
            else:
                self.flags[each], self.tests[each] = FAIL, (*failed, "spike")
        self._pending.clear()

    def _is_level(self, level: list[int]) -> bool:
        """Return whether readings agree with each other, and not with the last that counts."""
        if any("flat_line" in self.tests[i] for i in level):
            return False
        values = self.values[level]
        distances = values - self._values[self._kept[-1]]
        spread = float(np.ptp(values))
        if abs(float(np.sign(distances).sum())) != len(level):
            return False
        is_near = spread < _LEAST_DISTINCT * float(np.abs(distances).min())
        return is_near and (spread > 0 or self._repeats())

    def _repeats(self) -> bool:
        """Return whether readings are so coarse that one may be equal to the one before."""
        changes = np.abs(np.diff(self.values[self._kept[-REACH:]]))
        distinct = changes[changes > 0]
        return len(distinct) < _LEAST_CHANGED * len(changes) or 4 * float(distinct.min()) >= float(np.median(changes))

    def _failed(self, i: int) -> tuple[str, ...]:
        """Return the tests that a reading fails."""
        if i in self._flat:
            return ("flat_line",)
        last = self._kept[-1]
        value, before = self._values[i], self._values[last]
        change = abs(value - before)
        if change <= LEAST_CHANGE:
            return ()
        failed: list[str] = []
        low, high = _SUSPECT_RANGE
        if not low <= value <= high and low <= before <= high:
            failed.append("gross_range")
        kept = self._kept[-REACH:]
        changes = np.abs(np.diff(self.values[kept])) / np.sqrt(np.diff(self.positions[kept]))
        rate = change / (self._positions[i] - self._positions[last]) ** 0.5
        typical = float(changes.mean())
        if rate > _RATE * typical:
            failed.append("rate_of_change")
        if self.usual is not None and self._is_unusual(i, kept):
            failed.append("climatology")
        if rate > _DOUBTFUL_RATE * typical and self.expected is not None:
            expected = self.expected(i)
            if expected is not None and not expected[0] - typical <= value <= expected[1] + typical:
                failed.append("forecast")
        return tuple(failed)

    def _is_unusual(self, i: int, kept: list[int]) -> bool:
        assert self.usual is not None
        indices = np.array([*kept, i])
        anomalies = self.values[indices] - self.usual(indices)
        return bool(abs(anomalies[-1] - np.median(anomalies[:-1])) > _MOST_ANOMALY)

    def _flat_lines(self, begin: int) -> set[int]:
        """Return the readings that repeat a value longer than the others explain, from where this is known."""
        used = np.flatnonzero(self.fresh | (self.flags <= SUSPECT))
        values, flat = self.values[used], set[int]()
        if not (np.diff(values[max(int(np.searchsorted(used, begin)) - 1, 0) :]) == 0).any():
            return flat
        for _ in range(_MOST_FLAT_LINES):
            line = flat_line(values, since=int(np.searchsorted(used, begin)))
            if line is None:
                break
            ends = range(line.first + LEAST_REPEATS, line.last + 2)
            known = bisect_left(ends, True, key=lambda end: flat_line(values[:end], since=end - 1) is not None)
            flat |= {*used[ends[known] if known < len(ends) else line.last + 1 : line.last + 1].tolist()}
            values[line.first : line.last + 1] = np.nan
        return flat

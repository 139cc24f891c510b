"""The predictive distribution of one series, whatever model it comes from."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar, overload

from forecasting.events.paths import Coupling
from forecasting.series.times import Floats


@dataclass(frozen=True, eq=False)
class Distribution(ABC):
    """The predictive distribution of one series at each step after its last observation."""

    coupling: Coupling
    horizon: int
    unobserved: int

    @abstractmethod
    def interval(self, level: float) -> tuple[Floats, Floats]:
        """Return the bounds of the central interval at ``level`` percent, °C ``(horizon,)`` each."""

    @abstractmethod
    def exceedance(self, threshold: float | Floats) -> Floats:
        """Return the probability that SST exceeds ``threshold`` °C at each lead, ``(horizon,)``.

        The threshold is one for all leads, or one for each, ``(horizon,)``.
        """

    @abstractmethod
    def quantiles_at(self, probabilities: tuple[float, ...]) -> Floats:
        """Return quantiles at all steps after the last observation that are known, °C ``(steps, probabilities)``."""

    def all_paths(self, n: int) -> Floats:
        """Return ``n`` joint sample paths of all steps after the last observation that are known, °C ``(n, steps)``.

        At each step their values are the quantiles at (r + 0.5) / n, r = 0, …, n − 1. Which values share a path comes
        from :attr:`coupling`. Each call returns the same paths.
        """
        return self.coupling.arrange(n, self.quantiles_at)

    def sample_paths(self, n: int) -> Floats:
        """Return the leads of :meth:`all_paths`, °C ``(n, horizon)``."""
        return self.all_paths(n)[:, self.unobserved : self.unobserved + self.horizon]


DistributionT = TypeVar("DistributionT", bound=Distribution, covariant=True)


class Distributions(Sequence[DistributionT]):
    """The distributions of many forecasts, each made when it is asked for."""

    def __init__(self, n: int, make: Callable[[int], DistributionT]) -> None:
        """Hold ``n`` distributions; ``make`` returns that of a row."""
        self._n, self._make = n, make

    def __len__(self) -> int:
        return self._n

    @overload
    def __getitem__(self, i: int) -> DistributionT: ...

    @overload
    def __getitem__(self, i: slice) -> Sequence[DistributionT]: ...

    def __getitem__(self, i: int | slice) -> DistributionT | Sequence[DistributionT]:
        if isinstance(i, slice):
            return [self._make(row) for row in range(*i.indices(self._n))]
        return self._make(i)

    def __iter__(self) -> Iterator[DistributionT]:
        return map(self._make, range(self._n))

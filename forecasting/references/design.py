"""Seasonal cycles of many series at once, as :mod:`forecasting.references.climatology` fits one."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.references.climatology import SINGULAR_RATIO, Harmonics
from forecasting.series.timestep import Bools, Floats, TimeStep

_MAX_KEPT_VALUES: Final = 2_000
"""Values of a series and leads, together, up to which their :class:`Design` is kept: 64 of them stay under 30 MB."""

_MAX_MULTIPLIED_VALUES: Final = 500
"""Values up to which a :class:`Design` keeps the products of its terms, and their sums' inverses; half a MB at most."""


@dataclass(frozen=True)
class Design:
    """Least squares of harmonics on series that end a step before their first lead.

    Whenever that is: cycles may begin anywhere, since a sine of another phase is a mix of sine and cosine.

    Attributes:
        terms: at each of ``n`` steps and those of the leads after them, ``(n + leads, count)``.
        solve: coefficients from ``n`` observed values, ``(count, n)``.
    """

    terms: Floats
    solve: Floats

    def fit(self, values: Floats, observed: Bools | None, lengths: npt.NDArray[np.int64]) -> Floats:
        """The cycle of each series at its steps and leads, °C ``(k, n + leads)``.

        Args:
            values: °C, ``(k, n)``.
            observed: where they are none that is missing, ``(k, n)``; None where none is.
            lengths: of the series, ``(k,)``: where one is shorter, nothing before it is observed.
        """
        if observed is None:
            coefficients = np.matvec(self.solve, values)
        else:
            together = np.vecmat(np.where(observed, values, 0.0), self.terms[: values.shape[1]])
            coefficients = np.matvec(self._inverses(observed, lengths), together)
        fitted: Floats = np.matvec(self.terms, coefficients)
        return fitted

    def _inverses(self, observed: Bools, lengths: npt.NDArray[np.int64]) -> Floats:
        """Of the normal equations of each series, ``(k, count, count)``."""
        n = observed.shape[1]
        if n > _MAX_MULTIPLIED_VALUES:
            seen = self.terms[:n] * observed[:, :, None]
            return _inverse(seen.transpose(0, 2, 1) @ seen)
        inverses: Floats = self._of_lengths[lengths]
        gaps = np.flatnonzero(observed.sum(axis=1) < lengths)
        if len(gaps):
            count = self.terms.shape[1]
            products = np.vecmat(observed[gaps].astype(np.float64), self._products)
            inverses[gaps] = _inverse(products.reshape(-1, count, count))
        return inverses

    @cached_property
    def _products(self) -> Floats:
        """Of each two terms at each of the ``n`` steps, ``(n, count · count)``."""
        n, count = self.solve.shape[1], self.terms.shape[1]
        return (self.terms[:n, :, None] * self.terms[:n, None, :]).reshape(n, count * count)

    @cached_property
    def _of_lengths(self) -> Floats:
        """What inverses are where nothing is missing, by how many of the last steps a series has."""
        n, count = self.solve.shape[1], self.terms.shape[1]
        normal = np.zeros((n + 1, count, count))
        normal[1:] = self._products[::-1].cumsum(axis=0).reshape(n, count, count)
        # With fewer values than terms there is none but a pseudo-inverse.
        few = np.linalg.pinv(normal[:count], rcond=SINGULAR_RATIO, hermitian=True)
        return np.concatenate([few, _inverse(normal[count:])])


def design(step: TimeStep, n: int, leads: int) -> Design:
    """For all harmonics that series of ``n`` values at this ``step`` can have. Kept, since series share it."""
    make = _design if n + leads <= _MAX_KEPT_VALUES else _design.__wrapped__
    return make(step, n, leads)


@lru_cache(maxsize=64)
def _design(step: TimeStep, n: int, leads: int) -> Design:
    terms = Harmonics.whole(step).after(step, np.arange(-n, leads))
    return Design(terms, np.asarray(np.linalg.pinv(terms[:n], rcond=SINGULAR_RATIO), dtype=np.float64))


def _inverse(products: Floats) -> Floats:
    """Of symmetric matrices ``(n, k, k)``, each the pseudo-inverse where that is another."""
    inverse: Floats
    try:
        inverse = np.asarray(np.linalg.inv(products), dtype=np.float64)
    except np.linalg.LinAlgError:
        inverse = np.full(products.shape, np.nan)
    # By Frobenius's norm, which is no less than the largest singular value; NaN is unsound.
    given, found = products.reshape(len(products), -1), inverse.reshape(len(products), -1)
    condition = np.sqrt(np.vecdot(given, given) * np.vecdot(found, found))
    unsound = ~(condition < 1 / SINGULAR_RATIO)
    if unsound.any():
        inverse[unsound] = np.linalg.pinv(products[unsound], rcond=SINGULAR_RATIO, hermitian=True)
    return inverse

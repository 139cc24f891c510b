"""Seasonal cycles of many series at once, fitted as :mod:`forecasting.references.climatology` fits one."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.references.climatology import SINGULAR_RATIO, Harmonics
from forecasting.series.times import Bools, Floats
from forecasting.series.timestep import TimeStep

_MAX_CACHED_VALUES: Final = 2_000
"""Values and leads, together, up to which a :class:`DesignMatrix` is cached: 64 of them take less than 30 MB."""

_MAX_MULTIPLIED_VALUES: Final = 500
"""Values up to which a :class:`DesignMatrix` caches products of terms and their inverses; at most half a MB."""

_SINGLE_THREAD: Final = 2**19
"""Multiplications up to which OpenBLAS computes a product with a transposed matrix on one thread. Several threads are
no faster on busy processors."""


@dataclass(frozen=True)
class DesignMatrix:
    """Least-squares fit of harmonics to series of ``n`` values that end one step before their first lead.

    It does not depend on the date: cycles may begin at any time, because a sine of another phase is a combination of
    sine and cosine.

    Attributes:
        terms: at each of the ``n`` steps and of the leads after them, ``(n + leads, count)``.
        pseudo_inverse: gives the coefficients for ``n`` observed values, ``(count, n)``.
    """

    terms: Floats
    pseudo_inverse: Floats

    def fit(self, values: Floats, observed: Bools | None, lengths: npt.NDArray[np.int64]) -> Floats:
        """Return the fitted cycle of each series at its steps and leads, °C ``(k, n + leads)``.

        Args:
            values: °C, ``(k, n)``.
            observed: where values are not missing, ``(k, n)``; None if none is missing.
            lengths: of the series, ``(k,)``; nothing is observed before the start of a shorter series.
        """
        if observed is None:
            coefficients = _product(values, self.pseudo_inverse.T)
        else:
            moments = np.vecmat(np.where(observed, values, 0.0), self.terms[: values.shape[1]])
            coefficients = np.matvec(self._inverses(observed, lengths), moments)
        return _product(coefficients, self.terms.T)

    def _inverses(self, observed: Bools, lengths: npt.NDArray[np.int64]) -> Floats:
        """Return the inverse of the normal equations of each series, ``(k, count, count)``."""
        n = observed.shape[1]
        if n > _MAX_MULTIPLIED_VALUES:
            terms = self.terms[:n] * observed[:, :, None]
            return _inverse(terms.transpose(0, 2, 1) @ terms)
        inverses: Floats = self._inverses_by_length[lengths]
        gaps = np.flatnonzero(observed.sum(axis=1) < lengths)
        if len(gaps):
            count = self.terms.shape[1]
            products = np.vecmat(observed[gaps].astype(np.float64), self._products)
            inverses[gaps] = _inverse(products.reshape(-1, count, count))
        return inverses

    @cached_property
    def _products(self) -> Floats:
        """Products of each pair of terms at each of the ``n`` steps, ``(n, count · count)``."""
        n, count = self.pseudo_inverse.shape[1], self.terms.shape[1]
        return (self.terms[:n, :, None] * self.terms[:n, None, :]).reshape(n, count * count)

    @cached_property
    def _inverses_by_length(self) -> Floats:
        """Inverses for series without missing values, by length, ``(n + 1, count, count)``."""
        n, count = self.pseudo_inverse.shape[1], self.terms.shape[1]
        normal = np.zeros((n + 1, count, count))
        normal[1:] = self._products[::-1].cumsum(axis=0).reshape(n, count, count)
        # With fewer values than terms the equations are singular.
        short = np.linalg.pinv(normal[:count], rcond=SINGULAR_RATIO, hermitian=True)
        return np.concatenate([short, _inverse(normal[count:])])


def design_matrix(step: TimeStep, n: int, leads: int) -> DesignMatrix:
    """Return the design matrix of all harmonics for series of ``n`` values. Cached, because series share it."""
    build = _design_matrix if n + leads <= _MAX_CACHED_VALUES else _design_matrix.__wrapped__
    return build(step, n, leads)


@lru_cache(maxsize=64)
def _design_matrix(step: TimeStep, n: int, leads: int) -> DesignMatrix:
    terms = Harmonics.whole(step).after(step, np.arange(-n, leads))
    return DesignMatrix(terms, np.asarray(np.linalg.pinv(terms[:n], rcond=SINGULAR_RATIO), dtype=np.float64))


def _product(rows: Floats, matrix: Floats) -> Floats:
    """Return ``rows @ matrix``, computed on one thread."""
    size = max(_SINGLE_THREAD // matrix.size, 1)
    if len(rows) <= size:
        whole: Floats = rows @ matrix
        return whole
    return np.concatenate([rows[begin : begin + size] @ matrix for begin in range(0, len(rows), size)])


def _inverse(products: Floats) -> Floats:
    """Invert symmetric matrices ``(n, k, k)``; use the pseudo-inverse for those that are nearly singular."""
    inverse: Floats
    try:
        inverse = np.asarray(np.linalg.inv(products), dtype=np.float64)
    except np.linalg.LinAlgError:
        inverse = np.full(products.shape, np.nan)
    # The Frobenius norm is an upper bound of the largest singular value. A condition of NaN counts as singular.
    flat, flat_inverse = products.reshape(len(products), -1), inverse.reshape(len(products), -1)
    condition = np.sqrt(np.vecdot(flat, flat) * np.vecdot(flat_inverse, flat_inverse))
    singular = ~(condition < 1 / SINGULAR_RATIO)
    if singular.any():
        inverse[singular] = np.linalg.pinv(products[singular], rcond=SINGULAR_RATIO, hermitian=True)
    return inverse

"""A checkpoint's network in numpy, from the matrices that the checkpoint itself gives out.

A call of TorchScript for one window costs more than all else that a forecast takes: some fifty kernels, each found and
started anew. Here everything ahead of the recurrence is folded into two products of matrices, and a step of the cell is
a handful of operations on rows. It is the same function: :func:`fold` holds it to the module before it is used.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from forecasting.errors import ReleaseError
from forecasting.series.timestep import Floats

Float32s = npt.NDArray[np.float32]

_TRIED_WINDOWS: Final = 64
_LATEST_SECONDS: Final = 2e9
_TOLERANCE_CELSIUS: Final = 1e-3
"""Windows, Unix seconds and °C of the comparison with the module: single precision is good for a few millionths."""

_ROUNDING: Final = 1e-6
"""Share of the largest singular value below which one counts as rounding."""

_HALF: Final = np.array(0.5, dtype=np.float32)
"""An array without dimensions, as all single numbers here: of any other kind numpy makes one at every use."""

_PRODUCTS: Final = ([3, 3, 0, 2, 2, 0], [3, 0, 0, 0, 2, 4])
"""Of the bounded increment (0), level (2), anomaly (3) and spread (4), those that the autoregression knows."""

_BENT_VIEWS: Final = [0, 1]
"""Of the views, those whose bend it knows."""


def fold(module: torch.jit.ScriptModule, window: int) -> "FoldedNetwork | None":
    """The network of a loaded module on the CPU; None where the module gives out no matrices.

    Raises:
        ReleaseError: if its matrices hold what is no number, or the two do not forecast the same from made-up windows
            of ``window`` values.
    """
    given = module.folded() if hasattr(module, "folded") else {}
    arrays = {name: tensor.detach().numpy() for name, tensor in given.items()}
    if not arrays:
        return None
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise ReleaseError("its matrices hold values that are no numbers")
    folded = FoldedNetwork(arrays)
    random = np.random.default_rng(0)
    steps = random.normal(0.0, arrays["spread"], (_TRIED_WINDOWS, window))
    windows = np.asarray(arrays["mean"] + np.cumsum(steps, axis=1), dtype=np.float32)
    seconds = random.uniform(0.0, _LATEST_SECONDS, _TRIED_WINDOWS)
    with torch.inference_mode():
        said = module(torch.from_numpy(windows), torch.from_numpy(seconds)).numpy()
    apart = float(np.abs(folded(windows, seconds) - said).max())
    # Written so that a NaN is no agreement.
    if not apart <= _TOLERANCE_CELSIUS:
        raise ReleaseError(f"contradicts itself: its matrices forecast otherwise than its network, by {apart:g} °C")
    return folded


class FoldedNetwork:
    """The network of a checkpoint.

    Its arrays are those that the checkpoint's ``folded()`` returns:

    - ``phases``, ``rates`` ``(columns,)``: the calendar of a time is the sine of ``phases + time · rates``;
    - ``mean``, ``spread``: °C, what the level is counted from, and what increments are counted in;
    - ``views`` ``(known, 5)``, ``bounds`` ``(5,)``, ``weights`` ``(known + 8, columns)``: of the autoregression, on
      what is known: the window relative to its last value, the level, and the calendar; one less each where the
      checkpoint is from before the increment was bounded;
    - ``inputs`` ``(steps, known, gates)``, ``hidden`` ``(size, gates)``, ``hidden_bias`` ``(gates,)``: of the cell; all
      biases but that of a GRU's new state stand in the inputs' row of the calendar's constant;
    - ``head`` ``(size,)``, ``head_bias``.
    """

    def __init__(self, arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
        single = {name: np.asarray(array, dtype=np.float32, order="C") for name, array in arrays.items()}
        self._phases = np.asarray(arrays["phases"], dtype=np.float64)
        self._rates = np.asarray(arrays["rates"], dtype=np.float64)
        self._mean, self._spread = single["mean"], single["spread"]
        known = len(single["views"])
        self._products = products = len(single["weights"]) - known - len(_BENT_VIEWS)
        factors = [*_PRODUCTS[0][:products], *_PRODUCTS[1][:products]]
        self._upper = single["bounds"][factors]
        self._lower = -self._upper
        # What is seen of the known, each as often as it is used, and its share of the autoregression, in one product.
        views = [single["views"][:, factors], single["views"][:, _BENT_VIEWS] * _HALF, single["weights"][:known]]
        self._linear = np.concatenate(views, axis=1)
        self._bent = single["weights"][known:]
        self._head, self._head_bias = single["head"], single["head_bias"]
        self._size = size = len(self._head)
        columns, inputs = _factors(np.asarray(arrays["inputs"], dtype=np.float64))
        self._steps = len(columns), len(inputs)
        self._columns = np.concatenate(columns, axis=1, dtype=np.float32)
        # The cell's state has a row of ones after the hidden state, for the bias, and then what the step sees.
        hidden = np.concatenate([arrays["hidden"].T, arrays["hidden_bias"][:, None], inputs.T], axis=1)
        cells = {1: (self._rnn, 0), 3: (self._gru, 2 * size), 4: (self._lstm, 3 * size)}
        self._run, sigmoids = cells[len(hidden) // size]
        # A sigmoid is a tangent of the half.
        hidden[:sigmoids] *= 0.5
        if self._run == self._gru:
            # What a GRU's new state takes from the input is not reset: it has rows of its own.
            given = hidden[sigmoids:].copy()
            given[:, : size + 1] = hidden[sigmoids:, size + 1 :] = 0.0
            hidden = np.concatenate([hidden, given])
        self._gates = np.ascontiguousarray(hidden, dtype=np.float32)

    def __call__(self, sst: Float32s, valid_time: Floats) -> Float32s:
        """As the checkpoint's ``forward``: °C ``(n, window)`` and Unix seconds ``(n,)`` to °C ``(n,)``."""
        last = sst[:, -1:]
        season = np.sin(valid_time[:, None] * self._rates + self._phases).astype(np.float32)
        known = np.concatenate([sst - last, last - self._mean, season], axis=1)
        increment = self._autoregression(known, season)
        states = self._states(known)
        self._run(states)
        increment += self._head.dot(states[-1, : self._size])
        increment += self._head_bias
        increment *= self._spread
        increment += last[:, 0]
        return increment

    def _autoregression(self, known: Float32s, season: Float32s) -> Float32s:
        seen = known.dot(self._linear)
        n, ends = self._products, 2 * self._products + len(_BENT_VIEWS)
        factors, bend = seen[:, : 2 * n], seen[:, 2 * n : ends]
        np.minimum(factors, self._upper, out=factors)
        np.maximum(factors, self._lower, out=factors)
        bent = np.empty((len(known), n + len(_BENT_VIEWS)), dtype=np.float32)
        np.multiply(factors[:, :n], factors[:, n:], out=bent[:, :n])
        np.tanh(bend, out=bent[:, n:])
        varying = bent.dot(self._bent)
        varying += seen[:, ends:]
        increment: Float32s = np.vecdot(varying, season)
        return increment

    def _states(self, known: Float32s) -> Float32s:
        """The cell's states before each step and after the last, ``(steps + 1, size + 1 + seen, n)``.

        The hidden ones are yet to be computed: the first is nothing. Windows lie along the last axis, so that a gate's
        values lie together.
        """
        n, (steps, seen) = len(known), self._steps
        states = np.zeros((steps + 1, self._size + 1 + seen, n), dtype=np.float32)
        states[:, self._size] = 1.0
        states[:-1, self._size + 1 :] = known.dot(self._columns).reshape(n, steps, seen).transpose(1, 2, 0)
        return states

    # Each fills in the hidden states. What a step writes over is made once.

    def _rnn(self, states: Float32s) -> None:
        gates, hidden = self._gates, states[:, : self._size]
        for state, following in zip(states[:-1], hidden[1:], strict=True):
            np.tanh(gates.dot(state), out=following)

    def _lstm(self, states: Float32s) -> None:
        """The gates' order is input, forget, output, cell, so that those which are sigmoids lie together."""
        size, hidden = self._size, states[:, : self._size]
        gates = np.empty((len(self._gates), states.shape[2]), dtype=np.float32)
        sigmoids, new = gates[: 3 * size], gates[3 * size :]
        take, keep, show = sigmoids[:size], sigmoids[size : 2 * size], sigmoids[2 * size :]
        memory = np.zeros_like(new)
        for state, following in zip(states[:-1], hidden[1:], strict=True):
            self._gates.dot(state, gates)
            np.tanh(gates, out=gates)
            sigmoids *= _HALF
            sigmoids += _HALF
            new *= take
            memory *= keep
            memory += new
            np.tanh(memory, out=following)
            following *= show

    def _gru(self, states: Float32s) -> None:
        """The gates' order is reset, update, new by the state, new by the input."""
        size, hidden = self._size, states[:, : self._size]
        gates = np.empty((len(self._gates), states.shape[2]), dtype=np.float32)
        sigmoids, new, given = gates[: 2 * size], gates[2 * size : 3 * size], gates[3 * size :]
        reset, update = sigmoids[:size], sigmoids[size:]
        for state, before, following in zip(states[:-1], hidden[:-1], hidden[1:], strict=True):
            self._gates.dot(state, gates)
            np.tanh(sigmoids, out=sigmoids)
            sigmoids *= _HALF
            sigmoids += _HALF
            new *= reset
            new += given
            np.tanh(new, out=new)
            before -= new
            before *= update
            np.add(before, new, out=following)


def _factors(inputs: Floats) -> tuple[Floats, Floats]:
    """What each step sees of the known, ``(steps, known, seen)``, and what the gates make of it, ``(seen, gates)``.

    Their products are ``inputs``, ``(steps, known, gates)``. A step sees a few numbers: as many as there are singular
    values beyond the rounding of single precision.
    """
    flat = inputs.reshape(-1, inputs.shape[2])
    squares, axes = np.linalg.eigh(flat.T @ flat)
    axes = axes[:, squares > _ROUNDING**2 * squares[-1]]
    return (flat @ axes).reshape(*inputs.shape[:2], axes.shape[1]), axes.T

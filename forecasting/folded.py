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
from forecasting.timestep import Floats

Float32s = npt.NDArray[np.float32]

_TRIED: Final = 64
_LATEST: Final = 2e9
_TOLERANCE: Final = 1e-3
"""Windows, Unix seconds and °C of the comparison with the module: single precision is good for a few millionths."""

_HALF: Final = np.array(0.5, dtype=np.float32)
"""An array without dimensions, as all single numbers here: of any other kind numpy makes one at every use."""

_PRODUCTS: Final = ([3, 3, 0, 2, 2], [3, 0, 0, 0, 2])
"""Of the bounded increment (0), level (2) and anomaly (3), those that the autoregression knows."""

_BENT: Final = [0, 1]
"""Of the views, those whose bend it knows."""


def fold(module: torch.jit.ScriptModule, window: int) -> "FoldedNetwork | None":
    """The network of a loaded module on the CPU; None where the module gives out no matrices.

    Raises:
        ReleaseError: if the two do not forecast the same from made-up windows of ``window`` values.
    """
    given = module.folded() if hasattr(module, "folded") else {}
    arrays = {name: tensor.detach().numpy() for name, tensor in given.items()}
    if not arrays:
        return None
    folded = FoldedNetwork(arrays)
    random = np.random.default_rng(0)
    steps = random.normal(0.0, arrays["spread"], (_TRIED, window))
    windows = np.asarray(arrays["mean"] + np.cumsum(steps, axis=1), dtype=np.float32)
    seconds = random.uniform(0.0, _LATEST, _TRIED)
    with torch.inference_mode():
        said = module(torch.from_numpy(windows), torch.from_numpy(seconds)).numpy()
    apart = float(np.abs(folded(windows, seconds) - said).max())
    # Written so that a NaN is no agreement.
    if not apart <= _TOLERANCE:
        raise ReleaseError(f"contradicts itself: its matrices forecast otherwise than its network, by {apart:g} °C")
    return folded


class FoldedNetwork:
    """The network of a checkpoint.

    Its arrays are those that the checkpoint's ``folded()`` returns:

    - ``phases``, ``rates`` ``(columns,)``: the calendar of a time is the sine of ``phases + time · rates``;
    - ``mean``, ``spread``: °C, what the level is counted from, and what increments are counted in;
    - ``views`` ``(known, 4)``, ``bounds`` ``(4,)``, ``weights`` ``(known + 7, columns)``: of the autoregression, on
      what is known: the window relative to its last value, the level, and the calendar;
    - ``inputs`` ``(steps, known, gates)``, ``hidden`` ``(size, gates)``, ``hidden_bias`` ``(gates,)``: of the cell; all
      biases but that of a GRU's new state stand in the inputs' row of the calendar's constant;
    - ``head`` ``(size,)``, ``head_bias``.
    """

    def __init__(self, arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
        single = {name: np.asarray(array, dtype=np.float32, order="C") for name, array in arrays.items()}
        self._phases = np.asarray(arrays["phases"], dtype=np.float64)
        self._rates = np.asarray(arrays["rates"], dtype=np.float64)
        self._mean, self._spread = single["mean"], single["spread"]
        known, columns = len(single["views"]), [*_PRODUCTS[0], *_PRODUCTS[1]]
        self._upper = single["bounds"][columns]
        self._lower = -self._upper
        # What is seen of the known, each as often as it is used, and its share of the autoregression, in one product.
        seen = [single["views"][:, columns], single["views"][:, _BENT] * _HALF, single["weights"][:known]]
        self._linear = np.concatenate(seen, axis=1)
        self._bent = single["weights"][known:]
        self._head, self._head_bias = single["head"], single["head_bias"]
        self._size = size = len(self._head)
        inputs = np.ascontiguousarray(single["inputs"].transpose(0, 2, 1))
        # The hidden state has a last row of ones, for the bias.
        hidden = np.concatenate([single["hidden"].T, single["hidden_bias"][:, None]], axis=1)
        cells = {1: (self._rnn, 0), 3: (self._gru, 2 * size), 4: (self._lstm, 3 * size)}
        self._run, sigmoids = cells[len(hidden) // size]
        # A sigmoid is a tangent of the half.
        inputs[:, :sigmoids] *= _HALF
        hidden[:sigmoids] *= _HALF
        self._hidden = np.ascontiguousarray(hidden)
        # A step each: as one product they would be large enough for OpenBLAS to wake threads, which cost more than it.
        self._inputs = inputs

    def __call__(self, sst: Float32s, valid_time: Floats) -> Float32s:
        """As the checkpoint's ``forward``: °C ``(n, window)`` and Unix seconds ``(n,)`` to °C ``(n,)``."""
        last = sst[:, -1:]
        season = np.sin(valid_time[:, None] * self._rates + self._phases).astype(np.float32)
        known = np.concatenate([sst - last, last - self._mean, season], axis=1)
        increment = self._autoregression(known, season)
        increment += self._head.dot(self._run(np.matmul(self._inputs, known.T)))
        increment += self._head_bias
        increment *= self._spread
        increment += last[:, 0]
        return increment

    def _autoregression(self, known: Float32s, season: Float32s) -> Float32s:
        seen = known.dot(self._linear)
        factors, bend, n = seen[:, :10], seen[:, 10:12], len(_PRODUCTS[0])
        np.minimum(factors, self._upper, out=factors)
        np.maximum(factors, self._lower, out=factors)
        bent = np.empty((len(known), n + len(_BENT)), dtype=np.float32)
        np.multiply(factors[:, :n], factors[:, n:], out=bent[:, :n])
        np.tanh(bend, out=bent[:, n:])
        varying = bent.dot(self._bent)
        varying += seen[:, 12:]
        increment: Float32s = np.vecdot(varying, season)
        return increment

    # Each takes the gates' inputs ``(steps, gates, n)`` and returns the last hidden state ``(size, n)``. Windows lie
    # along the last axis, so that a gate's values lie together; views of what each step writes over are made once.

    def _begin(self, n: int) -> tuple[Float32s, Float32s]:
        """A state with its row of ones, and where the gates of a step are reckoned."""
        state = np.zeros((self._size + 1, n), dtype=np.float32)
        state[-1] = 1.0
        return state, np.empty((len(self._hidden), n), dtype=np.float32)

    def _rnn(self, inputs: Float32s) -> Float32s:
        with_ones, gates = self._begin(inputs.shape[2])
        state = with_ones[:-1]
        for given in inputs:
            self._hidden.dot(with_ones, gates)
            gates += given
            np.tanh(gates, out=state)
        return state

    def _lstm(self, inputs: Float32s) -> Float32s:
        """The gates' order is input, forget, output, cell, so that those which are sigmoids lie together."""
        with_ones, gates = self._begin(inputs.shape[2])
        state, size = with_ones[:-1], self._size
        sigmoids, new = gates[: 3 * size], gates[3 * size :]
        take, keep, show = sigmoids[:size], sigmoids[size : 2 * size], sigmoids[2 * size :]
        memory = np.zeros_like(new)
        for given in inputs:
            self._hidden.dot(with_ones, gates)
            gates += given
            np.tanh(gates, out=gates)
            sigmoids *= _HALF
            sigmoids += _HALF
            new *= take
            memory *= keep
            memory += new
            np.tanh(memory, out=state)
            state *= show
        return state

    def _gru(self, inputs: Float32s) -> Float32s:
        """The gates' order is reset, update, new."""
        with_ones, gates = self._begin(inputs.shape[2])
        state, size = with_ones[:-1], self._size
        sigmoids, new = gates[: 2 * size], gates[2 * size :]
        reset, update = sigmoids[:size], sigmoids[size:]
        for given, given_new in zip(inputs[:, : 2 * size], inputs[:, 2 * size :], strict=True):
            self._hidden.dot(with_ones, gates)
            sigmoids += given
            np.tanh(sigmoids, out=sigmoids)
            sigmoids *= _HALF
            sigmoids += _HALF
            new *= reset
            new += given_new
            np.tanh(new, out=new)
            state -= new
            state *= update
            state += new
        return state
